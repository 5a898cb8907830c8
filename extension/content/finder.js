/**
 * A text of the page that could hold numbers, as it was when it was read.
 * @typedef {object} Source
 * @property {readonly Place[]} nodes the text nodes of one line, or one link or field
 * @property {string} text what they say together
 * @property {string | undefined} label
 * @property {number} age how often what the background goes by had changed when it was asked about
 * @property {number} unanswered how many pieces of it wait for an answer
 * @property {Protocol.FoundNumber[]} matches what the answers so far have brought
 */

/**
 * A part of a text that goes into one item, and where it starts in it.
 * @typedef {{ source: Source, text: string, start: number }} Piece
 */

/**
 * Asks the background which texts hold phone numbers: in batches, each text once. An answer counts only for the text it
 * was asked for.
 */
class NumberFinder {
  /** Of one request: items, and UTF-16 units of JSON, each at most three bytes. */
  static #ITEMS = 100;
  static #UNITS = 60_000;
  /** The longest text in one item; a longer one is cut. */
  static #LONGEST = 5_000;
  /** A long text is cut before a letter that is at most so far from its piece's end. */
  static #SEEK = 200;
  /**
   * How many answers are remembered for texts that come again when the page renders anew, and how long such a text may
   * be.
   */
  static #REMEMBERED = 5_000;
  static #MEMORABLE = 200;

  static #LETTER = /\p{L}/u;

  /** @type {WeakMap<Node, Source>} */
  #sources = new WeakMap();
  /** What is to be asked about. @type {Piece[]} */
  #pieces = [];
  /** Whose buttons are to be placed. @type {Source[]} */
  #found = [];
  /** The one whose buttons are being placed, and how far that is. @type {{ source: Source, work: Iterator<void> } | undefined} */
  #placing;
  /** @type {Map<string, Protocol.FoundNumber[]>} */
  #answers = new Map();
  #age = 0;
  #batch = 0;
  #asking = false;
  #background;
  #events;
  #pace;
  #slices;

  /**
   * @param {Background} background
   * @param {{ found: (source: Source) => Iterator<void>, gone: (source: Source) => void }} events `found`: a text's numbers,
   * or that it has none, are known; what is to be done takes several steps. `gone`: a text is no more.
   * @param {Pace} pace
   * @param {AbortSignal} signal
   */
  constructor(background, events, pace, signal) {
    this.#background = background;
    this.#events = events;
    this.#pace = pace;
    this.#slices = new Slices(() => this.#step(), signal);
  }

  #work = () => this.#slices.work();

