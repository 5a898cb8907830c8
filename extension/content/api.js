/**
 * The extension API, with promises in both browsers: `browser` in Firefox, `chrome` elsewhere.
 * @type {typeof chrome}
 */
const api = /** @type {any} */ (globalThis).browser ?? globalThis.chrome;
