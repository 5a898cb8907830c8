/** The finders alone: each over the same texts, one after the other, on the page's main thread. */
import init, { find } from "./finder/trubka_bench.js";

await init();

const FINDERS = {
  /** @returns {string[]} the numbers in E.164 */
  trubka: ({ text, label, region }) =>
    find(text, label ?? undefined, region)
      .split(" ")
      .filter(Boolean),
  "libphonenumber-js": ({ text, region }) =>
    libphonenumber.findPhoneNumbersInText(text, region).map(({ number }) => number.number),
};

globalThis.finders = {
  /** What a finder finds in each text, and how long it takes for all of them, in milliseconds. */
  find(name, lines) {
    const finder = FINDERS[name];
    const since = performance.now();
    const numbers = lines.map(finder);
    return { numbers, time: performance.now() - since };
  },
  /** How long it takes for the worst of texts, so many times `8 `. */
  worst(name, repeats) {
    return this.find(name, [{ text: "8 ".repeat(repeats), region: "RU" }]).time;
  },
};
