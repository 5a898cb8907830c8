/** The first run: the exchange, the CRM, and who sits here; each is saved and tried as soon as it is entered. */

/** @import { Field } from "../common/fields.js" */
/** @import { CheckStep, Message, Person, Problem } from "../protocol.js" */

import { api, ask } from "../common/api.js";
import { byId, element, say } from "../common/dom.js";
import { examine } from "../common/doctor.js";
import { clearProblem, fieldOf, labelOf, note, showProblem, valueOf } from "../common/fields.js";
import { localize, refusal, sentence, t } from "../common/i18n.js";
import { neededOrigins } from "../common/permissions.js";
import { askForSettings, inForce, names, settings, valueAt } from "../common/settings.js";

/** Where the CRM is unless the settings say otherwise. */
const CRM = "https://crm.kontur.ru";

/** @typedef {{ section: HTMLElement, steps: () => CheckStep[], lacks: () => string[], passed?: boolean, tried?: string }} Step */

const who = byId("phonet-subscriber", HTMLSelectElement);

/** @type {Step} */
const exchange = {
  section: byId("exchange"),
  steps: () => (isUis() ? ["uisPermission", "uisReachable", "uisAddress", "uisKey", "uisNumber"] : ["phonetPermission", "phonetReachable", "phonetKey"]),
  lacks: () => (isUis() ? lacking("uis", "uis.login") : lacking("phonet", "phonet.domain").filter((path) => path !== "phonet.subscriber")),
};
/** @type {Step} */
const crm = {
  section: byId("crm"),
  steps: () => ["relayLink", "konturPermission", "konturReachable", "konturKey", "konturWorkspace", "konturIntegration"],
  lacks: () => [...lacking("kontur", "kontur.workspace"), ...(settings().relay ? lacking("relay", "relay.address") : [])],
};
/** @type {Step} */
const me = {
  section: byId("me"),
  steps: () => (isUis() ? ["konturUser"] : ["phonetSubscriber", "phonetLink", "konturUser"]),
  lacks: () => [...(isUis() ? [] : ["phonet.subscriber"]), "kontur.userId"].filter((path) => valueAt(settings(), path) === undefined),
};
const all = [exchange, crm, me];

/** The exchange's users. @type {Person[]} */
let users = [];

/** Checks go one after the other. @type {Promise<unknown>} */
let queue = Promise.resolve();

localize();
void start();

for (const step of all) {
  step.section.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "which") return showWhich();
    void save(step, /** @type {Field} */ (target));
  });
  step.section.addEventListener("input", ({ target }) => clearProblem(/** @type {Field} */ (target)));
  part(step, "check").addEventListener("click", async () => {
    // The browser listens to that only within a click.
    const origins = neededOrigins(entered()).map(({ origin }) => origin);
    await api.permissions.request({ origins }).catch(() => false);
    if (await save(step)) void tryOut(step, true);
  });
}

async function start() {
  const answer = await askForSettings({ kind: "getSettings" });
  if (answer?.kind !== "settings") return say(part(exchange, "state"), refusal(answer));
  const { phonet, uis } = settings();
  byId("which-uis", HTMLInputElement).checked = Boolean(uis && !phonet);
  showWhich();
  show(true);
  if (!document.activeElement || document.activeElement === document.body) fields(exchange).find((field) => !field.readOnly)?.focus();
  for (const step of all) await tryOut(step, false);
}

function isUis() {
  return byId("which-uis", HTMLInputElement).checked;
}

function showWhich() {
  for (const section of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-which]"))) {
    section.hidden = section.dataset.which !== (isUis() ? "uis" : "phonet");
  }
  for (const step of all) if (step !== crm) forget(step);
}

/**
 * The fields of a step that are shown.
 * @param {Step} step
 */
function fields(step) {
  const named = /** @type {NodeListOf<HTMLInputElement>} */ (step.section.querySelectorAll("input[name*='.'], select[name*='.']"));
  return [...named].filter((field) => !field.closest("[hidden]"));
}

