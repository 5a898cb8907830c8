/**
 * Walks a page for texts that could hold a phone number, then follows its changes. It reads only: a line of text is
 * told as its text nodes and all they say together, `tel:` and `callto:` links by their address, fields by their value.
 * A list is read, and its changes count, when it comes near the viewport; of a long one what comes near.
 */
class PageWalker {
  /** Five digits of any script with a little between them: cheap, and no phone number fails it. */
  static #NUMBER = /\p{Nd}(?:[^\p{L}\p{Nd}]{0,6}\p{Nd}){4}/u;
  static #DIGIT = /\p{Nd}/u;
  /** A text of more characters is asked about as it is: to look through it takes longer. */
  static #LONG_TEXT = 20_000;
  /** A text that ends so is not the beginning of a number. */
  static #OVER = /\p{L}[^\p{Nd}]*$/u;

  /** A block with more elements in it than this is a list. */
  static #MANY = 16;
  /** And with more than this a long one, which is read block by block. */
  static #LONG = 64;
  /** After so many looks what a class stands for may have changed. */
  static #SELDOM = 10;
  /** So many nodes are read in one step. */
  static #PIECE = 100;
  /** A line of more texts is cut where no number is, and one of many more wherever it is. */
  static #LONG_LINE = 200;
  static #LONGEST_LINE = 1_000;

  /** Near is what is at most half a screen away, in areas that scroll by themselves, too. */
  static #NEAR = { rootMargin: "50% 0px", scrollMargin: "50% 0px" };

