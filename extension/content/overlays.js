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
 * The element that lays out what lies over the page, and the one that is near the viewport with it.
 * @typedef {{ parent: Element, box: Element }} Watched
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
  /** Only near the viewport are buttons kept where they belong. */
  static #NEAR = { rootMargin: "50% 0px", scrollMargin: "50% 0px" };

  /** By the looks of a place: what looks alike stands alike. @type {Map<string, Stand>} */
  #known = new Map();
  /** What lies over the page, and the elements that say when it does so elsewhere. @type {Map<Spot, Watched>} */
  #spots = new Map();
  /** The same by what lays it out. @type {Map<Element, Set<Spot>>} */
  #byParent = new Map();
  /** The same by what is near the viewport with it. @type {Map<Element, Set<Spot>>} */
  #byBox = new Map();
  /** Those that are near the viewport, as far as is known. @type {Set<Spot>} */
  #near = new Set();
  /** Those that may not be where they belong. @type {Set<Spot>} */
  #due = new Set();
  #isRequested = false;
  #resized = new ResizeObserver((entries) => {
    for (const { target } of entries) this.#schedule(this.#byParent.get(target) ?? []);
  });
  #viewport = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      for (const spot of this.#byBox.get(target) ?? []) this.#come(spot, isIntersecting);
    }
  }, Overlays.#NEAR);

  /** @param {AbortSignal} signal */
  constructor(signal) {
    const options = { capture: true, passive: true, signal };
    addEventListener("scroll", () => this.#schedule(this.#near), options);
    addEventListener("pointerover", (event) => this.#reveal(event), options);
    signal.addEventListener("abort", () => {
      this.#resized.disconnect();
      this.#viewport.disconnect();
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
    if (!parent) return { way: "beside", gap: 0 };
    const looks = `${anchor.nodeName} ${ground.looksOf(parent, Overlays.#LEVELS)}`;
    const known = this.#known.get(looks);
    if (known) return known;
    const stand = Overlays.#stand(anchor, parent);
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
      if ((overflowX === "hidden" || overflowX === "clip") && isShort)
        return { way: isFlex ? "apart" : "over", gap: 0, clip };
      if (!display.startsWith("inline") || !at.parentElement) break;
      at = at.parentElement;
    }
    return { way: "beside", gap: isRow ? Number.parseFloat(style.columnGap) || 0 : 0 };
  }

  /** @param {Spot} spot one whose buttons have just been put in place */
  add(spot) {
    const { anchor, stand } = spot;
    const parent = ground.parentOf(anchor);
    if (stand.way === "beside" || !parent) return;
    const box = anchor instanceof Element && stand.clip === undefined ? anchor : Overlays.#edge(spot);
    const watched = this.#spots.get(spot);
    if (watched?.parent !== parent || watched.box !== box) {
      this.delete(spot);
      this.#spots.set(spot, { parent, box });
      Overlays.#watch(this.#resized, this.#byParent, parent, spot);
      Overlays.#watch(this.#viewport, this.#byBox, box, spot);
      this.#near.add(spot);
    }
    this.#schedule([spot]);
  }

  /** @param {Spot} spot */
  delete(spot) {
    const watched = this.#spots.get(spot);
    if (!watched) return;
    Overlays.#unwatch(this.#resized, this.#byParent, watched.parent, spot);
    Overlays.#unwatch(this.#viewport, this.#byBox, watched.box, spot);
    for (const spots of [this.#spots, this.#near, this.#due]) spots.delete(spot);
  }

  /**
   * @param {ResizeObserver | IntersectionObserver} observer
   * @param {Map<Element, Set<Spot>>} spots
   * @param {Element} element
   * @param {Spot} spot
   */
  static #watch(observer, spots, element, spot) {
    const others = spots.get(element);
    spots.set(element, (others ?? new Set()).add(spot));
    if (!others) observer.observe(element);
  }

  /**
   * @param {ResizeObserver | IntersectionObserver} observer
   * @param {Map<Element, Set<Spot>>} spots
   * @param {Element} element
   * @param {Spot} spot
   */
  static #unwatch(observer, spots, element, spot) {
    const others = spots.get(element);
    others?.delete(spot);
    if (others?.size !== 0) return;
    spots.delete(element);
    observer.unobserve(element);
  }

  /**
   * @param {Spot} spot
   * @param {boolean} isNear
   */
  #come(spot, isNear) {
    if (isNear === this.#near.has(spot)) return;
    if (isNear) this.#near.add(spot);
    else this.#near.delete(spot);
    this.#schedule([spot]);
  }

  /** @param {Iterable<Spot>} spots */
  #schedule(spots) {
    for (const spot of spots) if (this.#near.has(spot)) this.#due.add(spot);
    if (this.#isRequested || this.#due.size === 0) return;
    this.#isRequested = true;
    requestAnimationFrame(() => {
      this.#isRequested = false;
      this.#align();
    });
  }

  /** Everything is read before anything is moved: the page is laid out once. What takes long goes on in the next frame. */
  #align() {
    /** @type {Map<Node, DOMRect[]>} */
    const rects = new Map();
    const moves = [];
    let end = Infinity;
    for (const spot of this.#due) {
      this.#due.delete(spot);
      moves.push(...Overlays.#moves(spot, rects));
      // The first look may have waited for the page to be laid out, which is no work of ours.
      if (end === Infinity) end = performance.now() + Overlays.#LONGEST;
      if (performance.now() >= end) break;
    }
    for (const { button, x, y, covers } of moves) button.moveTo(x, y, covers);
    this.#schedule(this.#due);
  }

  /**
   * Buttons that cover what the page shows are seen while the pointer is where their numbers are.
   * @param {Event} event
   */
  #reveal(event) {
    const path = new Set(event.composedPath());
    for (const spot of this.#near) {
      const isNear = path.has(Overlays.#edge(spot)) || spot.buttons.some(({ host }) => path.has(host));
      for (const button of spot.buttons) button.reveal(isNear);
    }
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
    const isLeftward = getComputedStyle(edge).direction === "rtl";
    const bounds = edge.getBoundingClientRect();
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
      const host = button.host.getBoundingClientRect();
      return { button, x: x - host.left, y: (top + bottom - Overlays.#SIZE) / 2 - host.top, covers };
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
