/** The connection doctor: each service tried step by step, shown as it goes. */

/** @import { CheckItem, CheckStep, Message } from "../protocol.js" */

import { api, ask } from "./api.js";
import { element, say } from "./dom.js";
import { refusal, sentence, t } from "./i18n.js";
import { hostOf, neededOrigins, withheld } from "./permissions.js";
import { settings } from "./settings.js";

/** The services by the first letters of their steps, as people know them. */
const SERVICES = { phonet: "Phonet", uis: "UIS", relay: t("options_relay"), kontur: t("options_kontur") };

/** How a step stands, for the eye. */
const MARKS = { waiting: "…", passed: "✓", failed: "✕", notTried: "–" };

/** How soon it is tried anew what the browser has granted and the background does not know of, in milliseconds. */
const MOMENT = 100;

/** How often. */
const MOST = 10;

/**
 * Tries the services.
 * @param {HTMLElement} place where the steps are shown
 * @param {HTMLElement} state where it is said that it goes on, and how it went
 * @param {() => void} again tries them once more, when the browser has granted what was lacking
 * @param {CheckStep[]} [steps] those that are shown; all of them unless said
 * @returns {Promise<CheckItem[] | undefined>} the shown steps, once they are settled; nothing where the background does not answer
 */
export async function examine(place, state, again, steps) {
  const shown = (/** @type {CheckItem[]} */ items) => items.filter(({ step }) => !steps || steps.includes(step));
  const listen = (/** @type {Message} */ message) => {
    if (message.kind === "checks") render(place, shown(message.items), again);
  };
  say(state, t("options_checking"));
  place.setAttribute("aria-busy", "true");
  api.runtime.onMessage.addListener(listen);
  const answer = await tried();
  api.runtime.onMessage.removeListener(listen);
  place.removeAttribute("aria-busy");
  if (answer?.kind !== "checks") {
    say(state, refusal(answer));
    return undefined;
  }
  const items = shown(answer.items);
  render(place, items, again);
  const failed = items.filter((item) => item.state === "failed");
  say(state, failed.length > 0 ? t("options_checkFailed", String(failed.length)) : t("options_checkPassed"));
  return items;
}

/** Has the services tried. The background hears a moment later than this page what the browser has granted. */
async function tried() {
  for (let turn = 0; ; turn += 1) {
    const answer = await ask({ kind: "checkConnection" });
    const isForbidden = answer?.kind === "checks" && answer.items.some(({ problem }) => problem?.code === "permissionMissing");
    if (!isForbidden || turn === MOST || (await withheldHosts()).length > 0) return answer;
    await new Promise((resolve) => setTimeout(resolve, MOMENT));
  }
}

/**
 * Shows the steps by service. What is shown already stays, and with it the focus.
 * @param {HTMLElement} place
 * @param {CheckItem[]} items
 * @param {() => void} again
 */
function render(place, items, again) {
  const kept = place.querySelectorAll("li[data-step]");
  if (kept.length !== items.length || items.some(({ step }, index) => kept[index]?.getAttribute("data-step") !== step)) {
    place.replaceChildren(...Object.entries(SERVICES).flatMap(([service, name]) => group(name, items.filter(({ step }) => step.startsWith(service)))));
  }
  for (const item of items) show(/** @type {HTMLElement} */ (place.querySelector(`[data-step=${item.step}]`)), item, again);
}

/**
 * @param {string} name
 * @param {CheckItem[]} items
 */
function group(name, items) {
  if (items.length === 0) return [];
  return [element("h3", {}, name), element("ol", { class: "steps" }, ...items.map(({ step }) => element("li", { "data-step": step })))];
}

/**
 * @param {HTMLElement} line
 * @param {CheckItem} item
 * @param {() => void} again
 */
function show(line, { step, state, problem }, again) {
  const text = sentence(problem);
  const key = `${state} ${text}`;
  if (line.dataset.shown === key) return;
  line.dataset.shown = key;
  line.dataset.state = state;
  line.replaceChildren(
    element("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]),
    element("span", {}, t(`check_${step}`), element("span", { class: "hearable" }, `: ${t(`checked_${state}`)}`)),
  );
  if (text) line.append(element("p", { class: state === "failed" ? "error" : "muted" }, text));
  if (problem?.code === "permissionMissing") line.append(granting(again));
}

/**
 * A button that has the browser ask: it listens only within a click.
 * @param {() => void} again
 */
function granting(again) {
  const button = element("button", { type: "button", class: "small" }, t("options_grant"));
  button.addEventListener("click", async () => {
    const origins = neededOrigins(settings()).map(({ origin }) => origin);
    if (await api.permissions.request({ origins }).catch(() => false)) again();
  });
  return button;
}

/** What the browser withholds of all that the settings need, for people. */
export async function withheldHosts() {
  return (await withheld(neededOrigins(settings()))).map(({ origin }) => hostOf(origin));
}
