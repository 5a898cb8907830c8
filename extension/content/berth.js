/**
 * Where the cards stand: where the user put them, in every tab, and out of the way of what has the focus, in this one. Places are of
 * the space that the window leaves the cards, in thousandths, so that a corner is a corner in every window.
 */
class Berth {
  /** A pointer that moves less, in pixels, only clicks. */
  static #STIR = 4;
  /** How far an arrow key moves the cards. */
  static #STEP = 100;
  /** How far the cards keep from what has the focus, in pixels. */
  static #DISTANCE = 8;
  static #END = 1000;
  /** The corners, in the order in which clicks on the grip go round. @type {readonly Protocol.Place[]} */
  static #CORNERS = [
    { x: 1000, y: 1000 },
    { x: 0, y: 1000 },
    { x: 0, y: 0 },
    { x: 1000, y: 0 },
  ];

  /** Where the user wants them. @type {Protocol.Place} */
  #home = { x: Berth.#END, y: Berth.#END };
  /** Where they are. @type {Protocol.Place} */
  #here = this.#home;
  /** Whether the user is moving them. */
  #isHeld = false;
  /** Whether the user has come to them with the pointer: where they appear under one that rests, it means something else. */
  #isVisited = false;
  #isDue = false;
  #host;
  #moved;

  /**
   * @param {HTMLElement} host
   * @param {(place: Protocol.Place) => void} moved the user has put them elsewhere
   * @param {AbortSignal} signal
   */
  constructor(host, moved, signal) {
    this.#host = host;
    this.#moved = moved;
    const look = () => this.#lookSoon();
    const options = { capture: true, passive: true, signal };
    for (const type of ["focusin", "scroll", "resize"]) addEventListener(type, look, options);
    addEventListener("input", () => this.#visit(false), options);
    host.addEventListener("pointermove", () => this.#visit(true), { signal });
    host.addEventListener("pointerleave", () => this.#visit(false), { signal });
    document.addEventListener("selectionchange", look, options);
    const sizes = new ResizeObserver(look);
    sizes.observe(host);
    signal.addEventListener("abort", () => sizes.disconnect());
    this.#stand(this.#home);
  }

  /**
   * Where the user wants them, as the background says.
   * @param {Protocol.Place} place
   */
  put(place) {
    if (this.#isHeld || (place.x === this.#home.x && place.y === this.#home.y)) return;
    this.#home = place;
    this.#stand(place);
    this.#lookSoon();
  }

  /**
   * Lets a card be moved, and all with it: by its header, by its grip with a click to the next corner, and with the arrow keys.
   * @param {CallCard} card
   */
  hold({ header, grip }) {
    /** @type {{ pointer: number, x: number, y: number, left: number, top: number, stirs: boolean, onGrip: boolean } | undefined} */
    let drag;
    header.addEventListener("pointerdown", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      // A finger on the header scrolls.
      const isHandle = button === grip || (!button && event.pointerType !== "touch");
      if (!event.isTrusted || event.button !== 0 || !isHandle) return;
      const { left, top } = this.#host.getBoundingClientRect();
      drag = { pointer: event.pointerId, x: event.clientX, y: event.clientY, left, top, stirs: false, onGrip: button === grip };
      header.setPointerCapture(event.pointerId);
    });
    header.addEventListener("pointermove", (event) => {
      if (event.pointerId !== drag?.pointer) return;
      const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
      drag.stirs ||= Math.hypot(across, down) >= Berth.#STIR;
      if (!drag.stirs) return;
      this.#isHeld = true;
      this.#stand(this.#placeOf(drag.left + across, drag.top + down));
    });
    const drop = (/** @type {PointerEvent} */ { type }) => {
      if (!drag) return;
      const { stirs, onGrip } = drag;
      drag = undefined;
      this.#isHeld = false;
      if (stirs) this.#move(this.#here);
      else if (onGrip && type === "pointerup") this.#move(this.#nextCorner());
    };
    for (const type of /** @type {const} */ (["pointerup", "lostpointercapture"])) header.addEventListener(type, drop);
    grip.addEventListener("keydown", (event) => {
      const step = Berth.#stepOf(event.key);
      if (!event.isTrusted || !step) return;
      event.preventDefault();
      const { x, y } = this.#home;
      this.#move({ x: Berth.#within(x + step.x), y: Berth.#within(y + step.y) });
    });
    grip.addEventListener("click", ({ isTrusted, detail }) => {
      // A click of the keyboard's, or of a screen reader's.
      if (isTrusted && detail === 0) this.#move(this.#nextCorner());
    });
  }

  /** @param {Protocol.Place} place */
  #move(place) {
    this.#home = place;
    this.#stand(place);
    this.#moved(place);
    this.#lookSoon();
  }

  /** @param {Protocol.Place} place */
  #stand(place) {
    this.#here = place;
    this.#host.style.setProperty("--trubka-x", String(place.x / Berth.#END), "important");
    this.#host.style.setProperty("--trubka-y", String(place.y / Berth.#END), "important");
  }

  #nextCorner() {
    const { x, y } = this.#home;
    const half = Berth.#END / 2;
    const corner = Berth.#CORNERS.findIndex((it) => it.x > half === x > half && it.y > half === y > half);
    return /** @type {Protocol.Place} */ (Berth.#CORNERS[(corner + 1) % Berth.#CORNERS.length]);
  }

  /** @param {boolean} on */
  #visit(on) {
    this.#isVisited = on;
    if (!on) this.#lookSoon();
  }

  /** Looks for a better place once, before the page is painted next. */
  #lookSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#look();
    });
  }

  /** Steps aside where the cards would cover what has the focus; nothing moves under the user's hand. */
  #look() {
    if (this.#isHeld || this.#isVisited || this.#host.matches(":focus-within")) return;
    const focused = this.#host.offsetHeight > 0 ? Berth.#focused() : undefined;
    if (!focused) return;
    const places = [this.#home, this.#here, { ...this.#home, y: 0 }, { ...this.#home, y: Berth.#END }, ...Berth.#CORNERS];
    const covers = places.map((place) => this.#covers(place, focused));
    const best = places[covers.indexOf(Math.min(...covers))];
    if (best && (best.x !== this.#here.x || best.y !== this.#here.y)) this.#stand(best);
  }

  /**
   * How much of what has the focus the cards would cover, in square pixels.
   * @param {Protocol.Place} place
   * @param {DOMRect} focused
   */
  #covers(place, focused) {
    const { width, height } = this.#host.getBoundingClientRect();
    const { across, down } = this.#space();
    const [left, top] = [(across * place.x) / Berth.#END, (down * place.y) / Berth.#END];
    const common = (/** @type {number} */ from, /** @type {number} */ length, /** @type {number} */ start, /** @type {number} */ end) =>
      Math.max(0, Math.min(from + length, end + Berth.#DISTANCE) - Math.max(from, start - Berth.#DISTANCE));
    return common(left, width, focused.left, focused.right) * common(top, height, focused.top, focused.bottom);
  }

  /** The space that the window leaves the cards, in pixels. */
  #space() {
    const { width, height } = this.#host.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    return { across: Math.max(0, clientWidth - width), down: Math.max(0, clientHeight - height) };
  }

  /**
   * @param {number} left
   * @param {number} top
   * @returns {Protocol.Place}
   */
  #placeOf(left, top) {
    const { across, down } = this.#space();
    const part = (/** @type {number} */ length, /** @type {number} */ space) =>
      space > 0 ? Berth.#within((length / space) * Berth.#END) : Berth.#END;
    return { x: part(left, across), y: part(top, down) };
  }

  /** @param {number} part */
  static #within(part) {
    return Math.round(Math.max(0, Math.min(part, Berth.#END)));
  }

  /** @param {string} key */
  static #stepOf(key) {
    if (key === "ArrowLeft") return { x: -Berth.#STEP, y: 0 };
    if (key === "ArrowRight") return { x: Berth.#STEP, y: 0 };
    if (key === "ArrowUp") return { x: 0, y: -Berth.#STEP };
    if (key === "ArrowDown") return { x: 0, y: Berth.#STEP };
    return undefined;
  }

  /**
   * Where the page's focus is seen, if it is: of a region that is written in, the line of the caret.
   * @returns {DOMRect | undefined}
   */
  static #focused() {
    let focused = document.activeElement;
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    if (!focused || ground.OWN.has(focused.localName)) return undefined;
    if (!focused.matches(":focus-visible, iframe") || focused === document.body) return undefined;
    const selection = getSelection();
    if (ground.isEdited(focused) && selection?.rangeCount) {
      const range = selection.getRangeAt(0);
      const caret = range.getBoundingClientRect();
      if (focused.contains(range.startContainer) && caret.height > 0) return caret;
    }
    const area = focused.getBoundingClientRect();
    return area.width * area.height > 0 ? area : undefined;
  }
}
