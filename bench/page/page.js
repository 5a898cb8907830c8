/**
 * A page in the CRM's likeness: 10,000 blocks of text, 2,000 phone numbers among them, half in tables, half in cards.
 * It renders as a single-page application does when its data arrive, and then keeps changing.
 */
const RECORDS = 2_000;
/** How many rows a table has, and how many cards stand below it. */
const PORTION = 25;
const NAMES = ["Анна Смирнова", "Борис Кузнецов", "ООО «Ромашка»", "Вера Попова", "ИП Соколов Г. А.", "Дарья Лебедева"];
const NOTES = [
  "Просил перезвонить после обеда, интересует поставка",
  "Заказ 89123456789 отгружен 12.10.2025 в 10:45",
  "Договор № 8001234567 от 01.09.2025 на 1 250 000,00 ₽",
  "Отправлено коммерческое предложение, ждём ответа до пятницы",
  "Версия 2.14.1, сервер 192.168.10.25, билд 20251012104500",
  "Ответил на письмо, договорились о встрече в офисе",
];
const CODES = ["912", "916", "903", "926", "921"];

let state = 1;
/** Mulberry32: the same page every time. */
function below(end) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
}
const pick = (items) => items[below(items.length)];

function phone() {
  const [a, b, c] = [1000, 100, 100].map((end) => String(below(end)).padStart(String(end).length - 1, "0"));
  const code = pick(CODES);
  return pick([`+7 ${code} ${a}-${b}-${c}`, `8 (${code}) ${a}-${b}-${c}`, `+7${code}${a}${b}${c}`]);
}

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

const texts = () => [pick(NAMES), phone(), pick(NOTES), `ИНН ${7_700_000_000 + below(99_999_999)}`, "mail@example.ru"];

const row = () => element("tr", "", ...texts().map((text) => element("td", text)));

function card() {
  const made = element("div", "", ...texts().map((text, index) => element(index === 0 ? "b" : "span", text)));
  made.className = "card";
  return made;
}

const HEADS = ["Имя", "Телефон", "Комментарий", "Реквизиты", "Почта"];

/** The lists, each of so many rows or cards, and how one more of them is made. */
const lists = [];

/** A part of the page: a table and as many cards. */
function section() {
  const rows = element("tbody", "", ...Array.from({ length: PORTION }, row));
  const cards = element("div", "", ...Array.from({ length: PORTION }, card));
  lists.push({ list: rows, make: row }, { list: cards, make: card });
  const head = element("thead", "", element("tr", "", ...HEADS.map((text) => element("th", text))));
  return element("section", "", element("table", "", head, rows), cards);
}

/** How long a record's number waited for its button, in milliseconds; the moment of painting is the next frame's. */
function awaitButton(record) {
  const since = performance.now();
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (!record.querySelector("trubka-call")) return;
      observer.disconnect();
      requestAnimationFrame(() => resolve(performance.now() - since));
    });
    observer.observe(record, { subtree: true, childList: true });
  });
}

/** One step of the churn: texts change in both ways in which applications write them, records leave and come. */
function churn(isNewPage) {
  for (let done = 0; done < 24; done++) {
    const { list } = pick(lists);
    const block = list.children[below(PORTION)].children[below(5)];
    const text = block.matches(":nth-child(2)") ? phone() : pick(NOTES);
    if (below(2) === 0) block.firstChild.data = text;
    else block.textContent = text;
  }
  for (let done = 0; done < (isNewPage ? 60 : 6); done++) {
    const { list, make } = pick(lists);
    list.children[below(PORTION)].remove();
    list.insertBefore(make(), list.children[below(PORTION)] ?? null);
  }
}

/** What the benchmark does with the page; each is an entry of the browser's own timeline. */
globalThis.bench = {
  /** Lets a peer work on the page: its own build, then what sets it up. */
  async bring(peer) {
    for (const src of [`${peer}.js`, `peers/${peer}.js`]) {
      const script = document.createElement("script");
      script.src = src;
      await new Promise((resolve) => {
        script.onload = resolve;
        document.head.append(script);
      });
    }
  },
  /** Renders everything, one part after the other as they arrive, so that no task of the page's own is long. */
  async render() {
    for (let made = 0; made < RECORDS; made += 2 * PORTION) {
      document.querySelector("main").append(section());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  /** Changes it so many times, one after the other. */
  async churn(steps) {
    for (let step = 1; step <= steps; step++) {
      churn(step % 10 === 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
  /** Scrolls through all of it, screen by screen. */
  async scroll() {
    while (scrollY + innerHeight < document.documentElement.scrollHeight) {
      scrollBy(0, innerHeight);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
  /** How long so many new numbers in view wait for their buttons. */
  async appear(count) {
    scrollTo(0, 0);
    const waits = [];
    for (let done = 0; done < count; done++) {
      const record = row();
      lists[0].list.prepend(record);
      waits.push(await awaitButton(record));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return waits;
  },
  /** How many numbers are in view, and how many of them have their button. */
  count() {
    const isInView = (block) => {
      const { top, bottom } = block.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    };
    const blocks = [...document.querySelectorAll("td:nth-child(2), .card > :nth-child(2)")].filter(isInView);
    const buttons = blocks.filter((block) => block.parentElement.querySelector("trubka-call"));
    return { numbers: blocks.length, buttons: buttons.length };
  },
};
