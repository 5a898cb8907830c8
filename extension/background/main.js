/**
 * The background: Chrome's service worker and Firefox's event page. Either may be stopped at any moment and started by any event,
 * so every listener is registered before anything is awaited, and each waits for the one start.
 */
import init, { start } from "../wasm/trubka.js";
import { api } from "../common/api.js";
import { RING } from "../common/ring.js";
import * as alerts from "./alerts.js";
import * as menus from "./menus.js";
import { platform } from "./platform.js";
import * as shortcuts from "./shortcuts.js";
import { fulfilled, wish } from "./sites.js";

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
 * A life of the background before this one may have been told which site the user wants switched on.
 * @param {chrome.permissions.Permissions} permissions
 */
async function permissionsAdded(permissions) {
  const origin = await fulfilled(permissions).catch(() => undefined);
  if (permissions.permissions?.includes("notifications")) alerts.hear(onNotification);
  if (origin !== undefined) tell((shell) => shell.ask({ kind: "setSite", origin, on: true }, "extension"));
  permissionsChanged();
}

/**
 * Who sends, as the browser says: a page of ours, or the origin that our content script is in. A frame in a tab whose own address the
 * browser keeps from us is on a site that nobody switched on.
 * @param {chrome.runtime.MessageSender} sender
 */
function senderOf({ url = "", origin, tab }) {
  if (url.startsWith(api.runtime.getURL(""))) return "extension";
  return (tab?.url && origin) || "null";
}

api.runtime.onMessage.addListener((request, sender, reply) => {
  const from = senderOf(sender);
  if (from === "extension" && request?.kind === "setSite") void wish(request.origin, request.on).catch(() => {});
  shell()
    .then((shell) => shell.ask(request, from))
    .then(reply, () => reply());
  if (request?.kind === "hello") alerts.look();
  return true;
});

/** @param {string} text */
const select = (text) => tell((shell) => shell.ask({ kind: "select", text }, "extension"));

menus.hear((selection, tab) => {
  void showPopup(tab);
  select(selection);
});

shortcuts.hear({
  dial: (tab) => {
    void showPopup(tab);
    void shortcuts.selectionIn(tab).then(select);
  },
  hangUp: () => tell((shell) => shell.ask({ kind: "hangUpCurrent" }, "extension")),
});

// The popup that shows the selection: once it is closed, so is the matter.
api.runtime.onConnect.addListener((port) => {
  if (port.name !== RING) port.onDisconnect.addListener(() => select(""));
});

/** What a life before this one has shown is known once the core has started. */
const onNotification = {
  open: (/** @type {string} */ call) => tell(() => void alerts.open(call).catch(() => {})),
  hangUp: (/** @type {string} */ call) => tell((shell) => shell.ask({ kind: "hangUp", call }, "extension")),
};
alerts.hear(onNotification);

/**
 * Firefox opens it only within the click itself; Chrome before version 127, and where no window has the focus, not at all.
 * @param {chrome.tabs.Tab | undefined} tab
 */
async function showPopup(tab) {
  try {
    await api.action.openPopup();
  } catch {
    const url = api.runtime.getURL(`popup/popup.html?tab=${tab?.id ?? ""}`);
    await api.windows.create({ url, type: "popup", width: 380, height: 600 });
  }
}

api.runtime.onInstalled.addListener(({ reason }) => {
  if (reason !== "install") return;
  // A browser that is just closing opens no page.
  api.tabs.create({ url: api.runtime.getURL("welcome/welcome.html") }).catch(() => {});
});

api.runtime.onStartup.addListener(wake);
api.runtime.onUpdateAvailable.addListener(() => tell((shell) => shell.updateAvailable()));
api.alarms.onAlarm.addListener(wake);
// Where the browser tells of it; else it is read at the next start.
api.storage.managed.onChanged?.addListener(() => tell((shell) => shell.policyChanged()));
api.permissions.onAdded.addListener((permissions) => void permissionsAdded(permissions));
api.permissions.onRemoved.addListener(permissionsChanged);
self.addEventListener("online", () => tell((shell) => shell.online(true)));
self.addEventListener("offline", () => tell((shell) => shell.online(false)));

// An extension that was just switched on hears no event at all.
tell(() => {});
