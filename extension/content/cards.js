/** The corner of the page that shows the calls, newest last, from their first ring until they are over or dismissed. */
class CallCards {
  #host;
  #root;
  #voice = shadow.element("div", { class: "hearable", role: "status" });
  /** @type {Map<string, CallCard>} */
  #cards = new Map();
  /** What each call was last announced as, by its id. @type {Map<string, string>} */
  #announced = new Map();
  /** What was dismissed here, until the background says so. @type {Set<string>} */
  #dismissed = new Set();
  /** Which card was unfolded here last, and how high it was when it was scrolled to. @type {{ id: string, height: number } | undefined} */
  #unfolded;
  /** Where the focus came from when it entered the cards. @type {HTMLElement | undefined} */
  #origin;
  #background;
  #hangUps;
  #berth;
  #ticker;

  /**
   * @param {Background} background
   * @param {HangUps} hangUps
   * @param {AbortSignal} signal takes the cards off the page
   */
  constructor(background, hangUps, signal) {
    this.#background = background;
    this.#hangUps = hangUps;
    const { host, root } = shadow.host("trubka-card", styles.cards);
    host.role = "region";
    host.ariaLabel = words.text("card_region");
    this.#host = host;
    this.#root = root;
    this.#berth = new Berth(host, (place) => void this.#ask({ kind: "moveCards", ...place }), signal);
    this.#ticker = new Ticker(() => this.#tick(), signal);
    root.append(this.#voice);
    // A page may take a click elsewhere, or a key, for a wish to close what it shows.
    for (const type of [...CallButtons.CLICK, ...CallButtons.KEY]) {
      host.addEventListener(type, (event) => event.stopPropagation());
    }
    host.addEventListener("focusin", ({ relatedTarget }) => {
      if (relatedTarget instanceof HTMLElement && relatedTarget !== host) this.#origin = relatedTarget;
    });
    document.documentElement.append(host);
    signal.addEventListener("abort", () => host.remove());
  }

  /** @param {Protocol.PageView} view */
  show({ calls, cards }) {
    if (!this.#host.isConnected) document.documentElement.append(this.#host);
    const ids = new Set(calls.map(({ id }) => id));
    for (const id of this.#dismissed) if (!ids.has(id)) this.#dismissed.delete(id);
    const gone = new Set([...this.#dismissed, ...(cards?.dismissed ?? ids)]);
    for (const id of this.#cards.keys()) if (!ids.has(id) || gone.has(id)) this.#remove(id);
    const folded = new Set(cards?.folded);
    const said = [];
    let isNew = false;
    for (const call of calls) {
      if (gone.has(call.id)) continue;
      let card = this.#cards.get(call.id);
      if (!card) {
        card = this.#make(call);
        isNew = true;
      }
      card.show(call, folded.has(call.id));
      if (this.#announced.get(call.id) === call.phase) continue;
      this.#announced.set(call.id, call.phase);
      said.push(card.announcement);
    }
    if (said.length > 0) this.#voice.textContent = said.join(". ");
    if (cards) this.#berth.put(cards.place);
    if (isNew && !this.#root.activeElement) this.#host.scrollTop = this.#host.scrollHeight;
    this.#reveal(folded);
    this.#tick();
  }

  /**
   * Shows anew how far hanging up a call is.
   * @param {string} id
   */
  refresh(id) {
    this.#cards.get(id)?.showHangUp();
  }

  /** @param {Protocol.CallView} call */
  #make(call) {
    const { id } = call;
    const card = new CallCard(call, this.#hangUps, {
      dismiss: () => this.#dismiss(id),
      fold: (folded) => {
        this.#unfolded = folded ? undefined : { id, height: 0 };
        void this.#ask({ kind: "foldCall", call: id, folded });
      },
      copy: (text) => clipboard.write(text),
      say: (sentence) => (this.#voice.textContent = sentence),
    });
    this.#berth.hold(card);
    this.#cards.set(id, card);
    this.#root.append(card.element);
    return card;
  }

  /**
   * What is done here is done in every tab; each of these requests may be made twice.
   * @param {Protocol.Request} request
   */
  #ask(request) {
    return this.#background.askUntilAnswered(request);
  }

  /**
   * Scrolls to all of the card that was unfolded here, once it is and whenever more is known of its call.
   * @param {Set<string>} folded
   */
  #reveal(folded) {
    const unfolded = this.#unfolded;
    if (!unfolded || folded.has(unfolded.id)) return;
    const { bottom = 0, height = 0 } = this.#cards.get(unfolded.id)?.element.getBoundingClientRect() ?? {};
    if (height === unfolded.height) return;
    unfolded.height = height;
    this.#host.scrollTop += Math.max(0, bottom - this.#host.getBoundingClientRect().bottom);
  }

  /** @param {string} id */
  #dismiss(id) {
    this.#dismissed.add(id);
    this.#remove(id);
    void this.#ask({ kind: "dismissCall", call: id });
  }

  /**
   * Takes a card away. The focus, if it was there, goes to the next card, or back to where it came from.
   * @param {string} id
   */
  #remove(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    const hadFocus = card.element.contains(this.#root.activeElement);
    const next = /** @type {HTMLElement | null} */ (card.element.nextElementSibling ?? card.element.previousElementSibling);
    card.element.remove();
    this.#cards.delete(id);
    this.#announced.delete(id);
    if (!hadFocus) return;
    const heir = next?.querySelector("button.close");
    if (heir instanceof HTMLElement) heir.focus();
    else if (this.#origin?.isConnected) this.#origin.focus();
  }

  #tick() {
    const talking = [...this.#cards.values()].filter(({ isTalking }) => isTalking);
    for (const card of talking) card.tick();
    this.#ticker.run(talking.length > 0);
  }
}
