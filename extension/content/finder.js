/**
 * A text of the page that could hold a number.
 * @typedef {object} Source
 * @property {Text | HTMLElement} node a text node, or a link that dials
 * @property {string} text the text that was asked about
 * @property {string | undefined} label
 * @property {number} unanswered how many pieces of it wait for an answer
 * @property {Protocol.FoundNumber[]} matches what the answers so far have brought
 */

/**
 * A part of a text that goes into one item.
 * @typedef {{ source: Source, text: string }} Piece
 */

/**
 * Asks the background which texts hold phone numbers: in batches, what is visible first, each text once. An answer
 * counts only for the text it was asked for.
 */
class NumberFinder {
  /** Of one request: items, and UTF-16 units of JSON, each at most three bytes. */
  static #ITEMS = 100;
  static #UNITS = 60_000;
  /** The longest text in one item; a longer one is cut. */
  static #LONGEST = 5_000;
  /**
   * How many answers are remembered for texts that come again when the page renders anew, and how long such a text may
   * be.
   */
  static #REMEMBERED = 5_000;
  static #MEMORABLE = 200;

  /** @type {WeakMap<Node, Source>} */
  #sources = new WeakMap();
  /** Pieces not yet known to be in view or not, by the element that shows them. @type {WeakMap<Element, Piece[]>} */
  #unplaced = new WeakMap();
  /** @type {Piece[]} */
  #visible = [];
  /** @type {Piece[]} */
  #hidden = [];
  /** @type {Map<string, Protocol.FoundNumber[]>} */
  #answers = new Map();
  #batch = 0;
  #asking = false;
  #background;
  #found;
  #viewport;

  /**
   * @param {Background} background
   * @param {(node: Text | HTMLElement, matches: Protocol.FoundNumber[]) => void} found a text's numbers; none
   * when it has none, or while they are not known
   * @param {AbortSignal} signal
   */
  constructor(background, found, signal) {
    this.#background = background;
    this.#found = found;
    this.#viewport = new IntersectionObserver((entries) => this.#place(entries));
    signal.addEventListener("abort", () => this.#viewport.disconnect());
  }

  /**
   * Takes a text as it stands now.
   * @param {Text | HTMLElement} node
   * @param {string} text empty when it can hold no number
   */
  offer(node, text) {
    const known = this.#sources.get(node);
    if (known?.text === text) {
      if (known.unanswered === 0) this.#found(node, known.matches);
      return;
    }
    if (text === "") {
      if (!known) return;
      this.#sources.delete(node);
      this.#found(node, []);
      return;
    }
    const label = labels.of(node);
    const answer = this.#answers.get(NumberFinder.#question(text, label));
    /** @type {Source} */
    const source = { node, text, label, unanswered: 0, matches: answer ?? [] };
    this.#sources.set(node, source);
    this.#found(node, source.matches);
    if (!answer) this.#await(source);
  }

  /**
   * Forgets a text, so that it is taken as new when it comes back.
   * @param {Node} node
   */
  forget(node) {
    this.#sources.delete(node);
  }

  /**
   * @param {string} text
   * @param {string | undefined} label
   */
  static #question(text, label) {
    return `${label ?? ""}\n${text}`;
  }

  /**
   * Cuts a text that is too long, before a letter, which no number contains.
   * @param {Source} source
   * @returns {Piece[]}
   */
  static #cut(source) {
    const pieces = [];
    let rest = source.text;
    while (rest.length > NumberFinder.#LONGEST) {
      const head = rest.slice(0, NumberFinder.#LONGEST);
      const letter = head.search(/\p{L}\P{L}*$/u);
      const end = letter > 0 ? letter : head.length;
      pieces.push({ source, text: rest.slice(0, end) });
      rest = rest.slice(end);
    }
    pieces.push({ source, text: rest });
    return pieces;
  }

  /** @param {Source} source */
  #await(source) {
    const pieces = NumberFinder.#cut(source);
    source.unanswered = pieces.length;
    const element = source.node instanceof HTMLElement ? source.node : source.node.parentElement;
    if (document.hidden || !element) {
      this.#hidden.push(...pieces);
      void this.#ask();
      return;
    }
    const others = this.#unplaced.get(element);
    if (others) others.push(...pieces);
    else this.#unplaced.set(element, pieces);
    this.#viewport.observe(element);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #place(entries) {
    for (const { target, isIntersecting } of entries) {
      this.#viewport.unobserve(target);
      const pieces = this.#unplaced.get(target) ?? [];
      this.#unplaced.delete(target);
      (isIntersecting ? this.#visible : this.#hidden).push(...pieces);
    }
    void this.#ask();
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    for (let pieces = this.#next(); pieces.length > 0; pieces = this.#next()) {
      const batch = this.#batch++;
      const items = pieces.map(({ source: { label }, text }, id) => ({ id, text, ...(label && { label }) }));
      const answer = await this.#background.askUntilAnswered({ kind: "findNumbers", batch, items });
      if (!answer) return;
      const found = new Map(
        answer.kind === "numbers" && answer.batch === batch ? answer.items.map(({ id, matches }) => [id, matches]) : [],
      );
      for (const [id, { source }] of pieces.entries()) this.#take(source, found.get(id) ?? []);
    }
    this.#asking = false;
  }

  /** The next pieces to ask about, of texts that are still as they were. */
  #next() {
    /** @type {Piece[]} */
    const pieces = [];
    let units = 0;
    for (const queue of [this.#visible, this.#hidden]) {
      for (let piece = queue[0]; piece; piece = queue[0]) {
        const { source, text } = piece;
        if (this.#isCurrent(source)) {
          units += JSON.stringify([text, source.label]).length;
          if (pieces.length === NumberFinder.#ITEMS || (pieces.length > 0 && units > NumberFinder.#UNITS))
            return pieces;
          pieces.push(piece);
        }
        queue.shift();
      }
    }
    return pieces;
  }

  /**
   * Whether a text still stands on the page as it was asked about; one that left is taken as new when it comes back.
   * @param {Source} source
   */
  #isCurrent(source) {
    if (this.#sources.get(source.node) !== source) return false;
    if (source.node.isConnected) return true;
    this.forget(source.node);
    return false;
  }

  /**
   * @param {Source} source
   * @param {Protocol.FoundNumber[]} matches
   */
  #take(source, matches) {
    source.matches.push(...matches);
    source.unanswered--;
    if (source.unanswered > 0) return;
    if (source.text.length <= NumberFinder.#MEMORABLE) this.#remember(source);
    if (this.#isCurrent(source)) this.#found(source.node, source.matches);
  }

  /** @param {Source} source */
  #remember({ text, label, matches }) {
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size >= NumberFinder.#REMEMBERED) this.#answers.delete(oldest);
    this.#answers.set(NumberFinder.#question(text, label), matches);
  }
}
