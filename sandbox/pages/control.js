// The control page: it only shows what the sandbox says and passes on what a person presses.

/** @typedef {{id: number, type: number, displayName: string, ext: string | null}} Party */
/** @typedef {{uuid: string, parentUuid: string | null, direction: string, leg: Party, leg2: Party | null, number: string | null,
 *   client: string | null, state: string, dialAt: number, bridgeAt: number | null}} Call */
/** @typedef {{uuid: string, version: string, number: string, client: string | null, operator: string, employee: string | null,
 *   legs: {side: "operator" | "contact", state: string, rings: boolean}[]}} Session a call of UIS */
/** @typedef {{baseUrl: string | null, features: {call: boolean, hangup: boolean, sendSms: boolean}, scheduled: boolean}} Integration */
/** @typedef {{sockets: {subscriber: string, ext: string, since: number, halfOpen: boolean}[], calls: Call[], away: string[], silence: boolean,
 *   keyValid: boolean, integration: Integration, uis: {calls: Session[], rules: Record<string, unknown>}, recordings: {delay: number, bytes: number, missing: boolean},
 *   faults: {service: string, path: string | null, kind: string, status?: number, millis?: number, count?: number, seconds?: number}[]}} State */
/** @typedef {{type: string, userId?: string}} Side */
/** @typedef {{id: string, externalId: string | null, direction: string, clientPhone: string | null, state: string,
 *   startedAt: string | null, finishedAt: string | null, externalCreatedAt: string | null,
 *   events: {realtimeCallItemId: string, timestamp: string, type: string, from: Side, to: Side}[],
 *   items: {id: string, from: Side, to: Side, startedAt: string, finishedAt: string}[],
 *   recordings: Record<string, string>}} Communication */
/** @typedef {{seq: number, at: string, service: string, method: string, path: string, query: Record<string, string>,
 *   status: number, request: unknown, answer: unknown, violations: string[], repeat: boolean}} Entry */
/** @typedef {{ok: boolean, problems: string[]}} Verdict */

const AGENTS = [
  { ext: "001", name: "Анна Смирнова", email: "anna@example.com", userId: "3f6a0c1e-0000-4000-8000-000000000001" },
  { ext: "002", name: "Борис Орлов", email: "boris@example.com", userId: "3f6a0c1e-0000-4000-8000-000000000002" },
];

/** @type {Record<string, string>} */
const WORDS = {
  inbound: "входящий", outbound: "исходящий", internal: "внутренний",
  ringing: "звонит", talking: "разговор",
  started: "идёт", finished: "завершён", registered: "записан", failed: "не состоялся", called: "CRM просит позвонить",
  refused: "не принят интеграцией",
  appeared: "появился", connected: "ответили", disconnected: "положили трубку", paused: "пауза",
  kontur: "Контур.CRM", phonet: "Phonet", uis: "UIS",
  operator: "оператор", contact: "клиент",
};

const SHOWN_ENTRIES = 300;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`#${id} is missing`);
  return found;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {string} word */
function word(word) {
  return WORDS[word] ?? word;
}

