/**
 * Texts and lengths in the user's language.
 *
 * Keys are written literally in `words.text("…")`; only these prefixes are completed by a value of the protocol:
 * `problem_` + code, `button_` + phase of a dial, `card_direction_` + direction, `card_link_` + card kind,
 * `card_delivery_` + delivery state.
 */
const words = {
  /** The language of the texts. */
  language: api.i18n.getMessage("language"),

  /** Texts with a mark for each argument: to ask the browser for thousands of buttons would take long. */
  patterns: /** @type {Map<string, string>} */ (new Map()),

  /**
   * A text of `_locales`. Once the extension is gone its texts are too: nothing fails for that, the next question to
   * the background ends this page's part.
   * @param {string} key
   * @param {...string} args
   */
  text(key, ...args) {
    let pattern = words.patterns.get(key);
    if (pattern === undefined) {
      if (!api.runtime?.id) return "";
      pattern = api.i18n.getMessage(key, ["\u{e001}", "\u{e002}"]);
      words.patterns.set(key, pattern);
    }
    return pattern.replace(/[\u{e001}\u{e002}]/gu, (mark) => args[(mark.codePointAt(0) ?? 0) - 0xe001] ?? "");
  },

  /**
   * The sentence of a problem.
   * @param {Protocol.Problem | undefined} problem
   */
  sentence(problem) {
    return problem ? words.text(`problem_${problem.code}`, ...(problem.args ?? [])) : "";
  },

  /**
   * A length for people: `2:35`, `1:02:35`. The exchange's clock may be ahead of ours, so one below zero is shown as
   * zero.
   * @param {number} length milliseconds
   */
  duration(length) {
    const seconds = Math.max(0, Math.floor(length / 1000));
    const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  },
};
