/**
 * Settings with their secrets as a file that only a passphrase opens: the key by PBKDF2, the text by AES-256-GCM. What stands in the
 * clear is authenticated with it. `docs/settings.md` describes the format.
 */

/** What such a file calls itself. */
const FORMAT = "trubka-sealed-settings";
const VERSION = 1;

/** What OWASP asks for with SHA-256 is 600,000 (2023). */
const ITERATIONS = 1_000_000;
/** A file that asks for more would only keep the computer busy; for less, it was not written by us. */
const [FEWEST, MOST] = [100_000, 10_000_000];

/** @typedef {{ format: string, version: number, kdf: { name: string, hash: string, iterations: number, salt: string }, cipher: { name: string, iv: string }, data: string }} Sealed */

/**
 * Closes a text with a passphrase.
 * @param {string} text
 * @param {string} phrase
 * @returns {Promise<string>} the file
 */
export async function seal(text, phrase) {
  const [salt, iv] = [crypto.getRandomValues(new Uint8Array(16)), crypto.getRandomValues(new Uint8Array(12))];
  const head = {
    format: FORMAT,
    version: VERSION,
    kdf: { name: "PBKDF2", hash: "SHA-256", iterations: ITERATIONS, salt: base64(salt) },
    cipher: { name: "AES-GCM", iv: base64(iv) },
  };
  const key = await keyOf(phrase, salt, ITERATIONS, "encrypt");
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: authenticated(head) }, key, new TextEncoder().encode(text));
  return `${JSON.stringify({ ...head, data: base64(new Uint8Array(data)) }, undefined, 2)}\n`;
}

/**
 * Whether a file is such a one, to be opened with [`unseal`].
 * @param {string} file
 */
export function isSealed(file) {
  return parsed(file)?.format === FORMAT;
}

/**
 * Opens what a passphrase has closed.
 * @param {string} file
 * @param {string} phrase
 * @returns {Promise<string | undefined>} nothing where the passphrase is another one, or the file is not as it was written
 */
export async function unseal(file, phrase) {
  try {
    const { format, version, kdf, cipher, data } = /** @type {Sealed} */ (parsed(file));
    const isKnown = version === VERSION && kdf.name === "PBKDF2" && kdf.hash === "SHA-256" && cipher.name === "AES-GCM";
    if (!isKnown || !(kdf.iterations >= FEWEST && kdf.iterations <= MOST)) return undefined;
    const key = await keyOf(phrase, bytes(kdf.salt), kdf.iterations, "decrypt");
    const head = { format, version, kdf, cipher };
    const algorithm = { name: "AES-GCM", iv: bytes(cipher.iv), additionalData: authenticated(head) };
    const text = await crypto.subtle.decrypt(algorithm, key, bytes(data));
    return new TextDecoder("utf-8", { fatal: true }).decode(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} phrase
 * @param {Uint8Array<ArrayBuffer>} salt
 * @param {number} iterations
 * @param {KeyUsage} usage
 */
async function keyOf(phrase, salt, iterations, usage) {
  const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(phrase.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
  const derivation = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return crypto.subtle.deriveKey(derivation, material, { name: "AES-GCM", length: 256 }, false, [usage]);
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** @param {string} base64 */
function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** @param {object} head what stands in the clear */
function authenticated(head) {
  return new TextEncoder().encode(JSON.stringify(head));
}

/** @param {string} file @returns {Partial<Sealed> | undefined} */
function parsed(file) {
  try {
    return JSON.parse(file) ?? undefined;
  } catch {
    return undefined;
  }
}