/** @param {string | number} instant */
function time(instant) {
  const at = new Date(instant);
  const text = `${at.toLocaleTimeString("ru", { hour12: false })}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return element("span", { class: "time" }, text);
}

/** @param {string} text @param {() => Promise<void>} act @param {string} key names the button across renderings */
function button(text, act, key) {
  const made = element("button", { type: "button", "data-key": key }, text);
  made.addEventListener("click", act);
  return made;
}

/** Does what was asked and shows why where it is refused. @param {string} path @param {object} [body] @returns {Promise<any>} the answer */
async function post(path, body = {}) {
  const error = byId("error", HTMLElement);
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    const said = await answer.json();
    error.hidden = answer.ok;
    if (!answer.ok) error.textContent = `Не вышло: ${said.error}`;
    return answer.ok ? said : null;
  } catch {
    error.hidden = false;
    error.textContent = "Песочница не отвечает.";
    return null;
  }
}

/** Fills a list and leaves the focus where it was. @param {string} id @param {Node[]} items @param {string} [empty] */
function fill(id, items, empty) {
  const list = byId(id, HTMLElement);
  const focused = document.activeElement;
  const key = focused instanceof HTMLElement && list.contains(focused) ? focused.dataset["key"] : undefined;
  list.replaceChildren(...(items.length === 0 && empty ? [element("li", { class: "quiet" }, empty)] : items));
  const again = [...list.querySelectorAll("[data-key]")].find((one) => one.getAttribute("data-key") === key);
  if (key && again instanceof HTMLElement) again.focus();
}

/** @param {State} state */
function showAgents(state) {
  fill("agents", AGENTS.map(({ ext, name, email }) => {
    const own = state.sockets.filter((socket) => socket.subscriber === ext || socket.subscriber === email);
    const open = own.filter((socket) => !socket.halfOpen).length;
    const away = state.away.includes(ext);
    const link = open === 0 ? "нет связи" : open === 1 ? "на связи" : `на связи, браузеров: ${open}`;
    const toggle = button(away ? "Вернулся" : "Отошёл", () => post("/control/presence", { ext, away: !away }), `away-${ext}`);
    const status = element("div", { class: open === 0 ? "quiet" : "good" }, link);
    if (open < own.length) status.append(element("span", { class: "note" }, `, полуоткрыто: ${own.length - open}`));
    if (away) status.append(element("span", { class: "note" }, ", нет на месте"));
    return element("li", { class: "line" },
      element("div", { class: "grow" }, element("strong", {}, ext), ` ${name}`, status), toggle);
  }));
}

/** @param {Party} party */
function party({ ext, displayName }) {
  return ext ? `${ext} ${displayName}` : displayName;
}

/** @param {Call} call */
function who(call) {
  if (call.parentUuid) return party(call.leg);
  if (call.direction === "internal") return `${party(call.leg)} → ${call.leg2 ? party(call.leg2) : ""}`;
  const client = call.client ?? (call.number ? `+${call.number}` : "номер скрыт");
  return call.direction === "outbound" ? `${party(call.leg)} → ${client}` : `${client} → ${party(call.leg)}`;
}

/** @param {string} uuid */
function callPath(uuid) {
  return `/control/calls/${encodeURIComponent(uuid)}`;
}

/** @param {string} uuid @param {boolean} rings */
function callButtons(uuid, rings) {
  const path = callPath(uuid);
  const buttons = element("span", { class: "line end" });
  if (rings) buttons.append(button("Ответить", () => post(`${path}/answer`), `answer-${uuid}`));
  buttons.append(button("Положить трубку", () => post(`${path}/hangup`), `hangup-${uuid}`));
  return buttons;
}

/** @param {Session} session */
function sessionLine({ uuid, version, number, client, operator, employee, legs }) {
  const states = legs.map(({ side, state }) => `${word(side)}: ${state}`).join(", ");
  const rings = legs.some((leg) => leg.rings);
  const held = legs.some(({ state }) => state === "На удержании");
  const buttons = callButtons(uuid, rings);
  if (!rings) {
    const [title, operator] = held ? ["Снять с удержания", "Разговор"] : ["Удержать", "На удержании"];
    buttons.prepend(button(title, () => post(`${callPath(uuid)}/legs`, { operator }), `hold-${uuid}`));
  }
  return element("li", { class: "line" },
    element("span", { class: "whole" }, `${employee ?? `+${operator}`} → ${client ?? `+${number}`}, UIS ${version}`),
    element("span", { class: rings ? "note" : "good" }, states), buttons);
}

/** @param {State} state */
function showCalls(state) {
  const calls = state.calls.map((call) => element("li", { class: call.parentUuid ? "line leg" : "line" },
    element("span", { class: "whole" }, who(call)),
    element("span", { class: call.state === "talking" ? "good" : "note" }, word(call.state)),
    callButtons(call.uuid, call.state === "ringing")));
  fill("calls", [...calls, ...state.uis.calls.map(sessionLine)], "Никто не звонит");
}

/** @param {State} state */
function showRules({ uis: { rules } }) {
  for (const one of switches) press(one, JSON.stringify(rules[one.dataset["rule"] ?? ""]) === one.dataset["off"]);
}

/** @param {State} state */
function showIntegration({ integration: { baseUrl, features, scheduled: on } }) {
  if (document.activeElement !== base) base.value = baseUrl ?? "";
  for (const one of featureSwitches) press(one, features[/** @type {"call" | "hangup"} */ (one.dataset["feature"])]);
  press(scheduled, on);
}

/** @param {State} state */
function showFaults(state) {
  press(silence, state.silence);
  press(revoked, !state.keyValid);
  fill("faults", state.faults.map(({ service, path, kind, status, millis, count, seconds }) => {
    const name = [...kinds.options].find((option) => option.value === kind)?.text ?? kind;
    const detail = status ?? (millis === undefined ? "" : `${millis} мс`);
    const left = seconds === undefined ? `ещё запросов: ${count}` : `ещё секунд: ${seconds}`;
    return element("li", { class: "note" }, [`${word(service)} ${path ?? ""}`.trimEnd(), `${name} ${detail}`.trimEnd(), left].join(", "));
  }));
}

/** @param {State} state */
function showRecordings({ recordings: { delay: seconds, bytes: length, missing } }) {
  press(unrecorded, missing);
  for (const [input, value] of /** @type {const} */ ([[delay, seconds], [bytes, length]])) {
    if (document.activeElement !== input) input.value = String(value);
  }
}

/** @param {Side} side */
function side(side) {
  if (side.type === "client") return "клиент";
  return AGENTS.find(({ userId }) => userId === side.userId)?.name ?? "сотрудник";
}

/** @param {Communication} call */
function communication(call) {
  const steps = element("div", { class: "steps" });
  /** @param {string | null} at @param {string} what @param {string} detail */
  const step = (at, what, detail) => {
    if (at) steps.append(time(at), element("span", {}, what), element("span", { class: "quiet" }, detail));
  };
  step(call.startedAt, "начат", word(call.direction));
  for (const event of call.events) {
    step(event.timestamp, word(event.type), `${side(event.from)} → ${side(event.to)}`);
  }
  step(call.finishedAt, "завершён", "");
  for (const item of call.items) {
    const seconds = (Date.parse(item.finishedAt) - Date.parse(item.startedAt)) / 1000;
    step(item.startedAt, "в истории", `${side(item.from)} → ${side(item.to)}, ${seconds.toLocaleString("ru", { maximumFractionDigits: 1 })} с`);
  }
  return element("li", {}, element("div", { class: "line" },
    element("strong", {}, call.clientPhone ? `+${call.clientPhone}` : word(call.direction)),
    element("span", { class: call.state === "registered" ? "good" : "note" }, word(call.state)),
    ...(Object.keys(call.recordings).length > 0 ? [element("span", { class: "note" }, "с записью")] : []),
    element("span", { class: "id quiet end" }, call.externalId ?? call.id)), steps);
}

/** @param {Verdict} verdict */
function showVerdict({ ok, problems }) {
  const badge = byId("verdict", HTMLElement);
  badge.className = ok ? "good" : "bad";
  badge.textContent = ok ? "Всё верно" : `Нарушений: ${problems.length}`;
  byId("problems-section", HTMLElement).hidden = ok;
  fill("problems", problems.map((problem) => element("li", { class: "bad" }, problem)));
}

/** @param {Entry} entry */
function ledgerLine(entry) {
  const good = entry.status < 400;
  const summary = element("summary", {}, time(entry.at), word(entry.service), element("span", { class: "path" },
    `${entry.method} ${entry.path}`), ...(entry.repeat ? [element("span", { class: "note" }, "повтор")] : []),
  element("span", { class: good ? "good" : "bad" }, String(entry.status)));
  const violated = entry.violations.length > 0;
  return element("li", violated ? { class: "violated" } : {}, element("details", {}, summary,
    ...entry.violations.map((violation) => element("div", { class: "bad" }, violation)),
    element("pre", {}, `${JSON.stringify(entry.request, null, 2)}\n→ ${JSON.stringify(entry.answer, null, 2)}`)));
}

/** @param {string} path */
async function get(path) {
  return (await fetch(path)).json();
}

let reading = false;
let again = false;

/** Reads everything again; changes that arrive meanwhile make one more reading. */
async function refresh() {
  again = reading;
  if (reading) return;
  reading = true;
  try {
    const [state, crm, verdict] = await Promise.all([get("/control/state"), get("/control/crm"), get("/control/verdict")]);
    showAgents(state);
    showCalls(state);
    showFaults(state);
    showRules(state);
    showIntegration(state);
    showRecordings(state);
    showVerdict(verdict);
    fill("crm", crm.communications.toReversed().map(communication), "Пока ни одного");
  } finally {
    reading = false;
  }
  if (again) await refresh();
}

const incoming = byId("incoming", HTMLFormElement);
const client = /** @type {HTMLSelectElement} */ (incoming.elements.namedItem("client"));
const number = /** @type {HTMLInputElement} */ (incoming.elements.namedItem("number"));

client.addEventListener("change", () => {
  const typed = client.value === "other";
  number.required = typed;
  const label = number.closest("label");
  if (label) label.hidden = !typed;
  if (typed) number.focus();
});

incoming.addEventListener("submit", (event) => {
  event.preventDefault();
  const from = client.value === "other" ? number.value : client.value;
  post("/control/incoming", { from: from || null, to: new FormData(incoming).get("to") });
});

byId("internal", HTMLElement).addEventListener("click", () => post("/control/internal", { from: "001", to: "002" }));

const fault = byId("fault", HTMLFormElement);
const kinds = /** @type {HTMLSelectElement} */ (fault.elements.namedItem("kind"));

/** The details that belong to a kind of fault. */
function details() {
  return /** @type {HTMLElement[]} */ ([...fault.querySelectorAll("[data-kinds]")])
    .map((label) => ({ label, shown: (label.dataset["kinds"] ?? "").split(" ").includes(kinds.value) }));
}

kinds.addEventListener("change", () => {
  for (const { label, shown } of details()) label.hidden = !shown;
});

fault.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(fault);
  const fields = details().filter(({ shown }) => shown)
    .flatMap(({ label }) => [...label.querySelectorAll("select, input")])
    .map((field) => field.getAttribute("name") ?? "");
  const numbers = Object.fromEntries(fields.map((name) => [name, Number(form.get(name))]));
  post("/control/fault", {
    service: form.get("service"), kind: form.get("kind"), ...numbers, [String(form.get("unit"))]: Number(form.get("amount")),
  });
});

/** @param {HTMLElement} button */
function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

/** @param {HTMLElement} button @param {boolean} on */
function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

const silence = byId("silence", HTMLElement);
silence.addEventListener("click", () => post("/control/silence", { on: !pressed(silence) }));

const revoked = byId("revoked", HTMLElement);
revoked.addEventListener("click", () => post("/control/phonet-key", { valid: pressed(revoked) }));

const switches = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-rule]")]);
for (const one of switches) {
  const { rule = "", on = "", off = "" } = one.dataset;
  one.addEventListener("click", () => post("/control/uis", { [rule]: JSON.parse(pressed(one) ? on : off) }));
}

const integration = byId("integration", HTMLFormElement);
const base = /** @type {HTMLInputElement} */ (integration.elements.namedItem("baseUrl"));
integration.addEventListener("submit", (event) => {
  event.preventDefault();
  post("/control/integration", { baseUrl: base.value.trim() });
});

const featureSwitches = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-feature]")]);
for (const one of featureSwitches) {
  one.addEventListener("click", () => {
    const features = Object.fromEntries(featureSwitches.map((other) =>
      [other.dataset["feature"], pressed(other) !== (other === one)]));
    post("/control/integration", { features });
  });
}

const scheduled = byId("scheduled", HTMLElement);
scheduled.addEventListener("click", () => post("/control/web-hooks", { on: !pressed(scheduled) }));

/** @type {Record<string, string>} */
const OUTCOMES = {
  done: "принято", refused: "отказ", stranger: "отвечает не интеграция", unreachable: "сервер недоступен", timedOut: "нет ответа",
};

for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-hook]"))) {
  one.addEventListener("click", async () => {
    const relativeUrl = one.dataset["hook"];
    const sent = await post("/control/web-hook", { relativeUrl });
    byId("hooked", HTMLElement).textContent = sent ? `${relativeUrl}: ${OUTCOMES[sent.outcome] ?? sent.outcome}` : "";
  });
}

const uisError = byId("uis-error", HTMLFormElement);
uisError.addEventListener("submit", (event) => {
  event.preventDefault();
  post("/control/uis", { error: JSON.parse(String(new FormData(uisError).get("error"))) });
});

const recordings = byId("recordings", HTMLFormElement);
const delay = /** @type {HTMLInputElement} */ (recordings.elements.namedItem("delay"));
const bytes = /** @type {HTMLInputElement} */ (recordings.elements.namedItem("bytes"));
const unrecorded = byId("unrecorded", HTMLElement);

/** @param {boolean} missing */
function record(missing) {
  post("/control/recordings", { delay: delay.valueAsNumber, bytes: bytes.valueAsNumber, missing });
}

recordings.addEventListener("submit", (event) => {
  event.preventDefault();
  record(pressed(unrecorded));
});
unrecorded.addEventListener("click", () => {
  if (recordings.reportValidity()) record(!pressed(unrecorded));
});

for (const one of document.querySelectorAll("[data-post]")) {
  one.addEventListener("click", () => post(one.getAttribute("data-post") ?? ""));
}

const ledger = byId("ledger", HTMLElement);
const stream = new EventSource("/control/stream");
stream.addEventListener("reset", () => ledger.replaceChildren());
stream.addEventListener("ledger", (event) => {
  ledger.prepend(ledgerLine(JSON.parse(event.data)));
  while (ledger.children.length > SHOWN_ENTRIES) ledger.lastElementChild?.remove();
});
stream.addEventListener("change", refresh);
