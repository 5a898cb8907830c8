/** @import { SettingsDocument } from "../protocol.js" */

import { byId, element } from "../common/dom.js";
import { t } from "../common/i18n.js";

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

const form = byId("settings", HTMLFormElement);
const version = byId("uis-version", HTMLSelectElement);
const access = byId("uis-access", HTMLSelectElement);
const login = byId("uis-login", HTMLInputElement);
const exchange = byId("dialling-exchange", HTMLSelectElement);
/** What takes a saved secret away, by the secret's path. */
const removals = /** @type {const} */ (["kontur.apiKey", "kontur.secret"]).map((path) => {
  const id = path.replaceAll(".", "-");
  return { path, key: path.replace(/^.*\./, ""), choice: byId(`${id}-removal`), box: byId(`${id}-remove`, HTMLInputElement) };
});
/** The paths of the secrets that are saved. @type {string[]} */
let saved = [];
const rows = byId("directory-rows");
const rowTemplate = byId("directory-row", HTMLTemplateElement);

/** What the settings keep though the chosen version of UIS does not ask for it. */
const KEPT = ["uis.employeeId", "uis.queue.timeout"];

/** The groups of phones that UIS calls: a settings file alone can change them. @type {unknown} */
let groups;

/**
 * The value at a path of a settings document.
 * @param {SettingsDocument} settings
 * @param {string} path as in `phonet.domain`
 * @returns {any} `undefined` where it is left out
 */
export function valueAt(settings, path) {
  /** @type {any} */
  let value = settings;
  for (const key of path.split(".")) value = value?.[key];
  return value;
}

/**
 * The form as a settings document; what is empty, or as a checkbox has it from the start, is left out.
 * @returns {SettingsDocument}
 */
export function collect() {
  /** @type {any} */
  const settings = { version: 1, interface: {} };
  // What is written makes a section; a choice alone does not.
  for (const field of enabledFields().sort((one, other) => Number(isChoice(one)) - Number(isChoice(other)))) {
    const value = valueOf(field);
    if (value === (isCheckbox(field) ? field.defaultChecked : "")) continue;
    const keys = field.name.split(".");
    const last = keys.pop() ?? "";
    if (isChoice(field) && keys.length > 0 && !valueAt(settings, keys.join("."))) continue;
    keys.reduce((place, key) => (place[key] ??= {}), settings)[last] = value;
  }
  // Left out it would stay; an empty one removes it.
  for (const { key, choice, box } of removals) {
    if (box.checked && !choice.hidden && settings.kontur) settings.kontur[key] ??= "";
  }
  // Which of the two ways in it is depends on this key alone.
  if (settings.uis && !login.disabled) settings.uis.login ??= "";
  if (settings.uis && groups) settings.uis.groups = groups;
  if (settings.phonet && settings.uis) {
    const sites = siteExchanges().flatMap(({ dataset, value }) => (value ? [[dataset.site, value]] : []));
    settings.dialling = { exchange: exchange.value, sites: Object.fromEntries(sites) };
  }
  const directory = [...rows.children].map((row) =>
    Object.fromEntries(cells(row).flatMap(({ dataset, value }) => (value.trim() === "" ? [] : [[dataset.key, value.trim()]]))),
  );
  if (directory.length > 0) settings.directory = directory;
  return settings;
}

/**
 * Shows a settings document, but for the sites. Elements stay, and with them the focus.
 * @param {SettingsDocument} settings
 * @param {string[]} secrets the paths of the secrets that are set, though the document leaves them out
 */
export function fill(settings, secrets) {
  saved = secrets;
  for (const { box } of removals) box.checked = false;
  for (const field of namedFields()) {
    if (field instanceof HTMLInputElement && field.type === "password") {
      field.value = "";
      field.placeholder = secrets.includes(field.name) ? t("options_secretSaved") : "";
    } else if (isCheckbox(field)) {
      field.checked = valueAt(settings, field.name) ?? field.defaultChecked;
    } else {
      const empty = field instanceof HTMLSelectElement ? (field.options[0]?.value ?? "") : "";
      field.value = valueAt(settings, field.name) ?? empty;
    }
  }
  access.value = secrets.includes("uis.token") ? "token" : "login";
  groups = valueAt(settings, "uis.groups");
  exchange.value = valueAt(settings, "dialling.exchange") ?? "phonet";
  const directory = /** @type {Record<string, string>[]} */ (settings.directory ?? []);
  while (rows.children.length < directory.length) addRow();
  while (rows.children.length > directory.length) rows.lastElementChild?.remove();
  directory.forEach((entry, index) => {
    for (const cell of cells(rows.children[index])) cell.value = entry[cell.dataset.key ?? ""] ?? "";
  });
  nameRows();
  showWhatApplies();
}

