/** @import { CallView, DeliveryView, DiallingView, DialView, FoundNumber, LinkView, Message, Problem, Request, StatusView } from "../protocol.js" */

import { api, ask } from "../common/api.js";
import { byId, download, element, icon, say } from "../common/dom.js";
import { EXCHANGES } from "../common/exchanges.js";
import { duration, localize, moment, refusal, sentence, t } from "../common/i18n.js";
import { showSite } from "./site.js";

const SECOND = 1000;

/** How long a call may outlast the exchange's consent to end it; then it can be hung up again. */
const HANG_UP_PATIENCE = 5 * SECOND;

/** A next attempt nearer than this is counted down; a later one is named by its time. */
const COUNTDOWN = 90 * SECOND;

/**
 * How far hanging up a call is: its answer or the call's end is awaited, or the reason why it did not work.
 * @typedef {{ asked: boolean, reason: string }} HangUp
 */

/** @type {StatusView | undefined} */
let status;

/** What was hung up here, by the call's id. @type {Map<string, HangUp>} */
const hangUps = new Map();

/** What each list shows, as JSON. */
const shown = new Map();

localize();
api.runtime.onMessage.addListener((/** @type {Message} */ message) => {
  if (message.kind === "status") render(message);
});
byId("settings").addEventListener("click", openOptions);
byId("set-up").addEventListener("click", openOptions);
byId("reconnect").addEventListener("click", () => request({ kind: "reconnect" }));
byId("retry-all").addEventListener("click", () => request({ kind: "retryAll" }));
byId("export-log").addEventListener("click", exportLog);
byId("put-away").addEventListener("click", () => request({ kind: "select", text: "" }));
setInterval(tick, SECOND);
await request({ kind: "getStatus" });

/**
 * Asks the background for something that is answered by the status.
 * @param {Request} asked
 */
async function request(asked) {
  const answer = await ask(asked);
  if (answer?.kind === "status") render(answer);
  sayRefused(answer?.kind === "status" ? "" : refusal(answer));
}

/**
 * Says, in view, why the background did not do what was last asked of it.
 * @param {string} reason
 */
function sayRefused(reason) {
  const refused = byId("refused");
  say(refused, reason);
  if (reason) refused.scrollIntoView({ block: "nearest" });
}

async function openOptions() {
  await api.runtime.openOptionsPage();
  window.close();
}

/** Saves the log as a file, with what the support asks for first. */
async function exportLog() {
  const answer = await ask({ kind: "exportLog" });
  if (answer?.kind !== "log") return sayRefused(refusal(answer));
  sayRefused("");
  const { version } = api.runtime.getManifest();
  const text = [`Trubka ${version}`, navigator.userAgent, api.i18n.getUILanguage(), "", answer.text].join("\n");
  // Swedish dates are ISO 8601.
  download(`trubka-log-${new Date().toLocaleDateString("sv-SE")}.txt`, "text/plain", text);
}

/** @param {StatusView} view */
function render(view) {
  status = view;
  renderSelected(status);
  showSite(status.sites);
  const { exchanges } = status;
  const usual = status.dialling.exchange;
  list("exchange-list", exchanges.map((view) => ({ view, dials: view.exchange === usual })), exchangeItem);
  // Of Phonet alone its connection says it all.
  byId("exchanges").hidden = exchanges.every(({ exchange }) => exchange === "phonet");
  byId("link").hidden = exchanges.length > 0 && !exchanges.some(({ exchange }) => exchange === "phonet");
  renderLink(status.link);
  say(byId("storage"), sentence(status.storage));
  say(byId("crm"), sentence(status.crm));
  say(byId("exchange"), sentence(status.exchange));
  const away = byId("away");
  say(away, status.away === undefined ? "" : status.away ? t("popup_away") : t("popup_back"));
  away.classList.toggle("notice", status.away === true);
  away.classList.toggle("muted", status.away !== true);
  const counts = [
    status.waiting > 0 ? t("popup_waiting", String(status.waiting)) : "",
    status.failed > 0 ? t("popup_failed", String(status.failed)) : "",
  ];
  say(byId("undelivered-count"), counts.filter(Boolean).join("\n"));
  byId("undelivered").hidden = status.waiting + status.failed === 0;

  // A dial that rings or talks has its call below.
  const dials = status.dials.filter(({ phase }) => ["dialling", "placed", "failed", "unknown"].includes(phase));
  list("dials", dials, dialItem);
  for (const id of hangUps.keys()) if (!status.current.some((call) => call.id === id)) hangUps.delete(id);
  const { crm } = status;
  const exchangeOf = (/** @type {CallView} */ { exchange }) => (exchanges.length > 1 ? EXCHANGES[exchange] : "");
  list("current", status.current.map((call) => ({ call, exchange: exchangeOf(call), crm, hangUp: hangUps.get(call.id) })), currentItem);
  list("recent", status.recent.map((call) => ({ call, exchange: exchangeOf(call), crm })), recentItem);
  byId("no-current").hidden = dials.length + status.current.length > 0;
  byId("no-recent").hidden = status.recent.length > 0;
  byId("calls").hidden = false;
  tick();
}

