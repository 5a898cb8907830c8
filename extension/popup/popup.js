/** @import { CallView, DialView, LinkView, Message, Request, StatusView } from "../protocol.js" */

import { api, ask } from "../common/api.js";
import { byId, element, icon, say } from "../common/dom.js";
import { duration, localize, moment, refusal, sentence, t } from "../common/i18n.js";

const SECOND = 1000;

/** A next attempt nearer than this is counted down; a later one is named by its time. */
const COUNTDOWN = 90 * SECOND;

/** @type {LinkView | undefined} */
let link;

/** What each list shows, as JSON. */
const shown = new Map();

localize();
api.runtime.onMessage.addListener((/** @type {Message} */ message) => {
  if (message.kind === "status") render(message);
});
byId("settings").addEventListener("click", openOptions);
byId("set-up").addEventListener("click", openOptions);
byId("reconnect").addEventListener("click", () => request({ kind: "reconnect" }));
setInterval(tick, SECOND);
await request({ kind: "getStatus" });

/**
 * Asks the background for something that is answered by the status.
 * @param {Request} asked
 */
async function request(asked) {
  const answer = await ask(asked);
  if (answer?.kind === "status") render(answer);
  say(byId("refused"), answer?.kind === "status" ? "" : refusal(answer));
}

async function openOptions() {
  await api.runtime.openOptionsPage();
  window.close();
}

/** @param {StatusView} status */
function render(status) {
  renderLink(status.link);
  say(byId("storage"), sentence(status.storage));
  say(byId("crm"), sentence(status.crm));
  say(byId("exchange"), sentence(status.exchange));
  const away = byId("away");
  say(away, status.away === undefined ? "" : status.away ? t("popup_away") : t("popup_back"));
  away.classList.toggle("notice", status.away === true);
  away.classList.toggle("muted", status.away !== true);
  const queue = [
    status.waiting > 0 ? t("popup_waiting", String(status.waiting)) : "",
    status.failed > 0 ? t("popup_failed", String(status.failed)) : "",
  ];
  say(byId("queue"), queue.filter(Boolean).join(" "));

  // A dial that rings or talks has its call below.
  const dials = status.dials.filter(({ phase }) => ["dialling", "failed", "unknown"].includes(phase));
  list("dials", dials, dialItem);
  list("current", status.current, currentItem);
  list("recent", status.recent, recentItem);
  byId("no-current").hidden = dials.length + status.current.length > 0;
  byId("no-recent").hidden = status.recent.length > 0;
  byId("link").hidden = false;
  byId("calls").hidden = false;
  tick();
}

/** @param {LinkView} view */
function renderLink(view) {
  link = view;
  const { state, since, problem } = view;
  byId("link").dataset.state = state;
  const words = t(`link_${state}`);
  say(byId("link-state"), since === undefined || state === "off" ? words : t("popup_since", words, moment(since)));
  say(byId("link-problem"), sentence(problem));
  byId("reconnect").hidden = !["reconnecting", "offline", "refused"].includes(state);
  byId("set-up").hidden = !["off", "refused", "permissionMissing"].includes(state);
}

/** What passes with time alone: the timers of the calls and the wait for the next attempt. */
function tick() {
  const now = Date.now();
  for (const timer of document.querySelectorAll("[data-since]")) {
    timer.textContent = duration(now - Number(timer.getAttribute("data-since")));
  }
  say(byId("link-retry"), link?.retryAt === undefined || link.state === "live" ? "" : nextAttempt(link.retryAt, now));
}

/**
 * When the connection is tried again, in words.
 * @param {number} at epoch milliseconds
 * @param {number} now epoch milliseconds
 */
function nextAttempt(at, now) {
  if (at <= now) return t("popup_retryNow");
  return at - now < COUNTDOWN ? t("popup_retryIn", String(Math.ceil((at - now) / SECOND))) : t("popup_retryAt", moment(at));
}

/**
 * Fills a list. One that shows the same already is left alone, and the focus stays on the control with the same id.
 * @template T
 * @param {string} id
 * @param {T[]} items
 * @param {(item: T) => HTMLElement} build
 */
