/**
 * Keeps the call buttons beside their numbers. The page's own nodes are never changed: a button follows its text node
 * or link as the next sibling, moves and leaves with it, and comes back when the page renders over it.
 */
class CallButtons {
  /** A page that takes away buttons of one parent this often within the span is left in peace for a while. */
  static #PATIENCE = 40;
  static #SPAN = 2_000;
  static #LONGEST_PEACE = 60_000;

  /** What a click is made of: none of it is for the page. */
  static CLICK = "pointerdown pointerup mousedown mouseup touchstart touchend click dblclick auxclick".split(" ");

  /** @type {Map<Text | HTMLElement, CallButton[]>} */
  #placed = new Map();
  /** @type {Map<string, Set<CallButton>>} */
  #byNumber = new Map();
  /** @type {WeakMap<EventTarget, CallButton>} */
  #byHost = new WeakMap();
  /** Texts whose buttons the page may have displaced. @type {Set<Text | HTMLElement>} */
  #suspects = new Set();
  /** @type {WeakMap<Node, { removals: number, since: number, peace: number, until: number }>} */
  #quarrels = new WeakMap();
  /** The button clicked last, while its call is live. @type {CallButton | undefined} */
  #clicked;
  #dials;
  #hangUps;
  #walker;
  #forget;
  #signal;
  #hint;
  #ticker;

