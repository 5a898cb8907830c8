/** The sites and the corrections: what is added elsewhere, and here only looked at and taken back. */

/** @import { Correction } from "../protocol.js" */

import { byId, element } from "../common/dom.js";
import { EXCHANGES } from "../common/exchanges.js";
import { t } from "../common/i18n.js";
import { siteOf } from "../common/origins.js";

/**
 * @param {string[]} sites
 * @param {Record<string, string> | undefined} exchanges which one dials on a site, where it is not the usual one; nothing where there is but one
 * @param {{ sites: boolean, exchanges: boolean }} locked what the administrator has locked
 * @param {{ leave: (origin: string) => void, choose: (exchanges: Record<string, string>) => void }} actions
 */
export function showSites(sites, exchanges, locked, { leave, choose }) {
  const item = (/** @type {string} */ origin) => {
    const exchange = element("select", { "data-site": origin, "aria-label": t("options_siteExchange", siteOf(origin)) });
    exchange.append(new Option(t("options_siteUsual"), ""), ...Object.entries(EXCHANGES).map(([name, shown]) => new Option(shown, name)));
    exchange.value = exchanges?.[origin] ?? "";
    exchange.hidden = !exchanges;
    exchange.disabled = locked.exchanges;
    exchange.addEventListener("change", () => {
      const { [origin]: _, ...others } = exchanges ?? {};
      choose(exchange.value ? { ...others, [origin]: exchange.value } : others);
    });
    const off = remover(t("options_siteOff"), siteOf(origin), () => leave(origin));
    off.disabled = locked.sites;
    return element("li", {}, element("span", {}, siteOf(origin)), exchange, off);
  };
  show("sites", sites.map(item));
  byId("no-sites").hidden = sites.length > 0;
}

/**
 * @param {Correction[]} corrections
 * @param {boolean} locked
 * @param {(correction: Correction) => void} forget
 */
export function showCorrections(corrections, locked, forget) {
  const item = (/** @type {Correction} */ correction) => {
    const { label, pattern, phone } = correction;
    const verdict = element("span", { class: "muted" }, phone ? t("options_correctionPhone") : t("options_correctionNotPhone"));
    const name = label ? t("options_correctionIn", pattern, label) : pattern;
    const off = remover(t("options_correctionRemove"), name, () => forget(correction));
    off.disabled = locked;
    return element("li", {}, element("span", {}, name, " ", verdict), off);
  };
  // The last one said comes first.
  show("corrections", corrections.map(item).reverse());
  byId("no-corrections").hidden = corrections.length > 0;
}

/**
 * A button that takes back one thing of a list, and says which to those who do not see it beside it.
 * @param {string} text
 * @param {string} what
 * @param {() => void} remove
 */
function remover(text, what, remove) {
  const button = element("button", { type: "button", "aria-label": `${text}: ${what}` }, text);
  button.addEventListener("click", remove);
  return button;
}

/**
 * Fills a list. The focus of one that is gone goes to the one in its place.
 * @param {string} id
 * @param {HTMLElement[]} items
 */
function show(id, items) {
  const list = byId(id);
  const { activeElement } = document;
  const place = [...list.children].findIndex((item) => item.contains(activeElement));
  list.replaceChildren(...items);
  const instead = items[Math.min(place, items.length - 1)];
  if (place >= 0) (/** @type {HTMLElement | null | undefined} */ (instead?.querySelector(activeElement?.localName ?? "")) ?? list).focus();
}
