/** What calls look and sound like: the browser's leave for notifications, and a trial of the ring. */

/** @import { SettingsDocument } from "../protocol.js" */

import { byId } from "../common/dom.js";
import { Ring } from "../common/ring.js";
import { valueAt } from "../common/settings.js";

/** How long a trial rings, in milliseconds. */
const TRIAL = 3_000;

/** @type {Ring | undefined} */
let trial;

byId("interface-try").addEventListener("click", () => {
  trial?.stop();
  const ring = new Ring(byId("interface-volume", HTMLInputElement).valueAsNumber);
  trial = ring;
  setTimeout(() => ring.stop(), TRIAL);
});

/**
 * What the browser must allow beyond hosts.
 * @param {SettingsDocument} settings
 * @returns {chrome.runtime.ManifestOptionalPermission[]}
 */
export function neededPermissions(settings) {
  return (valueAt(settings, "interface.notifications") ?? "off") === "off" ? [] : ["notifications"];
}