  static #WATCHED = {
    subtree: true,
    childList: true,
    characterData: true,
    attributeFilter: [
      ...["href", "contenteditable", "role", "readonly", "disabled", "value", "type"],
      ...["aria-label", "aria-labelledby"],
    ],
  };

  /** Texts that may hold numbers, not yet told. @type {{ nodes: Place[], text: string }[]} */
  #found = [];
  /** Blocks that have been read, and so are followed. @type {WeakSet<Node>} */
  #read = new WeakSet();
  /** Blocks whose blocks are awaited each by itself. @type {WeakSet<Node>} */
  #long = new WeakSet();
  /** Blocks that were awaited and have been near the viewport. @type {WeakSet<Node>} */
  #near = new WeakSet();
  /** Blocks that were awaited and not shown. @type {Set<Element>} */
  #hidden = new Set();
  /** Blocks that came beside one of them: to wait for the viewport costs the page a frame. @type {WeakSet<Node>} */
  #beside = new WeakSet();
  /** Blocks still to be read with all that is in them, on open ground. @type {(ParentNode & Node)[]} */
  #blocks = [];
  /** What is being read, with pauses. @type {Iterator<void> | undefined} */
  #reading;
  /** In a pause, what of it was read last. @type {Node | undefined} */
  #mark;
  /** Blocks whose own lines have changed. @type {Set<ParentNode & Node>} */
  #lines = new Set();
  /** Elements that came or changed, not yet checked for where they stand. @type {Set<Node>} */
  #roots = new Set();
  /** Changes not yet looked at, the last first. @type {MutationRecord[]} */
  #unread = [];
  /** What may have become editable, or a link. @type {Set<Node>} */
  #restyled = new Set();
  /** @type {WeakSet<ShadowRoot>} */
  #watched = new WeakSet();
  /** Fields by the value last seen: a page's script changes it without a sign. @type {Map<HTMLInputElement, string>} */
  #fields = new Map();
  /** Elements that may get a shadow root yet: that gives no sign either. @type {Set<Element>} */
  #unrooted = new Set();
  #designed = false;
  #looks = 0;
  #slices;
  #events;
  #observer;
  #viewport;

  /**
   * @param {{
   *   text: (nodes: Place[], text: string) => void,
   *   nothing: (node: Place) => void,
   *   stray: (host: Element) => void,
   *   changed: (record: MutationRecord) => void,
   *   settled: (restyled: Set<Node>) => void,
   * }} events `text`: what may hold numbers, as it stands. `nothing`: a node that holds none. `stray`: an element that
   * bears a name of ours. `changed`: nodes came, went or moved. `settled`: that was all for now; in `restyled` something
   * may have become editable, or a link.
   * @param {Pace} pace
   * @param {AbortSignal} signal ends the walk
   */
  constructor(events, pace, signal) {
    this.#events = events;
    this.#slices = new Slices(() => this.#step(), signal);
    this.#observer = new MutationObserver((records) =>
      Slices.together(() => {
        this.#hear(records);
        this.#slices.work();
        pace.note();
      }),
    );
    this.#viewport = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) this.#come(entry.target);
        else if (PageWalker.#hasNoBox(entry)) this.#come(entry.target, true);
        else if (!PageWalker.#isShown(entry.target)) this.#hidden.add(entry.target);
      }
      this.#slices.work();
    }, PageWalker.#NEAR);
    signal.addEventListener("abort", () => {
      this.#observer.disconnect();
      this.#viewport.disconnect();
    });
    const options = { capture: true, passive: true, signal };
    for (const type of ["input", "change", "focusin", "pointerover"]) addEventListener(type, (event) => this.#touched(event), options);
  }

  start() {
    this.#read.add(document);
    this.#observer.observe(document, PageWalker.#WATCHED);
    this.renew();
  }

  /** Tells every text anew. */
  renew() {
    this.#roots.add(document.documentElement);
    this.#slices.work();
  }

  /** Looks for what changes without a sign: values set by the page's script, late shadow roots, what is shown, `designMode`. */
  look() {
    for (const [field, value] of this.#fields) if (field.value !== value || !field.isConnected) this.#visitField(field);
    for (const element of this.#unrooted) {
      if (element.shadowRoot) this.#roots.add(element);
      if (element.shadowRoot || !element.isConnected) this.#unrooted.delete(element);
    }
    for (const block of this.#hidden) {
      if (block.isConnected && !PageWalker.#isShown(block)) continue;
      this.#hidden.delete(block);
      if (!block.isConnected || this.#read.has(block)) continue;
      // Of what is shown without a size, and far away, the browser tells only at the beginning.
      this.#viewport.unobserve(block);
      this.#viewport.observe(block);
    }
    this.#looks++;
    if (this.#looks % PageWalker.#SELDOM === 0) PageWalker.#shown.clear();
    const isDesigned = document.designMode === "on";
    if (isDesigned !== this.#designed) {
      this.#designed = isDesigned;
      this.#events.settled(new Set([document]));
      this.#roots.add(document.documentElement);
    }
    this.#slices.work();
  }

  /**
   * Makes a change of our own that the walk does not hear of.
   * @param {() => void} change
   */
  quietly(change) {
    this.#hear(this.#observer.takeRecords());
    change();
    this.#observer.takeRecords();
    if (this.#unread.length > 0) this.#slices.schedule();
  }

  /** @param {Event} event */
  #touched(event) {
    const path = event.composedPath();
    const [node] = path;
    if (node instanceof HTMLInputElement && this.#fields.has(node)) this.#visitField(node);
    const late = path.filter((at) => at instanceof Element && at.shadowRoot && !this.#watched.has(at.shadowRoot));
    for (const host of late) this.#roots.add(/** @type {Element} */ (host));
    if (late.length > 0 || event.type !== "pointerover") this.#slices.work();
  }

  /** @param {MutationRecord[]} records */
  #hear(records) {
    const ours = records.filter((record) => this.#isOurs(record));
    if (ours.length > 0) this.#unread = [...ours.reverse(), ...this.#unread];
  }

  /**
   * Whether a change is anything to us: what is in a block that has not been read is read with it, as it will be then.
   * It may name what has been read.
   * @param {MutationRecord} record
   */
  #isOurs({ type, target }) {
    if (type === "attributes") return true;
    const block = ground.blockOf(target);
    return block !== null && (this.#concerns(block) || labels.naming.has(block));
  }

  /** @param {MutationRecord} record */
  #learn(record) {
    const { type, target } = record;
    if (type === "attributes") {
      this.#restyled.add(target);
      this.#roots.add(target);
    } else {
      const block = ground.blockOf(target);
      if (block && type === "childList") this.#readChildren(record, block);
      else this.#renewLines(block);
    }
    for (const labelled of labels.labelledBy(target)) this.#roots.add(labelled);
  }

  /**
   * Whether what comes and goes in a block is anything to us: it has been read, or what has moved there must be left.
   * @param {Node} block
   */
  #concerns(block) {
    return this.#read.has(block) || ground.kindOf(block) === "closed";
  }

  /**
   * @param {MutationRecord} record
   * @param {ParentNode & Node} block where it happened
   */
  #readChildren(record, block) {
    if (!this.#concerns(block)) return;
    const { addedNodes, removedNodes, previousSibling, nextSibling } = record;
    const { length } = removedNodes;
    for (let i = 0; this.#mark && i < length; i++) if (removedNodes[i]?.contains(this.#mark)) this.#mark = undefined;
    for (const node of removedNodes) if (node instanceof Element) this.#viewport.unobserve(node);
    const isFew = addedNodes.length <= PageWalker.#MANY;
    const isNear = isFew && [previousSibling, nextSibling].some((node) => node && this.#near.has(node));
    for (const node of addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      this.#roots.add(node);
      if (isNear) this.#beside.add(node);
    }
    // To ask about each of very many takes longer than a step may; the lines are read in pieces.
    const isMany = addedNodes.length + length > PageWalker.#PIECE;
    const neighbours = isMany ? [] : [...addedNodes, ...removedNodes, previousSibling, nextSibling];
    if (isMany || neighbours.some(PageWalker.#isOfLine)) this.#renewLines(block);
    const named = block instanceof Element ? labels.namedBy(block) : null;
    if (named) this.#roots.add(named);
    // What came or went may name what follows.
    for (const node of labels.after(nextSibling)) this.#roots.add(node);
    this.#events.changed(record);
  }

  /** @param {Node | null} node one whose block's lines have changed */
  #renewLines(node) {
    const block = ground.blockOf(node);
    if (block && this.#read.has(block)) this.#lines.add(block);
  }

  /** @param {Node | null} node */
  static #isOfLine(node) {
    const kind = node && ground.kindOf(node);
    return kind === "text" ? /\S/u.test(/** @type {Text} */ (node).data) : kind === "inline" || kind === "link";
  }

  /** A small piece of the work; false when there is none. */
  #step() {
    const record = this.#unread.pop();
    if (record) {
      labels.forget();
      this.#learn(record);
      if (this.#unread.length > 0) return true;
      const restyled = this.#restyled;
      this.#restyled = new Set();
      this.#events.settled(restyled);
      return true;
    }
    const found = this.#found.pop();
    if (found) {
      this.#events.text(found.nodes, found.text);
      return true;
    }
    if (this.#reading) {
      if (this.#reading.next().done) this.#reading = undefined;
      return true;
    }
    const block = this.#blocks.pop();
    if (block) {
      this.#reading = this.#visit(block, true);
      return true;
    }
    for (const lines of this.#lines) {
      this.#lines.delete(lines);
      if (lines.isConnected && ground.isOpen(lines.firstChild ?? lines)) this.#reading = this.#visit(lines, false);
      return true;
    }
    for (const node of this.#roots) {
      this.#roots.delete(node);
      this.#enter(node);
      return true;
    }
    labels.forget();
    return false;
  }

  /**
   * Takes an element with all that is in it.
   * @param {Node} node
   */
  #enter(node) {
    if (!node.isConnected) return;
    const kind = ground.kindOf(node);
    if (kind === "block") {
      // What has a shadow tree now was part of a line until then.
      if (/** @type {Element} */ (node).shadowRoot) this.#renewLines(node.parentNode);
      this.#enterBlock(/** @type {Element} */ (node));
    } else if (kind === "own") {
      this.#events.stray(/** @type {Element} */ (node));
    } else {
      // It is part of its block's lines, or it parts them.
      this.#renewLines(node.parentNode);
      if (kind === "inline") this.#reading = this.#enterInline(node);
    }
  }

  /**
   * Takes the blocks in an element that is part of a line.
   * @param {Node} top
   * @returns {Iterator<void>}
   */
  *#enterInline(top) {
    let seen = 0;
    for (const { node, kind } of PageWalker.#survey(top)) {
      // At what we may take away nothing pauses.
      if (kind === "own") continue;
      if (kind === "block") this.#enterBlock(/** @type {Element} */ (node));
      seen++;
      if (seen % PageWalker.#PIECE > 0 || (yield* this.#pause(node))) continue;
      this.#roots.add(top);
      return;
    }
  }

  /**
   * Lets others go on within a reading.
   * @param {Node} node what was read last
   * @returns {Generator<void, boolean>} false when it has been taken away meanwhile: what is next is not known any more
   */
  *#pause(node) {
    this.#mark = node;
    yield;
    const isThere = this.#mark !== undefined;
    this.#mark = undefined;
    return isThere;
  }

  /** @param {Element} block */
  #enterBlock(block) {
    const outer = block === document.documentElement ? null : ground.blockOf(block.parentNode);
    // What is in a block that has not been read is read with it.
    if (outer && !this.#read.has(outer)) return;
    if (outer && this.#isAwaited(block, outer, true)) this.#viewport.observe(block);
    else if (ground.isOpen(block)) this.#blocks.push(block);
  }

  /**
   * Whether a block is shown only by what is in it, or hangs out of it: it is never near anything itself. What the browser
   * skips while it is far away (`content-visibility`) has no box yet.
   * @param {IntersectionObserverEntry} entry
   */
  static #hasNoBox({ target, boundingClientRect: { width, height } }) {
    if ((width > 0 && height > 0) || !PageWalker.#isShown(target)) return false;
    return !target.checkVisibility() || target.checkVisibility({ contentVisibilityAuto: true });
  }

  /**
   * Whether a block, or what is in it, is shown.
   * @param {Element} block
   */
  static #isShown(block) {
    return block.checkVisibility() || getComputedStyle(block).display === "contents";
  }

  /**
   * A block is near the viewport, or what is in it may be.
   * @param {Element} block
   * @param {boolean} [isLong] what is in it is awaited in turn
   */
  #come(block, isLong) {
    if (isLong) this.#long.add(block);
    else this.#near.add(block);
    this.#viewport.unobserve(block);
    if (block.isConnected && ground.kindOf(block) === "block" && ground.isOpen(block)) this.#blocks.push(block);
  }

  /**
   * Whether a block is to be read when it comes near and not before: a list, a part of a long one, or much that came at
   * once.
   * @param {Element} block
   * @param {ParentNode & Node} outer the block that it is in
   * @param {boolean} isNew it came into what has been read
   */
  #isAwaited(block, outer, isNew) {
    if (this.#read.has(block)) return false;
    if (outer.childElementCount > PageWalker.#LONG) this.#long.add(outer);
    if (block.childElementCount > PageWalker.#MANY) return true;
    return !this.#beside.has(block) && (this.#long.has(outer) || (isNew && PageWalker.#isMuch(block)));
  }

  /**
   * Whether more elements are in a block than in a short list.
   * @param {Element} block
   */
  static #isMuch(block) {
    const elements = document.createTreeWalker(block, NodeFilter.SHOW_ELEMENT);
    for (let count = 0; count < PageWalker.#MANY; count++) if (!elements.nextNode()) return false;
    return elements.nextNode() !== null;
  }

  /**
   * Reads a block's lines, with pauses.
   * @param {ParentNode & Node} block
   * @param {boolean} deep the blocks in it are to be read, too
   * @returns {Iterator<void>}
   */
  *#visit(block, deep) {
    this.#read.add(block);
    if (deep && block instanceof Element) this.#enterShadow(block);
    /** @type {Element[]} */
    const blocks = [];
    /** Of our name; what may go at once must not go while its neighbours are read. @type {Element[]} */
    const strays = [];
    /** @type {Text[]} */
    let line = [];
    const end = () => {
      if (line.length > 0) this.#tell(line);
      line = [];
    };
    let seen = 0;
    for (const { node, kind } of PageWalker.#survey(block)) {
      if (kind === "text") {
        const text = /** @type {Text} */ (node);
        line.push(text);
        if (line.length > PageWalker.#LONG_LINE && PageWalker.#isEnd(line.length, text)) end();
      } else if (kind === "own") {
        strays.push(/** @type {Element} */ (node));
        continue;
      } else if (kind === "inline") {
        const { localName } = /** @type {Element} */ (node);
        if (localName === "a") this.#events.nothing(/** @type {HTMLAnchorElement} */ (node));
        else if (localName.includes("-")) this.#unrooted.add(/** @type {Element} */ (node));
      } else if (kind) {
        end();
        if (kind === "block") blocks.push(/** @type {Element} */ (node));
        else if (kind === "link") this.#visitLink(/** @type {HTMLAnchorElement} */ (node));
        else if (node instanceof HTMLInputElement) this.#visitField(node);
      }
      seen++;
      if (seen % PageWalker.#PIECE > 0 || (yield* this.#pause(node))) continue;
      if (deep) this.#blocks.push(block);
      else this.#lines.add(block);
      return;
    }
    end();
    for (const stray of strays) this.#events.stray(stray);
    if (!deep) return;
    for (const inner of blocks.reverse()) {
      if (this.#isAwaited(inner, block, false)) this.#viewport.observe(inner);
      else this.#blocks.push(inner);
    }
  }

  /**
   * Whether a long line is cut behind a text.
   * @param {number} length of the line up to there, in texts
   * @param {Text} text
   */
  static #isEnd(length, { data }) {
    return length > PageWalker.#LONGEST_LINE || PageWalker.#OVER.test(data.slice(-100));
  }

  /** @param {Element} element */
  #enterShadow({ shadowRoot }) {
    if (!shadowRoot) return;
    this.#blocks.push(shadowRoot);
    if (this.#watched.has(shadowRoot)) return;
    this.#watched.add(shadowRoot);
    this.#observer.observe(shadowRoot, PageWalker.#WATCHED);
  }

  /** @param {HTMLAnchorElement} link */
  #visitLink(link) {
    for (const { node, kind } of PageWalker.#survey(link)) {
      if (kind === "text") this.#events.nothing(/** @type {Text} */ (node));
    }
    this.#found.push({ nodes: [link], text: link.getAttribute("href") ?? "" });
  }

  /** @param {HTMLInputElement} field */
  #visitField(field) {
    const isField = field.isConnected && ground.isField(field);
    if (isField) this.#fields.set(field, field.value);
    else this.#fields.delete(field);
    if (isField && PageWalker.#mayHold(field.value)) this.#found.push({ nodes: [field], text: field.value });
    else this.#events.nothing(field);
  }

  /**
   * Tells a line of text.
   * @param {Text[]} line
   */
  #tell(line) {
    const [first, second] = line;
    if (first && !second) {
      if (PageWalker.#mayHold(first.data)) this.#found.push({ nodes: line, text: first.data });
      else this.#events.nothing(first);
      return;
    }
    const mayHold = line.some(({ data }) => data.length > PageWalker.#LONG_TEXT || PageWalker.#DIGIT.test(data));
    for (const part of mayHold ? PageWalker.#parts(line) : [line]) {
      const text = mayHold ? part.map(({ data }) => data).join("") : "";
      if (PageWalker.#mayHold(text)) this.#found.push({ nodes: part, text });
      else for (const node of part) this.#events.nothing(node);
    }
  }

  /** @param {string} text */
  static #mayHold(text) {
    return text.length > PageWalker.#LONG_TEXT || PageWalker.#NUMBER.test(text);
  }

  /**
   * Parts a line where an element that is usually within a line is shown as a block of its own.
   * @param {Text[]} line
   */
  static #parts(line) {
    /** @type {Text[][]} */
    const parts = [];
    /** @type {Node | null | undefined} */
    let before;
    for (const node of line) {
      const block = PageWalker.#shownBlockOf(node);
      if (block === before) parts.at(-1)?.push(node);
      else parts.push([node]);
      before = block;
    }
    return parts;
  }

  /**
   * The innermost element around a text that is not shown as part of a line.
   * @param {Text} text
   */
  static #shownBlockOf(text) {
    let at = text.parentNode;
    while (at instanceof Element && ground.kindOf(at) === "inline" && PageWalker.#isShownInline(at)) at = at.parentNode;
    return at;
  }

  /** How elements are shown, by their looks: the browser takes long to tell. @type {Map<string, boolean>} */
  static #shown = new Map();

  /** @param {Element} element */
  static #isShownInline(element) {
    const looks = ground.looksOf(element, 2);
    let isInline = PageWalker.#shown.get(looks);
    if (isInline === undefined) {
      const { display } = getComputedStyle(element);
      isInline = display === "inline" || display === "contents";
      PageWalker.#shown.set(looks, isInline);
    }
    return isInline;
  }

  /**
   * Goes through what is in a node up to the blocks in it, in the page's order.
   * @param {Node} top
   * @returns {Generator<{ node: Node, kind: Kind | undefined }>}
   */
  static *#survey(top) {
    /** @type {Node | null} */
    let node = top.firstChild;
    while (node) {
      const kind = ground.kindOf(node);
      yield { node, kind };
      /** @type {Node | null} */
      let next = kind === "inline" ? node.firstChild : null;
      for (let at = /** @type {Node | null} */ (node); !next && at && at !== top; at = at.parentNode) {
        next = at.nextSibling;
      }
      node = next;
    }
  }
}
