/**
 * The list of ended calls, as the background keeps it in the extension's database (`src/shell/store.rs`, `calls`). It is read here
 * without asking the background: a search in thousands of calls keeps no event of the exchange waiting, and the list is there
 * before the background has started.
 */

/** @import { CallView } from "../protocol.js" */

const DATABASE = "trubka";
const CALLS = "calls";

/** How many calls are read at a time. */
const CHUNK = 200;

/** @type {Promise<IDBDatabase | undefined> | undefined} */
let opened;

/** The database, once the background has made the list in it. */
function open() {
  opened ??= new Promise((resolve) => {
    const without = () => {
      opened = undefined;
      resolve(undefined);
    };
    const request = indexedDB.open(DATABASE);
    // There is none yet: it is not ours to make one.
    request.onupgradeneeded = () => request.transaction?.abort();
    request.onerror = without;
    request.onsuccess = () => {
      const database = request.result;
      const leave = () => {
        opened = undefined;
        database.close();
      };
      database.onversionchange = leave;
      database.onclose = leave;
      if (database.objectStoreNames.contains(CALLS)) return resolve(database);
      database.close();
      without();
    };
  });
  return opened;
}

/**
 * Asks the list; nothing where it cannot be read.
 * @template T
 * @param {(calls: IDBObjectStore) => IDBRequest<T>} question
 * @returns {Promise<T | undefined>}
 */
async function ask(question) {
  const database = await open();
  if (!database) return undefined;
  try {
    const request = question(database.transaction(CALLS).objectStore(CALLS));
    return await new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = reject;
    });
  } catch {
    return undefined;
  }
}

/** Reads the list from its newest call on, as it was when the reading began. */
export class Reader {
  /** The keys of the calls that are still to be read, the newest last. @type {IDBValidKey[] | undefined} */
  #keys;
  /** Calls that were read and not yet looked at, the newest first. @type {CallView[]} */
  #ahead = [];

  /** Whether there is nothing more to read. */
  get isDone() {
    return this.#keys?.length === 0 && this.#ahead.length === 0;
  }

  /**
   * The next calls that are wanted, so many at most, the newest first.
   * @param {number} count
   * @param {(call: CallView) => boolean} isWanted
   */
  async next(count, isWanted) {
    this.#keys ??= (await ask((calls) => calls.getAllKeys())) ?? [];
    /** @type {CallView[]} */
    const found = [];
    while (found.length < count && !this.isDone) {
      if (this.#ahead.length === 0) await this.#read();
      const call = this.#ahead.shift();
      if (call && isWanted(call)) found.push(call);
    }
    return found;
  }

  async #read() {
    const keys = this.#keys?.splice(-CHUNK) ?? [];
    const [first, last] = [keys[0], keys.at(-1)];
    if (first === undefined || last === undefined) return;
    const texts = (await ask((calls) => calls.getAll(IDBKeyRange.bound(first, last)))) ?? [];
    this.#ahead = texts.flatMap(parse).reverse();
  }
}

/**
 * @param {unknown} text
 * @returns {CallView[]}
 */
function parse(text) {
  try {
    return [JSON.parse(String(text))];
  } catch {
    return [];
  }
}