/**
 * What a service lacks. The core says so of one that is begun; any other lacks what it begins with.
 * @param {string} section
 * @param {string} first
 */
function lacking(section, first) {
  if (!settings()[section]) return [first];
  return inForce().missing.flatMap(({ args: [path = ""] = [] }) => (path.startsWith(`${section}.`) ? [path] : []));
}

/** What is written, as the settings would have it: it may need the browser's permission. */
function entered() {
  const [domain, login] = ["phonet-domain", "uis-login"].map((id) => byId(id, HTMLInputElement).value.trim());
  return { ...settings(), ...(isUis() ? { uis: { login } } : { phonet: { domain } }) };
}

/**
 * Saves what stands in a step, all of it: a key goes along with its host.
 * @param {Step} step
 * @param {Field} [changed] the field that was left; what is wrong with others is told when they are
 * @returns {Promise<boolean>} whether it is saved
 */
async function save(step, changed) {
  /** @type {Record<string, unknown>} */
  const changes = {};
  for (const field of fields(step)) {
    if (field.readOnly || field.disabled) continue;
    const value = valueOf(field);
    // An emptied secret is one that was given up writing.
    if (value !== null || (field === changed && field.type !== "password")) changes[field.name] = value;
  }
  // Who says how to log in wants no permanent key.
  const isByLogin = "uis.login" in changes || "uis.password" in changes;
  if (isByLogin && !names(inForce().locked, "uis.token")) changes["uis.token"] = null;
  const answer = await askForSettings({ kind: "changeSettings", changes });
  if (answer?.kind === "invalid") {
    forget(step);
    complain(step, answer.problems);
    return false;
  }
  if (answer?.kind !== "settings") {
    say(part(step, "state"), refusal(answer));
    return false;
  }
  show(false);
  // Another key looks the same from here.
  if (changed) delete step.tried;
  if (changed === who) await takeUserId();
  if (changed) void tryOut(step, false);
  return true;
}

/** Who was chosen may stand in the list of employees with the user of the CRM. */
async function takeUserId() {
  const id = users.find((user) => subscriberOf(user) === who.value)?.userId;
  const field = byId("kontur-userId", HTMLInputElement);
  if (!id || field.readOnly || field.value.trim() !== "") return;
  field.value = id;
  clearProblem(field);
  await askForSettings({ kind: "changeSettings", changes: { "kontur.userId": id } });
  note(field, "muted", t("welcome_userIdTaken"));
}

/**
 * Tries a step out, once all it needs is there.
 * @param {Step} step
 * @param {boolean} again though it was tried with the same settings already
 */
function tryOut(step, again) {
  queue = queue.then(async () => {
    const { document: inForce_, secrets } = inForce();
    const lacks = step.lacks();
    const isWrong = step.section.querySelector("[aria-invalid=true]") !== null;
    if (lacks.length > 0 || isWrong) {
      forget(step);
      if (again) complain(step, lacks.map((path) => ({ code: "settingsMissing", args: [path] })));
      return;
    }
    const key = `${inForce_} ${secrets}`;
    if (step.tried === key && !again) return;
    step.tried = key;
    part(step, "verdict").textContent = "";
    const items = await examine(part(step, "checks"), part(step, "state"), () => tryAgain(step), step.steps());
    // Something was made wrong meanwhile, or is tried anew.
    if (step.tried !== key) return forget(step);
    step.passed = items !== undefined && items.every(({ state }) => state === "passed" || state === "notTried") && items.some(({ state }) => state === "passed");
    conclude(step);
    if (step === exchange && step.passed && !isUis()) await listUsers();
  });
  return queue;
}

/** The button that was clicked for it is gone then. @param {Step} step */
function tryAgain(step) {
  part(step, "check").focus();
  void tryOut(step, true);
}

