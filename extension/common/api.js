/** @import { Message, Request } from "../protocol.js" */

/**
 * The extension API, with promises in both browsers: `browser` in Firefox, `chrome` elsewhere.
 * @type {typeof chrome}
 */
export const api = /** @type {any} */ (globalThis).browser ?? globalThis.chrome;

/**
 * Asks the background. Nothing comes back when it could not start.
 * @param {Request} request
 * @returns {Promise<Message | undefined>}
 */
export async function ask(request) {
  try {
    return await api.runtime.sendMessage(request);
  } catch {
    return undefined;
  }
}