/**
 * The numbers that the user wants to call, each to be called by one more click; the first one has the focus.
 * @param {StatusView} view
 */
function renderSelected({ selected, recent, current }) {
  const section = byId("selected");
  const appears = section.hidden && selected !== undefined;
  section.hidden = selected === undefined;
  const numbers = selected?.numbers ?? [];
  byId("nothing-selected").hidden = numbers.length > 0;
  const calls = [...current, ...recent];
  list("selected-numbers", numbers.map((number) => ({ number, name: nameOf(number, calls) })), selectedItem);
  if (!appears) return;
  // By its end the background knows that the popup was closed: a message would come too late.
  api.runtime.connect();
  const first = section.querySelector("button");
  first?.focus();
}

/**
 * The name by which the number was known in a call.
 * @param {FoundNumber} number
 * @param {CallView[]} calls
 */
function nameOf({ display }, calls) {
  const known = calls.find(({ client }) => client.number === display)?.client;
  return known?.name ?? known?.company;
}

/** @param {{ number: FoundNumber, name: string | undefined }} item */
function selectedItem({ number: { e164, display, ext }, name }) {
  const shown = ext ? t("popup_extension", display, ext) : display;
  const call = element("button", { type: "button", id: `call-${e164}`, class: "primary", "aria-label": t("button_idle", shown) });
  call.append(t("popup_call"));
  const key = crypto.randomUUID();
  call.addEventListener("click", ({ isTrusted }) => {
    if (isTrusted) void dial(key, e164);
  });
  return element("li", { class: "number" }, element("p", { class: "who" }, shown), name && element("p", { class: "muted" }, name), call);
}

/**
 * @param {string} key
 * @param {string} number
 */
async function dial(key, number) {
  const answer = await ask({ kind: "dial", key, number });
  sayRefused(answer?.kind === "dial" ? sentence(answer.dial.problem) : refusal(answer));
}

/** @param {{ view: DiallingView, dials: boolean }} item */
function exchangeItem({ view: { exchange, can, problem }, dials }) {
  const abilities = Object.entries(can).flatMap(([ability, has]) => (has ? [t(`can_${ability}`)] : []));
  return element(
    "li",
    { "data-exchange": exchange, "data-dials": dials },
    element("p", {}, element("strong", {}, EXCHANGES[exchange]), dials ? ` · ${t("popup_dials")}` : ""),
    element("p", { class: "muted" }, abilities.join(", ")),
    // What keeps Phonet from dialling is told of its connection.
    problem && exchange !== "phonet" ? element("p", { class: "error" }, sentence(problem)) : undefined,
  );
}

/** @param {LinkView} link */
function renderLink({ state, since, problem }) {
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
  const link = status?.link;
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
 * Fills a list. One that shows the same already is left alone. The focus stays on the control with the same id; where that is
 * gone, on the item in its place, so that a key pressed once more does nothing to another call.
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
  const focused = document.activeElement;
  const place = [...container.children].findIndex((item) => item.contains(focused));
  container.replaceChildren(...items.map(build));
  if (place < 0) return;
  const kept = document.getElementById(focused?.id ?? "") ?? container.children[place] ?? container.lastElementChild;
  if (kept instanceof HTMLElement) kept.focus({ preventScroll: true });
}

/** @param {DialView} dial */
function dialItem(dial) {
  return element(
    "li",
    { class: "dial", "data-phase": dial.phase },
    icon("outbound"),
    element("p", { class: "who" }, dial.number),
    element("p", { class: "what" }, t(`dial_${dial.phase}`)),
    element("p", { class: "details" }, dial.phase === "placed" ? t("dial_placedHint") : sentence(dial.problem)),
  );
}

/** @param {{ call: CallView, exchange: string, crm: Problem | undefined, hangUp: HangUp | undefined }} item */
function currentItem({ call, exchange, crm, hangUp }) {
  const since = call.answeredAt ?? call.startedAt;
  const rest = [t(`direction_${call.direction}`), call.line && t("popup_line", call.line), exchange];
  return element(
    "li",
    {
      class: "call",
      tabindex: "-1",
      "data-phase": call.phase,
      "data-direction": call.direction,
      "data-delivery": call.delivery.state,
      "data-recording": call.recording.state,
    },
    icon(call.direction),
    element("p", { class: "who" }, who(call)),
    element(
      "p",
      { class: "what when" },
      `${t(`phase_${call.phase}`)} `,
      element("span", { role: "timer", "data-since": String(since) }),
    ),
    details(call),
    element("p", { class: "details muted" }, rest.filter(Boolean).join(" · ")),
    call.responsible && element("p", { class: "details muted" }, t("popup_responsible", call.responsible.join(", "))),
    links(call),
    call.canHangUp || hangUp ? hangUpAction(call.id, hangUp) : undefined,
    hangUp?.reason ? element("p", { class: "details error" }, hangUp.reason) : undefined,
    ...deliveries(call, crm),
  );
}

