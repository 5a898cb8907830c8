/**
 * Walks a page for texts that could hold a phone number, then follows its changes. It reads only: text nodes are told
 * as they stand, `tel:` and `callto:` links by their address. Work is done in slices, what changed last comes first,
 * nothing is dropped.
 */
class PageWalker {
  /** Where no number is looked for: what people edit, what is no prose, and what is ours. */
  static #CLOSED = [
    "head, input, textarea, select, option, datalist, script, style, noscript, template, code, pre, kbd, samp",
    "svg, math, iframe, object, canvas, audio, video, trubka-call, trubka-card, trubka-hint",
    '[contenteditable]:not([contenteditable="false" i])',
    '[role~="textbox" i], [role~="searchbox" i], [role~="combobox" i], [role~="spinbutton" i]',
  ].join(", ");

  static #LINK = /^(?:tel|callto):/iu;
  static #LINK_SELECTOR = 'a[href^="tel:" i], a[href^="callto:" i]';

  /** Five digits of any script with a little between them: cheap, and no phone number fails it. */
  static #NUMBER = /\p{Nd}(?:[^\p{L}\p{Nd}]{0,6}\p{Nd}){4}/u;

  /** How long one slice of work may be, in milliseconds: less than half of a frame. */
  static #SLICE = 6;

  /** Nodes that the page added or changed, not yet checked for where they stand. @type {Node[]} */
  #roots = [];
  /** Nodes still to be visited, all on open ground. @type {Node[]} */
  #nodes = [];
  /** @type {MutationRecord[]} */
  #unread = [];
  #scheduled = false;
  #signal;
  #events;
  #observer;

  /**
   * @param {{
   *   text: (node: Text | HTMLElement, text: string) => void,
   *   changed: (record: MutationRecord) => void,
   *   settled: (restyled: boolean) => void,
   * }} events `text`: a text as it stands, empty when it can hold no number. `changed`: nodes came, went or moved.
   * `settled`: that was all for now; something may have become editable, or a link (`restyled`).
   * @param {AbortSignal} signal ends the walk
   */
  constructor(events, signal) {
    this.#events = events;
    this.#signal = signal;
    this.#observer = new MutationObserver((records) => {
      this.#read(records);
      this.#work();
    });
    signal.addEventListener("abort", () => this.#observer.disconnect());
  }

  /**
   * Whether a text could hold a phone number.
   * @param {string} text
   */
  static mayHoldNumber(text) {
    return PageWalker.#NUMBER.test(text);
  }

  /**
   * Whether a node stands where numbers are looked for.
   * @param {Text | HTMLElement} node
   */
  static isOpen(node) {
    if (node instanceof HTMLElement) {
      return node.matches(PageWalker.#LINK_SELECTOR) && !node.closest(PageWalker.#CLOSED);
    }
    return !node.parentElement?.closest(`${PageWalker.#CLOSED}, ${PageWalker.#LINK_SELECTOR}`);
  }

  start() {
    this.#observer.observe(document, {
      subtree: true,
      childList: true,
      characterData: true,
      attributeFilter: ["href", "contenteditable", "role"],
    });
    this.#roots.push(document.body);
    this.#work();
  }

  /**
   * Makes a change of our own that the walk does not hear of.
   * @param {() => void} change
   */
  quietly(change) {
    this.#unread.push(...this.#observer.takeRecords());
    change();
    this.#observer.takeRecords();
    if (this.#unread.length > 0) this.#schedule();
  }

  /** @param {MutationRecord[]} records */
  #read(records) {
    let restyled = false;
    for (const record of records) {
      if (record.type === "childList") {
        this.#roots.push(...record.addedNodes);
        this.#events.changed(record);
      } else {
        restyled ||= record.type === "attributes";
        this.#roots.push(record.target);
      }
    }
    this.#events.settled(restyled);
  }

  /** One slice: at once for a small change, so that its buttons are there before it is painted. */
  #work() {
    if (this.#signal.aborted) return;
    const end = performance.now() + PageWalker.#SLICE;
    do {
      if (this.#unread.length > 0) this.#read(this.#unread.splice(0));
      const node = this.#nodes.pop();
      if (node) this.#visit(node);
      else if (this.#roots.length > 0) this.#enter(/** @type {Node} */ (this.#roots.pop()));
      else return;
    } while (performance.now() < end);
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestIdleCallback(
      () => {
        this.#scheduled = false;
        this.#work();
      },
      { timeout: 50 },
    );
  }

  /** @param {Node} node */
  #enter(node) {
    const element = node instanceof Element ? node : node.parentElement;
    if (!node.isConnected || !element || element.closest(PageWalker.#CLOSED)) return;
    this.#nodes.push(element.closest(PageWalker.#LINK_SELECTOR) ?? node);
  }

  /** @param {Node} node */
  #visit(node) {
    if (node instanceof Text) {
      this.#events.text(node, PageWalker.mayHoldNumber(node.data) ? node.data : "");
    } else if (node instanceof HTMLElement && !node.matches(PageWalker.#CLOSED)) {
      const address = node.localName === "a" ? (node.getAttribute("href") ?? "") : "";
      const isLink = PageWalker.#LINK.test(address);
      if (node.localName === "a") this.#events.text(node, isLink ? address : "");
      if (isLink) return;
      for (let child = node.lastChild; child; child = child.previousSibling) this.#nodes.push(child);
    }
  }
}
