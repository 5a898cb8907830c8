/**
 * Keeps the call buttons beside their numbers. The page's own nodes are never changed: a button follows its text node,
 * link or field as the next sibling, moves and leaves with it, and comes back when the page renders over it.
 */
class CallButtons {
  /** A page that takes away buttons of one parent this often within the span is left in peace for a while. */
  static #PATIENCE = 40;
  static #SPAN = 2_000;
  static #LONGEST_PEACE = 60_000;
  /** A button at the end of a text is beside the text's number when no more characters are between them. */
  static #NEAR = 40;
  /** What may be another number: of several behind one anchor only the last is beside its button. */
  static #DIGITS = /\p{Nd}(?:[^\p{L}\p{Nd}]{0,6}\p{Nd}){4}/u;
  /** After so many sweeps what a class stands for may have changed. */
  static #SELDOM = 10;
  /** So many buttons are made in one step. */
  static #PIECE = 10;

  /** What a click is made of: none of it is for the page. */
  static CLICK = "pointerdown pointerup mousedown mouseup touchstart touchend click dblclick auxclick".split(" ");
  /** What a key is made of: of Enter and Space nothing is for the page. */
  static KEY = ["keydown", "keypress", "keyup"];

  /** @type {Map<Node, Spot>} */
  #spots = new Map();
  /** The same by what their buttons stand behind, where that is not the place itself. @type {Map<Node, Set<Spot>>} */
  #byAnchor = new Map();
  /** @type {Map<string, Set<CallButton>>} */
  #byNumber = new Map();
  /** @type {WeakMap<EventTarget, CallButton>} */
  #byHost = new WeakMap();
  /** Places whose buttons the page may have displaced. @type {Set<Spot>} */
  #suspects = new Set();
  /** Places to be looked at again though nothing is known to have happened there. @type {Set<Spot>} */
  #unchecked = new Set();
  /** What has left its parent at some time: it has been moved when it comes again. @type {WeakSet<Node>} */
  #left = new WeakSet();
  /** Elements that have been moved with all that is in them. @type {Set<Node>} */
  #moved = new Set();
  /** @type {WeakMap<Node, { removals: number, since: number, peace: number, until: number }>} */
  #quarrels = new WeakMap();
  /** The button clicked last, while its call is live. @type {CallButton | undefined} */
  #clicked;
  /** Whether nodes have left the page since the last sweep. */
  #isDusty = false;
  #sweeps = 0;
  #dials;
  #hangUps;
  #walker;
  #forget;
  #signal;
  #hint;
  #overlays;
  #slices;
  #ticker;

