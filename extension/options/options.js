/** @import { Correction, Message, SettingsDocument } from "../protocol.js" */

import { api, ask } from "../common/api.js";
import { byId, download, element, say } from "../common/dom.js";
import { localize, refusal, sentence, t } from "../common/i18n.js";
import { addRow, clearProblem, clearProblems, collect, dropEmptyRows, fill, showAtField, showWhatApplies, valueAt } from "./form.js";
import { putAway } from "./integration.js";
import { neededPermissions } from "./interface.js";
import { extraOrigins, hostOf, neededOrigins, withheld } from "./origins.js";
import { fillRegions } from "./regions.js";
import { showCorrections, showSites } from "./remembered.js";
import "./shortcuts.js";

const form = byId("settings", HTMLFormElement);
const importFile = byId("import-file", HTMLInputElement);
const problemList = byId("problems");
const checks = byId("checks");

/** The settings in force, without their secrets. @type {SettingsDocument} */
let saved = {};

/** The form as it was filled last, to tell whether it has been changed since. */
let pristine = "";

/** Whether an action is under way: a second click then does nothing. */
let busy = false;

localize();
localize(byId("directory-row", HTMLTemplateElement).content);
fillRegions(byId("region", HTMLSelectElement));
const loaded = ask({ kind: "getSettings" }).then(take);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await permitted()) alone(save);
});
form.addEventListener("input", ({ target }) => {
  clearProblem(/** @type {Element} */ (target));
  showWhatApplies();
  showWhetherChanged();
});
byId("check").addEventListener("click", async () => {
  if (await permitted()) alone(check);
});
byId("directory-add").addEventListener("click", () => addRow().focus());
byId("directory-rows").addEventListener("click", ({ target }) => {
  if (!(target instanceof Element) || !target.matches(".remove")) return;
  target.closest("tr")?.remove();
  dropEmptyRows();
  byId("directory-add").focus();
  showWhetherChanged();
});
importFile.addEventListener("change", () => alone(importSettings));
byId("export").addEventListener("click", () => alone(exportSettings));
document.addEventListener("visibilitychange", () => void (document.hidden || refresh()));
byId("grant").addEventListener("click", () => request(neededOrigins(saved)));
api.permissions.onAdded.addListener(showWithheld);
api.permissions.onRemoved.addListener(showWithheld);

/**
 * Runs an action unless another one is under way.
 * @param {() => Promise<unknown>} action
 */
async function alone(action) {
  if (busy) return;
  busy = true;
  try {
    await action();
  } finally {
    busy = false;
  }
}

/**
 * Asks the user for the hosts that the form names beyond the manifest's own, and for what else it needs. The browser listens to that only within a
 * click, and the answer may never come: this is the first thing to do, and it keeps nothing else waiting.
 * @returns {Promise<boolean>} whether the form may be saved
 */
async function permitted() {
  const settings = collect();
  const [origins, permissions] = [extraOrigins(settings), neededPermissions(settings)];
  if (origins.length + permissions.length === 0 || (await request(origins, permissions))) return true;
  clearResults();
  if (permissions.length > 0 && !(await api.permissions.contains({ permissions }))) {
    showAtField("interface.notifications", () => t("options_notificationsRefused"))?.focus();
  }
  for (const { path, origin } of (await withheld(origins)).reverse()) {
    showAtField(path, () => t("options_refused", hostOf(origin)))?.focus();
  }
  return false;
}

/**
 * Saves the form.
 * @returns {Promise<boolean>} whether the settings were taken
 */
async function save() {
  dropEmptyRows();
  clearResults();
  // Sites and corrections are as they stand now, not as they stood when the page was opened.
  await refresh();
  const { sites, corrections } = saved;
  const document = JSON.stringify({ ...collect(), sites, corrections });
  const answer = await ask({ kind: "saveSettings", document });
  if (answer?.kind !== "invalid") return take(answer, t("options_saved"));
  /** @type {(HTMLElement | undefined)[]} */
  const fields = answer.problems.map(({ code, args: [path = "", ...rest] = [] }) =>
    showAtField(path, (label) => sentence({ code, args: [label, ...rest] })),
  );
  list(answer.problems.filter((_, index) => !fields[index]).map(sentence));
  fields.find(Boolean)?.focus();
  return false;
}

