/**
 * The words that name a text's field: its label, its row's first cell or its column's header. They tell a phone from a
 * tax number. The CRM's class names change with every release, so only the page's structure and its words count.
 */
const labels = {
  /** Longer texts name nothing. */
  LONGEST: 60,

  /** A label stands in the same section as its text. */
  SECTION: "body, main, section, article, aside, nav, header, footer, form, fieldset, dialog, [role=dialog]",

  /** How far above a text its label may stand beside it. */
  LEVELS: 5,

  /**
   * The label of a text node or a link, or nothing.
   * @param {Node} node
   * @returns {string | undefined}
   */
  of(node) {
    /** @type {Node} */
    let at = node;
    for (let level = 0; level < labels.LEVELS; level++) {
      const before = labels.before(at);
      if (before) return before;
      const parent = at.parentElement;
      if (!parent || parent.matches(labels.SECTION)) return undefined;
      const own = labels.named(parent) ?? labels.header(parent);
      if (own !== undefined) return own || undefined;
      at = parent;
    }
    return undefined;
  },

  /**
   * The nearest words before a node within its parent; another number there is a neighbour, not a label.
   * @param {Node} node
   * @returns {string | undefined}
   */
  before(node) {
    if (node instanceof HTMLElement && node.matches("td, th, [role~=cell], [role~=gridcell]")) return undefined;
    for (let sibling = node.previousSibling; sibling; sibling = sibling.previousSibling) {
      if (sibling instanceof HTMLElement && sibling.matches("script, style, input, textarea, select, button")) continue;
      const label = labels.short(sibling.textContent ?? "", sibling.nodeType === Node.TEXT_NODE);
      if (label !== undefined) return label || undefined;
    }
    return undefined;
  },

  /**
   * The name that an element gives itself.
   * @param {Element} element
   * @returns {string | undefined}
   */
  named(element) {
    const ids = element.getAttribute("aria-labelledby");
    if (ids) {
      const texts = ids.split(/\s+/u).map((id) => document.getElementById(id)?.textContent ?? "");
      return labels.short(texts.join(" "), false);
    }
    return labels.short(element.getAttribute("aria-label") ?? "", false) || undefined;
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
      const head = heads === row ? undefined : labels.cellAt(heads, labels.column(element));
      const isHead = head?.tagName === "TH" || head?.closest("thead");
      const first = row.cells[0];
      const beside = first !== element && (first?.tagName === "TH" || row.cells.length === 2) ? first : undefined;
      return labels.short((isHead ? head : beside)?.textContent ?? "", false) ?? "";
    }
    if (element.matches("[role~=cell], [role~=gridcell]")) {
      const grid = element.closest("[role~=table], [role~=grid], [role~=treegrid]");
      const heads = grid?.querySelector("[role~=columnheader]")?.parentElement?.children;
      const index = [...(element.parentElement?.children ?? [])].indexOf(element);
      return labels.short(heads?.[index]?.textContent ?? "", false) ?? "";
    }
    return undefined;
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
   * The cell of a row that covers a column.
   * @param {HTMLTableRowElement | undefined} row
   * @param {number} column
   */
  cellAt(row, column) {
    let end = 0;
    for (const cell of row?.cells ?? []) {
      end += cell.colSpan;
      if (column < end) return cell;
    }
    return undefined;
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