/**
 * @param {string} call
 * @param {HangUp | undefined} state
 */
function hangUpAction(call, state) {
  const asked = state?.asked ?? false;
  const button = element(
    "button",
    { type: "button", id: `hang-up-${call}`, class: "danger", "aria-disabled": String(asked) },
    t(asked ? "hangUp_asked" : "hangUp"),
  );
  button.addEventListener("click", ({ isTrusted }) => {
    if (isTrusted && !asked) void hangUp(call);
  });
  return element("p", { class: "actions" }, button);
}

/** @param {string} call */
async function hangUp(call) {
  const asked = { asked: true, reason: "" };
  showHangUp(call, asked);
  const answer = await ask({ kind: "hangUp", call });
  if (hangUps.get(call) !== asked) return;
  const reason = answer?.kind === "hungUp" || answer?.kind === "refused" ? sentence(answer.problem) : t("hangUp_noAnswer");
  if (reason) return showHangUp(call, { asked: false, reason });
  setTimeout(() => hangUps.get(call) === asked && showHangUp(call, undefined), HANG_UP_PATIENCE);
}

/**
 * @param {string} call
 * @param {HangUp | undefined} state
 */
function showHangUp(call, state) {
  if (state) hangUps.set(call, state);
  else hangUps.delete(call);
  if (status) render(status);
}

/** @param {{ call: CallView, exchange: string, crm: Problem | undefined }} item */
function recentItem({ call, exchange, crm }) {
  const missed = call.direction === "inbound" && !call.answered;
  const mark = icon(call.direction);
  mark.classList.toggle("missed", missed);
  const rest = [`${t(`direction_${call.direction}`)}: ${result(call)}`, exchange];
  return element(
    "li",
    {
      class: "call",
      tabindex: "-1",
      "data-delivery": call.delivery.state,
      "data-recording": call.recording.state,
      "data-direction": call.direction,
      "data-answered": String(call.answered),
    },
    mark,
    element("p", { class: "who" }, who(call)),
    element("time", { class: "when muted", datetime: new Date(call.startedAt).toISOString() }, moment(call.startedAt)),
    element("p", { class: missed ? "details missed" : "details muted" }, rest.filter(Boolean).join(" · ")),
    details(call),
    links(call),
    ...deliveries(call, crm),
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

/**
 * Whether the CRM has a call and its recording, and what can be done where it has not.
 * @param {CallView} call
 * @param {Problem | undefined} crm
 */
function deliveries(call, crm) {
  const standings = [standing("delivery", call.delivery, crm), standing("recording", call.recording, crm)];
  const failed = [call.delivery, call.recording].some(({ state }) => state === "failed");
  return [
    standings.some(Boolean) ? element("p", { class: "details parts muted" }, ...standings) : undefined,
    failed ? deliveryActions(call) : undefined,
  ];
}

/**
 * What became of a call or of its recording. What is said of the whole CRM already is not said again of each call.
 * @param {"delivery" | "recording"} what
 * @param {DeliveryView} view
 * @param {Problem | undefined} crm
 */
function standing(what, { state, problem }, crm) {
  if (state === "none") return undefined;
  const reason = JSON.stringify(problem) === JSON.stringify(crm) ? "" : sentence(problem);
  return element("span", { class: what }, [t(`${what}_${state}`), reason].filter(Boolean).join(". "));
}

/** @param {CallView} call */
function deliveryActions(call) {
  const retry = element("button", { type: "button", id: `retry-${call.id}` }, t("popup_retry"));
  retry.addEventListener("click", () => request({ kind: "retryDelivery", call: call.id }));
  const discard = element("button", { type: "button", id: `discard-${call.id}` }, t("popup_discard"));
  discard.addEventListener("click", async () => {
    const question = call.delivery.state === "failed" ? "popup_discardQuestion" : "popup_discardRecording";
    const sure = await confirmDiscard(t(question));
    // The list may have been made anew meanwhile.
    document.getElementById(discard.id)?.focus();
    if (sure) await request({ kind: "discardDelivery", call: call.id });
  });
  return element("p", { class: "actions" }, retry, discard);
}

/**
 * Asks whether a call or its recording may stay out of the CRM; Escape means no.
 * @param {string} question
 */
function confirmDiscard(question) {
  const dialog = byId("discard", HTMLDialogElement);
  byId("discard-question").textContent = question;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "discard"), { once: true });
  });
}
