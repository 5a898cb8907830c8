/**
 * How a button stands at its number. `beside`: it takes a place of its own behind it, `gap` pixels of which the page's
 * layout already gives. `over`: it takes none and lies over the page, right behind the number or at the edge that
 * cuts the text off; `apart` likewise where the parent lays its children out and must not see one more.
 * @typedef {{ way: "beside" | "over" | "apart", gap: number, clip?: number }} Stand `clip`: how many elements above the
 * parent the text is cut off
 */

/**
 * What stands at one text node, link or field.
 * @typedef {{ place: Place, anchor: Place | HTMLElement, buttons: CallButton[], stand: Stand }} Spot
 */

/**
 * The element that says how much room what lies over the page has, as it was when last measured, and what lies in it;
 * `due` is what may not be where it belongs.
 * @typedef {{ spots: Set<Spot>, due: Set<Spot>, width: number, height: number }} Box
 */

/** Finds out how buttons may stand without spoiling a layout, and keeps those that lie over the page where they belong. */
class Overlays {
  /** How many elements up a text may be cut off. */
  static #LEVELS = 4;
  /** What a button takes, and the room before it, in pixels. */
  static #SIZE = 24;
  static #ROOM = 3;
  static #FLUSH = new Set(["normal", "start", "flex-start", "left", "end", "flex-end", "right", "center"]);

  /** What is shown beside a text is at most so many nodes from it. */
  static #BESIDE = 24;
  /** How long one slice of measuring may be, in milliseconds. */
  static #LONGEST = 6;

  /** How most buttons stand. @type {Stand} */
  static PLAIN = { way: "beside", gap: 0 };

