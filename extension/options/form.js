/** The fields of the options: each stands for one value and is saved by itself. A field's name is the path of its value. */

/** @import { Field } from "../common/fields.js" */
/** @import { Problem, SettingsView } from "../protocol.js" */

import { byId, element } from "../common/dom.js";
import { fieldOf, labelOf, note, showProblem, valueOf } from "../common/fields.js";
import { sentence, t } from "../common/i18n.js";
import { inForce, names, valueAt, wantsUis } from "../common/settings.js";

const form = byId("settings");
const version = byId("uis-version", HTMLSelectElement);
const access = byId("uis-access", HTMLSelectElement);
const login = byId("uis-login", HTMLInputElement);

/** The ways into UIS: who takes the one leaves the other. */
const WAYS_IN = ["uis.login", "uis.password", "uis.token"];

/**
 * What is to be changed for a field: its value, and what goes with it and is not locked.
 * @param {Field} field
 * @returns {Record<string, unknown>}
 */
export function changesOf(field) {
  const { locked } = inForce();
  return Object.fromEntries(Object.entries(allChangesOf(field)).filter(([path]) => !names(locked, path)));
}

/**
 * @param {Field} field
 * @returns {Record<string, unknown>}
 */
function allChangesOf(field) {
  const { name } = field;
  const message = /^(uis\.(?:client|operator)Message)\./u.exec(name)?.[1];
  if (message) {
    const part = (/** @type {string} */ key) => /** @type {Field} */ (fieldOf(`${message}.${key}`)).value.trim();
    return { [message]: part("value") === "" ? null : { type: part("type"), value: part("value") } };
  }
  // A queue is its one value.
  if (name === "uis.queue.timeout") return { "uis.queue": valueOf(field) === null ? null : { timeout: valueOf(field) } };
  /** @type {Record<string, unknown>} */
  const changes = { [name]: valueOf(field) };
  if (name === "uis.token") Object.assign(changes, { "uis.login": null, "uis.password": null });
  // Version 1 knows no permanent key.
  if (field === version && field.value === "v1") changes["uis.token"] = null;
  if (name === "uis.login" || name === "uis.password") {
    Object.assign(changes, { "uis.token": null, "uis.login": valueOf(login) });
  }
  // A host that changes loses its key, unless the key still stands here.
  const section = /^(phonet)\.domain$|^(relay)\.address$|^advanced\.(phonet|kontur|uis)Address$/u.exec(name);
  if (section) {
    for (const secret of secretsOf(section[1] ?? section[2] ?? section[3] ?? "")) changes[secret.name] = secret.value;
  }
  return changes;
}

/**
 * The secrets of a section that are written in their fields.
 * @param {string} section
 */
function secretsOf(section) {
  return namedFields().filter(({ type, name, value, disabled }) => type === "password" && name.startsWith(`${section}.`) && value !== "" && !disabled);
}

/**
 * Shows the settings in force. Elements stay, and with them the focus; a field that is being written in, or has something wrong in it,
 * keeps what it says unless `all` is to be shown.
 * @param {SettingsView} view
 * @param {boolean} all
 */
export function fill(view, all) {
  const { secrets, missing, preset, overridden, locked } = view;
  const document_ = JSON.parse(view.document);
  for (const field of namedFields()) {
    const isKept = !all && (field === document.activeElement || field.getAttribute("aria-invalid") === "true");
    if (!isKept) show(field, valueAt(document_, field.name), secrets);
    const isLocked = names(locked, field.name);
    lock(field, isLocked);
    const lacks = missing.some(({ args }) => args?.[0] === field.name);
    const beneath = canBeEmptied(field) ? t("options_preset") : t("options_presetChoice");
    note(field, "muted", isLocked ? "" : lacks ? t("options_toFill") : names(preset, field.name) ? beneath : "");
    const isSecretOfOwn = field.type === "password" && secrets.includes(field.name) && !isLocked && !names(preset, field.name);
    const isOver = !canBeEmptied(field) && overridden.includes(field.name);
    offer(field, isSecretOfOwn ? t("options_secretRemove") : isOver ? t("options_presetBack") : "");
  }
  if (all || !WAYS_IN.includes(/** @type {Field | null} */ (document.activeElement)?.name ?? "")) {
    if (secrets.some((path) => path.startsWith("uis."))) access.value = secrets.includes("uis.token") ? "token" : "login";
  }
  lock(access, WAYS_IN.some((path) => names(locked, path)));
  byId("dialling").hidden = !(document_.phonet && wantsUis(document_));
  showWhatApplies();
}

