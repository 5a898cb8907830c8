/** @import { SettingsDocument } from "../protocol.js" */

import { byId, element } from "../common/dom.js";
import { t } from "../common/i18n.js";

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

const form = byId("settings", HTMLFormElement);
const secretRemove = byId("kontur-secret-remove", HTMLInputElement);
const rows = byId("directory-rows");
const rowTemplate = byId("directory-row", HTMLTemplateElement);

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
  const settings = { version: 1 };
  // What is written makes a section; a checkbox alone does not.
  for (const field of namedFields().sort((one, other) => Number(isCheckbox(one)) - Number(isCheckbox(other)))) {
    const value = isCheckbox(field) ? field.checked : field.value.trim();
    if (value === (isCheckbox(field) ? field.defaultChecked : "")) continue;
    if (isCheckbox(field) && !valueAt(settings, field.name.split(".").slice(0, -1).join("."))) continue;
    const keys = field.name.split(".");
    const last = keys.pop() ?? "";
    keys.reduce((place, key) => (place[key] ??= {}), settings)[last] = value;
  }
  // Left out it would stay; an empty one removes it.
  if (secretRemove.checked && settings.kontur) settings.kontur.secret ??= "";
  const directory = [...rows.children].map((row) =>
    Object.fromEntries(cells(row).flatMap(({ dataset, value }) => (value.trim() === "" ? [] : [[dataset.key, value.trim()]]))),
  );
  if (directory.length > 0) settings.directory = directory;
  return settings;
}

/**
 * Shows a settings document. Elements stay, and with them the focus.
 * @param {SettingsDocument} settings
 * @param {string[]} secrets the paths of the secrets that are set, though the document leaves them out
 */
export function fill(settings, secrets) {
  secretRemove.checked = false;
  byId("kontur-secret-removal").hidden = !secrets.includes("kontur.secret");
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
  const directory = /** @type {Record<string, string>[]} */ (settings.directory ?? []);
  while (rows.children.length < directory.length) addRow();
  while (rows.children.length > directory.length) rows.lastElementChild?.remove();
  directory.forEach((entry, index) => {
    for (const cell of cells(rows.children[index])) cell.value = entry[cell.dataset.key ?? ""] ?? "";
  });
  nameRows();
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
  (field.closest("label") ?? field).after(shown);
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