function list(id, items, build) {
  const json = JSON.stringify(items);
  if (shown.get(id) === json) return;
  shown.set(id, json);
  const container = byId(id);
  const focused = container.contains(document.activeElement) ? document.activeElement?.id : undefined;
  container.replaceChildren(...items.map(build));
  if (focused) document.getElementById(focused)?.focus();
}

/** @param {DialView} dial */
function dialItem(dial) {
  return element(
    "li",
    { class: "dial", "data-phase": dial.phase },
    icon("outbound"),
    element("p", { class: "who" }, dial.number),
    element("p", { class: "what" }, t(`dial_${dial.phase}`)),
    dial.problem && element("p", { class: "details" }, sentence(dial.problem)),
  );
}

/** @param {CallView} call */
function currentItem(call) {
  const since = call.answeredAt ?? call.startedAt;
  return element(
    "li",
    { class: "call", "data-phase": call.phase, "data-direction": call.direction },
    icon(call.direction),
    element("p", { class: "who" }, who(call)),
    element(
      "p",
      { class: "what when" },
      `${t(`phase_${call.phase}`)} `,
      element("span", { role: "timer", "data-since": String(since) }),
    ),
    details(call),
    element("p", { class: "details muted" }, [t(`direction_${call.direction}`), call.line && t("popup_line", call.line)].filter(Boolean).join(" · ")),
    links(call),
  );
}

/** @param {CallView} call */
function recentItem(call) {
  const missed = call.direction === "inbound" && !call.answered;
  const mark = icon(call.direction);
  mark.classList.toggle("missed", missed);
  return element(
    "li",
    { class: "call", "data-delivery": call.delivery.state, "data-direction": call.direction, "data-answered": String(call.answered) },
    mark,
    element("p", { class: "who" }, who(call)),
    element("time", { class: "when muted", datetime: new Date(call.startedAt).toISOString() }, moment(call.startedAt)),
    element("p", { class: missed ? "details missed" : "details muted" }, `${t(`direction_${call.direction}`)}: ${result(call)}`),
    details(call),
    links(call),
    delivery(call),
    call.delivery.state === "failed" ? deliveryActions(call) : undefined,
  );
}

/**
 * The best name there is for the other party.
 * @param {CallView} call
 */
function who({ client }) {
  return client.name ?? client.company ?? client.number ?? t("popup_withheld");
}

/**
 * What else is known: the company and the number, unless they stand for the name already.
 * @param {CallView} call
 */
function details({ client: { name, company, number } }) {
  const rest = [name && company, (name ?? company) && number].filter((part) => part !== undefined);
  if (rest.length === 0) return undefined;
  return element("p", { class: "details parts muted" }, ...rest.map((part) => element("span", {}, part)));
}

/** @param {CallView} call */
function result(call) {
  if (call.answered && call.answeredAt !== undefined && call.endedAt !== undefined) {
    return t("result_talk", duration(call.endedAt - call.answeredAt));
  }
  if (call.answered) return t("result_answered");
  return call.direction === "inbound" ? t("result_missed") : t("result_noAnswer");
}

/** @param {CallView} call */
function links(call) {
  if (call.links.length === 0) return undefined;
  const anchors = call.links.map(({ card, url }, index) =>
    element("a", { id: `open-${call.id}-${index}`, href: url, target: "_blank", rel: "noopener" }, t(`open_${card}`)),
  );
  return element("p", { class: "links" }, ...anchors);
}

/** @param {CallView} call */
function delivery({ delivery: { state, problem } }) {
  if (state === "none") return undefined;
  const words = t(`delivery_${state}`);
  return element("p", { class: "delivery muted" }, problem ? `${words}. ${sentence(problem)}` : words);
}

/** @param {CallView} call */
function deliveryActions(call) {
  const retry = element("button", { type: "button", id: `retry-${call.id}` }, t("popup_retry"));
  retry.addEventListener("click", () => request({ kind: "retryDelivery", call: call.id }));
  const discard = element("button", { type: "button", id: `discard-${call.id}` }, t("popup_discard"));
  discard.addEventListener("click", async () => {
    if (await confirmDiscard()) await request({ kind: "discardDelivery", call: call.id });
  });
  return element("p", { class: "actions" }, retry, discard);
}

/** Asks whether a call may stay out of the CRM; Escape means no. */
function confirmDiscard() {
  const dialog = byId("discard", HTMLDialogElement);
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "discard"), { once: true });
  });
}