  /**
   * Takes a text as it stands now.
   * @param {readonly Place[]} nodes
   * @param {string} text
   */
  offer(nodes, text) {
    const [node] = nodes;
    if (!node) return;
    const known = this.#sources.get(node);
    const label = labels.of(node);
    const isSame = known?.text === text && known.label === label && NumberFinder.#areSame(known.nodes, nodes);
    if (isSame && known.age === this.#age) {
      if (known.unanswered === 0) this.#place(known);
      return;
    }
    const answer = text.length > NumberFinder.#MEMORABLE ? undefined : this.#answers.get(NumberFinder.#question(text, label));
    /** @type {Source} */
    const source = { nodes, text, label, age: this.#age, unanswered: 0, matches: answer ?? [] };
    if (!isSame) for (const each of nodes) this.nothing(each);
    for (const each of nodes) this.#sources.set(each, source);
    if (answer) this.#place(source);
    else this.#await(source);
  }

  /**
   * The label that a node's text is asked about with.
   * @param {Node} node
   */
  labelOf(node) {
    const source = this.#sources.get(node);
    return source ? source.label : labels.of(node);
  }

  /**
   * Takes it that a node holds no number now.
   * @param {Place} node
   */
  nothing(node) {
    const source = this.#sources.get(node);
    if (!source) return;
    this.forget(source);
    this.#events.gone(source);
  }

  /**
   * Forgets a text, so that it is taken as new when it comes back.
   * @param {Source} source
   */
  forget(source) {
    for (const node of source.nodes) if (this.#sources.get(node) === source) this.#sources.delete(node);
  }

  /** What the background goes by has changed: every text is asked about anew when it is offered next. */
  renew() {
    this.#answers.clear();
    this.#age++;
  }

  /**
   * @param {readonly Place[]} some
   * @param {readonly Place[]} others
   */
  static #areSame(some, others) {
    return some.length === others.length && some.every((node, i) => node === others[i]);
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
    let start = 0;
    while (source.text.length - start > NumberFinder.#LONGEST) {
      let end = start + NumberFinder.#LONGEST;
      for (let back = 0; back < NumberFinder.#SEEK; back++) {
        if (!NumberFinder.#LETTER.test(source.text.charAt(end - back))) continue;
        end -= back;
        break;
      }
      const text = source.text.slice(start, end);
      pieces.push({ source, text, start });
      start += text.length;
    }
    pieces.push({ source, text: source.text.slice(start), start });
    return pieces;
  }

  /** @param {Source} source */
  #await(source) {
    const pieces = NumberFinder.#cut(source);
    source.unanswered = pieces.length;
    this.#pieces.push(...pieces);
    void this.#ask();
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    // Whatever else the walk finds now goes into the same request.
    await undefined;
    for (let pieces = this.#next(); pieces.length > 0; pieces = this.#next()) {
      const batch = this.#batch++;
      // Half a character, as pages that cut texts leave behind, is no text to the background.
      const items = pieces.map(({ source: { label }, text }, id) => ({
        id,
        text: text.toWellFormed(),
        ...(label && { label: label.toWellFormed() }),
      }));
      const answer = await this.#background.askUntilAnswered({ kind: "findNumbers", batch, items });
      if (!answer) return;
      const found = new Map(
        answer.kind === "numbers" && answer.batch === batch ? answer.items.map(({ id, matches }) => [id, matches]) : [],
      );
      for (const [id, piece] of pieces.entries()) this.#take(piece, found.get(id) ?? []);
      this.#pace.join(this.#work);
    }
    this.#asking = false;
  }

  /** The next pieces to ask about, of texts that are still as they were. */
  #next() {
    /** @type {Piece[]} */
    const pieces = [];
    let units = 0;
    let taken = 0;
    for (const piece of this.#pieces) {
      if (this.#isCurrent(piece.source)) {
        units += JSON.stringify([piece.text, piece.source.label]).length;
        if (pieces.length === NumberFinder.#ITEMS || (pieces.length > 0 && units > NumberFinder.#UNITS)) break;
        pieces.push(piece);
      }
      taken++;
    }
    this.#pieces.splice(0, taken);
    return pieces;
  }

  /**
   * Whether a text still stands on the page as it was asked about; one that left is taken as new when it comes back.
   * @param {Source} source
   */
  #isCurrent(source) {
    const [node] = source.nodes;
    if (!node || this.#sources.get(node) !== source) return false;
    if (node.isConnected) return true;
    this.forget(source);
    return false;
  }

  /**
   * @param {Piece} piece
   * @param {Protocol.FoundNumber[]} matches
   */
  #take({ source, start }, matches) {
    for (const match of matches) source.matches.push({ ...match, start: start + match.start, end: start + match.end });
    source.unanswered--;
    if (source.unanswered > 0) return;
    if (source.text.length <= NumberFinder.#MEMORABLE && source.age === this.#age) this.#remember(source);
    this.#found.push(source);
  }

  /** @param {Source} source one whose answers are known already */
  #place(source) {
    this.#found.push(source);
    this.#slices.work();
  }

  /** A step towards the buttons of one text. */
  #step() {
    if (this.#placing) {
      const { source, work } = this.#placing;
      if (!this.#isCurrent(source) || work.next().done) this.#placing = undefined;
      return true;
    }
    const source = this.#found.pop();
    if (!source) return false;
    // What has changed meanwhile is told anew.
    if (!this.#isCurrent(source) || NumberFinder.#textOf(source) !== source.text) return true;
    const mayHave = source.matches.length === 0 || source.nodes.every(ground.isPlace);
    if (mayHave) this.#placing = { source, work: this.#events.found(source) };
    else this.forget(source);
    return true;
  }

  /**
   * What a text's nodes say together now.
   * @param {Source} source
   */
  static #textOf({ nodes }) {
    const texts = nodes.map((node) => {
      if (node instanceof Text) return node.data;
      return node instanceof HTMLInputElement ? node.value : node.getAttribute("href");
    });
    return texts.join("");
  }

  /** @param {Source} source */
  #remember({ text, label, matches }) {
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size >= NumberFinder.#REMEMBERED) this.#answers.delete(oldest);
    this.#answers.set(NumberFinder.#question(text, label), matches);
  }
}
