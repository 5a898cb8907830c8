/**
 * Keeps the call buttons beside their numbers. The page's own nodes are never changed: a button follows its text node or link as
 * the next sibling, moves and leaves with it, and comes back when the page renders over it.
 */
class CallButtons {
  /** A page that takes away buttons of one parent this often within the span is left in peace for a while. */
  static #PATIENCE = 40;
  static #SPAN = 2_000;
  static #LONGEST_PEACE = 60_000;

  /** What a click is made of: none of it is for the page. */
  static #CLICK = "pointerdown pointerup mousedown mouseup touchstart touchend click dblclick auxclick".split(" ");

  /** @type {Map<Text | HTMLElement, CallButton[]>} */
  #placed = new Map();
  /** @type {Map<string, Set<CallButton>>} */
  #byNumber = new Map();
  /** @type {WeakMap<EventTarget, CallButton>} */
  #byHost = new WeakMap();
  /** @type {WeakMap<Node, { removals: number, since: number, peace: number, until: number }>} */
  #quarrels = new WeakMap();
  /** The button clicked last, until its call has failed. @type {CallButton | undefined} */
  #clicked;
  #dials;
  #walker;
  #forget;
  #signal;
  #hint;
  #ticker;

  /**
   * @param {{ dials: Dials, walker: PageWalker, forget: (node: Node) => void }} parts
   * @param {AbortSignal} signal takes every button off the page
   */
  constructor({ dials, walker, forget }, signal) {
    this.#dials = dials;
    this.#walker = walker;
    this.#forget = forget;
    this.#signal = signal;
    this.#hint = new Hint(signal);
    this.#ticker = new Ticker(() => this.#tick(), signal);
    signal.addEventListener("abort", () => {
      for (const buttons of this.#placed.values()) for (const { host } of buttons) host.remove();
    });
    const options = { capture: true, signal };
    for (const type of CallButtons.#CLICK) addEventListener(type, (event) => this.#handle(event), options);
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
      if (matches.length > 0) this.#placed.set(node, matches.map((found) => this.#make(found, matches.length > 1)));
    }
    this.#place(node);
  }

  /**
   * Follows the page: nodes came, went or moved.
   * @param {boolean} restyled something may have become editable, or a link
   */
  sweep(restyled) {
    for (const node of this.#placed.keys()) {
      if (node.isConnected && !(restyled && !PageWalker.isOpen(node))) {
        this.#place(node);
      } else {
        this.#discard(node);
        this.#forget(node);
      }
    }
    this.#hint.follow();
  }

  /**
   * The page took a node away.
   * @param {Node} parent
   * @param {Node} node
   */
  removed(parent, node) {
    if (!this.#byHost.has(node) || !parent.isConnected) return;
    const now = performance.now();
    const known = this.#quarrels.get(parent);
    const quarrel = known && now - known.since < CallButtons.#SPAN + known.peace ? known : { removals: 0, since: now, peace: 500, until: 0 };
    this.#quarrels.set(parent, quarrel);
    quarrel.removals++;
    if (quarrel.removals < CallButtons.#PATIENCE) return;
    quarrel.removals = 0;
    quarrel.since = now;
    quarrel.peace = Math.min(quarrel.peace * 2, CallButtons.#LONGEST_PEACE);
    quarrel.until = now + quarrel.peace;
    setTimeout(() => this.#signal.aborted || this.sweep(false), quarrel.peace);
  }

  /**
   * Shows the state of these numbers.
   * @param {Iterable<string>} numbers
   */
  refresh(numbers) {
    for (const number of numbers) {
      const state = this.#dials.of(number);
      for (const button of this.#byNumber.get(number) ?? []) button.show(state);
      if (this.#hint.button?.number === number) this.#hint.hide();
      if (this.#clicked?.number === number) this.#tellFailure(this.#clicked);
    }
    this.#tick();
  }

  /**
   * @param {Protocol.FoundNumber} found
   * @param {boolean} oneOfMany
   */
  #make(found, oneOfMany) {
    const button = new CallButton(found, oneOfMany);
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
    const hosts = this.#placed.get(node)?.map(({ host }) => host);
    if (!hosts) return;
    const anchor = CallButtons.#anchor(node);
    /** @type {ChildNode | null} */
    let next = anchor;
    if (hosts.every((host) => (next = next?.nextSibling ?? null) === host)) return;
    const parent = anchor.parentNode;
    if (!parent || (this.#quarrels.get(parent)?.until ?? 0) > performance.now()) return;
    this.#walker.quietly(() => anchor.after(...hosts));
  }

  /**
   * What the buttons of a text stand behind: the text itself, or the link or button that holds nothing else.
   * @param {Text | HTMLElement} node
   * @returns {Text | HTMLElement}
   */
  static #anchor(node) {
    const parent = node.parentElement;
    return node instanceof Text && parent?.matches("a, button") && parent.childNodes.length === 1 ? parent : node;
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
    if (!event.isTrusted) return;
    this.#clicked = button;
    void this.#dials.dial(button.number);
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    if (event.key === "Escape" && this.#hint.button) {
      event.stopImmediatePropagation();
      this.#hint.hide();
    }
    const isPress = event.key === "Enter" || event.key === " ";
    if (isPress && event.target && this.#byHost.has(event.target)) event.stopImmediatePropagation();
  }

  /**
   * A call that was clicked here did not come about: the reason is shown and said without being asked for.
   * @param {CallButton} button
   */
  #tellFailure(button) {
    const { phase } = this.#dials.of(button.number);
    if (phase !== "failed" && phase !== "unknown") return;
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
