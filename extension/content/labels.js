/**
 * The words that name a text's field: its label, its row's first cell or its column's header. They tell a phone from a
 * tax number. The CRM's class names change with every release, so only the page's structure and its words count.
 */
const labels = {
  /** Longer texts name nothing. */
  LONGEST: 60,

  /** More characters than these of a text are not looked at: that it is too long is seen by then. */
  ENOUGH: 240,

  /** A label stands in the same section as its text. */
  SECTION: "body, main, section, article, aside, nav, header, footer, form, fieldset, dialog, [role=dialog]",

  /** How far above a text its label may stand beside it. */
  LEVELS: 5,

  /** How many nodes may stand between a label and what it names. */
  NEAR: 6,

  /** Elements and texts that may name something, by their words when last asked: `labelledBy` tells when they change. */
  naming: /** @type {WeakMap<Node, string | undefined>} */ (new WeakMap()),

  /** The words before a node when last asked: of a node that is not here nobody wants to know. */
  befores: /** @type {WeakMap<Node, string | undefined>} */ (new WeakMap()),

  /** The header cells of rows of headers, remembered while nothing on the page changes. */
  heads: /** @type {Map<Element, (Element | undefined)[]>} */ (new Map()),

  /** The words of headers, likewise. */
  words: /** @type {Map<Node, string | undefined>} */ (new Map()),

  /** The page may have changed. */
  forget() {
    labels.heads.clear();
    labels.words.clear();
  },

  /**
   * The label of a text node, a link or a field, or nothing.
   * @param {Node} node
   * @returns {string | undefined}
   */
  of(node) {
    if (node instanceof HTMLInputElement) {
      const own = labels.named(node) ?? labels.ofField(node);
      if (own) return own;
    }
    /** @type {Node} */
    let at = node;
    for (let level = 0; level < labels.LEVELS; level++) {
      const before = labels.before(at);
      if (before) return before;
      const parent = ground.parentOf(at);
      if (!parent || parent.matches(labels.SECTION)) return undefined;
      const own = labels.named(parent) ?? labels.header(parent);
      if (own !== undefined) return own || undefined;
      at = parent;
    }
    return undefined;
  },

  /**
   * What a change in a node may have given another name.
   * @param {Node} node
   * @returns {Node[]}
   */
  labelledBy(node) {
    /** @type {Node | null} */
    let at = node;
    for (let level = 0; at && level < labels.LEVELS; level++, at = at.parentNode) {
      if (!labels.naming.has(at) || labels.naming.get(at) === labels.nameOf(at)) continue;
      const element = at instanceof Element ? at : null;
      const row = element?.closest("tr, [role~=row]");
      const cells = row && labels.namedBy(row);
      const byId = element?.id ? document.querySelectorAll(`[aria-labelledby~="${CSS.escape(element.id)}"]`) : [];
      const fields = element instanceof HTMLLabelElement && element.control ? [element.control] : [];
      return [...(cells ? [cells] : labels.after(at.nextSibling)), ...byId, ...fields];
    }
    return [];
  },

  /**
   * What the cells of a row, or the rows of a head, name: the row, or all of the table.
   * @param {Element} row
   * @returns {Element | null}
   */
  namedBy(row) {
    if (!row.matches("tr, thead, [role~=row]")) return null;
    const isHead = row.matches("thead, thead *, :first-child");
    return isHead ? row.closest("table, [role~=table], [role~=grid], [role~=treegrid]") : row;
  },

  /**
   * What has another label right before it now: a node or one of the few that follow it. Rows and cells have theirs
   * elsewhere.
   * @param {Node | null} node
   * @returns {Element[]}
   */
  after(node) {
    const elements = [];
    for (let at = node, near = 0; at && near < labels.NEAR; at = at.nextSibling, near++) {
      if (!(at instanceof Element)) continue;
      if (at instanceof HTMLTableRowElement || at instanceof HTMLTableSectionElement) break;
      if (labels.befores.has(at) && labels.befores.get(at) !== labels.before(at)) elements.push(at);
    }
    return elements;
  },

  /**
   * The nearest words before a node within its parent; another number there is a neighbour, not a label.
   * @param {Node} node
   * @returns {string | undefined}
   */
  before(node) {
    if (node instanceof HTMLElement && node.matches("td, th, [role~=cell], [role~=gridcell]")) return undefined;
    /** @type {string | undefined} */
    let label;
    let near = 0;
    for (let at = node.previousSibling; at && label === undefined && near < labels.NEAR; at = at.previousSibling, near++) {
      if (at instanceof HTMLElement && at.matches("script, style, input, textarea, select, button")) continue;
      label = labels.nameOf(at);
    }
    labels.befores.set(node, label || undefined);
    return label || undefined;
  },

  /**
   * A node's words as a label.
   * @param {Node} node
   */
  nameOf(node) {
    const name = labels.short(labels.wordsOf(node), node.nodeType === Node.TEXT_NODE);
    labels.naming.set(node, name);
    return name;
  },

  /**
   * What a node says, as far as it can be a label: of a longer text, so much that it is seen to be too long. In a text
   * node that is its end.
   * @param {Node} node
   */
  wordsOf(node) {
    if (node.nodeType === Node.TEXT_NODE) return /** @type {Text} */ (node).data.slice(-labels.ENOUGH);
    const only = node.firstChild;
    if (only && !only.nextSibling && only.nodeType === Node.TEXT_NODE)
      return /** @type {Text} */ (only).data.slice(0, labels.ENOUGH);
    const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    let words = "";
    while (words.length < labels.ENOUGH && texts.nextNode()) words += /** @type {Text} */ (texts.currentNode).data;
    return words.slice(0, labels.ENOUGH);
  },

  /**
   * The name that an element gives itself.
   * @param {Element} element
   * @returns {string | undefined}
   */
  named(element) {
    const ids = element.getAttribute("aria-labelledby");
    if (ids) {
      const named = ids.slice(0, labels.ENOUGH).split(/\s+/u).flatMap((id) => document.getElementById(id) ?? []);
      for (const each of named) labels.nameOf(each);
      return labels.short(named.map((each) => labels.wordsOf(each)).join(" "), false);
    }
    return labels.short((element.getAttribute("aria-label") ?? "").slice(0, labels.ENOUGH), false) || undefined;
  },

  /**
   * The words of a field's `<label>`.
   * @param {HTMLInputElement} field
   * @returns {string | undefined}
   */
  ofField(field) {
    for (const label of field.labels ?? []) {
      const words = labels.nameOf(label);
      if (words) return words;
    }
    return undefined;
  },

  /**
   * What heads a cell: the column's header, or in a table of two columns without headers the first cell of the row. An
   * empty answer means that the element is a cell without a head, and that nothing farther out can name it.
   * @param {Element} element
   * @returns {string | undefined}
   */
  header(element) {
    if (element instanceof HTMLTableCellElement) {
      const row = element.parentElement;
      const table = element.closest("table");
      if (!(row instanceof HTMLTableRowElement) || !table) return "";
      const heads = table.tHead?.rows[table.tHead.rows.length - 1] ?? table.rows[0];
      const head = heads === row ? undefined : labels.cellsOf(heads)[labels.column(element)];
      const isHead = head?.tagName === "TH" || head?.closest("thead");
      const first = row.cells[0];
      const beside = first !== element && (first?.tagName === "TH" || row.cells.length === 2) ? first : undefined;
      return labels.headed(isHead ? head : beside);
    }
    if (element.matches("[role~=cell], [role~=gridcell]")) {
      const grid = element.closest("[role~=table], [role~=grid], [role~=treegrid]");
      let index = 0;
      for (let before = element.previousElementSibling; before; before = before.previousElementSibling) index++;
      return labels.headed(grid ? labels.columnsOf(grid)[index] : undefined);
    }
    return undefined;
  },

  /**
   * The words of a header.
   * @param {Element | undefined} head
   */
  headed(head) {
    if (!head) return "";
    if (!labels.words.has(head)) labels.words.set(head, labels.nameOf(head));
    return labels.words.get(head) ?? "";
  },

  /**
   * The column in which a cell starts, counting the columns that the cells before it span.
   * @param {HTMLTableCellElement} cell
   */
  column(cell) {
    let column = 0;
    for (let before = cell.previousElementSibling; before; before = before.previousElementSibling) {
      column += before instanceof HTMLTableCellElement ? before.colSpan : 0;
    }
    return column;
  },

  /**
   * The cells of a row by the columns that they cover.
   * @param {HTMLTableRowElement | undefined} row
   */
  cellsOf(row) {
    if (!row) return [];
    let cells = labels.heads.get(row);
    if (!cells) {
      cells = [...row.cells].flatMap((cell) => Array.from({ length: Math.min(cell.colSpan, 100) }, () => cell));
      labels.heads.set(row, cells);
    }
    return cells;
  },

  /**
   * The headers of a grid made of other elements than a table's.
   * @param {Element} grid
   */
  columnsOf(grid) {
    let columns = labels.heads.get(grid);
    if (!columns) {
      columns = [...(grid.querySelector("[role~=columnheader]")?.parentElement?.children ?? [])];
      labels.heads.set(grid, columns);
    }
    return columns;
  },

  /**
   * A text as a label. Nothing for a text without words, empty for one that is a value itself; of a running text only
   * the words after its last number or break count.
   * @param {string} text
   * @param {boolean} running the text is part of a sentence
   * @returns {string | undefined}
   */
  short(text, running) {
    const plain = text.replace(/\s+/gu, " ").trim();
    if (!/\p{L}|№/u.test(plain)) return undefined;
    if (running) {
      const tail = plain.split(/\d{5,}[,\s]*|[;|•]/u).at(-1) ?? "";
      return /\p{L}|№/u.test(tail) ? tail.slice(-labels.LONGEST) : undefined;
    }
    return plain.length > labels.LONGEST || /\p{Nd}{3}/u.test(plain) ? "" : plain;
  },
};
