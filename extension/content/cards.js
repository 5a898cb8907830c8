/** The corner of the page that shows the calls, newest last, from their first ring until they are over or dismissed. */
class CallCards {
  #host;
  #root;
  #voice = shadow.element("div", { class: "hearable", role: "status" });
  /** @type {Map<string, CallCard>} */
  #cards = new Map();
  /** What each call was last announced as, by its id. @type {Map<string, string>} */
  #announced = new Map();
  /** @type {Set<string>} */
  #dismissed = new Set();
  #hangUps;
  #ticker;

  /**
   * @param {HangUps} hangUps
   * @param {AbortSignal} signal takes the cards off the page
   */
  constructor(hangUps, signal) {
    this.#hangUps = hangUps;
    const { host, root } = shadow.host("trubka-card", styles.card);
    host.role = "region";
    host.ariaLabel = words.text("card_region");
    this.#host = host;
    this.#root = root;
    this.#ticker = new Ticker(() => this.#tick(), signal);
    root.append(this.#voice);
    // A page may take a click elsewhere, or a key, for a wish to close what it shows.
    for (const type of [...CallButtons.CLICK, "keydown", "keyup"]) {
      host.addEventListener(type, (event) => event.stopPropagation());
    }
    document.documentElement.append(host);
    signal.addEventListener("abort", () => host.remove());
  }

  /** @param {Protocol.PageView} view */
  show({ calls }) {
    if (!this.#host.isConnected) document.documentElement.append(this.#host);
    const ids = new Set(calls.map(({ id }) => id));
    for (const id of this.#cards.keys()) if (!ids.has(id)) this.#remove(id);
    for (const id of this.#dismissed) if (!ids.has(id)) this.#dismissed.delete(id);
    for (const call of calls) {
      if (this.#dismissed.has(call.id)) continue;
      const known = this.#cards.get(call.id);
      const card = known ?? new CallCard(call, this.#hangUps, () => this.#dismiss(call.id));
      if (known) {
        known.show(call);
      } else {
        this.#cards.set(call.id, card);
        this.#root.append(card.element);
      }
      if (this.#announced.get(call.id) === call.phase) continue;
      this.#announced.set(call.id, call.phase);
      this.#voice.textContent = card.announcement;
    }
    this.#tick();
  }

  /**
   * Shows anew how far hanging up a call is.
   * @param {string} id
   */
  refresh(id) {
    this.#cards.get(id)?.showHangUp();
  }

  /** @param {string} id */
  #dismiss(id) {
    this.#dismissed.add(id);
    this.#remove(id);
  }

  /** @param {string} id */
  #remove(id) {
    this.#cards.get(id)?.element.remove();
    this.#cards.delete(id);
    this.#announced.delete(id);
  }

  #tick() {
    const talking = [...this.#cards.values()].filter(({ isTalking }) => isTalking);
    for (const card of talking) card.tick();
    this.#ticker.run(talking.length > 0);
  }
}