/**
 * @param {Field} field
 * @param {unknown} value
 * @param {string[]} secrets
 */
function show(field, value, secrets) {
  if (field instanceof HTMLSelectElement) {
    field.value = String(value ?? field.querySelector("option[data-default]")?.getAttribute("value") ?? field.options[0]?.value ?? "");
  } else if (field.type === "checkbox") {
    field.checked = typeof value === "boolean" ? value : field.defaultChecked;
  } else if (field.type === "password") {
    if (!secrets.includes(field.name) || field !== document.activeElement) field.value = "";
    field.placeholder = secrets.includes(field.name) ? t("options_secretSaved") : "";
  } else {
    field.value = String(value ?? field.defaultValue);
  }
}

/**
 * Whether an empty field takes the user's own value away. The kind of a message goes with its text.
 * @param {Field} field
 */
function canBeEmptied(field) {
  if (field instanceof HTMLSelectElement) return field.name.endsWith("Message.type");
  return field.type !== "checkbox" && field.type !== "range";
}

/**
 * Offers to take the user's own value away where the field cannot say so.
 * @param {Field} field
 * @param {string} text of the button; none without it
 */
function offer(field, text) {
  const id = `${field.id}-clear`;
  const shown = document.getElementById(id);
  if (shown ? shown.textContent === text : text === "") return;
  shown?.remove();
  if (text === "") return;
  const name = `${text}: ${labelOf(field)}`;
  const button = element("button", { type: "button", id, class: "small", "data-clears": field.name, "aria-label": name }, text);
  (field.closest("label, .message") ?? field).after(button);
}

/**
 * What the administrator has locked can be read and not changed.
 * @param {Field} field
 * @param {boolean} isLocked
 */
function lock(field, isLocked) {
  if (field instanceof HTMLInputElement && !["checkbox", "range"].includes(field.type)) field.readOnly = isLocked;
  else field.toggleAttribute("data-locked", isLocked), (field.disabled = isLocked);
  note(field, "lock", isLocked ? t("options_locked") : "");
}

/** Shows only what belongs to the version of UIS and the way in. */
export function showWhatApplies() {
  const applies = [version.value, version.value === "v1" ? "login" : access.value];
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-for]"))) {
    part.hidden = !applies.includes(part.dataset.for ?? "");
    if (part instanceof HTMLOptionElement) part.disabled = part.hidden;
    for (const control of part.querySelectorAll("input, select")) {
      /** @type {Field} */ (control).disabled = part.hidden || control.hasAttribute("data-locked");
    }
  }
  for (const { selectedOptions: [option], options } of form.querySelectorAll("select")) {
    if (option?.disabled && options[0]) options[0].selected = true;
  }
}

/**
 * Shows what is wrong, each at its field.
 * @param {Problem[]} problems
 * @returns {Problem[]} those that belong to no field here
 */
export function showProblems(problems) {
  return problems.filter(({ code, args: [path = "", ...rest] = [] }) => {
    const field = fieldOf(path);
    if (!field || !form.contains(field)) return true;
    showProblem(field, sentence({ code, args: [labelOf(field), ...rest] }));
    return false;
  });
}

/** The fields that stand for one value each; a field's id is its name with dashes. */
export function namedFields() {
  return /** @type {Field[]} */ ([...form.querySelectorAll("input[name], select[name]")]);
}
