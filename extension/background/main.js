/**
 * The background: Chrome's service worker and Firefox's event page. Either may be stopped at any moment and started by any event,
 * so every listener is registered before anything is awaited, and each waits for the one start.
 */
import init, { start } from "../wasm/trubka.js";
import { api } from "../common/api.js";
import { PAGES, platform } from "./platform.js";

/** @import { Shell } from "../wasm/trubka.js" */

/** @type {Promise<Shell> | undefined} */
let started;

/** The running core. A start that failed is tried anew by the next event. */
function shell() {
  started ??= init()
    .then(() => start(platform))
    .catch((error) => {
      started = undefined;
      throw error;
    });
  return started;
}

/**
 * What goes wrong here is told without its text, which may hold anything.
 * @param {(shell: Shell) => void} action
 */
function tell(action) {
  shell()
    .then(action)
    .catch(() => console.error("Trubka: the background failed"));
}

const wake = () => tell((shell) => shell.wake());
const permissionsChanged = () => tell((shell) => shell.permissionsChanged());

/**
 * Who sends, as the browser says: a page of ours, our content script in the top frame of a CRM page, or nobody we answer.
 * @param {chrome.runtime.MessageSender} sender
 */
function kindOf({ id, url = "", tab, frameId }) {
  if (id !== api.runtime.id) return undefined;
  if (url.startsWith(api.runtime.getURL(""))) return "extension";
  const onPage = tab && frameId === 0 && PAGES.some((pattern) => url.startsWith(pattern.slice(0, -1)));
  return onPage ? "page" : undefined;
}

api.runtime.onMessage.addListener((request, sender, reply) => {
  const kind = kindOf(sender);
  if (!kind) return false;
  shell()
    .then((shell) => shell.ask(request, kind))
    .then(reply, () => reply());
  return true;
});

api.runtime.onInstalled.addListener(({ reason }) => {
  if (reason === "install") void api.runtime.openOptionsPage();
});

api.runtime.onStartup.addListener(wake);
api.runtime.onUpdateAvailable.addListener(() => tell((shell) => shell.updateAvailable()));
api.alarms.onAlarm.addListener(wake);
api.permissions.onAdded.addListener(permissionsChanged);
api.permissions.onRemoved.addListener(permissionsChanged);
self.addEventListener("online", () => tell((shell) => shell.online(true)));
self.addEventListener("offline", () => tell((shell) => shell.online(false)));

// An extension that was just switched on hears no event at all.
tell(() => {});
