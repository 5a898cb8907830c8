/** How one call is shown: while it goes on, and in the list. */

/** @import { CallView, DeliveryView, Problem } from "../protocol.js" */

import { byId, element, icon } from "../common/dom.js";
import { duration, moment, sentence, t } from "../common/i18n.js";

/**
 * How far hanging up a call is: its answer or the call's end is awaited, or the reason why it did not work.
 * @typedef {{ asked: boolean, reason: string }} HangUp
 */

/**
 * What can be done with a call.
 * @typedef {object} Actions
 * @property {(call: string) => void} hangUp
 * @property {(number: string) => void} callBack
 * @property {(call: string) => void} retry
 * @property {(call: string) => void} discard
 * @property {(call: string) => void} showLinks shows to which cards in the CRM there are links, or shows them no more
 */

/**
 * @param {{ call: CallView, exchange: string, crm: Problem | undefined, hangUp: HangUp | undefined }} item
 * @param {Actions} actions
 */
export function currentItem({ call, exchange, crm, hangUp }, actions) {
  const since = call.answeredAt ?? call.startedAt;
  const rest = [call.line && t("popup_line", call.line), exchange].filter(Boolean);
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
    element(
      "p",
      { class: "what" },
      `${t(`direction_${call.direction}`)} · ${t(`phase_${call.phase}`)} `,
      element("span", { role: "timer", "data-since": String(since) }),
    ),
    element("p", { class: "details who" }, isolated(who(call))),
    details(call),
    rest.length > 0 ? element("p", { class: "details muted" }, rest.join(" · ")) : undefined,
    call.responsible && element("p", { class: "details muted" }, t("popup_responsible", call.responsible.join(", "))),
    element("div", { class: "details bar" }, links(call), call.canHangUp || hangUp ? hangUpButton(call.id, hangUp, actions) : undefined),
    hangUp?.reason ? element("p", { class: "details error" }, hangUp.reason) : undefined,
    element("p", { class: "details standing muted" }, standing("delivery", call.delivery, crm), standing("recording", call.recording, crm)),
    mending(call, actions),
  );
}

/**
 * @param {string} call
 * @param {HangUp | undefined} state
 * @param {Actions} actions
 */
function hangUpButton(call, state, actions) {
  const asked = state?.asked ?? false;
  const button = element(
    "button",
    { type: "button", id: `hang-up-${call}`, class: "danger", "aria-disabled": String(asked) },
    t(asked ? "hangUp_asked" : "hangUp"),
  );
  button.addEventListener("click", ({ isTrusted }) => {
    if (isTrusted && !asked) actions.hangUp(call);
  });
  return button;
}

/**
 * @param {{ call: CallView, exchange: string, crm: Problem | undefined, isNew: boolean, showsLinks: boolean }} item
 * @param {Actions} actions
 */
export function endedItem({ call, exchange, crm, isNew, showsLinks }, actions) {
  const rest = [result(call), exchange];
  return element(
    "li",
    {
      class: "call",
      tabindex: "-1",
      "data-delivery": call.delivery.state,
      "data-recording": call.recording.state,
      "data-direction": call.direction,
      "data-answered": String(call.answered),
      "data-missed": String(call.missed),
      "data-new": isNew,
    },
    icon(call.missed ? "missed" : call.direction),
    element("p", { class: "who" }, isNew ? hearable(`${t("popup_new")} `) : undefined, isolated(who(call))),
    element("time", { class: "when muted", datetime: new Date(call.startedAt).toISOString() }, moment(call.startedAt)),
    buttons(call, showsLinks, actions),
    details(call),
    element(
      "p",
      { class: "details standing muted" },
      element("span", { class: "result" }, hearable(`${t(`direction_${call.direction}`)}: `), rest.filter(Boolean).join(" · ")),
      standing("delivery", call.delivery, crm),
      standing("recording", call.recording, crm),
    ),
    showsLinks ? element("div", { class: "details", id: `links-${call.id}` }, links(call)) : undefined,
    mending(call, actions),
  );
}

