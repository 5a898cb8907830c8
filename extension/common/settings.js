/** The settings as the background has them, and changes of them: one after the other, each checked by the core. */

/** @import { Message, Request, SettingsDocument, SettingsView } from "../protocol.js" */

import { ask } from "./api.js";

/** The settings in force, as the background said last. @type {SettingsView} */
let view = { document: "{}", secrets: [], missing: [], preset: [], overridden: [], locked: [], policy: [], undo: false };

/** Changes go out in the order in which they were made. @type {Promise<unknown>} */
let queue = Promise.resolve();

/** The settings in force. */
export function inForce() {
  return view;
}

/** The settings in force as a document, without secrets. @returns {SettingsDocument} */
export function settings() {
  return JSON.parse(view.document);
}

/**
 * Asks for the settings, or for a change of them, after all that was asked for before.
 * @param {Extract<Request, { kind: `${string}Settings` }>} request
 * @returns {Promise<Message | undefined>}
 */
export function askForSettings(request) {
  const answer = queue.then(async () => {
    const answer = await ask(request);
    if (answer?.kind === "settings") view = answer;
    return answer;
  });
  queue = answer;
  return answer;
}

/**
 * The value at a path of a settings document.
 * @param {SettingsDocument} settings
 * @param {string} path as in `phonet.domain`
 * @returns {any} `undefined` where it is left out
 */
export function valueAt(settings, path) {
  /** @type {any} */
  let value = settings;
  for (const key of path.split(".")) value = value?.[key];
  return value;
}

/**
 * Whether UIS is to dial: who has only looked at how it would has not named a way in.
 * @param {SettingsDocument} settings
 */
export function wantsUis(settings) {
  return Boolean(valueAt(settings, "uis.login")) || view.secrets.includes("uis.token");
}

/**
 * Whether one of these paths is this one, or something above or below it.
 * @param {string[]} paths
 * @param {string} path
 */
export function names(paths, path) {
  return paths.some((other) => other === path || other.startsWith(`${path}.`) || path.startsWith(`${other}.`));
}
