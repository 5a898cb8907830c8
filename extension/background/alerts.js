/** What draws the agent's attention outside the pages: the browser's notifications, and the ring. One of each for all tabs. */
import { api } from "../common/api.js";
import { t } from "../common/i18n.js";
import { patternOf } from "../common/origins.js";
import { Ring } from "../common/ring.js";

/** @import { AlertsView, NotificationView } from "../protocol.js" */

/** Where the calls are kept that were told of, or in sight, when they began to ring: once is enough. */
const NOTICED = "noticed";

const nothing = () => {};

/** @type {AlertsView} */
let wanted = { notifications: [], inSight: false };

/** The sites whose pages show cards. @type {string[]} */
let sites = [];

/** One change of what is shown or heard comes after another. */
let changes = Promise.resolve();

/** How loud it rings, where it does. @type {number | undefined} */
let volume;

/** The ring, where the background is a page and not a worker. @type {Ring | undefined} */
let ring;

/** @param {() => Promise<unknown>} action what fails for what has gone by itself is done */
function change(action) {
  changes = changes.then(action).then(nothing, nothing);
}

/**
 * Has notifications and ring be as the core says, and no more of them.
 * @param {AlertsView} alerts
 */
export function alert(alerts) {
  wanted = alerts;
  change(notify);
  change(sound);
}

/** @param {string[]} origins of the sites whose pages show cards */
export function showOn(origins) {
  sites = origins.filter((site) => URL.canParse(site));
}

/** A page of ours may have come into sight: what it shows needs no notification. */
export function look() {
  if (wanted.notifications.length === 0 || wanted.inSight) return;
  change(async () => {
    if (await isInSight()) await clear(() => true);
  });
}

/** The events that are listened to: another grant of the permission may bring the same ones, or others. @type {WeakSet<object>} */
const heard = new WeakSet();

/**
 * Hears of clicks on notifications. The browser lets an extension hear of them only once the user lets it show any.
 * @param {{ open: (call: string) => void, hangUp: (call: string) => void }} actions
 */
export function hear({ open, hangUp }) {
  const { onClicked, onButtonClicked } = api.notifications ?? {};
  if (!onClicked || heard.has(onClicked)) return;
  heard.add(onClicked);
  onClicked.addListener(open);
  onButtonClicked?.addListener((call, index) => (buttonsOf(call)[index] === "hangUp" ? hangUp(call) : open(call)));
}

/**
 * Shows what is known of the client of a call: the card in the CRM where it is certain which one, else a page with our card.
 * @param {string} call
 */
export async function open(call) {
  const url = wanted.notifications.find((notification) => notification.call === call)?.url;
  const tabs = url || sites.length === 0 ? [] : await api.tabs.query({ url: sites.map(patternOf) });
  const [last] = tabs.sort((one, other) => (other.lastAccessed ?? 0) - (one.lastAccessed ?? 0));
  const address = url ?? sites[0];
  if (last?.id !== undefined) await api.tabs.update(last.id, { active: true });
  const tab = last ?? (address && (await api.tabs.create({ url: address })));
  if (tab) await api.windows.update(tab.windowId, { focused: true });
}

async function notify() {
  const { notifications } = wanted;
  const calls = notifications.map(({ call }) => call);
  const { [NOTICED]: noticed = [] } = /** @type {{ [NOTICED]?: string[] }} */ (await api.storage.session.get(NOTICED));
  await api.storage.session.set({ [NOTICED]: calls });
  if (!api.notifications) return;
  await clear((call) => !calls.includes(call));
  const fresh = notifications.filter(({ call }) => !noticed.includes(call));
  if (fresh.length === 0 || (!wanted.inSight && (await isInSight()))) return;
  for (const notification of fresh) await api.notifications.create(notification.call, shown(notification));
}

/** @param {(call: string) => boolean} isOver */
async function clear(isOver) {
  for (const call of Object.keys((await api.notifications?.getAll()) ?? {})) {
    if (isOver(call)) await api.notifications.clear(call);
  }
}

/**
 * A notification as the browser shows it.
 * @param {NotificationView} notification
 * @returns {chrome.notifications.NotificationCreateOptions}
 */
function shown({ call, client }) {
  const who = client && [client.name ?? t(client.number ? "card_unknown" : "card_withheld"), client.company, client.number];
  return {
    type: "basic",
    iconUrl: api.runtime.getURL("icons/icon-128.png"),
    title: t("card_direction_inbound"),
    message: who ? who.filter(Boolean).join("\n") : t("notification_unnamed"),
    // Firefox has neither buttons nor updates; it names the buttons' event all the same.
    ...("update" in api.notifications && {
      buttons: buttonsOf(call).map((button) => ({ title: t(button === "hangUp" ? "hangUp" : "notification_open") })),
      requireInteraction: true,
    }),
  };
}

/**
 * The buttons of the notification of a call, in their order.
 * @param {string} call
 * @returns {("hangUp" | "open")[]}
 */
function buttonsOf(call) {
  const notification = wanted.notifications.find((notification) => notification.call === call);
  return notification?.canHangUp ? ["hangUp", "open"] : ["open"];
}

/** Whether the user looks at a page that shows cards. */
async function isInSight() {
  const { id, focused, state } = await api.windows.getLastFocused();
  if (!focused || state === "minimized" || id === undefined || sites.length === 0) return false;
  return (await api.tabs.query({ active: true, windowId: id, url: sites.map(patternOf) })).length > 0;
}

async function sound() {
  if (volume === wanted.volume) return;
  volume = wanted.volume;
  if (!api.offscreen) {
    ring?.stop();
    ring = volume === undefined ? undefined : new Ring(volume);
    return;
  }
  // Chrome's worker has no sound; a page that nobody sees has. An earlier life of the worker may have left one.
  await api.offscreen.closeDocument().catch(nothing);
  if (volume === undefined) return;
  const url = `ring/ring.html#${volume}`;
  await api.offscreen.createDocument({ url, reasons: ["AUDIO_PLAYBACK"], justification: "Rings when a call comes" });
}