  /**
   * @param {{ dials: Dials, hangUps: HangUps, walker: PageWalker, forget: (source: Source) => void }} parts
   * @param {AbortSignal} signal takes every button off the page
   */
  constructor({ dials, hangUps, walker, forget }, signal) {
    this.#dials = dials;
    this.#hangUps = hangUps;
    this.#walker = walker;
    this.#forget = forget;
    this.#signal = signal;
    this.#hint = new Hint(signal);
    this.#overlays = new Overlays(signal);
    this.#slices = new Slices(() => this.#step(), signal);
    this.#ticker = new Ticker(() => this.#tick(), signal);
    signal.addEventListener("abort", () => {
      for (const { buttons } of this.#spots.values()) for (const { host } of buttons) host.remove();
    });
    const options = { capture: true, signal };
    for (const type of CallButtons.CLICK) addEventListener(type, (event) => this.#handle(event), options);
    for (const type of CallButtons.KEY) {
      addEventListener(type, (event) => this.#handleKey(/** @type {KeyboardEvent} */ (event)), options);
    }
    for (const type of ["pointerover", "focusin"]) addEventListener(type, (event) => this.#explain(event), options);
    for (const type of ["pointerout", "focusout"]) addEventListener(type, (event) => this.#leave(event), options);
    addEventListener("resize", () => this.#placeAll(), options);
  }

  /**
   * Puts the buttons of a text's numbers where the numbers end, in their order, step by step.
   * @param {Source} source
   * @returns {Iterator<void>}
   */
  *put(source) {
    let end = 0;
    let next = 0;
    const last = source.nodes.at(-1);
    for (const node of source.nodes) {
      const start = end;
      end = node !== last && node instanceof Text ? start + node.length : source.text.length;
      const matches = [];
      for (let found = source.matches[next]; found && found.end <= end; found = source.matches[next]) {
        matches.push(found);
        next++;
      }
      const isBeside = matches.length === 1 && this.#isBeside(node, end - (matches[0]?.end ?? 0));
      yield* this.#fill(node, source, matches, isBeside);
    }
  }

  /**
   * Takes the buttons of a text away.
   * @param {Source} source
   */
  clear({ nodes }) {
    for (const node of nodes) {
      const spot = this.#spots.get(node);
      if (spot) this.#discard(spot);
    }
  }

  /**
   * What one of our buttons stands for, for those who ask about it.
   * @param {EventTarget} host
   * @returns {{ text: string, label: string | undefined } | undefined} the number as the page writes it
   */
  sourceOf(host) {
    const button = this.#byHost.get(host);
    return button && { text: button.written, label: button.source.label };
  }

  /**
   * Takes an element with our name off the page that is none of ours: a copy that the page has made of one.
   * @param {Element} host
   */
  sift(host) {
    if (host.localName === "trubka-call" && !this.#byHost.has(host)) this.#walker.quietly(() => host.remove());
  }

  /**
   * Notes which buttons a change of the page may have displaced: what stood beside the change, and what left or moved
   * with it.
   * @param {MutationRecord} record of type `childList`
   */
  note({ target, previousSibling, addedNodes, removedNodes }) {
    this.#suspect(target);
    this.#suspect(previousSibling);
    for (const node of removedNodes) {
      this.#isDusty = true;
      if (this.#byHost.has(node)) this.#quarrel(target);
      this.#left.add(node);
      this.#suspect(node);
    }
    for (const node of addedNodes) if (this.#left.has(node)) this.#moved.add(node);
  }

  /**
   * Puts right what the page's changes have displaced.
   * @param {Set<Node>} restyled where something may have become editable, or a link
   */
  settle(restyled) {
    for (const node of restyled) this.#moved.add(node);
    if (this.#moved.size > 0) {
      for (const spot of this.#spots.values()) {
        if (CallButtons.#isWithin(spot.place, this.#moved)) this.#suspects.add(spot);
      }
      this.#moved.clear();
    }
    this.#slices.work();
    this.#hint.follow();
  }

  /** Forgets what has left the page together with the buttons beside it, or has gone where no button may be. */
  sweep() {
    this.#sweeps++;
    if (this.#sweeps % CallButtons.#SELDOM === 0) this.#overlays.forget();
    for (const spot of this.#spots.values()) CallButtons.#follow(spot);
    if (!this.#isDusty) return;
    this.#isDusty = false;
    this.#checkAll();
  }

  /** A step of putting right. */
  #step() {
    for (const spot of this.#suspects) {
      this.#suspects.delete(spot);
      this.#check(spot, true);
      return true;
    }
    for (const spot of this.#unchecked) {
      this.#unchecked.delete(spot);
      this.#check(spot, false);
      return true;
    }
    return false;
  }

  /**
   * @param {Spot} spot
   * @param {boolean} isNoted the page has changed something there
   */
  #check(spot, isNoted) {
    if (spot.place.isConnected && ground.isPlace(spot.place)) this.#place(spot, isNoted);
    else this.#drop(spot);
  }

  #checkAll() {
    for (const spot of this.#spots.values()) this.#unchecked.add(spot);
    this.#slices.schedule();
  }

  /**
   * @param {Node} place
   * @param {Set<Node>} nodes
   */
  static #isWithin(place, nodes) {
    /** @type {Node | null} */
    let at = place;
    while (at && !nodes.has(at)) at = at.parentNode ?? (at instanceof ShadowRoot ? at.host : null);
    return at !== null;
  }

  /** @param {Node | null} node one that may have buttons, or hold the one that has, or be one */
  #suspect(node) {
    for (const each of [node, node?.firstChild]) {
      if (!each) continue;
      const place = this.#byHost.get(each)?.place ?? each;
      const spot = this.#spots.get(place);
      if (spot) this.#suspects.add(spot);
      for (const behind of this.#byAnchor.get(place) ?? []) this.#suspects.add(behind);
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
    setTimeout(() => this.#placeAll(), quarrel.peace);
  }

  /** The page may be laid out otherwise now, or be left in peace no longer. */
  #placeAll() {
    if (this.#signal.aborted) return;
    this.#overlays.forget();
    this.#checkAll();
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
   * @param {Place} place
   * @param {Source} source
   * @param {Protocol.FoundNumber[]} matches
   * @param {boolean} isBeside
   * @returns {Generator<void>}
   */
  *#fill(place, source, matches, isBeside) {
    const old = this.#spots.get(place);
    if (!old && matches.length === 0) return;
    const isSame =
      old?.buttons.length === matches.length &&
      old.buttons.every((button, i) => button.isFor(source, matches[i], isBeside));
    if (old && isSame) return this.#place(old);
    const buttons = [];
    for (const found of matches) {
      buttons.push(new CallButton(place, source, found, isBeside));
      if (buttons.length % CallButtons.#PIECE === 0) yield;
    }
    // What was there before the pauses need not be there now.
    const before = this.#spots.get(place);
    if (before) this.#discard(before);
    if (buttons.length === 0) return;
    for (const button of buttons) this.#enlist(button);
    /** @type {Spot} */
    const spot = { place, anchor: place, buttons, stand: Overlays.PLAIN };
    this.#spots.set(place, spot);
    this.#place(spot);
    yield;
  }

  /** @param {CallButton} button one that is to be on the page */
  #enlist(button) {
    const state = this.#dials.of(button.number);
    if (state.phase !== "idle") button.show(state);
    this.#byHost.set(button.host, button);
    const others = this.#byNumber.get(button.number);
    if (others) others.add(button);
    else this.#byNumber.set(button.number, new Set([button]));
  }

  /** @param {Spot} spot whose place is no place any more */
  #drop(spot) {
    this.#discard(spot);
    for (const { source } of spot.buttons) this.#forget(source);
  }

  /** @param {Spot} spot */
  #discard(spot) {
    const { place, buttons } = spot;
    this.#spots.delete(place);
    this.#leaveAnchor(spot);
    this.#suspects.delete(spot);
    this.#unchecked.delete(spot);
    this.#overlays.delete(spot);
    this.#walker.quietly(() => {
      for (const { host } of buttons) host.remove();
    });
    for (const button of buttons) {
      // The page may keep the element, and bring it back.
      this.#byHost.delete(button.host);
      const others = this.#byNumber.get(button.number);
      others?.delete(button);
      if (others?.size === 0) this.#byNumber.delete(button.number);
      if (this.#hint.button === button) this.#hint.hide();
      if (this.#clicked === button) this.#clicked = others?.values().next().value;
    }
  }

  /**
   * @param {Spot} spot
   * @param {boolean} [isNoted] something has changed there
   */
  #place(spot, isNoted = true) {
    const { place, buttons } = spot;
    const anchor = CallButtons.#anchor(place, buttons);
    const parent = anchor.parentNode;
    if (!parent) return;
    if (spot.anchor !== anchor) this.#leaveAnchor(spot);
    spot.anchor = anchor;
    if (anchor !== place) this.#byAnchor.set(anchor, (this.#byAnchor.get(anchor) ?? new Set()).add(spot));
    const stand = this.#overlays.standAt(anchor);
    const isSame = stand === spot.stand;
    if (!isSame) {
      this.#overlays.delete(spot);
      spot.stand = stand;
      for (const button of buttons) button.stand(stand);
    }
    const hosts = this.#hostsBehind(spot);
    /** @type {ChildNode} */
    let before = anchor;
    let isInPlace = true;
    for (const host of hosts) {
      isInPlace &&= host.previousSibling === before;
      before = host;
    }
    if (!isInPlace) {
      if ((this.#quarrels.get(parent)?.until ?? 0) > performance.now()) return;
      this.#walker.quietly(() => anchor.after(...hosts));
    }
    CallButtons.#follow(spot);
    if (isNoted || !isSame || !isInPlace) this.#overlays.add(spot);
  }

  /**
   * A link or field may be hidden by itself, and the button beside it is not.
   * @param {Spot} spot
   */
  static #follow({ anchor, buttons }) {
    if (!(anchor instanceof Element)) return;
    const isShown = anchor.checkVisibility();
    for (const button of buttons) button.follow(isShown);
  }

  /** @param {Spot} spot */
  #leaveAnchor(spot) {
    const others = this.#byAnchor.get(spot.anchor);
    others?.delete(spot);
    if (others?.size === 0) this.#byAnchor.delete(spot.anchor);
  }

  /**
   * The elements of all buttons that stand where a place's do, in the order of their texts.
   * @param {Spot} spot
   */
  #hostsBehind(spot) {
    const spots = [...(this.#byAnchor.get(spot.anchor) ?? [spot])];
    const follows = (/** @type {Spot} */ one, /** @type {Spot} */ other) =>
      one.place.compareDocumentPosition(other.place) & Node.DOCUMENT_POSITION_PRECEDING ? 1 : -1;
    if (spots.length > 1) spots.sort(follows);
    return spots.flatMap(({ buttons }) => buttons.map(({ host }) => host));
  }

  /**
   * Whether the buttons of a place are seen to be those of a number in it.
   * @param {Place} place
   * @param {number} rest how many characters of the place follow the number
   */
  #isBeside(place, rest) {
    if (rest > CallButtons.#NEAR) return false;
    const anchor = CallButtons.#anchor(place, this.#spots.get(place)?.buttons ?? []);
    if (anchor === place) return true;
    const after = new Range();
    after.setStartAfter(place);
    after.setEnd(anchor, anchor.childNodes.length);
    const words = after.toString();
    return rest + words.length <= CallButtons.#NEAR && !CallButtons.#DIGITS.test(words);
  }

  /**
   * What buttons stand behind: the place itself, or the link or button of the page that holds nothing else.
   * @param {Place} place
   * @param {CallButton[]} buttons
   * @returns {Place | HTMLElement}
   */
  static #anchor(place, buttons) {
    /** @type {Node} */
    let inner = place;
    for (let at = place.parentElement; at && ground.kindOf(at) !== "closed"; at = at.parentElement) {
      if (at.localName === "a" || at.localName === "button") return at;
      const isAlone = at.firstChild === inner && (at.lastChild === inner || at.lastChild === buttons.at(-1)?.host);
      if (!isAlone || ground.kindOf(at) !== "inline") break;
      inner = at;
    }
    return place;
  }

  /**
   * The button that an event is for; in the page's own shadow trees, too.
   * @param {Event} event
   */
  #buttonOf(event) {
    const [target] = event.composedPath();
    return target && this.#byHost.get(target);
  }

  /** @param {Event} event */
  #handle(event) {
    const button = this.#buttonOf(event);
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
    if (!isPress || !this.#buttonOf(event)) return;
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
  #explain(event) {
    const button = this.#buttonOf(event);
    button?.point();
    if (button?.reason && this.#hint.button !== button) this.#hint.show(button, false);
  }

  /** @param {Event} event */
  #leave(event) {
    const button = this.#buttonOf(event);
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
