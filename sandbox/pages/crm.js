// A page in the CRM's likeness. Like React it keeps references to its own nodes, updates their text in place, moves and
// removes exactly those nodes, and breaks where somebody else has touched them. What breaks is shown and counted.

/** @typedef {{id: string, name: string, position: string, companyId: string, phones: string, email: string}} Contact */
/** @typedef {{id: string, name: string, taxId: string, taxReason: string, deal: {id: string, name: string}, comment: string}} Company */
/** @typedef {{id: string, cells: string[]}} Line */
/** @typedef {{line: HTMLTableRowElement, texts: Text[]}} Row */
/** @typedef {"contacts" | "clients" | "deals"} Section */

/** @type {Record<Section, {title: string, columns: string[]}>} */
const SECTIONS = {
  contacts: { title: "Контакты", columns: ["Контакт", "Клиент", "Телефон", "Почта", "ИНН"] },
  clients: { title: "Клиенты", columns: ["Клиент", "ИНН", "Контакты", "Телефон", "Комментарий"] },
  deals: { title: "Сделки", columns: ["Сделка", "Клиент", "Бюджет", "Счет", "Создана"] },
};

const HANDSET = "M6.6 10.8a15.1 15.1 0 0 0 6.6 6.6l2.2-2.2c.3-.3.7-.4 1-.2 1.1.4 2.3.6 3.6.6.6 0 1 .4 1 1V20c0 .6-.4 1-1 1A17"
  + " 17 0 0 1 3 4c0-.6.4-1 1-1h3.5c.6 0 1 .4 1 1 0 1.3.2 2.5.6 3.6.1.3 0 .7-.2 1z";

const CHURN_MS = 300;

/** @type {{me: string, companies: Company[], contacts: Contact[]}} */
let data = { me: "", companies: [], contacts: [] };
/** How often the page has been rendered; decides how it looks this time. */
let renderings = 0;

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

function handset() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "handset");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", HANDSET);
  svg.append(path);
  return svg;
}

/** Runs a piece of the page; what it throws is shown and counted. @param {() => void} piece */
function guarded(piece) {
  try {
    piece();
  } catch (error) {
    failed(error);
  }
}

/** @param {unknown} error */
function failed(error) {
  const root = document.documentElement;
  root.dataset["crmErrors"] = String(Number(root.dataset["crmErrors"]) + 1);
  document.getElementById("crm-errors")?.append(`${error}\n`);
}

/** @returns {{section: Section, id: string | undefined}} */
function place() {
  const [section, id] = location.pathname.split("/").slice(3);
  return { section: section === "clients" || section === "deals" ? section : "contacts", id };
}

/** @param {Section} section @param {string} [id] */
function address(section, id) {
  return `/app/sandbox/${section}${id ? `/${id}` : ""}${location.search}`;
}

/** @param {string} url */
function go(url) {
  history.pushState(null, "", url);
  guarded(render);
}

/** A link inside the page. @param {string} url @param {(Node | string)[]} children */
function link(url, ...children) {
  const anchor = element("a", { href: url }, ...children);
  anchor.addEventListener("click", (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(url);
  });
  return anchor;
}

/** @param {string} id */
function company(id) {
  return data.companies.find((one) => one.id === id);
}

/** @param {string} id */
function contactsOf(id) {
  return data.contacts.filter((one) => one.companyId === id);
}

/** What the table says this time: every other rendering turns it round, every third lacks its first line.
 * @param {Section} section @returns {Line[]} */
function lines(section) {
  const all = {
    contacts: () => data.contacts.map((one) => ({
      id: one.id,
      cells: [one.name, company(one.companyId)?.name ?? "—", one.phones, one.email, company(one.companyId)?.taxId ?? "—"],
    })),
    clients: () => data.companies.map((one) => ({
      id: one.id,
      cells: [one.name, `${one.taxId} – ${one.taxReason}`, contactsOf(one.id).map(({ name }) => name).join(", "),
        contactsOf(one.id)[1]?.phones ?? "—", one.comment],
    })),
    deals: () => data.companies.map((one, at) => ({
      id: one.deal.id,
      cells: [one.deal.name, one.name, "0,00 ₽", `№ ${at + 1}`, "14:23"],
    })),
  }[section]();
  const shown = renderings % 3 === 1 ? all.slice(1) : all;
  return renderings % 2 === 1 ? shown.reverse() : shown;
}