  /**
   * @param {{ dials: Dials, hangUps: HangUps, walker: PageWalker, forget: (node: Node) => void }} parts
   * @param {AbortSignal} signal takes every button off the page
   */
  constructor({ dials, hangUps, walker, forget }, signal) {
    this.#dials = dials;
    this.#hangUps = hangUps;
    this.#walker = walker;
    this.#forget = forget;
    this.#signal = signal;
    this.#hint = new Hint(signal);
    this.#ticker = new Ticker(() => this.#tick(), signal);
    signal.addEventListener("abort", () => {
      for (const buttons of this.#placed.values()) for (const { host } of buttons) host.remove();
    });
    const options = { capture: true, signal };
    for (const type of CallButtons.CLICK) addEventListener(type, (event) => this.#handle(event), options);
    for (const type of ["keydown", "keyup"]) {
      addEventListener(type, (event) => this.#handleKey(/** @type {KeyboardEvent} */ (event)), options);
    }
    for (const type of ["pointerover", "focusin"]) addEventListener(type, (event) => this.#explain(event), options);
    for (const type of ["pointerout", "focusout"]) addEventListener(type, (event) => this.#leave(event), options);
  }

  /**
   * Puts the buttons of a text's numbers beside it, in their order.
   * @param {Text | HTMLElement} node
   * @param {readonly Protocol.FoundNumber[]} matches
   */
  put(node, matches) {
    const old = this.#placed.get(node) ?? [];
    const isSame = old.length === matches.length && old.every(({ number }, i) => number === matches[i]?.e164);
    if (!isSame) {
      this.#discard(node);
      if (matches.length > 0)
        this.#placed.set(
          node,
          matches.map((found) => this.#make(node, found, matches.length > 1)),
        );
    }
    this.#place(node);
  }

  /**
   * Notes which buttons a change of the page may have displaced: what stood beside the change, and what left with it.
   * @param {MutationRecord} record of type `childList`
   */
  note({ target, previousSibling, removedNodes }) {
    this.#suspect(target);
    this.#suspect(previousSibling);
    for (const node of removedNodes) {
      if (this.#byHost.has(node)) this.#quarrel(target);
      this.#suspect(node);
      if (node.isConnected) continue;
      const inside = document.createTreeWalker(node, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
      while (inside.nextNode()) this.#suspect(inside.currentNode);
    }
  }

  /**
   * Puts right what the page's changes have displaced.
   * @param {boolean} restyled something may have become editable, or a link
   */
  settle(restyled) {
    for (const node of restyled ? this.#placed.keys() : this.#suspects) {
      if (node.isConnected && !(restyled && !PageWalker.isOpen(node))) {
        this.#place(node);
      } else {
        this.#discard(node);
        this.#forget(node);
      }
    }
    this.#suspects.clear();
    this.#hint.follow();
  }

  /** @param {Node | null} node one that may have buttons, or hold the one that has, or be one */
  #suspect(node) {
    for (const each of [node, node?.firstChild]) {
      const source = each && (this.#byHost.get(each)?.source ?? /** @type {Text | HTMLElement} */ (each));
      if (source && this.#placed.has(source)) this.#suspects.add(source);
    }
  }

  /**
   * The page took a button away from this parent. It comes back, unless the page keeps on.
   * @param {Node} parent
   */
  #quarrel(parent) {
    if (!parent.isConnected) return;
    const now = performance.now();
    const known = this.#quarrels.get(parent);
    const quarrel =
      known && now - known.since < CallButtons.#SPAN + known.peace
        ? known
        : { removals: 0, since: now, peace: 500, until: 0 };
    this.#quarrels.set(parent, quarrel);
    quarrel.removals++;
    if (quarrel.removals < CallButtons.#PATIENCE) return;
    quarrel.removals = 0;
    quarrel.since = now;
    quarrel.peace = Math.min(quarrel.peace * 2, CallButtons.#LONGEST_PEACE);
    quarrel.until = now + quarrel.peace;
    setTimeout(() => {
      if (this.#signal.aborted) return;
      for (const node of this.#placed.keys()) this.#place(node);
    }, quarrel.peace);
  }

  /**
   * Shows the state of these numbers.
   * @param {Iterable<string>} numbers
   */
  refresh(numbers) {
    if (this.#signal.aborted) return;
    for (const number of numbers) {
      const state = this.#dials.of(number);
      for (const button of this.#byNumber.get(number) ?? []) button.show(state);
      if (this.#hint.button?.number === number) this.#hint.hide();
      if (this.#clicked?.number === number) this.#tellFailure(this.#clicked);
    }
    this.#tick();
  }

  /**
   * @param {Text | HTMLElement} node
   * @param {Protocol.FoundNumber} found
   * @param {boolean} oneOfMany
   */
  #make(node, found, oneOfMany) {
    const button = new CallButton(node, found, oneOfMany);
    button.show(this.#dials.of(found.e164));
    this.#byHost.set(button.host, button);
    const others = this.#byNumber.get(button.number);
    if (others) others.add(button);
    else this.#byNumber.set(button.number, new Set([button]));
    return button;
  }

  /** @param {Text | HTMLElement} node */
  #discard(node) {
    const buttons = this.#placed.get(node);
    if (!buttons) return;
    this.#placed.delete(node);
    this.#walker.quietly(() => {
      for (const { host } of buttons) host.remove();
    });
    for (const button of buttons) {
      const others = this.#byNumber.get(button.number);
      others?.delete(button);
      if (others?.size === 0) this.#byNumber.delete(button.number);
      if (this.#hint.button === button) this.#hint.hide();
    }
  }

  /** @param {Text | HTMLElement} node */
  #place(node) {
    const buttons = this.#placed.get(node);
    const anchor = CallButtons.#anchor(node);
    const parent = anchor.parentNode;
    if (!buttons || !parent) return;
    /** @type {ChildNode} */
    let before = anchor;
    let isInPlace = true;
    for (const { host } of buttons) {
      isInPlace &&= host.previousSibling === before;
      before = host;
    }
    if (isInPlace || (this.#quarrels.get(parent)?.until ?? 0) > performance.now()) return;
    this.#walker.quietly(() => anchor.after(...buttons.map(({ host }) => host)));
  }

  /**
   * What the buttons of a text stand behind: the text itself, or the link or button that holds nothing else.
   * @param {Text | HTMLElement} node
   * @returns {Text | HTMLElement}
   */
  static #anchor(node) {
    const parent = node.parentElement;
    const isAlone = parent?.firstChild === node && parent.lastChild === node;
    return isAlone && node instanceof Text && (parent.localName === "a" || parent.localName === "button")
      ? parent
      : node;
  }

  /** @param {Event} event */
  #handle(event) {
    const button = event.target && this.#byHost.get(event.target);
    if (!button) {
      if (event.type === "pointerdown") this.#hint.hide();
      return;
    }
    event.stopImmediatePropagation();
    if (event.type !== "click") return;
    event.preventDefault();
    if (!event.isTrusted || !button.isSettled) return;
    this.#clicked = button;
    const { hangUp } = this.#dials.of(button.number);
    if (hangUp) void this.#hangUps.ask(hangUp.call);
    else void this.#dials.dial(button.number);
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    if (event.key === "Escape" && this.#hint.button) {
      event.stopImmediatePropagation();
      this.#hint.hide();
    }
    const isPress = event.key === "Enter" || event.key === " ";
    if (!isPress || !event.target || !this.#byHost.has(event.target)) return;
    event.stopImmediatePropagation();
    // A key held down would dial, and then hang up.
    if (event.repeat) event.preventDefault();
  }

  /**
   * When a call that was clicked here has not come about, or not ended, the reason is shown and said without being
   * asked for.
   * @param {CallButton} button
   */
  #tellFailure(button) {
    const state = this.#dials.of(button.number);
    if (Dials.isLive(state) && !state.reason) return;
    this.#clicked = undefined;
    const [other] = this.#byNumber.get(button.number) ?? [];
    const beside = button.host.isConnected ? button : other;
    if (beside?.reason) this.#hint.show(beside, true);
  }

  /** @param {Event} event */
  #explain({ target }) {
    const button = target && this.#byHost.get(target);
    if (button?.reason && this.#hint.button !== button) this.#hint.show(button, false);
  }

  /** @param {Event} event */
  #leave({ target }) {
    const button = target && this.#byHost.get(target);
    if (button && button === this.#hint.button && !this.#hint.isPinned) this.#hint.hide();
  }

  #tick() {
    let isTalking = false;
    for (const buttons of this.#byNumber.values()) {
      for (const button of buttons) {
        if (button.phase !== "talking") continue;
        isTalking = true;
        button.tick();
      }
    }
    this.#ticker.run(isTalking);
  }
}
