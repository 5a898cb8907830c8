/** The integration as the CRM has it: what is changed here is no setting of ours, and changes at once. */

/** @import { IntegrationView, Problem, Request, WebHookView } from "../protocol.js" */

import { ask } from "../common/api.js";
import { byId, element } from "../common/dom.js";
import { moment, refusal, sentence, t } from "../common/i18n.js";

/** An argument of such a name is not shown. */
const SECRET = /key|token|secret|pass|pwd|auth|cred/iu;

/** How often a web hook goes out unless somebody says otherwise, in minutes. */
const USUAL_PERIOD = "5";

const section = byId("topic-integration");
const problems = byId("integration-problems");
const state = byId("integration-state");
const view = byId("integration-view");
const call = byId("feature-call", HTMLInputElement);
const hangUp = byId("feature-hangUp", HTMLInputElement);
const activation = byId("activation", HTMLFormElement);
const activationArguments = byId("activation-arguments", HTMLTextAreaElement);
const hooks = /** @type {const} */ (["upgrade", "sync"]).map((name) => ({ name, ...partsOf(byId(`hook-${name}`)) }));

/** Whether the CRM is being asked: what is clicked meanwhile does nothing. */
let busy = false;

byId("integration-read").addEventListener("click", () => request({ kind: "getIntegration" }));
for (const feature of [call, hangUp]) {
  feature.addEventListener("click", (event) => {
    // It shows what the CRM says, not what was clicked.
    event.preventDefault();
    const wanted = { call: call.checked, hangUp: hangUp.checked };
    void request({ kind: "setFeatures", ...wanted });
  });
}
for (const { name, form, minutes, off } of hooks) {
  const set = (/** @type {boolean} */ on) => {
    const period = /^\d{1,6}$/u.test(minutes.value.trim()) ? Number(minutes.value) : 0;
    return request({ kind: "setWebHook", hook: name, on, minutes: period }, minutes);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void set(true);
  });
  off.addEventListener("click", () => set(false));
}
activation.addEventListener("submit", (event) => {
  event.preventDefault();
  void request({ kind: "setUpIntegration", arguments: activationArguments.value }, activationArguments);
});

/** Reads it when it is looked at, unless it was read already. */
export function look() {
  if (view.hidden) void request({ kind: "getIntegration" });
}

/** Puts away what was read with other settings than those in force now. */
export function putAway() {
  view.hidden = true;
  state.textContent = "";
  show([]);
}

/**
 * Asks the CRM, and shows what it says.
 * @param {Request} asked
 * @param {HTMLInputElement | HTMLTextAreaElement} [field] what was written for it
 */
async function request(asked, field) {
  if (busy) return;
  setBusy(true);
  const answer = await ask(asked);
  setBusy(false);
  for (const wrong of section.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
  if (answer?.kind === "integration") {
    render(answer);
    // The arguments may be secrets.
    if (field === activationArguments) field.value = "";
    state.textContent = t("options_integrationAt", moment(Date.now()));
    return show([]);
  }
  state.textContent = "";
  if (answer?.kind !== "invalid") return show([refusal(answer)]);
  const label = field?.labels?.[0]?.textContent?.trim() ?? "";
  const isWrong = (/** @type {Problem} */ { code }) => code === "integrationWrongField";
  show(answer.problems.map((problem) => sentence(isWrong(problem) ? { ...problem, args: [label] } : problem)));
  if (!field || !answer.problems.some(isWrong)) return;
  field.setAttribute("aria-invalid", "true");
  // What is wrong with it stands at the top.
  field.focus({ preventScroll: true });
}

/** @param {string[]} sentences what went wrong */
function show(sentences) {
  problems.replaceChildren(...sentences.map((text) => element("li", {}, text)));
  problems.hidden = sentences.length === 0;
  if (sentences.length > 0) problems.scrollIntoView({ block: "nearest" });
}

/** @param {boolean} is */
function setBusy(is) {
  busy = is;
  view.setAttribute("aria-busy", String(is));
  if (is) state.textContent = t("options_integrationBusy");
  for (const control of section.querySelectorAll("button, [role=switch]")) control.setAttribute("aria-disabled", String(is));
}

/** @param {IntegrationView} integration */
function render({ id, isPublic, workspace, status, baseUrl, features, webHooks, settings, mainTelephony }) {
  const facts = [
    [t("options_integrationStatus"), t(`status_${status}`)],
    [t("options_integrationMain"), t(`main_${mainTelephony}`)],
    [t("options_integrationBaseUrl"), baseUrl || t("options_integrationNoBaseUrl")],
    [t("options_konturWorkspace"), workspace],
    [t("options_integrationKind"), isPublic ? t("options_integrationPublic") : t("options_integrationPrivate")],
    [t("options_integrationId"), id],
    [t("options_integrationSms"), features.sendSms ? t("options_integrationOn") : t("options_integrationOff")],
    ...settings.map((setting) => [t("options_integrationArgument", setting.id), SECRET.test(setting.id) ? "•••" : setting.value]),
  ];
  const list = byId("integration-facts");
  list.dataset.status = status;
  list.replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  call.checked = features.call;
  hangUp.checked = features.hangUp;
  for (const hook of hooks) renderHook(hook, webHooks.find((each) => each.hook === hook.name));
  const others = webHooks.filter(({ hook }) => !hook);
  byId("hooks-others").replaceChildren(...others.map((each) => element("li", {}, `${each.relativeUrl}: ${standing(each)}`)));
  activation.hidden = !isPublic;
  view.hidden = false;
}

/**
 * @param {ReturnType<typeof partsOf>} parts
 * @param {WebHookView | undefined} hook
 */
function renderHook({ form, standing: shown, minutes, on, off }, hook) {
  const isOn = hook !== undefined && !hook.disabled;
  form.dataset.on = String(isOn);
  shown.textContent = standing(hook);
  minutes.value = hook?.minutes === undefined ? USUAL_PERIOD : String(hook.minutes);
  on.textContent = isOn ? t("options_hookChange") : hook ? t("options_hookEnable") : t("options_hookRegister");
  if (!isOn && document.activeElement === off) on.focus();
  off.hidden = !isOn;
}

/**
 * How a web hook stands, in words.
 * @param {WebHookView | undefined} hook
 */
function standing(hook) {
  if (!hook) return t("options_hookNone");
  if (hook.disabled) return t("options_hookDisabled");
  return hook.minutes === undefined ? t("options_hookOn") : t("options_hookEvery", String(hook.minutes));
}

/** @param {HTMLElement} form of a web hook */
function partsOf(form) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (form.querySelector(`[data-part=${name}]`));
  const minutes = /** @type {HTMLInputElement} */ (part("minutes"));
  return { form, standing: part("state"), minutes, on: part("on"), off: part("off") };
}
