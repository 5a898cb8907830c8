/** The call button of one number: an element of ours beside the number, with nothing in it that the page could read. */
class CallButton {
  host;
  number;
  #name;
  #digits;
  #button = shadow.element("button", { type: "button" }, shadow.drawing(styles.handset));
  #label = shadow.element("span");
  /** @type {DialState} */
  #state = { phase: "idle" };

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
    this.show({ phase: "idle" });
  }

  get phase() {
    return this.#state.phase;
  }

  /** Why the call did not come about; empty where nothing went wrong. */
  get reason() {
    return words.sentence(this.#state.problem);
  }

  /** @param {DialState} state */
  show(state) {
    this.#state = state;
    const { phase } = state;
    const reason = this.reason;
    const name = reason ? words.text("button_again", this.#name, reason) : words.text(`button_${phase}`, this.#name);
    this.#button.dataset["phase"] = phase;
    this.#button.ariaLabel = name;
    this.#button.ariaDisabled = String(Dials.isLive(state));
    this.#button.title = reason ? "" : name;
    this.tick();
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