/**
 * What can be done at once with a call that is over: to open its card in the CRM, and to call back.
 * @param {CallView} call
 * @param {boolean} showsLinks
 * @param {Actions} actions
 */
function buttons(call, showsLinks, actions) {
  const [link, ...others] = cards(call);
  const { callBack } = call;
  /** @type {HTMLElement | undefined} */
  let opener;
  if (link && others.length === 0) {
    const name = t(`open_${link.card}`);
    opener = element("a", { class: "button quiet symbol", id: `open-${call.id}`, href: link.url, target: "_blank", rel: "noopener", title: name }, icon("open"), hearable(name));
  } else if (link) {
    const name = t("popup_openIn");
    opener = element(
      "button",
      { type: "button", class: "quiet symbol", id: `open-${call.id}`, title: name, "aria-expanded": String(showsLinks), "aria-controls": showsLinks && `links-${call.id}` },
      icon("open"),
      hearable(name),
    );
    opener.addEventListener("click", () => actions.showLinks(call.id));
  }
  /** @type {HTMLElement | undefined} */
  let caller;
  if (callBack) {
    const name = t("button_idle", call.client.number ?? callBack);
    caller = element("button", { type: "button", class: "quiet symbol caller", id: `call-back-${call.id}`, title: name }, icon("handset"), hearable(name));
    caller.addEventListener("click", ({ isTrusted }) => {
      if (isTrusted) actions.callBack(callBack);
    });
  }
  return element("div", { class: "buttons" }, opener, caller);
}

/** @param {string} name */
const hearable = (name) => element("span", { class: "hearable" }, name);

/** What others wrote keeps its direction to itself. @param {string} text */
const isolated = (text) => element("bdi", {}, text);

/**
 * The best name there is for the other party.
 * @param {CallView} call
 */
export function who({ client }) {
  return client.name ?? client.company ?? client.number ?? t("popup_withheld");
}

/**
 * What else is known: the number and the company, unless they stand for the name already.
 * @param {CallView} call
 */
function details({ client: { name, company, number } }) {
  const rest = [(name ?? company) && number, name && company].filter((part) => part !== undefined);
  if (rest.length === 0) return undefined;
  return element("p", { class: "details parts muted" }, ...rest.map(isolated));
}

/** @param {CallView} call */
function result(call) {
  if (call.answered && call.answeredAt !== undefined && call.endedAt !== undefined) {
    return t("result_talk", duration(call.endedAt - call.answeredAt));
  }
  if (call.answered) return t("result_answered");
  return call.missed ? t("result_missed") : t("result_noAnswer");
}

/**
 * The client's cards in the CRM.
 * @param {CallView} call
 */
function cards({ links }) {
  return links.filter(({ isNew, place }) => !isNew && place === undefined);
}

/** @param {CallView} call */
function links(call) {
  if (cards(call).length === 0) return undefined;
  const anchors = cards(call).map(({ card, url }, index) =>
    element("a", { id: `link-${call.id}-${index}`, href: url, target: "_blank", rel: "noopener" }, t(`open_${card}`)),
  );
  return element("p", { class: "links" }, ...anchors);
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
  return element("span", { class: what, "data-state": state }, icon(state), [t(`${what}_${state}`), reason].filter(Boolean).join(". "));
}

/**
 * What can be done where the CRM refused a call or its recording.
 * @param {CallView} view
 * @param {Actions} actions
 */
function mending({ id: call, delivery, recording }, actions) {
  if (delivery.state !== "failed" && recording.state !== "failed") return undefined;
  const retry = element("button", { type: "button", id: `retry-${call}` }, t("popup_retry"));
  retry.addEventListener("click", () => actions.retry(call));
  const discard = element("button", { type: "button", id: `discard-${call}`, class: "quiet" }, t("popup_discard"));
  discard.addEventListener("click", () => actions.discard(call));
  return element("p", { class: "details actions" }, retry, discard);
}

/**
 * Asks whether a call or its recording may stay out of the CRM; Escape means no.
 * @param {string} question
 */
export function confirmDiscard(question) {
  const dialog = byId("discard", HTMLDialogElement);
  byId("discard-question").textContent = question;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "discard"), { once: true });
  });
}
