// What the tests of the shell put in the browser's place. Everything patched is put back by `restore`.

const patches = [];

function patch(owner, name, value) {
  const original = owner[name];
  owner[name] = value;
  patches.push(() => (owner[name] = original));
}

export function restore() {
  while (patches.length) patches.pop()();
}

/** The extension's APIs; `log` holds what they were told, a line each. */
export class FakePlatform {
  log = [];
  pages = [];
  session = undefined;
  forbiddenOrigins = [];
  heartbeat() {
    this.log.push("heartbeat");
  }
  keepAlive(on) {
    this.log.push(`keepAlive ${on}`);
  }
  wakeAt(moment) {
    this.log.push(`wakeAt ${moment}`);
  }
  remember(json) {
    this.session = json;
  }
  async recall() {
    return this.session;
  }
  sendToPages(message) {
    this.pages.push(message);
    this.onPage?.();
  }
  /** Waits for the next message to the pages. */
  nextPage() {
    return new Promise((resolve) => (this.onPage = resolve));
  }
  sendToExtension() {}
  async forbidden(origins) {
    return origins.filter((origin) => this.forbiddenOrigins.includes(origin));
  }
  isOnline() {
    return true;
  }
}

/** Records the durability of every transaction that writes, as the browser granted it. */
export function spyDurability() {
  const granted = [];
  const original = IDBDatabase.prototype.transaction;
  patch(IDBDatabase.prototype, "transaction", function (...args) {
    const transaction = original.apply(this, args);
    if (transaction.mode === "readwrite") granted.push(transaction.durability);
    return transaction;
  });
  return granted;
}

/** Makes every `put` of this value throw. */
export function poison(value) {
  const original = IDBObjectStore.prototype.put;
  patch(IDBObjectStore.prototype, "put", function (...args) {
    if (args[0] === value) throw new DOMException("poisoned", "DataCloneError");
    return original.apply(this, args);
  });
}

/** Aborts the first transaction that writes, after all its requests were issued. */
export function abortOnce() {
  const original = IDBDatabase.prototype.transaction;
  patch(IDBDatabase.prototype, "transaction", function (...args) {
    const transaction = original.apply(this, args);
    if (transaction.mode === "readwrite") {
      IDBDatabase.prototype.transaction = original;
      queueMicrotask(() => transaction.abort());
    }
    return transaction;
  });
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A database of a later version than ours. */
export async function createNewer(name) {
  (await settled(indexedDB.open(name, 99))).close();
}

/** Closes every connection to the database, as the browser does when the user clears the data. */
export async function deleteDatabase(name) {
  await settled(indexedDB.deleteDatabase(name));
}

/** Answers every fetch in one way; `requests` holds what was asked. */
export function fakeFetch(answer) {
  const requests = [];
  const aborted = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const answers = {
    nothing: ({ signal }) => aborted(signal),
    stall: ({ signal }) => new Response(new ReadableStream({ pull: () => aborted(signal) })),
    large: () => new Response("ж".repeat(1024 * 1024)),
    tooMany: () => new Response("{}", { status: 429, headers: { "Retry-After": "7" } }),
    redirect: () => Object.defineProperties(new Response(), { type: { value: "opaqueredirect" }, status: { value: 0 } }),
  };
  patch(globalThis, "fetch", async (request) => {
    const { method, url, credentials, cache, redirect, referrerPolicy } = request;
    const headers = Object.fromEntries(request.headers);
    const body = await request.clone().text();
    requests.push(JSON.stringify({ method, url, credentials, cache, redirect, referrerPolicy, headers, body }));
    return answers[answer](request);
  });
  return requests;
}

/** A socket whose other end is the test. */
class FakeSocket {
  sent = [];
  closed = false;
  constructor(url) {
    this.url = url;
  }
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
  open() {
    this.onopen?.(new Event("open"));
  }
  receive(data) {
    this.onmessage?.(new MessageEvent("message", { data }));
  }
  end() {
    this.onclose?.(new CloseEvent("close"));
  }
}

/** Makes every socket a fake one; returns them in the order of their opening. */
export function fakeSockets() {
  const sockets = [];
  patch(
    globalThis,
    "WebSocket",
    class extends FakeSocket {
      constructor(url) {
        super(url);
        sockets.push(this);
      }
    },
  );
  return sockets;
}

/** Timers that run only when told to. */
export class FakeTimers {
  timeouts = new Map();
  intervals = new Map();
  constructor() {
    let last = 0;
    const set = (timers) => (run, delay) => {
      timers.set(++last, { run, delay });
      return last;
    };
    patch(globalThis, "setTimeout", set(this.timeouts));
    patch(globalThis, "setInterval", set(this.intervals));
    patch(globalThis, "clearTimeout", (id) => this.timeouts.delete(id));
    patch(globalThis, "clearInterval", (id) => this.intervals.delete(id));
  }
  /** The delays of the timeouts and the intervals that are set. */
  delays() {
    return [...this.timeouts.values(), ...this.intervals.values()].map(({ delay }) => delay);
  }
  /** Every timer comes due. */
  fire() {
    const due = [...this.timeouts.values(), ...this.intervals.values()];
    this.timeouts.clear();
    for (const { run } of due) run();
  }
}

/** Sets the clock that JavaScript reads. */
export function setClock(moment) {
  patch(Date, "now", () => moment);
}

export function cyclic() {
  const value = { kind: "getStatus" };
  value.self = value;
  return value;
}
