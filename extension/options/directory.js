/** The list of employees: written by hand, read from a CSV file, or taken from the exchange. */

/** @import { Person, Problem, SettingsView } from "../protocol.js" */

import { ask } from "../common/api.js";
import { byId, element, say } from "../common/dom.js";
import { clearProblem, labelOf, showProblem } from "../common/fields.js";
import { localize, refusal, sentence, t } from "../common/i18n.js";
import { inForce, names, settings } from "../common/settings.js";
import { markTopics } from "./topics.js";

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

/** The list is saved once more only after it was saved before. @type {Promise<unknown>} */
let saving = Promise.resolve();

/** What was read and waits to be taken. @type {Entry[]} */
let people = [];

/** @type {(changes: Record<string, unknown>) => Promise<Problem[] | undefined>} */
let change = async () => undefined;

/** @param {typeof change} how to change the settings; it answers with what is wrong, or with nothing where that cannot be said */
export function edit(how) {
  change = how;
  localize(template.content);
  add.addEventListener("click", () => {
    const row = addRow();
    nameRows();
    row.querySelector("input")?.focus();
  });
  rows.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.matches(".remove")) void remove(/** @type {Element} */ (target.closest("tr")));
  });
  rows.addEventListener("change", save);
  rows.addEventListener("input", ({ target }) => clearProblem(/** @type {HTMLInputElement} */ (target)));
  file.addEventListener("change", () => void readFile());
  fromPhonet.addEventListener("click", () => void readPhonet());
  byId("people-add").addEventListener("click", () => take(joined));
  byId("people-replace").addEventListener("click", () => take(() => people));
  byId("people-cancel").addEventListener("click", () => {
    putAway();
    file.focus();
  });
}

/**
 * Shows the list that is in force. A row that says what was not taken yet stays, unless `all` is to be shown.
 * @param {SettingsView} view
 * @param {boolean} all
 */
export function showDirectory(view, all) {
  const isLocked = names(view.locked, "directory");
  const kept = all ? [] : [...rows.children].filter(isBeingWritten);
  const directory = listed();
  for (const row of kept) {
    const index = directory.findIndex(({ ext }) => ext === taken.get(row)?.ext);
    if (index >= 0) directory.splice(index, 1);
  }
  const others = [...rows.children].filter((row) => !kept.includes(row));
  others.splice(directory.length).forEach((row) => row.remove());
  directory.forEach((entry, index) => {
    const row = others[index] ?? addRow();
    for (const cell of cells(row)) {
      clearProblem(cell);
      cell.value = entry[keyOf(cell)] ?? "";
    }
    taken.set(row, entryOf(row));
  });
  for (const cell of rows.querySelectorAll("input")) cell.readOnly = isLocked;
  for (const button of [...rows.querySelectorAll("button"), add, fromPhonet]) button.disabled = isLocked;
  file.disabled = isLocked;
  say(byId("directory-lock"), isLocked ? t("options_locked") : names(view.preset, "directory") ? t("options_presetChoice") : "");
  nameRows();
}

/** The list that is in force. */
function listed() {
  return /** @type {Entry[]} */ (settings().directory ?? []);
}

/** Whether a row says something else than what was taken of it. @param {Element} row */
function isBeingWritten(row) {
  return row.contains(document.activeElement) || JSON.stringify(entryOf(row)) !== JSON.stringify(taken.get(row) ?? {});
}

/** Saves the list, after all that was saved before. */
function save() {
  return (saving = saving.then(store));
}

/** A row with something wrong in it says so, and stays as it was saved last, while the others are saved. */
async function store() {
  for (const row of [...rows.children].filter(isEmpty)) taken.delete(row);
  const all = [...rows.children].filter((row) => !isEmpty(row));
  const said = new Map(all.map((row) => [row, entryOf(row)]));
  const wrong = await change({ directory: orNothing([...said.values()]) });
  for (const { code, args: [path = ""] = [] } of wrong ?? []) {
    const [, index, key] = path.split(".");
    const row = all[Number(index)];
    const cell = row && cells(row).find((each) => each.dataset.key === key);
    if (!row || !cell) continue;
    said.delete(row);
    // A row that is still being written lacks what is to come.
    if (code === "settingsMissing" && row.contains(document.activeElement)) continue;
    showProblem(cell, sentence({ code, args: [labelOf(cell)] }));
  }
  markTopics();
  if (!wrong || (wrong.length > 0 && !(await isRestTaken(all, said)))) return;
  for (const [row, entry] of said) taken.set(row, entry);
}

/**
 * Saves what is right, and in place of what is not what it was before.
 * @param {Element[]} all
 * @param {Map<Element, Entry>} right
 */
async function isRestTaken(all, right) {
  const rest = all.filter((row) => row.isConnected).flatMap((row) => right.get(row) ?? taken.get(row) ?? []);
  return (await change({ directory: orNothing(rest) }))?.length === 0;
}

/** A list that is empty is none of the user's own: then the administrator's is in force. @param {Entry[]} list */
function orNothing(list) {
  return list.length > 0 ? list : null;
}

/** @param {Element} row */
async function remove(row) {
  const next = /** @type {HTMLElement | null} */ ((row.nextElementSibling ?? row.previousElementSibling)?.querySelector(".remove"));
  row.remove();
  nameRows();
  (next ?? add).focus();
  await save();
  if (rows.children.length === 0) showDirectory(inForce(), false);
}

// ── Lists from elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────

async function readFile() {
  const [chosen] = file.files ?? [];
  if (!chosen) return;
  putAway();
  const text = chosen.size > LARGEST ? undefined : decode(await chosen.arrayBuffer());
  // The same file can be chosen again.
  file.value = "";
  if (text === undefined) return say(byId("people-state"), t("options_peopleTooLarge", chosen.name));
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
  const now = new Map(listed().map((entry) => [entry.ext, entry]));
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
  const all = new Map(listed().map((entry) => [entry.ext, entry]));
  for (const entry of people) all.set(entry.ext, { ...all.get(entry.ext), ...entry });
  return [...all.values()];
}

/** @param {() => Entry[]} read the list that is to be in force, once what was written is saved */
function take(read) {
  saving = saving.then(async () => {
    const directory = read();
    const wrong = await change({ directory });
    if (wrong?.length !== 0) return say(byId("people-state"), (wrong ?? []).map(sentence).join(" "));
    putAway();
    showDirectory(inForce(), false);
    say(byId("people-state"), t("options_peopleTaken", String(directory.length)));
    add.focus();
  });
}

function putAway() {
  preview.hidden = true;
  say(byId("people-state"), "");
}

// ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @returns {Element} the new row, without its ids */
function addRow() {
  rows.append(template.content.cloneNode(true));
  return /** @type {Element} */ (rows.lastElementChild);
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

/** Gives the fields the ids that their place in the list has; what is wrong with one stands at its id. */
function nameRows() {
  [...rows.children].forEach((row, index) => {
    for (const cell of cells(row)) {
      const id = `directory-${index}-${cell.dataset.key}`;
      if (cell.id === id) continue;
      const wrong = document.getElementById(`${cell.id}-error`)?.textContent;
      clearProblem(cell);
      cell.id = id;
      if (wrong) showProblem(cell, wrong);
    }
  });
  table.hidden = rows.children.length === 0;
}
