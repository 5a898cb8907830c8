/** @import { Field } from "../common/fields.js" */
/** @import { Correction, Message, Problem } from "../protocol.js" */

import { api, ask } from "../common/api.js";
import { byId, element, say } from "../common/dom.js";
import { examine, withheldHosts } from "../common/doctor.js";
import { clearProblem, fieldOf, showProblem } from "../common/fields.js";
import { localize, refusal, sentence, t } from "../common/i18n.js";
import { neededOrigins } from "../common/permissions.js";
import { askForSettings, inForce, names, settings, valueAt, wantsUis } from "../common/settings.js";
import { edit, showDirectory } from "./directory.js";
import { changesOf, fill, namedFields, showProblems, showWhatApplies } from "./form.js";
import { look, putAway } from "./integration.js";
import { neededPermissions } from "./interface.js";
import { fillRegions } from "./regions.js";
import { showCorrections, showSites } from "./remembered.js";
import "./shortcuts.js";
import { focusTopic, markTopics, navigate } from "./topics.js";
import { transfer } from "./transfer.js";

const form = byId("settings");
const problemList = byId("problems");
const undo = byId("undo");

/** How long somebody may think while typing, before what stands there is saved, in milliseconds. */
const PAUSE = 800;

/** What must not be taken half written: each change of it is a connection made anew. */
const WHOLE = /^(phonet|advanced|relay)\.|\.(login|password|token|apiKey|secret|workspace)$/u;

/** What is written and not saved yet, by field, with the timer that waits for a pause. @type {Map<Field, number>} */
const unsaved = new Map();

localize();
fillRegions(byId("region", HTMLSelectElement));
byId("search").setAttribute("placeholder", t("options_search"));
edit(changeDirectory);
transfer(take, list);
showAbout();
navigate((topic) => {
  if (topic === "integration" && !form.hidden) look();
});
void askForSettings({ kind: "getSettings" }).then(async (answer) => {
  await take(answer, "");
  if (location.hash === "#integration") look();
});

form.addEventListener("change", ({ target }) => {
  showWhatApplies();
  if (isField(target)) void permit(target).then((isPermitted) => (isPermitted ? save(target, true) : undefined));
});
form.addEventListener("input", ({ target }) => {
  say(byId("saved"), "");
  if (!isField(target)) return;
  clearProblem(target);
  markTopics();
  clearTimeout(unsaved.get(target));
  const isSavedLater = WHOLE.test(target.name) || target instanceof HTMLSelectElement || target.type === "checkbox";
  unsaved.set(target, isSavedLater ? 0 : setTimeout(() => void save(target, false), PAUSE));
});
// Who leaves the page has written all there is to write. No answer comes to a page that is left, so none is waited for.
addEventListener("pagehide", () => {
  for (const field of [...unsaved.keys()].filter(saysSomething)) void ask({ kind: "changeSettings", changes: changesOf(field) });
});
undo.addEventListener("click", async () => {
  say(byId("saved"), "");
  await take(await askForSettings({ kind: "undoSettings" }), t("options_undone"));
  if (undo.hidden) byId("search").focus();
});
form.addEventListener("click", async ({ target }) => {
  const path = /** @type {HTMLElement} */ (target).dataset.clears;
  if (!path) return;
  await takeOne(await change({ [path]: null }));
  fieldOf(path)?.focus();
});
byId("check").addEventListener("click", () => {
  if (byId("checks").ariaBusy !== "true") check();
});
byId("grant").addEventListener("click", () => {
  // The browser listens to that only within a click.
  const origins = neededOrigins(settings()).map(({ origin }) => origin);
  void api.permissions.request({ origins, permissions: neededPermissions(settings()) }).catch(() => false);
});
document.addEventListener("visibilitychange", () => void (document.hidden || refresh()));
api.permissions.onAdded.addListener(showWithheld);
api.permissions.onRemoved.addListener(showWithheld);

/** Checks go one after the other. @type {Promise<unknown>} */
let checks = Promise.resolve();

function check() {
  checks = checks.then(() => examine(byId("checks"), byId("checking"), checkAgain));
}

/** The button that was clicked for it is gone then. */
function checkAgain() {
  byId("check").focus();
  check();
}

/**
 * Whether this stands for one value of the settings.
 * @param {EventTarget | null} target
 * @returns {target is Field}
 */
function isField(target) {
  return (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) && target.name !== "";
}

/**
 * Has the browser ask the user for what a setting needs beside hosts: it listens only within the user's own deed, so nothing comes before.
 * @param {Field} field
 * @returns {Promise<boolean>} whether the setting may be saved
 */
async function permit(field) {
  const permissions = field.name === "interface.notifications" ? neededPermissions({ interface: { notifications: field.value } }) : [];
  if (permissions.length === 0) return true;
  // While it is asked, and once it is refused, it is not to be saved.
  unsaved.delete(field);
  if (await api.permissions.request({ permissions }).catch(() => false)) return true;
  showProblem(field, t("options_notificationsRefused"));
  return false;
}

/**
 * Saves what a field says.
 * @param {Field} field
 * @param {boolean} isDone whether it is written to its end: before that, nobody is told that it is wrong
 */
async function save(field, isDone) {
  clearTimeout(unsaved.get(field));
  unsaved.delete(field);
  if (!saysSomething(field)) return;
  const answer = await change(changesOf(field));
  if (answer?.kind === "settings") {
    clearProblem(field);
    return takeOne(answer);
  }
  if (isDone) complain(answer);
}

/**
 * Whether what stands in a field is to be saved. An emptied secret is one that was given up writing: a button takes the saved one away.
 * @param {Field} field
 */
function saysSomething(field) {
  return !(field instanceof HTMLInputElement && (field.readOnly || (field.type === "password" && field.value === "")));
}