/** Saves a file as it is. */
async function importSettings() {
  const file = importFile.files?.[0];
  if (!file) return;
  await loaded;
  clearResults();
  const document = await file.text();
  importFile.value = "";
  await take(await ask({ kind: "saveSettings", document }), t("options_imported", file.name));
}

/** Saves the settings in force as a file that can be loaded again. */
async function exportSettings() {
  clearResults();
  const answer = await ask({ kind: "getSettings" });
  if (answer?.kind !== "settings") return list([refusal(answer)]);
  download("trubka-settings.json", "application/json", `${JSON.stringify(JSON.parse(answer.document), undefined, 2)}\n`);
}

/** Shows the sites and the corrections as they are by now. */
async function refresh() {
  const answer = await ask({ kind: "getSettings" });
  if (answer?.kind !== "settings") return;
  const settings = JSON.parse(answer.document);
  // Another page of ours may have saved another CRM.
  if (["kontur", "advanced"].some((key) => JSON.stringify(settings[key]) !== JSON.stringify(saved[key]))) putAway();
  // Which exchange dials on a site is the form's.
  showRemembered(settings, collect());
  await showWithheld();
}

/**
 * @param {SettingsDocument} settings in force
 * @param {SettingsDocument} form what says which exchange dials on which site
 */
function showRemembered({ sites, corrections }, form) {
  saved = { ...saved, sites, corrections };
  showSites(/** @type {string[]} */ (sites), valueAt(form, "dialling.sites") ?? {}, async (origin) => {
    await ask({ kind: "setSite", origin, on: false });
    await refresh();
  });
  showCorrections(/** @type {Correction[]} */ (corrections), async ({ label, pattern }) => {
    await ask({ kind: "forgetCorrection", pattern, ...(label && { label }) });
    await refresh();
  });
  showWhatApplies();
}

/** Saves the form and tries the connections. */
async function check() {
  if (!(await save())) return;
  say(byId("checking"), t("options_checking"));
  const answer = await ask({ kind: "checkConnection" });
  say(byId("checking"), "");
  if (answer?.kind !== "checks") return list([refusal(answer)]);
  checks.replaceChildren(
    ...answer.items.map(({ step, problem }) =>
      element(
        "li",
        { "data-step": step, "data-ok": String(!problem) },
        element("strong", {}, t(`check_${step}`)),
        `: ${problem ? sentence(problem) : t("options_checkOk")}`,
      ),
    ),
  );
  checks.scrollIntoView({ block: "nearest" });
}

/**
 * Shows what the background answered: the settings in force, or why it did not take new ones.
 * @param {Message | undefined} answer
 * @param {string} [success] what to say of settings that were taken
 * @returns {Promise<boolean>} whether these are settings
 */
async function take(answer, success = "") {
  if (answer?.kind !== "settings") {
    list(answer?.kind === "invalid" ? answer.problems.map(sentence) : [refusal(answer)]);
    return false;
  }
  saved = JSON.parse(answer.document);
  fill(saved, answer.secrets);
  showRemembered(saved, saved);
  pristine = JSON.stringify(collect());
  clearProblems();
  form.hidden = false;
  putAway();
  showWhetherChanged();
  say(byId("saved"), success);
  await showWithheld();
  return true;
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

/** Takes away what the last action showed. */
function clearResults() {
  clearProblems();
  list([]);
  say(byId("saved"), "");
  checks.replaceChildren();
}

/** Says whether the form holds something that is not saved. */
function showWhetherChanged() {
  const changed = JSON.stringify(collect()) !== pristine;
  byId("unsaved").hidden = !changed;
  if (changed) say(byId("saved"), "");
}

/** Says which hosts the browser does not let us reach, and offers to ask for them. */
async function showWithheld() {
  const hosts = (await withheld(neededOrigins(saved))).map(({ origin }) => hostOf(origin));
  byId("permission").hidden = hosts.length === 0;
  say(byId("permission-text"), hosts.length === 0 ? "" : t("options_permission", hosts.join(", ")));
}

/**
 * Asks the user to let us reach these origins, and for these permissions.
 * @param {{ origin: string }[]} needed
 * @param {chrome.runtime.ManifestOptionalPermission[]} [permissions]
 */
function request(needed, permissions = []) {
  return api.permissions.request({ origins: needed.map(({ origin }) => origin), permissions }).catch(() => false);
}