class Table {
  /** @param {Section} section */
  constructor(section) {
    this.section = section;
    this.body = element("tbody");
    const head = element("tr", {}, ...SECTIONS[section].columns.map((name) => element("th", { scope: "col" }, name)));
    this.node = element("div", { class: "sheet" }, element("table", {}, element("thead", {}, head), this.body));
    /** @type {Map<string, Row>} */
    this.rows = new Map();
  }

  /** @param {Line} line @returns {Row} */
  create({ id, cells }) {
    const texts = cells.map((text) => document.createTextNode(text));
    const url = () => address(this.section, id);
    const tableCells = texts.map((text, at) => element("td", {}, at === 0 ? link(url(), text) : text));
    const row = element("tr", {}, ...tableCells);
    row.addEventListener("click", (event) => {
      if (event.target instanceof Element && !event.target.closest("a, button")) go(url());
    });
    return { line: row, texts };
  }

  /** Brings the rows to what they should be, node by node. @param {Line[]} wanted @param {string | undefined} chosen */
  update(wanted, chosen) {
    for (const [id, row] of this.rows) {
      if (wanted.some((line) => line.id === id)) continue;
      this.body.removeChild(row.line);
      this.rows.delete(id);
    }
    /** @type {Node | null} */
    let next = null;
    for (const line of wanted.toReversed()) {
      const row = this.rows.get(line.id) ?? this.create(line);
      this.rows.set(line.id, row);
      row.texts.forEach((text, at) => {
        const cell = line.cells[at] ?? "";
        if (renderings % 4 === 3 && at > 0) {
          row.texts[at] = replace(text, cell);
        } else if (text.nodeValue !== cell) {
          text.nodeValue = cell;
        }
      });
      row.line.setAttribute("aria-selected", String(line.id === chosen));
      if (row.line.parentNode !== this.body || row.line.nextSibling !== next) this.body.insertBefore(row.line, next);
      next = row.line;
    }
  }
}

/** A new text node in the place of our own old one. @param {Text} old @param {string} text */
function replace(old, text) {
  const fresh = document.createTextNode(text);
  const parent = old.parentNode;
  if (!parent) throw new Error(`the node of “${old.nodeValue}” is gone`);
  parent.insertBefore(fresh, old);
  parent.removeChild(old);
  return fresh;
}

/** @param {string} name @param {(Node | string)[]} lines */
function cardRow(name, ...lines) {
  return [element("dt", {}, name), element("dd", {}, ...lines.map((line) => element("div", {}, line)))];
}

/** A number with the CRM's own «Позвонить». @param {Node | string} shown @param {string} text */
function phone(shown, text) {
  const button = element("button", { class: "call", type: "button", title: "Позвонить", "aria-label": `Позвонить ${text}` },
    handset());
  button.addEventListener("click", () => {
    if (held.call?.live) return;
    held.call?.node.remove();
    held.call = new Call(text);
  });
  return element("span", { class: "phone" }, button, element("span", {}, shown));
}

/** @typedef {{state: string, events: {realtimeCallItemId: string, type: string}[]}} Communication */

/** @type {Record<string, string>} */
const STATES = {
  asking: "Передаём телефонии…", called: "Набираем…", started: "Набираем…", appeared: "Звоним…", connected: "Разговор",
  ended: "Звонок завершён", failed: "Звонок не состоялся", refused: "Не удалось позвонить",
};

/** The panel of a call that was begun by «Позвонить»; it shows what the telephony tells the CRM. */
class Call {
  /** @param {string} number */
  constructor(number) {
    this.id = crypto.randomUUID();
    this.leg = "";
    this.status = element("span", { role: "status" });
    this.error = element("p", { role: "alert" });
    this.hangUp = element("button", { type: "button", class: "hang-up", disabled: "" }, "Положить трубку");
    this.hangUp.addEventListener("click", () => this.end());
    const close = element("button", { type: "button", class: "close", "aria-label": "Закрыть" }, "×");
    close.addEventListener("click", () => this.node.remove());
    this.node = element("section", { class: "calling", "aria-label": "Звонок", "data-communication": this.id },
      element("strong", {}, number), this.status, this.hangUp, close, this.error);
    document.getElementById("calls")?.append(this.node);
    this.show("asking");
    this.begin(number.replace(/\D/gu, ""));
  }