/**
 * Changes settings. What was said of the change before is said no more, so that the next one is seen and heard.
 * @param {Record<string, unknown>} changes
 */
function change(changes) {
  say(byId("saved"), "");
  return askForSettings({ kind: "changeSettings", changes });
}

/**
 * @param {Record<string, unknown>} changes
 * @returns {Promise<Problem[] | undefined>} what is wrong with them; nothing where that cannot be said
 */
async function changeDirectory(changes) {
  const answer = await change(changes);
  if (answer?.kind === "invalid") return answer.problems;
  show(answer, t("options_saved"), { all: false, directory: false });
  return answer?.kind === "settings" ? [] : undefined;
}

/**
 * Shows settings that are others altogether: what was being written is gone.
 * @param {Message | undefined} answer
 * @param {string} success what to say of settings that were taken
 */
async function take(answer, success) {
  if (answer?.kind !== "settings") {
    // What is wrong with a file is told of the file, not of what stands in the fields.
    say(byId("saved"), "");
    return list(answer?.kind === "invalid" ? answer.problems.map(sentence) : [refusal(answer)]);
  }
  namedFields().forEach(clearProblem);
  putAway();
  show(answer, success, { all: true, directory: true });
  await showWithheld();
}

/**
 * Shows settings of which one was changed here.
 * @param {Message | undefined} answer
 */
async function takeOne(answer) {
  show(answer, t("options_saved"), { all: false, directory: false });
  await showWithheld();
}

/**
 * Shows the settings that are in force now, or why they are not.
 * @param {Message | undefined} answer
 * @param {string} success what to say of settings that were taken
 * @param {{ all: boolean, directory: boolean }} what whether fields that are being written in are shown anew, and the employees
 */
function show(answer, success, { all, directory }) {
  if (answer?.kind !== "settings") return complain(answer);
  fill(answer, all);
  if (directory) showDirectory(answer, all);
  showRemembered();
  showPolicy();
  list([]);
  form.hidden = false;
  undo.hidden = !answer.undo;
  say(byId("saved"), success);
  markTopics();
}

/** @param {Message | undefined} answer */
function complain(answer) {
  say(byId("saved"), "");
  if (answer?.kind !== "invalid") return list([refusal(answer)]);
  list(showProblems(answer.problems).map(sentence));
  markTopics();
}

/** Shows what another page of ours may have changed. */
async function refresh() {
  const before = inForce().document;
  const answer = await askForSettings({ kind: "getSettings" });
  if (answer?.kind !== "settings" || answer.document === before) return showWithheld();
  const changed = (/** @type {string} */ key) => JSON.stringify(JSON.parse(before)[key]) !== JSON.stringify(settings()[key]);
  // What the CRM said was said with other settings.
  if (changed("kontur") || changed("advanced")) putAway();
  show(answer, "", { all: false, directory: true });
  await showWithheld();
}

/** The sites and the corrections: what is added elsewhere, and here only looked at and taken back. */
function showRemembered() {
  const { locked } = inForce();
  const { sites, corrections, phonet, ...rest } = settings();
  const isLocked = { sites: names(locked, "sites"), exchanges: names(locked, "dialling.sites"), corrections: names(locked, "corrections") };
  say(byId("sites-lock"), isLocked.sites ? t("options_locked") : "");
  say(byId("corrections-lock"), isLocked.corrections ? t("options_locked") : "");
  const exchanges = phonet && wantsUis(rest) ? (valueAt(rest, "dialling.sites") ?? {}) : undefined;
  showSites(/** @type {string[]} */ (sites), exchanges, isLocked, {
    leave: async (origin) => {
      await ask({ kind: "setSite", origin, on: false });
      await refresh();
    },
    choose: async (chosen) => {
      const changes = { "dialling.sites": Object.keys(chosen).length > 0 ? chosen : null };
      await takeOne(await change(changes));
    },
  });
  showCorrections(/** @type {Correction[]} */ (corrections), isLocked.corrections, async ({ label, pattern }) => {
    await ask({ kind: "forgetCorrection", pattern, ...(label && { label }) });
    await refresh();
  });
}

/** What the administrator has said, and what is wrong with it. */
function showPolicy() {
  const { preset, locked, policy } = inForce();
  byId("policy").hidden = preset.length + locked.length + policy.length === 0;
  byId("policy-state").textContent = t("options_policyState", String(locked.length), String(preset.length));
  const problems = byId("policy-problems");
  problems.replaceChildren(...policy.map((problem) => element("li", {}, sentence(problem))));
  problems.hidden = policy.length === 0;
}

function showAbout() {
  const { version } = api.runtime.getManifest();
  const facts = [
    [t("options_aboutVersion"), version],
    [t("options_aboutLicence"), "Apache-2.0"],
  ];
  byId("about-facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

/**
 * Lists problems at the top of the page.
 * @param {string[]} sentences
 */
function list(sentences) {
  problemList.replaceChildren(...sentences.map((text) => element("li", {}, text)));
  problemList.hidden = sentences.length === 0;
  if (sentences.length > 0) problemList.focus();
}

/** Says what the browser does not let us do, and offers to ask for it. */
async function showWithheld() {
  const hosts = await withheldHosts();
  const permissions = neededPermissions(settings());
  const isSilent = permissions.length > 0 && !(await api.permissions.contains({ permissions }));
  const lacks = [hosts.length > 0 ? t("options_permission", hosts.join(", ")) : "", isSilent ? t("options_notificationsWithheld") : ""];
  const text = lacks.filter(Boolean).join("\n");
  // Who has clicked there goes on with the topic.
  if (text === "" && byId("permission").contains(document.activeElement)) focusTopic();
  byId("permission").hidden = text === "";
  say(byId("permission-text"), text);
}