  /** By the looks of a place: what looks alike stands alike. @type {Map<string, Stand>} */
  #known = new Map();
  /** One of each: whoever stands as before keeps its own. @type {Map<string, Stand>} */
  #stands = new Map([[JSON.stringify(Overlays.PLAIN), Overlays.PLAIN]]);
  /** What lies over the page, and the element whose box it is in. @type {Map<Spot, Element>} */
  #spots = new Map();
  /** @type {Map<Element, Box>} */
  #boxes = new Map();
  /** What lies where the pointer is. @type {Set<Spot>} */
  #pointed = new Set();
  #isRequested = false;
  /**
   * Tells of each box when it is begun to be observed, and when its size changes: once the page is laid out and before it is
   * painted, and of what is hidden or skipped not until it is shown.
   */
  #observer = new ResizeObserver((entries) => {
    const boxes = entries.map(({ target, contentRect }) => this.#measure(target, contentRect));
    this.#align(boxes.filter((box) => box !== undefined));
  });

  /** @param {AbortSignal} signal */
  constructor(signal) {
    const options = { capture: true, passive: true, signal };
    addEventListener("scroll", ({ target }) => this.#follow(target), options);
    addEventListener("pointerover", (event) => this.#reveal(event), options);
    signal.addEventListener("abort", () => {
      this.#boxes.clear();
      this.#observer.disconnect();
    });
  }

  /** The page may be laid out otherwise now. */
  forget() {
    this.#known.clear();
  }

  /**
   * @param {Place | HTMLElement} anchor
   * @returns {Stand}
   */
  standAt(anchor) {
    const parent = ground.parentOf(anchor);
    if (!parent) return Overlays.PLAIN;
    const looks = `${anchor.nodeName} ${ground.looksOf(parent, Overlays.#LEVELS)}`;
    const known = this.#known.get(looks);
    if (known) return known;
    const found = Overlays.#stand(anchor, parent);
    const name = JSON.stringify(found);
    const stand = this.#stands.get(name) ?? found;
    this.#stands.set(name, stand);
    this.#known.set(looks, stand);
    return stand;
  }

  /**
   * @param {Place | HTMLElement} anchor
   * @param {Element} parent
   * @returns {Stand}
   */
  static #stand(anchor, parent) {
    const style = getComputedStyle(parent);
    const isGrid = style.display.endsWith("grid");
    const isFlex = style.display.endsWith("flex");
    if (anchor instanceof HTMLInputElement) return { way: isGrid || isFlex ? "apart" : "over", gap: 0 };
    const isRow = isFlex && style.flexDirection.startsWith("row") && Overlays.#FLUSH.has(style.justifyContent);
    if (isGrid || (isFlex && !isRow)) return { way: "apart", gap: 0 };
    let at = parent;
    for (let clip = 0; clip < Overlays.#LEVELS; clip++) {
      const { display, overflowX, textOverflow, whiteSpace, webkitLineClamp } = getComputedStyle(at);
      const isShort = textOverflow === "ellipsis" || whiteSpace.startsWith("nowrap") || Number(webkitLineClamp) > 0;
      // Nothing cuts off what is in the middle of a line.
      if ((overflowX === "hidden" || overflowX === "clip") && isShort && display !== "inline")
        return { way: isFlex ? "apart" : "over", gap: 0, clip };
      if (!display.startsWith("inline") || !at.parentElement) break;
      at = at.parentElement;
    }
    return { way: "beside", gap: isRow ? Number.parseFloat(style.columnGap) || 0 : 0 };
  }

  /** @param {Spot} spot one whose buttons have just been put in place */
  add(spot) {
    const element = spot.stand.way === "beside" ? null : Overlays.#boxOf(spot);
    if (!element) return;
    if (this.#spots.get(spot) !== element) {
      this.delete(spot);
      this.#spots.set(spot, element);
    }
    const box = this.#boxes.get(element) ?? { spots: new Set(), due: new Set(), width: 0, height: 0 };
    this.#boxes.set(element, box);
    box.spots.add(spot);
    box.due.add(spot);
    this.#ask();
  }

  /** @param {Spot} spot */
  delete(spot) {
    const element = this.#spots.get(spot);
    const box = element && this.#boxes.get(element);
    if (!box) return;
    if (this.#pointed.delete(spot)) for (const button of spot.buttons) button.reveal(false);
    for (const spots of [this.#spots, box.spots, box.due]) spots.delete(spot);
    if (box.spots.size > 0) return;
    this.#boxes.delete(element);
    this.#observer.unobserve(element);
  }

  /**
   * What scrolls within an element moves away from what hangs outside of it.
   * @param {EventTarget | null} scrolled
   */
  #follow(scrolled) {
    if (!(scrolled instanceof Element)) return;
    for (const [element, box] of this.#boxes) {
      const [spot] = box.spots;
      const holder = spot?.stand.way === "apart" ? spot.buttons[0]?.host.offsetParent : scrolled;
      const isCarried = scrolled !== element && scrolled.contains(holder ?? null);
      if (isCarried || !scrolled.contains(element)) continue;
      box.due = new Set(box.spots);
      this.#ask();
    }
  }

  /**
   * Has every box with something due told of once the page is laid out: in this frame. In the midst of the page's own looking at
   * sizes it would be told of too late, which is an error that the page hears of.
   */
  #ask() {
    if (this.#isRequested) return;
    this.#isRequested = true;
    requestAnimationFrame(() => {
      this.#isRequested = false;
      for (const [element, { due }] of this.#boxes) {
        if (due.size === 0) continue;
        // Of what is observed already nothing is told.
        this.#observer.unobserve(element);
        this.#observer.observe(element);
      }
    });
  }

  /**
   * @param {Element} element
   * @param {DOMRectReadOnly} rect
   * @returns {Box | undefined} nothing for what is not shown: then its buttons are not, either
   */
  #measure(element, { width, height }) {
    const box = this.#boxes.get(element);
    if (!box) return undefined;
    if (box.width !== width || box.height !== height) box.due = new Set(box.spots);
    Object.assign(box, { width, height });
    if (width > 0 || height > 0) return box;
    for (const { buttons } of box.spots) for (const button of buttons) button.moveAway();
    return undefined;
  }

  /**
   * Everything is read before anything is moved: the page is laid out once. What takes long goes on in the next frame.
   * @param {Box[]} boxes
   */
  #align(boxes) {
    /** @type {Map<Node, DOMRect[]>} */
    const rects = new Map();
    const moves = [];
    const end = performance.now() + Overlays.#LONGEST;
    for (const { due } of boxes) {
      for (const spot of due) {
        if (performance.now() >= end) break;
        due.delete(spot);
        moves.push(...Overlays.#moves(spot, rects));
      }
    }
    for (const { button, x, y, covers } of moves) button.moveTo(x, y, covers);
    if (boxes.some(({ due }) => due.size > 0)) this.#ask();
  }

  /**
   * Buttons that cover what the page shows are seen while the pointer is where their numbers are. They are measured then,
   * too: what moved the number may have given no sign.
   * @param {Event} event
   */
  #reveal(event) {
    const before = this.#pointed;
    this.#pointed = new Set();
    for (const element of event.composedPath()) {
      const box = this.#boxes.get(/** @type {Element} */ (element));
      if (!box) continue;
      for (const spot of box.spots) this.#pointed.add(spot);
    }
    for (const spot of before) if (!this.#pointed.has(spot)) for (const button of spot.buttons) button.reveal(false);
    for (const spot of this.#pointed) {
      for (const button of spot.buttons) button.reveal(true);
      if (!before.has(spot)) this.add(spot);
    }
  }

  /**
   * What gives what lies over the page its room: a field itself, what cuts the text off, or else what lays it out.
   * @param {Spot} spot
   */
  static #boxOf(spot) {
    return spot.place instanceof HTMLInputElement ? spot.place : Overlays.#edge(spot);
  }

  /**
   * What cuts the text off, or else what lays it out.
   * @param {Spot} spot
   */
  static #edge({ anchor, stand: { clip = 0 } }) {
    let edge = /** @type {Element} */ (ground.parentOf(anchor));
    for (let up = 0; up < clip; up++) edge = edge.parentElement ?? edge;
    return edge;
  }

  /**
   * @param {Spot} spot
   * @param {Map<Node, DOMRect[]>} rects where nodes are shown, as far as that was looked at
   */
  static #moves(spot, rects) {
    const { place, buttons, stand } = spot;
    const edge = Overlays.#edge(spot);
    if (!edge) return [];
    const { direction, overflowY } = getComputedStyle(edge);
    const isLeftward = direction === "rtl";
    const bounds = edge.getBoundingClientRect();
    // Where it would make the box scroll, or be cut off.
    const isTight = overflowY !== "visible" && bounds.height >= Overlays.#SIZE;
    const neighbours = stand.way === "apart" ? Overlays.#neighbours(spot, rects) : [];
    return buttons.map((button, i) => {
      const { left, right, top, bottom } = Overlays.#area(button, place);
      const step = Overlays.#SIZE + Overlays.#ROOM;
      const [before, after] = [left - step, right + Overlays.#ROOM];
      const isFree = (/** @type {number} */ x) =>
        x >= bounds.left &&
        x + Overlays.#SIZE <= bounds.right &&
        neighbours.every(
          (other) => other.right <= x || other.left >= x + Overlays.#SIZE || other.bottom <= top || other.top >= bottom,
        );
      const [near, far] = isLeftward ? [before, after] : [after, before];
      let x = near;
      let covers = false;
      if (place instanceof HTMLInputElement) {
        x = isLeftward ? left + Overlays.#ROOM + i * step : right - step - i * step;
      } else if (!isFree(near)) {
        if (stand.clip === undefined && isFree(far)) x = far;
        else covers = true;
        if (covers) x = Math.max(bounds.left, Math.min(near, bounds.right - Overlays.#SIZE));
      }
      let y = (top + bottom - Overlays.#SIZE) / 2;
      if (isTight) y = Math.max(bounds.top, Math.min(y, bounds.bottom - Overlays.#SIZE));
      const host = button.host.getBoundingClientRect();
      return { button, x: x - host.left, y: y - host.top, covers };
    });
  }

  /**
   * Where the page shows what stands beside an anchor.
   * @param {Spot} spot
   * @param {Map<Node, DOMRect[]>} known
   */
  static #neighbours({ anchor }, known) {
    const rects = [];
    for (const way of /** @type {const} */ (["previousSibling", "nextSibling"])) {
      let node = anchor[way];
      for (let near = 0; node && near < Overlays.#BESIDE; node = node[way], near++) {
        if (ground.kindOf(node) === "own") continue;
        const its = known.get(node) ?? Overlays.#shown(node);
        known.set(node, its);
        rects.push(...its);
      }
    }
    return rects;
  }

  /**
   * Where a node's contents are shown. A picture or an icon has none: where it is itself.
   * @param {Node} node
   */
  static #shown(node) {
    const rects = Overlays.#rects(node);
    return rects.length > 0 || !(node instanceof Element) ? rects : [node.getBoundingClientRect()];
  }

  /**
   * Where on the screen a number is shown, in its last line.
   * @param {CallButton} button
   * @param {Place} place
   */
  static #area({ source, found }, place) {
    if (place instanceof HTMLInputElement) return place.getBoundingClientRect();
    const rects = place instanceof Text ? Overlays.#numberRects(place, source, found) : Overlays.#rects(place);
    const last = rects.at(-1) ?? place.parentElement?.getBoundingClientRect() ?? new DOMRect();
    const line = rects.filter(({ top, bottom }) => top < last.bottom && bottom > last.top);
    return {
      left: Math.min(last.left, ...line.map(({ left }) => left)),
      right: Math.max(last.right, ...line.map(({ right }) => right)),
      top: last.top,
      bottom: last.bottom,
    };
  }

  /** @param {Node} node */
  static #rects(node) {
    const range = new Range();
    range.selectNodeContents(node);
    return [...range.getClientRects()];
  }

  /**
   * @param {Text} place
   * @param {Source} source
   * @param {Protocol.FoundNumber} found
   */
  static #numberRects(place, { nodes }, found) {
    let start = 0;
    for (const node of nodes) {
      if (node === place) break;
      start += /** @type {Text} */ (node).length;
    }
    const at = (/** @type {number} */ offset) => Math.min(place.length, Math.max(0, offset - start));
    const range = new Range();
    range.setStart(place, at(found.start));
    range.setEnd(place, at(found.end));
    return [...range.getClientRects()];
  }
}