/**
 * Says what is wrong, each at its field; where there is none, at the step's end.
 * @param {Step} step
 * @param {Problem[]} problems
 */
function complain(step, problems) {
  const others = problems.filter(({ code, args: [path = "", ...rest] = [] }) => {
    const field = fieldOf(path);
    if (!field || field.closest("[hidden]")) return true;
    showProblem(field, sentence({ code, args: [labelOf(field), ...rest] }));
    return false;
  });
  say(part(step, "state"), others.map(sentence).join(" "));
}

/** @param {Step} step */
function forget(step) {
  step.passed = false;
  delete step.tried;
  part(step, "checks").replaceChildren();
  say(part(step, "state"), "");
  conclude(step);
}

/** @param {Step} step */
function conclude(step) {
  step.section.dataset.state = step.passed ? "passed" : step.tried ? "failed" : "todo";
  const verdict = part(step, "verdict");
  verdict.replaceChildren();
  if (step.passed) verdict.append(element("span", { "aria-hidden": "true" }, "✓"), element("span", { class: "hearable" }, t("welcome_stepDone")));
  const isDone = all.every(({ passed }) => passed);
  byId("open-crm", HTMLAnchorElement).href = valueAt(settings(), "advanced.konturAddress") ?? CRM;
  if (isDone && byId("done").hidden) {
    byId("done").hidden = false;
    byId("done").scrollIntoView({ block: "nearest" });
  }
  byId("done").hidden = !isDone;
}

/** Offers the exchange's users to choose from. */
async function listUsers() {
  say(byId("users-state"), t("options_peopleAsking"));
  const answer = await ask({ kind: "listUsers" });
  say(byId("users-state"), answer?.kind === "people" ? "" : whyNot(answer));
  if (answer?.kind !== "people") return;
  users = answer.people.filter((user) => subscriberOf(user));
  const chosen = valueAt(settings(), "phonet.subscriber") ?? "";
  const options = users.map((user) => new Option([subscriberOf(user), user.name].filter(Boolean).join(" — "), subscriberOf(user)));
  const isListed = users.some((user) => [user.ext, user.email].includes(chosen));
  who.replaceChildren(new Option(t("welcome_choose"), ""), ...(isListed || !chosen ? [] : [new Option(chosen, chosen)]), ...options);
  who.value = users.find((user) => user.email === chosen)?.ext ?? chosen;
  who.disabled = names(inForce().locked, "phonet.subscriber");
}

/** @param {Message | undefined} answer */
function whyNot(answer) {
  return answer?.kind === "invalid" ? answer.problems.map(sentence).join(" ") : refusal(answer);
}

/** @param {Person} user */
function subscriberOf({ ext, email }) {
  return ext ?? email ?? "";
}

/**
 * Shows the settings in force.
 * @param {boolean} all whether what is being written is shown anew, too
 */
function show(all) {
  const { secrets, locked, preset } = inForce();
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name*='.']"))) {
    const value = valueAt(settings(), field.name);
    if (field.type === "password") field.placeholder = secrets.includes(field.name) ? t("options_secretSaved") : "";
    else if (all) field.value = value ?? "";
    field.readOnly = names(locked, field.name);
    note(field, "lock", field.readOnly ? t("options_locked") : "");
    if (all) note(field, "muted", !field.readOnly && names(preset, field.name) ? t("options_preset") : "");
  }
  // Who has a relay needs to be let in by it, too.
  byId("relay").hidden = !settings().relay;
  const subscriber = valueAt(settings(), "phonet.subscriber");
  if (all && subscriber) who.replaceChildren(new Option(subscriber, subscriber));
  note(who, "lock", names(locked, "phonet.subscriber") ? t("options_locked") : "");
}

/**
 * @param {Step} step
 * @param {string} name
 * @returns {HTMLElement}
 */
function part({ section }, name) {
  return /** @type {HTMLElement} */ (section.querySelector(`[data-part=${name}]`));
}
