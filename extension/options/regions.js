import { locale } from "../common/i18n.js";

/** The countries most users are in come first. */
const FIRST = ["RU", "UA", "BY", "KZ"];

/** The other regions that have a numbering plan in libphonenumber, as ISO 3166 codes. */
const OTHERS =
  "AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BZ CA CC CD CF CG CH CI CK " +
  "CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ " +
  "GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY LA LB LC LI LK LR LS LT LU " +
  "LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH " +
  "PK PL PM PR PS PT PW PY QA RE RO RS RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL TM " +
  "TN TO TR TT TV TW TZ UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/**
 * Fills the choice of the country with names in the user's language.
 * @param {HTMLSelectElement} select
 */
export function fillRegions(select) {
  const names = new Intl.DisplayNames(locale, { type: "region" });
  const option = (/** @type {string} */ code) => new Option(names.of(code), code);
  const others = OTHERS.split(" ").map(option);
  others.sort((one, other) => one.text.localeCompare(other.text, locale));
  select.replaceChildren(...FIRST.map(option), document.createElement("hr"), ...others);
}
