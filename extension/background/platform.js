/**
 * The extension's APIs for the core, as `src/shell/platform.rs` names them: here, and only here, the two browsers are made one.
 * No method throws; those that answer nothing drop their failures, each of which is normal where it says so.
 */
import { api } from "../common/api.js";
import { plural, t } from "../common/i18n.js";
import { patternOf } from "../common/origins.js";
import { alert, showOn } from "./alerts.js";
import { offer } from "./menus.js";
import { enter, register, release } from "./sites.js";

/** @import { Message } from "../protocol.js" */

const SESSION = "session";
const WAKE = "wake";
const KEEP_ALIVE = "keepAlive";

/** The shortest period that Chrome keeps to. */
const KEEP_ALIVE_MINUTES = 0.5;

/** Well over the 30 s after which an idle worker is stopped: an alarm every 30 s keeps one alive. */
const REST_MINUTES = 1;

/** The sizes of the icon in the toolbar. */
const TOOLBAR_SIZES = [16, 32];

/** The badge has room for no more. */
const MOST_COUNTED = 99;

const nothing = () => {};

/** The origins of the sites whose pages have our content scripts, once the core has said so. @type {string[] | undefined} */
let sites;

/** Messages to pages leave in the order in which they were given. */
let pages = Promise.resolve();

/** So do the sites change. */
let changes = Promise.resolve();

export const platform = {
  /** An extension API call: the one sign of life that counts in both browsers. */
  heartbeat() {
    api.runtime.getPlatformInfo().catch(nothing);
  },

  /** @param {boolean} on */
  keepAlive(on) {
    if (on) ring(KEEP_ALIVE, { periodInMinutes: KEEP_ALIVE_MINUTES });
    else silence(KEEP_ALIVE);
  },

  rest() {
    silence(WAKE);
    ring(KEEP_ALIVE, { periodInMinutes: REST_MINUTES });
  },

  /** @param {number} [moment] epoch milliseconds */
  wakeAt(moment) {
    if (moment === undefined) silence(WAKE);
    else ring(WAKE, { when: moment });
  },

  /** What cannot be kept is asked for again in the next life. @param {string} json */
  remember(json) {
    api.storage.session.set({ [SESSION]: json }).catch(nothing);
  },

  /** @returns {Promise<unknown>} */
  async recall() {
    return (await api.storage.session.get(SESSION))[SESSION];
  },

  /** Firefox throws where no policy names the extension. @returns {Promise<unknown>} */
  async managed() {
    const policy = await api.storage.managed.get(null).catch(() => ({}));
    return Object.keys(policy).length === 0 ? undefined : JSON.stringify(policy);
  },

  /** @param {Message} message */
  sendToPages(message) {
    const url = (sites ?? []).filter((site) => URL.canParse(site)).map(patternOf);
    if (url.length > 0) pages = pages.then(() => broadcast(message, { url })).catch(nothing);
  },

  /** @param {string[]} origins */
  runOn(origins) {
    const before = sites ?? origins;
    sites = origins;
    showOn(origins);
    changes = changes
      .then(async () => {
        await offer(origins);
        await register(origins);
        // A frozen tab never answers: nothing waits for it.
        for (const origin of origins) if (!before.includes(origin)) void enter(origin).catch(nothing);
      })
      .catch(nothing);
  },

  alert,

  /**
   * @param {Extract<Message, { kind: "off" }>} off
   * @param {string[]} needed
   */
  leave(off, needed) {
    // The browser may have withdrawn the site, and names its tabs no more.
    pages = pages.then(() => broadcast(off, {})).catch(nothing);
    changes = changes.then(() => release(off.origin, needed)).catch(nothing);
  },

  /** No page of ours is open, most of the time. @param {Message} message */
  sendToExtension(message) {
    api.runtime.sendMessage(message).catch(nothing);
  },

  /**
   * @param {"live" | "call" | "waiting" | "off"} state
   * @param {number} missed
   */
  showInToolbar(state, missed) {
    const drawing = state === "live" ? "icon" : `icon-${state}`;
    const path = Object.fromEntries(TOOLBAR_SIZES.map((size) => [size, `/icons/${drawing}-${size}.png`]));
    const title = [t(`toolbar_${state}`), missed > 0 ? plural("missed", missed) : ""].filter(Boolean).join("\n");
    const text = missed > MOST_COUNTED ? `${MOST_COUNTED}+` : missed > 0 ? String(missed) : "";
    for (const shown of [api.action.setIcon({ path }), api.action.setTitle({ title }), api.action.setBadgeText({ text })]) {
      void shown.catch(nothing);
    }
  },

  /**
   * @param {string[]} origins
   * @returns {Promise<string[]>}
   */
  async forbidden(origins) {
    const isGranted = (/** @type {string} */ origin) => api.permissions.contains({ origins: [patternOf(origin)] }).catch(() => false);
    const granted = await Promise.all(origins.map(isGranted));
    return origins.filter((_, index) => !granted[index]);
  },

  reload() {
    api.runtime.reload();
  },

  isOnline() {
    return navigator.onLine;
  },
};

/**
 * Sets an alarm. Firefox promises nothing of it; a browser that is closing refuses.
 * @param {string} name
 * @param {chrome.alarms.AlarmCreateInfo} when
 */
function ring(name, when) {
  Promise.resolve(api.alarms.create(name, when)).catch(nothing);
}

/** @param {string} name */
function silence(name) {
  api.alarms.clear(name).catch(nothing);
}

/**
 * @param {Message} message
 * @param {chrome.tabs.QueryInfo} tabs
 */
async function broadcast(message, tabs) {
  for (const tab of await api.tabs.query(tabs)) {
    // A tab that was loaded before the extension was has no content script.
    if (tab.id !== undefined) api.tabs.sendMessage(tab.id, message).catch(nothing);
  }
}
