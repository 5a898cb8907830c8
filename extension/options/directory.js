/** The list of employees: written by hand, read from a CSV file, or taken from the exchange. */

/** @import { Person, Problem, SettingsView } from "../protocol.js" */

import { ask } from "../common/api.js";
import { byId, element, say } from "../common/dom.js";
import { clearProblem, labelOf, showProblem } from "../common/fields.js";
import { localize, refusal, sentence, t } from "../common/i18n.js";
import { inForce, names } from "../common/settings.js";

/** @typedef {{ ext?: string, name?: string, userId?: string }} Entry */

const table = byId("directory", HTMLTableElement);
const rows = byId("directory-rows");
const template = byId("directory-row", HTMLTemplateElement);
const add = byId("directory-add", HTMLButtonElement);
const file = byId("people-file", HTMLInputElement);
const fromPhonet = byId("people-phonet", HTMLButtonElement);
const preview = byId("people");

/** A file of more bytes is no list of employees. */
const LARGEST = 4_000_000;

/** What each row said when it was last taken. @type {WeakMap<Element, Entry>} */
const taken = new WeakMap();

/** What was read and waits to be taken. @type {Entry[]} */
let people = [];

/** @type {(changes: Record<string, unknown>) => Promise<Problem[]>} */
let change = async () => [];

/** @param {typeof change} how to change the settings; it answers with what is wrong */
export function edit(how) {
  change = how;
  localize(template.content);
  add.addEventListener("click", () => addRow().focus());
  rows.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.matches(".remove")) void remove(/** @type {Element} */ (target.closest("tr")));
  });
  rows.addEventListener("change", () => void save());
  rows.addEventListener("input", ({ target }) => clearProblem(/** @type {HTMLInputElement} */ (target)));
  file.addEventListener("change", () => void readFile());
  fromPhonet.addEventListener("click", () => void readPhonet());
  byId("people-add").addEventListener("click", () => void take(joined()));
  byId("people-replace").addEventListener("click", () => void take(people));
  byId("people-cancel").addEventListener("click", () => {
    putAway();
    file.focus();
  });
}

/**
 * Shows the list that is in force.
 * @param {SettingsView} view
 */
export function showDirectory(view) {
  const directory = /** @type {Entry[]} */ (JSON.parse(view.document).directory ?? []);
  const isLocked = names(view.locked, "directory");
  if (JSON.stringify(directory) !== JSON.stringify(entries())) {
    while (rows.children.length < directory.length) addRow();
    while (rows.children.length > directory.length) rows.lastElementChild?.remove();
    directory.forEach((entry, index) => {
      const row = /** @type {Element} */ (rows.children[index]);
      for (const cell of cells(row)) cell.value = entry[keyOf(cell)] ?? "";
    });
  }
  directory.forEach((entry, index) => taken.set(/** @type {Element} */ (rows.children[index]), entry));
  for (const cell of rows.querySelectorAll("input")) cell.readOnly = isLocked;
  for (const button of [...rows.querySelectorAll("button"), add, fromPhonet]) button.disabled = isLocked;
  file.disabled = isLocked;
  say(byId("directory-lock"), isLocked ? t("options_locked") : names(view.preset, "directory") ? t("options_preset") : "");
  nameRows();
}

/** Saves the list. A row with something wrong in it says so, and stays as it was saved last, while the others are saved. */
async function save() {
  const all = [...rows.children].filter((row) => !isEmpty(row));
  const wrong = await change({ directory: all.map(entryOf) });
  if (wrong.length === 0) {
    all.forEach((row) => taken.set(row, entryOf(row)));
    return;
  }
  /** @type {Set<Element>} */
  const faulty = new Set();
  for (const { code, args: [path = ""] = [] } of wrong) {
    const [, index, key] = path.split(".");
    const row = all[Number(index)];
    const cell = row && cells(row).find((each) => each.dataset.key === key);
    if (!row || !cell) continue;
    faulty.add(row);
    // A row that is still being written lacks what is to come.
    if (code === "settingsMissing" && row.contains(document.activeElement)) continue;
    showProblem(cell, sentence({ code, args: [labelOf(cell)] }));
  }
  const rest = all.flatMap((row) => (faulty.has(row) ? (taken.get(row) ?? []) : entryOf(row)));
  await change({ directory: rest });
}

/** @param {Element} row */
async function remove(row) {
  const next = /** @type {HTMLElement | null} */ ((row.nextElementSibling ?? row.previousElementSibling)?.querySelector(".remove"));
  row.remove();
  nameRows();
  (next ?? add).focus();
  await save();
}

// ── Lists from elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────

