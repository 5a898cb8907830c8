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
  policy = undefined;
  forbiddenOrigins = [];
  heartbeat() {
    this.log.push("heartbeat");
  }
  keepAlive(on) {
    this.log.push(`keepAlive ${on}`);
  }
  rest() {
    this.log.push("rest");
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
  async managed() {
    return this.policy;
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
  showInToolbar(state, missed) {
    this.log.push(`showInToolbar ${state} ${missed}`);
  }
  alert() {}
  runOn(origins) {
    this.log.push(`runOn ${origins}`);
  }
  leave({ origin }, needed) {
    this.log.push(`leave ${origin}, needed ${needed}`);
  }
  async forbidden(origins) {
    return origins.filter((origin) => this.forbiddenOrigins.includes(origin));
  }
  reload() {
    this.log.push("reload");
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

/** A database of the first version, which had no log. */
export async function createFirst(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    const documents = request.result.createObjectStore("documents");
    documents.put("settings", "settings");
    documents.put("state", "state");
    const outbox = request.result.createObjectStore("outbox");
    outbox.put("two", 2);
    outbox.put("one", 1);
  };
  (await settled(request)).close();
}

/** The keys of the list of calls. */
export async function callKeys(name) {
  const database = await settled(indexedDB.open(name));
  const keys = await settled(database.transaction("calls").objectStore("calls").getAllKeys());
  database.close();
  return keys;
}

/** Closes every connection to the database, as the browser does when the user clears the data. */
export async function deleteDatabase(name) {
  await settled(indexedDB.deleteDatabase(name));
}

const MEGABYTE = 1024 * 1024;

/** Nine megabytes in pieces of a half, each of another byte. After each piece so much time passes on the fake timers. */
function recording(signal, pause = 0) {
  let piece = 0;
  const body = new ReadableStream({
    start: (stream) => signal.addEventListener("abort", () => stream.error(signal.reason)),
    pull(stream) {
      if (++piece > 18) return stream.close();
      stream.enqueue(new Uint8Array(MEGABYTE / 2).fill(piece));
      if (pause) timers.pass(pause);
    },
  });
  return new Response(body, { headers: { "Content-Type": "audio/mpeg" } });
}

/** The parts of a form as the server gets them; of a file, how many there are of each byte in a row. */
async function partsOf(request) {
  const parts = [];
  for (const [field, file] of await request.formData()) {
    const runs = [];
    for (const byte of new Uint8Array(await file.arrayBuffer())) {
      if (runs.at(-1)?.[0] === byte) runs.at(-1)[1]++;
      else runs.push([byte, 1]);
    }
    parts.push([field, file.name, file.type, runs]);
  }
  return parts;
}

/** Answers every fetch in one way; `requests` holds what was asked. */
export function fakeFetch(answer) {
  const requests = [];
  const aborted = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const answers = {
    nothing: ({ signal }) => aborted(signal),
    stall: ({ signal }) => new Response(new ReadableStream({ pull: () => aborted(signal) })),
    large: () => new Response("ж".repeat(MEGABYTE)),
    busy: ({ url }) => {
      const { date, wait } = Object.fromEntries(new URL(url).searchParams);
      const headers = { ...(date !== undefined && { Date: date }), ...(wait !== undefined && { "Retry-After": wait }) };
      return new Response("{}", { status: 503, headers });
    },
    redirect: () => Object.defineProperties(new Response(), { type: { value: "opaqueredirect" }, status: { value: 0 } }),
    recording: ({ method, signal }) => (method === "POST" ? new Response("{}") : recording(signal)),
    slowRecording: ({ signal }) => recording(signal, 60),
    announced: ({ url, signal }) => {
      const length = new URL(url).searchParams.get("length");
      return new Response(new ReadableStream({ pull: () => aborted(signal) }), { headers: { "Content-Length": length } });
    },
    empty: () => new Response(null, { status: 204 }),
  };
  patch(globalThis, "fetch", async (address, init) => {
    const request = new Request(address, init);
    const { method, url, credentials, cache, redirect, referrerPolicy } = request;
    const headers = Object.fromEntries(request.headers);
    const content = init.body instanceof FormData ? { parts: await partsOf(request.clone()) } : { body: await request.clone().text() };
    requests.push(JSON.stringify({ method, url, credentials, cache, redirect, referrerPolicy, headers, ...content }));
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
    this.onSent?.();
  }
  /** Resolves when it sends the next frame. */
  nextSent() {
    return new Promise((resolve) => (this.onSent = resolve));
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
  /** @param {boolean} wasClean whether this side says goodbye */
  end(wasClean) {
    this.onclose?.(new CloseEvent("close", { wasClean }));
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

/** The fake timers in force. */
let timers;

/** Timers that run only when told to. */
export class FakeTimers {
  timeouts = new Map();
  intervals = new Map();
  passed = 0;
  constructor() {
    timers = this;
    let last = 0;
    const set = (timers) => (run, delay) => {
      timers.set(++last, { run, delay, due: this.passed + delay });
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
  /** So many milliseconds pass: the timeouts of that time come due. */
  pass(millis) {
    this.passed += millis;
    for (const [id, { run, due }] of [...this.timeouts]) {
      if (due <= this.passed && this.timeouts.delete(id)) run();
    }
  }
}

/** Sets the clock that JavaScript reads. */
export function setClock(moment) {
  patch(Date, "now", () => moment);
}

/** Whether the call throws. */
export function fails(call) {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}

export function cyclic() {
  const value = { kind: "getStatus" };
  value.self = value;
  return value;
}