/** Shows only what belongs to the version of UIS and the way in, and which exchange dials only where there are two. */
export function showWhatApplies() {
  const applies = [version.value, version.value === "v1" ? "login" : access.value];
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-for]"))) {
    part.hidden = !applies.includes(part.dataset.for ?? "");
    if (part instanceof HTMLOptionElement) part.disabled = part.hidden;
    for (const control of part.querySelectorAll("input, select")) /** @type {Field} */ (control).disabled = part.hidden;
  }
  for (const { selectedOptions: [option], options } of form.querySelectorAll("select")) {
    if (option?.disabled && options[0]) options[0].selected = true;
  }
  const { phonet, uis, relay } = collect();
  // Without a relay nobody else has the key.
  for (const { path, choice } of removals) choice.hidden = !saved.includes(path) || (path === "kontur.apiKey" && !relay);
  byId("dialling").hidden = !(phonet && uis);
  for (const select of siteExchanges()) select.hidden = !(phonet && uis);
}

/**
 * Adds an empty row to the directory.
 * @returns {HTMLElement} its first field
 */
export function addRow() {
  rows.append(rowTemplate.content.cloneNode(true));
  nameRows();
  return /** @type {HTMLElement} */ (cells(rows.lastElementChild)[0]);
}

/** Removes the rows of the directory in which nothing is written. */
export function dropEmptyRows() {
  for (const row of [...rows.children]) {
    if (cells(row).every(({ value }) => value.trim() === "")) row.remove();
  }
  nameRows();
}

/**
 * Shows what is wrong with a value at its field.
 * @param {string} path
 * @param {(label: string) => string} text of the problem, given the name the field has on the page
 * @returns {Field | undefined} the field, if the form has it
 */
export function showAtField(path, text) {
  const field = document.getElementById(path.replaceAll(".", "-"));
  if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return undefined;
  clearProblem(field);
  const label = field.labels?.[0];
  const shown = element("p", { class: "error", id: `${field.id}-error` });
  shown.textContent = text((label?.querySelector("span") ?? label)?.textContent ?? path);
  (field.closest("label, .message") ?? field).after(shown);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${shown.id}`.trim());
  field.closest("details")?.setAttribute("open", "");
  return field;
}

/**
 * Takes the problem at a field away.
 * @param {Element} field
 */
export function clearProblem(field) {
  document.getElementById(`${field.id}-error`)?.remove();
  field.removeAttribute("aria-invalid");
  const described = field.getAttribute("aria-describedby")?.replace(`${field.id}-error`, "").trim();
  if (described) field.setAttribute("aria-describedby", described);
  else field.removeAttribute("aria-describedby");
}

/** Takes the problems at all fields away. */
export function clearProblems() {
  for (const field of form.querySelectorAll("[aria-invalid]")) clearProblem(field);
}

/** The fields that stand for one value each; a field's name is the path of its value, and its id the path with dashes. */
function namedFields() {
  return /** @type {Field[]} */ ([...form.elements].filter((control) => control.getAttribute("name")));
}

/** Those of them that count: what only the other version of UIS asks for is kept for it. */
function enabledFields() {
  return namedFields().filter(({ disabled, name }) => !disabled || KEPT.includes(name));
}

/** Which exchange dials on each of the sites. */
function siteExchanges() {
  return [.../** @type {NodeListOf<HTMLSelectElement>} */ (byId("sites").querySelectorAll("select"))];
}

/**
 * What a field says, as the document has it. What is no number where one is wanted stays what it is: the background refuses it.
 * @param {Field} field
 */
function valueOf(field) {
  if (field instanceof HTMLSelectElement) return field.value;
  if (field.type === "checkbox") return field.checked;
  const text = field.value.trim();
  if (field.type === "tel") return text.replace(/[\s()+‐-―-]/gu, "");
  return field.dataset.type === "integer" && /^\d{1,15}$/u.test(text) ? Number(text) : text;
}

/** @param {Field} field */
function isChoice(field) {
  return isCheckbox(field) || field instanceof HTMLSelectElement;
}

/**
 * @param {Field} field
 * @returns {field is HTMLInputElement}
 */
function isCheckbox(field) {
  return field.type === "checkbox";
}

/** @param {Element | null | undefined} row */
function cells(row) {
  return [...(row?.querySelectorAll("input") ?? [])];
}

/** Gives the fields of the directory the ids that their place in the document has. */
function nameRows() {
  for (const field of rows.querySelectorAll("[aria-invalid]")) clearProblem(field);
  [...rows.children].forEach((row, index) => {
    for (const cell of cells(row)) cell.id = `directory-${index}-${cell.dataset.key}`;
  });
  byId("directory", HTMLTableElement).hidden = rows.children.length === 0;
}