  get live() {
    return !["ended", "failed", "refused"].includes(this.node.dataset["state"] ?? "");
  }

  /** @param {string} state */
  show(state) {
    this.node.dataset["state"] = state;
    this.status.textContent = STATES[state] ?? state;
    this.hangUp.disabled = this.leg === "" || !this.live;
    // What was refused may ring all the same, where nobody knew.
    if (!this.live && state !== "refused") this.events?.close();
  }

  /** @param {string} clientPhone */
  async begin(clientPhone) {
    this.events = new EventSource(`/app/sandbox/calls/${this.id}`);
    this.events.addEventListener("message", ({ data: text }) => this.told(JSON.parse(text)));
    const refusal = await ask("call", { communicationId: this.id, fromUserId: data.me, clientPhone });
    this.error.textContent = refusal ?? "";
    if (refusal !== null) this.show("refused");
    else if (this.node.dataset["state"] === "asking") this.show("called");
  }

  async end() {
    this.hangUp.disabled = true;
    const refusal = await ask(`${this.id}/hangup`, { realtimeCallItemId: this.leg, userId: data.me });
    this.error.textContent = refusal ?? "";
    this.hangUp.disabled = refusal === null || !this.live;
  }

  /** @param {Communication} communication */
  told({ state, events }) {
    const last = events.at(-1);
    this.leg = last?.realtimeCallItemId ?? "";
    const over = state === "finished" || state === "registered";
    // What the user waits for is the answer to the button itself.
    if (state !== "called" || this.node.dataset["state"] !== "asking") this.show(over ? "ended" : last ? step(last.type) : state);
  }
}

/** @param {string} type */
function step(type) {
  return type === "appeared" || type === "connected" ? type : "ended";
}

