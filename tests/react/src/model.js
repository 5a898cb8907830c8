/** Random numbers that follow from a seed (mulberry32). */
export function random(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end) => Math.floor(next() * end);
  const shuffled = (items) => {
    const left = [...items];
    return items.map(() => left.splice(below(left.length), 1)[0]);
  };
  return { below, shuffled, pick: (items) => items[below(items.length)] };
}

const CODES = ["912", "916", "903", "926", "921"];
const NAMES = ["Анна Смирнова", "Борис Кузнецов", "Вера Попова", "Глеб Соколов", "Дарья Лебедева", "Егор Новиков"];
/** What looks like a phone and is none. */
const DECOYS = [
  "ИНН 7707083893",
  "Заказ 89123456789",
  "№ 8001234567",
  "от 12.10.2025 10:45",
  "1 250 000,00 ₽",
  "v2.14.1",
];
/** How many ways a number's cell has to be written; see `Written` in contacts.jsx. */
const WAYS = 9;

export function phone(random) {
  return `7${random.pick(CODES)}${String(random.below(10_000_000)).padStart(7, "0")}`;
}

function row(random, id) {
  return {
    id,
    name: random.pick(NAMES),
    phones: [phone(random), phone(random)],
    way: random.below(WAYS),
    decoy: random.pick(DECOYS),
    isMarked: random.below(2) === 0,
  };
}

/** What the page shows at first. */
export function initial(random) {
  const rows = Array.from({ length: 12 }, (_, id) => row(random, id));
  return {
    rows,
    made: rows.length,
    lines: Array.from({ length: 5 }, (_, id) => ({ id, phone: phone(random) })),
    news: { before: "", phone: phone(random), after: "" },
    offset: 0,
    waiting: 0,
    panels: { portal: false, details: true, folded: false, modal: false, sidePage: false },
    tab: "phones",
    person: phone(random),
  };
}

const at = (items, index, item) => items.toSpliced(index, 1, item);

/** Everything that can happen to the page; each answers with the page's next state. */
const CHANGES = {
  rewrite(state, random) {
    const index = random.below(state.rows.length);
    const old = state.rows[index];
    const fresh = row(random, old.id);
    return { ...state, rows: at(state.rows, index, { ...old, phones: fresh.phones }) };
  },
  restyle(state, random) {
    const index = random.below(state.rows.length);
    return { ...state, rows: at(state.rows, index, row(random, state.rows[index].id)) };
  },
  mark(state, random) {
    const index = random.below(state.rows.length);
    const old = state.rows[index];
    return { ...state, rows: at(state.rows, index, { ...old, isMarked: !old.isMarked }) };
  },
  insert(state, random) {
    if (state.rows.length >= 16) return state;
    const fresh = row(random, state.made);
    return {
      ...state,
      made: state.made + 1,
      rows: state.rows.toSpliced(random.below(state.rows.length + 1), 0, fresh),
    };
  },
  remove(state, random) {
    if (state.rows.length <= 8) return state;
    return { ...state, rows: state.rows.toSpliced(random.below(state.rows.length), 1) };
  },
  reorder: (state, random) => ({ ...state, rows: random.shuffled(state.rows) }),
  swap: (state) => ({ ...state, rows: [...state.rows.slice(1), state.rows[0]] }),
  renew(state, random) {
    const rows = Array.from({ length: 12 }, (_, index) => row(random, state.made + index));
    return { ...state, rows, made: state.made + rows.length };
  },
  reorderLines: (state, random) => ({ ...state, lines: random.shuffled(state.lines) }),
  rewriteLine(state, random) {
    const index = random.below(state.lines.length);
    return { ...state, lines: at(state.lines, index, { ...state.lines[index], phone: phone(random) }) };
  },
  dropLine(state, random) {
    if (state.lines.length <= 2)
      return { ...state, lines: [...state.lines, { id: state.made, phone: phone(random) }], made: state.made + 1 };
    return { ...state, lines: state.lines.toSpliced(random.below(state.lines.length), 1) };
  },
  tell: (state, random) => ({
    ...state,
    news: {
      before: random.pick(["", "Звонил ", "Перезвонить на "]),
      phone: random.pick(["", phone(random)]),
      after: random.pick(["", " до обеда", ", не срочно"]),
    },
  }),
  scroll: (state, random) => ({ ...state, offset: random.below(90) }),
  suspend: (state) => ({ ...state, waiting: state.waiting + 1 }),
  toggle(state, random) {
    const panel = random.pick(Object.keys(state.panels));
    return { ...state, panels: { ...state.panels, [panel]: !state.panels[panel] } };
  },
  turn: (state, random) => ({ ...state, tab: random.pick(["phones", "notes"]) }),
  call: (state, random) => ({ ...state, person: phone(random) }),
};

/** A random change of the page. */
export function changed(state, random) {
  return random.pick(Object.values(CHANGES))(state, random);
}
