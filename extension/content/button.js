/** The call button of one number: an element of ours beside the number, with nothing in it that the page could read. */
class CallButton {
  /** Within so many milliseconds nobody sees that the button is there, or does something else now: what a double click takes. */
  static #BLINK = 500;
  /** What each button is a copy of. */
  static #TEMPLATE = shadow.element("button", {
    type: "button",
    lang: words.language,
    "data-phase": "idle",
    "data-hang-up": "",
  });

  host;
  /** The number in E.164. */
  number;
  /** The text that holds it. */
  source;
  /** Where in that text it stands. */
  found;
  #name;
  #digits;
  #isBeside;
  #button = /** @type {HTMLButtonElement} */ (CallButton.#TEMPLATE.cloneNode());
  /** @type {HTMLSpanElement | undefined} */
  #label;
  /** @type {DialState} */
  #state = { phase: "idle", reason: "" };
  /** When a click began to mean something else, or the button came to be seen, on the page's own clock. */
  #turnedAt = -Infinity;

  /**
   * @param {Place} place what it stands at
   * @param {Source} source
   * @param {Protocol.FoundNumber} found
   * @param {boolean} isBeside whether it stands at its number; else it shows which one it is for
   */
  constructor(place, source, found, isBeside) {
    this.place = place;
    this.source = source;
    this.found = found;
    this.number = found.e164;
    this.#name = found.ext ? words.text("button_extension", found.display, found.ext) : found.display;
    this.#digits = isBeside ? "" : (/(?:\d\D*){4}$/u.exec(found.display)?.[0] ?? "");
    this.#isBeside = isBeside;
    const { host, root } = shadow.closed("trubka-call");
    this.host = host;
    shadow.dress(root, styles.button);
    root.append(this.#button);
    this.#button.ariaLabel = this.#describe();
    this.#write(this.#digits);
  }

  /**
   * Whether it would do for a number of a text, and then is its button.
   * @param {Source} source
   * @param {Protocol.FoundNumber | undefined} found
   * @param {boolean} isBeside
   */
  isFor(source, found, isBeside) {
    const isSame = found?.e164 === this.number && found.ext === this.found.ext && isBeside === this.#isBeside;
    if (isSame) [this.source, this.found] = [source, found];
    return isSame;
  }

  /** The number as the page writes it, or the whole address of a link that dials. */
  get written() {
    const { text } = this.source;
    const { start, end } = this.found;
    return text.slice(start, end);
  }

  get phase() {
    return this.#state.phase;
  }

  /** Why the call did not come about, cannot be followed or cannot be hung up; empty where there is nothing to say. */
  get reason() {
    return this.#state.reason;
  }

  /** Whether a click now is meant for what the button does. */
  get isSettled() {
    return performance.now() - this.#turnedAt >= CallButton.#BLINK;
  }

  /** @param {DialState} state */
  show(state) {
    const { phase, reason, hangUp } = state;
    // What can be clicked again so soon was not: a second click of the same double click is no second call.
    const isAgain = phase !== this.phase && (phase === "placed" || phase === "unknown");
    if (!hangUp !== !this.#state.hangUp || isAgain) this.#turnedAt = performance.now();
    this.#state = state;
    this.#button.dataset["phase"] = phase;
    this.#button.dataset["hangUp"] = hangUp ? (hangUp.asked ? "asked" : "offered") : "";
    this.#button.ariaLabel = this.#describe();
    this.#button.ariaDisabled = String(hangUp ? hangUp.asked : Dials.isLive(state));
    if (reason) this.#button.title = "";
    this.tick();
  }

  /** What is shown to who points at it: a reason has a bubble of its own. */
  point() {
    this.#button.title = this.reason ? "" : (this.#button.ariaLabel ?? "");
  }

  /** @param {Stand} stand how it takes its place from now on */
  stand({ way, gap }) {
    if (way === "beside") this.host.removeAttribute("data-stand");
    else this.host.dataset["stand"] = way;
    if (gap > 0) this.host.style.setProperty("--trubka-gap", `${gap}px`);
    else this.host.removeAttribute("style");
    this.#button.removeAttribute("style");
    delete this.#button.dataset["covers"];
    this.moveAway();
  }

  /**
   * Puts the button over the page at so many pixels from where its element stands.
   * @param {number} x
   * @param {number} y
   * @param {boolean} covers the page shows something there
   */
  moveTo(x, y, covers) {
    this.#button.style.left = `${x}px`;
    this.#button.style.top = `${y}px`;
    if (covers) this.#button.dataset["covers"] ??= "true";
    else delete this.#button.dataset["covers"];
    this.#button.dataset["placed"] = "";
  }

  /** Over the page, it is not shown until it is moved again. */
  moveAway() {
    delete this.#button.dataset["placed"];
  }

  /** @param {boolean} isShown whether what it stands behind is */
  follow(isShown) {
    this.host.toggleAttribute("data-alone", !isShown);
  }

  /** @param {boolean} wanted a button that covers what the page shows is wanted now */
  reveal(wanted) {
    const { covers } = this.#button.dataset;
    if (!covers) return;
    // Who clicks where nothing was to be seen a moment ago does not mean the button.
    if (wanted && covers === "true" && this.phase === "idle") this.#turnedAt = performance.now();
    this.#button.dataset["covers"] = String(!wanted);
  }

  /** What a click does, and how far the call is. */
  #describe() {
    const { phase, reason, hangUp } = this.#state;
    if (!hangUp) return words.text(reason ? "button_again" : `button_${phase}`, this.#name, reason);
    const standing = words.text(`button_${phase}`, this.#name);
    const name = words.text(hangUp.asked ? "button_hangingUp" : "button_hangUp", standing);
    return [name, reason].filter(Boolean).join(" ");
  }

  /** Brings the length of the conversation up to date. */
  tick() {
    const { phase, since } = this.#state;
    const mark = { placed: "✓", failed: "↻", unknown: "?" }[/** @type {string} */ (phase)] ?? "";
    const length = phase === "talking" && since !== undefined ? words.duration(Date.now() - since) : "";
    this.#write([this.#digits, length || mark].filter(Boolean).join(" "));
  }

  /** @param {string} text what stands beside the handset */
  #write(text) {
    if (text && !this.#label) {
      this.#label = shadow.element("span");
      this.#button.append(this.#label);
    }
    if (!this.#label) return;
    if (this.#label.textContent !== text) this.#label.textContent = text;
    this.#label.hidden = text === "";
  }
}