async function readFile() {
  const [chosen] = file.files ?? [];
  if (!chosen) return;
  putAway();
  if (chosen.size > LARGEST) return say(byId("people-state"), t("options_peopleTooLarge", chosen.name));
  const text = decode(await chosen.arrayBuffer());
  file.value = "";
  show(await ask({ kind: "readPeople", text }));
}

async function readPhonet() {
  putAway();
  say(byId("people-state"), t("options_peopleAsking"));
  show(await ask({ kind: "listUsers" }));
}

/**
 * A table program writes UTF-8, or what Windows has used for Cyrillic ever since.
 * @param {ArrayBuffer} bytes
 */
function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1251").decode(bytes);
  }
}

/**
 * Shows what was read, before it is taken.
 * @param {import("../protocol.js").Message | undefined} answer
 */
function show(answer) {
  if (answer?.kind !== "people") {
    const why = answer?.kind === "invalid" ? answer.problems.map(sentence).join(" ") : refusal(answer);
    return say(byId("people-state"), why);
  }
  say(byId("people-state"), "");
  people = answer.people.filter(({ ext }) => /^\d{1,10}$/u.test(ext ?? "")).map(entryFrom);
  const now = new Map(entries().map((entry) => [entry.ext, entry]));
  const fresh = people.filter(({ ext }) => !now.has(ext));
  const changed = joined().filter((entry) => now.has(entry.ext) && JSON.stringify(entry) !== JSON.stringify(now.get(entry.ext)));
  const gone = [...now.keys()].filter((ext) => !people.some((entry) => entry.ext === ext));
  const counts = [people.length, fresh.length, changed.length, gone.length].map(String);
  byId("people-summary").textContent = t("options_peopleSummary", ...counts);
  byId("people-list").replaceChildren(
    ...people.map(({ ext, name, userId }) => {
      const verdict = !now.has(ext) ? t("options_peopleNew") : changed.some((entry) => entry.ext === ext) ? t("options_peopleChanged") : "";
      return element("li", {}, element("strong", {}, ext), ` ${name ?? ""} `, element("span", { class: "muted" }, [userId, verdict].filter(Boolean).join(" · ")));
    }),
  );
  const problems = byId("people-problems");
  problems.replaceChildren(...answer.problems.map((problem) => element("li", {}, sentence(problem))));
  problems.hidden = answer.problems.length === 0;
  for (const id of ["people-add", "people-replace", "people-list"]) byId(id).hidden = people.length === 0;
  preview.hidden = false;
  byId("people-title").focus();
}

/** The list with what was read put over it: a row of the same extension keeps what the other does not name. */
function joined() {
  const all = new Map(entries().map((entry) => [entry.ext, entry]));
  for (const entry of people) all.set(entry.ext, { ...all.get(entry.ext), ...entry });
  return [...all.values()];
}

/** @param {Entry[]} directory */
async function take(directory) {
  const wrong = await change({ directory });
  putAway();
  showDirectory(inForce());
  say(byId("people-state"), wrong.length > 0 ? wrong.map(sentence).join(" ") : t("options_peopleTaken", String(directory.length)));
  add.focus();
}

function putAway() {
  preview.hidden = true;
  say(byId("people-state"), "");
}

// ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @returns {HTMLElement} the new row's first field */
function addRow() {
  rows.append(template.content.cloneNode(true));
  nameRows();
  return /** @type {HTMLElement} */ (rows.lastElementChild?.querySelector("input"));
}

/** @param {Person} person @returns {Entry} */
function entryFrom({ ext, name, userId }) {
  return { ...(ext && { ext }), ...(name && { name }), ...(userId && { userId }) };
}

/** @param {Element} row */
function entryOf(row) {
  const [ext, name, userId] = ["ext", "name", "userId"].map((key) => cells(row).find((cell) => cell.dataset.key === key)?.value.trim());
  return entryFrom({ ext, name, userId });
}

/** The rows in which something is written. */
function entries() {
  return [...rows.children].filter((row) => !isEmpty(row)).map(entryOf);
}

/** @param {Element} row */
function isEmpty(row) {
  return cells(row).every(({ value }) => value.trim() === "");
}

/** @param {Element} row */
function cells(row) {
  return [...row.querySelectorAll("input")];
}

/** @param {HTMLInputElement} cell */
function keyOf(cell) {
  return /** @type {keyof Entry} */ (cell.dataset.key);
}

/** Gives the fields the ids that their place in the list has. */
function nameRows() {
  for (const cell of /** @type {NodeListOf<HTMLInputElement>} */ (rows.querySelectorAll("[aria-invalid]"))) clearProblem(cell);
  [...rows.children].forEach((row, index) => {
    for (const cell of cells(row)) cell.id = `directory-${index}-${cell.dataset.key}`;
  });
  table.hidden = rows.children.length === 0;
}
