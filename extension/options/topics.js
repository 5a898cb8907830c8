/** The topics of the options: one is shown at a time, the one that the address names, or all that the search finds. */

import { byId, say } from "../common/dom.js";
import { t } from "../common/i18n.js";

const search = byId("search", HTMLInputElement);
const found = byId("found");
const sections = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-topic]")]);
const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("[data-nav]")]);

/** What is found or not as a whole. */
const BLOCKS = ".field, fieldset, .block, .actions, details, table, dl, .hook, #checks";

/** @type {(topic: string) => void} */
let shown = () => {};

/** @param {(topic: string) => void} whenShown is told which topic is looked at */
export function navigate(whenShown) {
  shown = whenShown;
  addEventListener("hashchange", enter);
  for (const link of links) {
    // The address stays the same.
    link.addEventListener("click", () => link.hash === location.hash && enter());
  }
  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || search.value === "") return;
    event.preventDefault();
    search.value = "";
    show();
  });
  show();
}

/** Goes to the topic that the address names. */
function enter() {
  search.value = "";
  show();
  focusTopic();
}

/** Gives the focus to the topic that is shown; where several are found, to the search. */
export function focusTopic() {
  (search.value === "" ? byId(`${topic()}-title`) : search).focus();
}

/** Marks the topics that have something wrong in them. */
export function markTopics() {
  for (const link of links) {
    const wrong = document.querySelector(`[data-topic=${link.dataset.nav}] [aria-invalid=true]`) !== null;
    link.toggleAttribute("data-wrong", wrong);
    if (wrong) link.setAttribute("aria-description", t("options_topicWrong"));
    else link.removeAttribute("aria-description");
  }
}

/** The topic that the address names; the first one where it names none. */
function topic() {
  const named = location.hash.slice(1);
  return sections.some(({ dataset }) => dataset.topic === named) ? named : (sections[0]?.dataset.topic ?? "");
}

function show() {
  const words = plain(search.value).split(" ").filter(Boolean);
  const current = topic();
  let count = 0;
  for (const section of sections) {
    const isCurrent = section.dataset.topic === current;
    if (words.length === 0) {
      for (const block of section.querySelectorAll("[data-missed]")) block.removeAttribute("data-missed");
      section.hidden = !isCurrent;
    } else {
      count += find(section, words);
    }
  }
  for (const link of links) {
    if (words.length === 0 && link.dataset.nav === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say(found, words.length === 0 ? "" : count > 0 ? t("options_found", String(count)) : t("options_notFound"));
  if (words.length === 0) shown(current);
}

/**
 * Shows what a section has of these words, and hides the section where it has nothing.
 * @param {HTMLElement} section
 * @param {string[]} words
 * @returns {number} how many settings were found
 */
function find(section, words) {
  const has = (/** @type {Element} */ element) => {
    const names = [...element.querySelectorAll("[placeholder]")].map((field) => field.getAttribute("placeholder"));
    const text = plain(`${element.textContent} ${names.join(" ")}`);
    return words.every((word) => text.includes(word));
  };
  const all = has(/** @type {Element} */ (section.querySelector("h2")));
  let count = 0;
  for (const block of section.querySelectorAll(BLOCKS)) {
    const isFound = all || has(block) || isExplained(block, has);
    block.toggleAttribute("data-missed", !isFound);
    if (isFound && !all && block.matches(".field, .actions, .hook")) count += 1;
    if (isFound && !all && block instanceof HTMLDetailsElement) block.open = true;
  }
  if (all) count = section.querySelectorAll(".field, .actions, .hook").length;
  section.hidden = count === 0;
  return count;
}

/**
 * Whether a block stands in one that is found by its own title.
 * @param {Element} block
 * @param {(element: Element) => boolean} has
 */
function isExplained(block, has) {
  const around = block.parentElement?.closest(".block, fieldset, details");
  const title = around?.querySelector(":scope > :is(h3, legend, summary)");
  return title !== null && title !== undefined && has(title);
}

/** @param {string} text */
function plain(text) {
  return text.toLowerCase().replaceAll("ё", "е").replace(/\s+/gu, " ").trim();
}
