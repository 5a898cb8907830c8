/** What a search in the calls finds. */

/** @import { CallView } from "../protocol.js" */

/** What a text is compared by: without case, and with one letter for two that people write alike. @param {string} text */
const fold = (text) => text.toLowerCase().replaceAll("ё", "е");

/** @param {string} text */
const digitsOf = (text) => text.replace(/\D/gu, "");

/**
 * Whether a call is with somebody whose name, company or number holds what is looked for: every word of it, or its digits. The
 * first digit may be the one that is dialled before a number at home, `8` or `0`.
 * @param {string} text what is looked for
 * @returns {(call: CallView) => boolean}
 */
export function search(text) {
  const words = fold(text).split(/\s+/u).filter(Boolean);
  if (words.length === 0) return () => true;
  const digits = /[^\d\s()+.\-–—]/u.test(text) ? "" : digitsOf(text);
  const atHome = /^[80]\d/u.test(digits) ? digits.slice(1) : digits;
  return ({ client: { name = "", company = "", number = "" }, callBack = "" }) => {
    const known = fold(`${name} ${company} ${number}`);
    if (words.every((word) => known.includes(word))) return true;
    const numbers = [digitsOf(number), digitsOf(callBack)];
    return digits !== "" && numbers.some((number) => number.includes(digits) || number.includes(atHome));
  };
}