/** Has the CRM ask the telephony for something. @param {string} what @param {object} body @returns {Promise<string | null>} why not */
async function ask(what, body) {
  try {
    const answer = await fetch(`/api/v1/sandbox/communications/${what}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    if (answer.ok) return null;
    const { message } = await answer.json();
    return message ?? `Ошибка ${answer.status}`;
  } catch {
    return "CRM не отвечает";
  }
}

/** @param {string} name @param {string} note @param {Node[]} rows */
function card(name, note, rows) {
  const initials = name.split(" ").map((word) => word.charAt(0)).join("").slice(0, 2).toUpperCase();
  return element("section", { class: "card" }, element("div", { class: "avatar", "aria-hidden": "true" }, initials),
    element("h2", {}, name), element("div", { class: "note" }, note), element("dl", { class: "rows" }, ...rows));
}

/** @param {Contact} contact */
function contactCard(contact) {
  const numbers = contact.phones.split(", ");
  const [first = "—", second] = numbers;
  /** @type {(Node | string)[]} */
  const phones = first === "—" ? ["—"] : [phone(first, first)];
  if (second) phones.push(phone(element("a", { href: `tel:${second.replace(/[^+\d]/g, "")}` }, second), second));
  return card(contact.name, `${contact.position}. Нет активных сделок, всего 0`, [
    ...cardRow("Телефон", ...phones),
    ...cardRow("Почта", contact.email),
    ...cardRow("Соц. сеть", "—"),
    ...cardRow("Тип", "Хороший"),
  ]);
}

/** @param {Company} one */
function companyCard(one) {
  const region = element("div", {}, "77 Москва (−2 часа)", element("span", { class: "chip" }, "14:23"));
  const comment = element("div", {
    class: "comment", contenteditable: "true", role: "textbox", "aria-label": "Комментарий",
  }, "Перезвонить на +7 495 123-45-67");
  return card(one.name, "Нет активных сделок, всего 0", [
    ...cardRow("ИНН – КПП", `${one.taxId} – ${one.taxReason}`),
    ...cardRow("Адрес", "г Москва поселение Внуковское"),
    element("dt", {}, "Регион"), element("dd", {}, region),
    ...cardRow("Телефон", "—"),
    ...cardRow("Почта", "company@mail.su"),
    ...cardRow("Комментарий", comment),
    ...cardRow("Факс", element("input", { value: "+7 495 765-43-21", "aria-label": "Факс" })),
    ...cardRow("Счет", "№ 1"),
    ...cardRow("Оплачено", "0,00 ₽"),
  ]);
}

/** @param {Company} one */
function dealCard(one) {
  return card(one.deal.name, one.name, [
    ...cardRow("Бюджет", "0,00 ₽"),
    ...cardRow("Счет", "№ 1"),
    ...cardRow("Основание", "Заказ 89123456789"),
  ]);
}

/** The side panel of the card in the address, if any. @param {Section} section @param {string | undefined} id */
function panel(section, id) {
  const [title, cards] = {
    contacts: () => {
      const contact = data.contacts.find((one) => one.id === id);
      const client = contact && company(contact.companyId);
      return /** @type {const} */ (["Контакт", contact && client ? [contactCard(contact), companyCard(client)] : []]);
    },
    clients: () => {
      const client = data.companies.find((one) => one.id === id);
      return /** @type {const} */ (["Клиент",
        client ? [companyCard(client), ...contactsOf(client.id).toReversed().map(contactCard)] : []]);
    },
    deals: () => {
      const client = data.companies.find((one) => one.deal.id === id);
      return /** @type {const} */ (["Сделка",
        client ? [dealCard(client), ...contactsOf(client.id).toReversed().map(contactCard)] : []]);
    },
  }[section]();
  if (cards.length === 0) return null;
  const close = element("button", { class: "close", type: "button", "aria-label": "Закрыть" }, "×");
  close.addEventListener("click", () => go(address(section)));
  return element("aside", { class: "panel", "aria-label": title },
    element("header", {}, element("h1", {}, title), close), ...cards);
}

/** The nodes this page made and holds. */
const held = {
  /** @type {HTMLElement | null} */ top: null,
  /** @type {Table | null} */ table: null,
  /** @type {HTMLElement | null} */ panel: null,
  panelKey: "",
  /** @type {Call | null} */ call: null,
};

/** @param {Section} current */
function header(current) {
  const sections = /** @type {Section[]} */ (Object.keys(SECTIONS));
  const links = sections.map((section) => {
    const anchor = link(address(section), SECTIONS[section].title);
    if (section === current) anchor.setAttribute("aria-current", "page");
    return anchor;
  });
  const refresh = element("button", { type: "button", id: "refresh" }, "Обновить");
  refresh.addEventListener("click", () => guarded(rerender));
  return element("header", { class: "top" }, ...links, refresh);
}

function render() {
  const root = document.getElementById("root");
  if (!root) throw new Error("the root is gone");
  const { section, id } = place();
  if (held.table?.section !== section) {
    if (held.top) root.removeChild(held.top);
    if (held.table) root.removeChild(held.table.node);
    held.top = header(section);
    held.table = new Table(section);
    root.insertBefore(held.table.node, root.firstChild);
    root.insertBefore(held.top, held.table.node);
  }
  held.table.update(lines(section), id);
  const key = id ? `${section}/${id}` : "";
  if (key !== held.panelKey) {
    if (held.panel) root.removeChild(held.panel);
    held.panel = panel(section, id);
    held.panelKey = key;
    if (held.panel) root.appendChild(held.panel);
  }
}

function rerender() {
  renderings += 1;
  render();
}

document.documentElement.dataset["crmErrors"] = "0";
addEventListener("error", (event) => failed(event.message));
addEventListener("unhandledrejection", (event) => failed(event.reason));
addEventListener("popstate", () => guarded(render));
data = await (await fetch("/app/sandbox/clients.json")).json();
guarded(render);
if (new URLSearchParams(location.search).get("churn") === "1") setInterval(() => guarded(rerender), CHURN_MS);
