/** The list of the calls that ended: filtered, searched, and read from the database a page at a time. */

/** @import { CallView, StatusView } from "../protocol.js" */
/** @import { Actions } from "./call.js" */

import { byId, say } from "../common/dom.js";
import { EXCHANGES } from "../common/exchanges.js";
import { plural, t } from "../common/i18n.js";
import { endedItem } from "./call.js";
import { Reader } from "./database.js";
import { list } from "./list.js";
import { search } from "./search.js";

/** How many calls are shown at first, and how many more each time the end of the list comes near. */
const PAGE = 40;

/** How near the end of the list may come before more of it is read, in pixels. */
const AHEAD = "800px";

const container = byId("recent");
const filters = byId("filters");
const searched = byId("search", HTMLInputElement);

/** @type {Actions} */
let actions;

/** @type {StatusView | undefined} */
let status;

/** The ids of the calls that the status named last. */
let named = "";

/** The missed calls that were not looked at before the popup was opened, by id. @type {Set<string>} */
const fresh = new Set();

/** Of which calls all links are shown, by id. @type {Set<string>} */
const unfolded = new Set();

/** Where the list is read on. */
let reader = new Reader();

/** What has been read of it. @type {CallView[]} */
let read = [];

/** Whether it has been read at all. */
let isRead = false;

/** Reading is done one after another; what was asked for before the list was begun anew counts for nothing. */
let reading = Promise.resolve();

/** @param {Actions} given */
export function startHistory(given) {
  actions = given;
  filters.addEventListener("change", change);
  searched.addEventListener("input", change);
  container.addEventListener("keydown", walk);
  new IntersectionObserver(([end]) => end?.isIntersecting && void more(), { rootMargin: AHEAD }).observe(byId("more"));
  return begin(PAGE);
}

/** Shows what is wanted now, as far as it is known, and then the rest. */
function change() {
  render();
  void begin(PAGE);
}

/** @param {StatusView} view */
export function showHistory(view) {
  status = view;
  for (const id of view.missed) fresh.add(id);
  say(byId("missed"), fresh.size > 0 ? plural("missed", fresh.size) : "");
  byId("filter-undelivered").hidden = view.failed === 0 && filter() !== "undelivered";
  const before = named;
  named = JSON.stringify([view.recent.map(({ id }) => id), view.undelivered.map(({ call }) => call)]);
  // What has ended meanwhile, or is with the CRM now, may be farther down, too.
  if (before !== "" && before !== named) void begin(Math.max(PAGE, read.length));
  render();
}

/** Shows the calls that the CRM has not. */
export function showUndelivered() {
  byId("filter-undelivered").hidden = false;
  const choice = filters.querySelector("[value=undelivered]");
  if (!(choice instanceof HTMLInputElement)) return;
  choice.checked = true;
  choice.focus();
  change();
}

/** Shows to which cards in the CRM a call has links, or shows them no more. @param {string} call */
export function unfold(call) {
  if (!unfolded.delete(call)) unfolded.add(call);
  render();
}

function filter() {
  const checked = filters.querySelector(":checked");
  return checked instanceof HTMLInputElement ? checked.value : "all";
}

/** What the list shows, by the filter and the search of the moment. */
function wanted() {
  const [kind, isFound] = [filter(), search(searched.value)];
  const undelivered = new Set(status?.undelivered.map(({ call }) => call));
  return (/** @type {CallView} */ call) => {
    if (kind === "missed" && !call.missed) return false;
    if ((kind === "inbound" || kind === "outbound") && call.direction !== kind) return false;
    if (kind === "undelivered" && !undelivered.has(call.id)) return false;
    return isFound(call);
  };
}

/**
 * Reads the list from its beginning.
 * @param {number} count how many calls
 */
function begin(count) {
  reader = new Reader();
  return readOn(reader, count, true);
}

function more() {
  return reader.isDone ? undefined : readOn(reader, PAGE, false);
}

/**
 * @param {Reader} from
 * @param {number} count
 * @param {boolean} anew
 */
function readOn(from, count, anew) {
  reading = reading.then(async () => {
    if (from !== reader) return;
    const found = await from.next(count, wanted());
    if (from !== reader) return;
    read = anew ? found : [...read, ...found];
    isRead = true;
    render();
  });
  return reading;
}

function render() {
  const calls = visible();
  const crm = status?.crm;
  const severalExchanges = (status?.exchanges.length ?? 0) > 1;
  const items = calls.map((call) => ({
    call,
    exchange: severalExchanges ? EXCHANGES[call.exchange] : "",
    crm,
    isNew: fresh.has(call.id),
    showsLinks: unfolded.has(call.id),
  }));
  list(container, items, ({ call }) => call.id, (item) => endedItem(item, actions));
  const isEmpty = calls.length === 0 && isRead;
  const isAsked = filter() !== "all" || searched.value.trim() !== "";
  // Where there are no calls at all there is nothing to look for.
  byId("filters").hidden = isEmpty && !isAsked;
  byId("searching").hidden = isEmpty && !isAsked;
  say(byId("no-recent"), isEmpty ? t(isAsked ? "popup_noneFound" : "popup_noRecent") : "");
}

/** The calls to be shown, the newest first: what was read, with what the background knows better. */
function visible() {
  const isWanted = wanted();
  const undelivered = new Map(status?.undelivered.map((view) => [view.call, view]));
  const live = new Set(status?.current.map(({ id }) => id));
  const calls = new Map(status?.recent.filter(isWanted).map((call) => [call.id, call]));
  for (const call of read) {
    if (calls.has(call.id) || live.has(call.id) || !isWanted(call)) continue;
    const { delivery, recording } = undelivered.get(call.id) ?? (status ? call : UNKNOWN);
    calls.set(call.id, { ...call, delivery, recording });
  }
  return [...calls.values()].sort((one, other) => other.startedAt - one.startedAt || (one.id < other.id ? 1 : -1));
}

/** Only the background knows what is still on its way to the CRM. @type {Pick<CallView, "delivery" | "recording">} */
const UNKNOWN = { delivery: { state: "none" }, recording: { state: "none" } };

/** The arrows lead from call to call, to the same control where it has one. @param {KeyboardEvent} event */
function walk(event) {
  const item = event.target instanceof Element ? event.target.closest(".call") : null;
  if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
  const to = {
    ArrowDown: item.nextElementSibling,
    ArrowUp: item.previousElementSibling,
    Home: container.firstElementChild,
    End: container.lastElementChild,
  }[event.key];
  if (!to) return;
  event.preventDefault();
  const kind = event.target instanceof Element && event.target.matches(".caller") ? ".caller" : ".symbol";
  const control = to.querySelector(kind) ?? to.querySelector(".symbol") ?? to;
  if (!(control instanceof HTMLElement)) return;
  control.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
}
