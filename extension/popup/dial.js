/** The field that dials: it takes a number in whatever way it is written or pasted, and names from the calls. */

/** @import { FoundNumber } from "../protocol.js" */

import { ask } from "../common/api.js";
import { byId, element, icon, say } from "../common/dom.js";
import { refusal, sentence, t } from "../common/i18n.js";
import { Reader } from "./database.js";
import { search } from "./search.js";

/** From how many characters on it is looked for names. */
const SHORTEST = 2;

/** How many names are suggested at most. */
const MOST = 5;

/** What is typed here is read as what stands in a field of this name. */
const FIELD = "телефон";

/**
 * Somebody to call: the number, and what is known of whose it is.
 * @typedef {{ number: string, display: string, name: string | undefined }} Suggestion
 */

const form = byId("dial", HTMLFormElement);
const field = byId("number", HTMLInputElement);
const options = byId("suggestions");

/** @type {Suggestion[]} */
let suggestions = [];

/** Which of them is chosen. */
let active = -1;

/** How many times something was looked for: only the last answer counts. */
let asked = 0;

/** What is dialled now, and the idempotency key of that: until it is known to have failed, the same again is the same dial. */
let pending = { number: "", key: "" };

export function startDial() {
  field.placeholder = t("popup_dial");
  options.ariaLabel = t("popup_suggestions");
  // Not by `autofocus`: where a selection's button has the focus first, Chromium complains.
  if (document.activeElement === document.body) field.focus();
  field.addEventListener("input", () => void suggest());
  field.addEventListener("keydown", obey);
  field.addEventListener("blur", close);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.isTrusted) void submit();
  });
  // The field keeps the focus.
  options.addEventListener("pointerdown", (event) => event.preventDefault());
}

/** Dials a number, once however often it is asked for. @param {string} number in E.164 */
export async function dial(number) {
  if (pending.number !== number) pending = { number, key: crypto.randomUUID() };
  const { key } = pending;
  const answer = await ask({ kind: "dial", key, number });
  const reason = answer?.kind === "dial" ? sentence(answer.dial.problem) : refusal(answer);
  if (pending.key === key) pending = { number: "", key: "" };
  return reason;
}

/** @param {KeyboardEvent} event */
function obey(event) {
  if (event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && suggestions.length > 0) {
    event.preventDefault();
    const count = suggestions.length;
    choose(options.hidden ? (step > 0 ? 0 : count - 1) : (active + step + count) % count);
  } else if (event.key === "Escape" && !options.hidden) {
    event.preventDefault();
    close();
  } else if (event.key === "Enter" && active >= 0) {
    event.preventDefault();
    take(active);
  }
}

/** Looks for whom the text may mean. */
async function suggest() {
  const turn = ++asked;
  say(byId("dial-reason"), "");
  const text = field.value.trim();
  const [numbers, people] = text === "" ? [[], []] : await Promise.all([numbersIn(text), peopleOf(text)]);
  if (turn !== asked) return;
  const named = numbers.map(({ e164, display, ext }) => ({
    number: e164,
    display: ext ? t("popup_extension", display, ext) : display,
    name: people.find(({ number }) => number === e164)?.name,
  }));
  suggestions = [...named, ...people.filter(({ number }) => numbers.every(({ e164 }) => e164 !== number))];
  // A number that stands in the field as it will be dialled needs no suggestion.
  const [only, other] = suggestions;
  if (suggestions.length === 0 || (!other && only?.display === text && !only.name)) return close();
  show();
}

/**
 * The phone numbers in a text, as the finder of the pages reads them.
 * @param {string} text
 * @returns {Promise<FoundNumber[]>}
 */
async function numbersIn(text) {
  const answer = await ask({ kind: "findNumbers", batch: 0, items: [{ id: 0, text, label: FIELD }] });
  return answer?.kind === "numbers" ? (answer.items[0]?.matches ?? []) : [];
}

/**
 * Whom the calls know by this name or number, each once, the last called first.
 * @param {string} text
 */
async function peopleOf(text) {
  if (text.length < SHORTEST) return [];
  const isFound = search(text);
  /** @type {Map<string, Suggestion>} */
  const people = new Map();
  await new Reader().next(MOST, (call) => {
    const { callBack: number, client } = call;
    if (!number || people.has(number) || !isFound(call)) return false;
    people.set(number, { number, display: client.number ?? number, name: client.name ?? client.company });
    return true;
  });
  return [...people.values()];
}

function show() {
  active = -1;
  options.replaceChildren(
    ...suggestions.map(({ display, name }, index) => {
      const option = element(
        "li",
        { id: `suggestion-${index}`, role: "option", "aria-selected": "false" },
        icon("handset"),
        element("bdi", { class: "who" }, name ?? display),
        name && element("span", { class: "muted" }, display),
      );
      option.addEventListener("click", () => take(index));
      return option;
    }),
  );
  options.hidden = false;
  field.ariaExpanded = "true";
  field.removeAttribute("aria-activedescendant");
}

function close() {
  active = -1;
  options.hidden = true;
  field.ariaExpanded = "false";
  field.removeAttribute("aria-activedescendant");
}

/** @param {number} index */
function choose(index) {
  if (options.hidden) show();
  active = index;
  for (const [place, option] of [...options.children].entries()) option.ariaSelected = String(place === index);
  field.setAttribute("aria-activedescendant", `suggestion-${index}`);
  options.children[index]?.scrollIntoView({ block: "nearest" });
}

/** Takes a suggestion into the field: it is dialled by one more press. @param {number} index */
function take(index) {
  const taken = suggestions[index];
  if (!taken) return;
  field.value = taken.display;
  suggestions = [taken];
  asked += 1;
  close();
}

/** Dials what stands in the field. */
async function submit() {
  const text = field.value.trim();
  const known = suggestions.find(({ display }) => display === text);
  const numbers = known || text === "" ? [] : await numbersIn(text);
  const [first, other] = numbers;
  const number = known?.number ?? first?.e164;
  if (!number) {
    field.focus();
    return say(byId("dial-reason"), text === "" ? "" : t("problem_dialNotANumber"));
  }
  if (other) {
    await suggest();
    choose(0);
    return say(byId("dial-reason"), t("popup_severalNumbers"));
  }
  close();
  const reason = await dial(number);
  say(byId("dial-reason"), reason);
  // What was typed meanwhile is the next one's.
  if (reason || field.value.trim() !== text) return;
  field.value = "";
  suggestions = [];
}
