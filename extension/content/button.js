/** The call button of one number: an element of ours beside the number, with nothing in it that the page could read. */
class CallButton {
  /** Within so many milliseconds nobody sees that the button now does something else: what a double click takes. */
  static #BLINK = 500;

  host;
  number;
  #name;
  #digits;
  #button = shadow.element("button", { type: "button" }, shadow.drawing(styles.handset));
  #label = shadow.element("span");
  /** @type {DialState} */
  #state = { phase: "idle", reason: "" };
  /** When it turned from dialling to hanging up, or back, on the page's own clock. */
  #turnedAt = -Infinity;

  /**
   * @param {Text | HTMLElement} source the text or link that it stands beside
   * @param {Protocol.FoundNumber} found
   * @param {boolean} oneOfMany the text holds more numbers, so the button shows the end of its own
   */
  constructor(source, found, oneOfMany) {
    this.source = source;
    this.number = found.e164;
    this.#name = found.ext ? words.text("button_extension", found.display, found.ext) : found.display;
    this.#digits = oneOfMany ? (/(?:\d\D*){4}$/u.exec(found.display)?.[0] ?? "") : "";
    const { host, root } = shadow.host("trubka-call", styles.button);
    this.host = host;
    this.#button.append(this.#label);
    root.append(this.#button);
    this.show(this.#state);
  }

  get phase() {
    return this.#state.phase;
  }

  /** Why the call did not come about, or cannot be hung up; empty where nothing went wrong. */
  get reason() {
    return this.#state.reason;
  }

  /** Whether a click now is meant for what the button does. */
  get isSettled() {
    return performance.now() - this.#turnedAt >= CallButton.#BLINK;
  }

  /** @param {DialState} state */
  show(state) {
    if (!state.hangUp !== !this.#state.hangUp) this.#turnedAt = performance.now();
    this.#state = state;
    const { phase, reason, hangUp } = state;
    const name = this.#describe();
    this.#button.dataset["phase"] = phase;
    this.#button.dataset["hangUp"] = hangUp ? (hangUp.asked ? "asked" : "offered") : "";
    this.#button.ariaLabel = name;
    this.#button.ariaDisabled = String(hangUp ? hangUp.asked : Dials.isLive(state));
    this.#button.title = reason ? "" : name;
    this.tick();
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
    const mark = { failed: "!", unknown: "?" }[/** @type {string} */ (phase)] ?? "";
    const length = phase === "talking" && since !== undefined ? words.duration(Date.now() - since) : "";
    const text = [this.#digits, length || mark].filter(Boolean).join(" ");
    if (this.#label.textContent !== text) this.#label.textContent = text;
    this.#label.hidden = text === "";
  }
}
