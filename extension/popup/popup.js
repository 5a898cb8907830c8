/** @import { CallView, DiallingView, DialView, FoundNumber, LinkView, Message, Request, StatusView } from "../protocol.js" */
/** @import { Actions, HangUp } from "./call.js" */

import { api, ask } from "../common/api.js";
import { byId, download, element, icon, say } from "../common/dom.js";
import { EXCHANGES } from "../common/exchanges.js";
import { duration, localize, moment, plural, refusal, sentence, t } from "../common/i18n.js";
import { confirmDiscard, currentItem } from "./call.js";
import { dial, startDial } from "./dial.js";
import { showHistory, showUndelivered, startHistory, unfold } from "./history.js";
import { list } from "./list.js";
import { showSite } from "./site.js";

const SECOND = 1000;

/** How long a call may outlast the exchange's consent to end it; then it can be hung up again. */
const HANG_UP_PATIENCE = 5 * SECOND;

/** A next attempt nearer than this is counted down; a later one is named by its time. */
const COUNTDOWN = 90 * SECOND;

/** @type {StatusView | undefined} */
let status;

/** What was hung up here, by the call's id. @type {Map<string, HangUp>} */
const hangUps = new Map();

/** @type {Actions} */
const actions = {
  hangUp: (call) => void hangUp(call),
  callBack: (number) => void dialOrSay(number),
  retry: (call) => void request({ kind: "retryDelivery", call }),
  discard: (call) => void discard(call),
  showLinks: unfold,
};

localize();
startDial();
// The list is in the database: it is shown while the background may still be starting.
void startHistory(actions);
api.runtime.onMessage.addListener((/** @type {Message} */ message) => {
  if (message.kind === "status") render(message);
});
byId("settings").addEventListener("click", openOptions);
byId("set-up").addEventListener("click", openOptions);
byId("reconnect").addEventListener("click", () => request({ kind: "reconnect" }));
byId("show-undelivered").addEventListener("click", showUndelivered);
byId("retry-all").addEventListener("click", () => request({ kind: "retryAll" }));
byId("export-log").addEventListener("click", exportLog);
byId("export-log").title = [t("popup_log"), t("popup_logHint")].join("\n");
byId("settings").title = t("popup_settings");
byId("put-away").addEventListener("click", () => request({ kind: "select", text: "" }));
document.addEventListener("visibilitychange", seeMissed);
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

/** Whoever looks at the popup has seen which calls were missed. */
function seeMissed() {
  if (!document.hidden && status && status.missed.length > 0) void ask({ kind: "seeMissed" });
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
  showSite(status);
  const { exchanges } = status;
  const usual = status.dialling.exchange;
  const shown = exchanges.map((view) => ({ view, dials: view.exchange === usual }));
  list(byId("exchange-list"), shown, ({ view }) => view.exchange, exchangeItem);
  // Of Phonet alone its connection says it all.
  byId("exchanges").hidden = exchanges.every(({ exchange }) => exchange === "phonet");
  byId("link").hidden = exchanges.length > 0 && !exchanges.some(({ exchange }) => exchange === "phonet");
  renderLink(status.link);
  renderRelay(status.relay);
  say(byId("storage"), sentence(status.storage));
  say(byId("crm"), sentence(status.crm));
  say(byId("exchange"), sentence(status.exchange));
  const away = byId("away");
  say(away, status.away === undefined ? "" : status.away ? t("popup_away") : t("popup_back"));
  away.dataset.away = String(status.away ?? false);
  const counts = [
    status.waiting > 0 ? plural("waiting", status.waiting) : "",
    status.failed > 0 ? plural("failed", status.failed) : "",
  ];
  say(byId("undelivered-count"), counts.filter(Boolean).join("\n"));
  byId("undelivered").hidden = status.waiting + status.failed === 0;
  byId("dial").hidden = exchanges.length === 0;

  // A dial that rings or talks has its call below.
  const dials = status.dials.filter(({ phase }) => ["dialling", "placed", "failed", "unknown"].includes(phase));
  list(byId("dials"), dials, ({ key }) => key, dialItem);
  for (const id of hangUps.keys()) if (!status.current.some((call) => call.id === id)) hangUps.delete(id);
  const { crm } = status;
  const exchangeOf = (/** @type {CallView} */ { exchange }) => (exchanges.length > 1 ? EXCHANGES[exchange] : "");
  const current = status.current.map((call) => ({ call, exchange: exchangeOf(call), crm, hangUp: hangUps.get(call.id) }));
  list(byId("current"), current, ({ call }) => call.id, (item) => currentItem(item, actions));
  byId("no-current").hidden = dials.length + status.current.length > 0;
  showHistory(status);
  seeMissed();
  tick();
}

/**
 * The numbers that the user wants to call, each to be called by one more click; the first one has the focus.
 * @param {StatusView} view
 */
function renderSelected({ selected, recent, current }) {
  const section = byId("selected");
  const appears = section.hidden && selected !== undefined;
  const hadFocus = section.contains(document.activeElement);
  section.hidden = selected === undefined;
  if (hadFocus && section.hidden) byId("number").focus();
  const numbers = selected?.numbers ?? [];
  byId("nothing-selected").hidden = numbers.length > 0;
  const calls = [...current, ...recent];
  const named = numbers.map((number) => ({ number, name: nameOf(number, calls) }));
  list(byId("selected-numbers"), named, ({ number }) => `${number.start}`, selectedItem);
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
  call.addEventListener("click", ({ isTrusted }) => {
    if (isTrusted) void dialOrSay(e164);
  });
  return element("li", { class: "number" }, element("p", { class: "who" }, shown), name && element("p", { class: "muted" }, name), call);
}

/** @param {string} number in E.164 */
async function dialOrSay(number) {
  sayRefused(await dial(number));
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

/** @param {LinkView | undefined} relay nothing where none is set up */
function renderRelay(relay) {
  const line = byId("relay");
  say(line, relay ? [t(`relay_${relay.state}`), sentence(relay.problem)].filter(Boolean).join(". ") : "");
  const troubled = relay !== undefined && !["live", "connecting"].includes(relay.state);
  line.classList.toggle("notice", troubled);
  line.classList.toggle("muted", !troubled);
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

/** @param {string} call */
async function discard(call) {
  const isRefused = status?.undelivered.some((view) => view.call === call && view.delivery.state === "failed");
  const sure = await confirmDiscard(t(isRefused ? "popup_discardQuestion" : "popup_discardRecording"));
  // The list may have been made anew meanwhile.
  document.getElementById(`discard-${call}`)?.focus();
  if (sure) await request({ kind: "discardDelivery", call });
}
