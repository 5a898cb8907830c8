/**
 * Texts, times and lengths in the user's language.
 *
 * Keys of `_locales` are written literally in HTML (`data-i18n="…"`) and in `t("…")`, so that a test can find the missing
 * ones. Only these prefixes are completed by a value of the protocol: `problem_` + code, `check_` + step, `checked_` + state of a step, `link_` and `relay_` + state
 * of the link, `direction_` + direction, `phase_` + call phase, `dial_` + phase of a dial without a call, `delivery_` and
 * `recording_` + delivery state, `open_` + card, `can_` + ability of an exchange, `status_` + status of the integration,
 * `main_` + main telephony, `toolbar_` + how things stand in the toolbar. And these by the plural of a count: `missed_`, `waiting_`,
 * `failed_`.
 */

/** @import { Message, Problem } from "../protocol.js" */

import { api } from "./api.js";

/**
 * A text of `_locales`; empty when there is none.
 * @param {string} key
 * @param {...string} args
 */
export function t(key, ...args) {
  return api.i18n.getMessage(key, args);
}

/** The language the texts are in; the browser's own may be one that Trubka does not speak. */
const language = t("language");

const plurals = new Intl.PluralRules(language);

/**
 * A text for so many of something: each language has its own for one, a few and many of them.
 * @param {string} family the text's key without the plural's name
 * @param {number} count
 */
export function plural(family, count) {
  return t(`${family}_${plurals.select(count)}`, count.toLocaleString(locale));
}

/** The browser's regional variant of that language, for dates: `en-GB` rather than `en`. */
export const locale = api.i18n.getUILanguage().startsWith(language) ? api.i18n.getUILanguage() : language;

/**
 * The sentence of a problem.
 * @param {Problem | undefined} problem
 */
export function sentence(problem) {
  return problem ? t(`problem_${problem.code}`, ...(problem.args ?? [])) : "";
}

/**
 * Why the background did not do what it was asked for.
 * @param {Message | undefined} answer
 */
export function refusal(answer) {
  return answer?.kind === "refused" ? sentence(answer.problem) : t("noAnswer");
}

/**
 * Fills in the texts of a page or of a template, and names the page's language.
 * @param {ParentNode} [root]
 */
export function localize(root = document) {
  document.documentElement.lang = language;
  for (const target of root.querySelectorAll("[data-i18n]")) {
    target.textContent = t(target.getAttribute("data-i18n") ?? "");
  }
}

const timeOnly = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const dayAndTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

/**
 * A moment for people: the time, with the day unless it is today.
 * @param {number} at epoch milliseconds
 */
export function moment(at) {
  const date = new Date(at);
  return (date.toDateString() === new Date().toDateString() ? timeOnly : dayAndTime).format(date);
}

/**
 * A length for people: `2:35`, `1:02:35`. The exchange's clock may be ahead of ours, so one below zero is shown as zero.
 * @param {number} length milliseconds
 */
export function duration(length) {
  const seconds = Math.max(0, Math.floor(length / 1000));
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
