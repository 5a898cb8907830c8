/** One call on the card: who it is, how far it is, and whether the CRM has it. */
class CallCard {
  #heading = shadow.element("span");
  #name = shadow.element("p", { class: "name" });
  #company = shadow.element("p", { class: "company" });
  #number = shadow.element("p", { class: "number" });
  #line = shadow.element("p", { class: "muted" });
  #responsible = shadow.element("p", { class: "muted" });
  #phase = shadow.element("p", { class: "phase" });
  #hangUp = shadow.element("button", { type: "button", class: "hang-up" });
  #hangUpReason = shadow.element("p", { class: "problem", role: "alert" });
  #links = shadow.element("div", { class: "links" });
  #delivery = shadow.element("div", { class: "delivery" });
  #call;
  #hangUps;

  /**
   * @param {Protocol.CallView} call
   * @param {HangUps} hangUps
   * @param {() => void} dismiss
   */
  constructor(call, hangUps, dismiss) {
    const close = shadow.element(
      "button",
      { type: "button", class: "close", "aria-label": words.text("card_dismiss"), title: words.text("card_dismiss") },
      shadow.drawing(styles.cross),
    );
    close.addEventListener("click", dismiss);
    this.#hangUp.addEventListener("click", ({ isTrusted }) => {
      if (isTrusted) void hangUps.ask(this.#call.id);
    });
    this.element = shadow.element(
      "article",
      {},
      shadow.element("header", {}, shadow.drawing(styles.handset), this.#heading),
      this.#name,
      this.#company,
      this.#number,
      this.#line,
      this.#responsible,
      this.#phase,
      this.#hangUp,
      this.#hangUpReason,
      this.#links,
      this.#delivery,
      close,
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") dismiss();
    });
    this.#call = call;
    this.#hangUps = hangUps;
    this.show(call);
  }

  get isTalking() {
    return this.#call.phase === "talking";
  }

  /** What a screen reader says when the call comes and when its phase changes. */
  get announcement() {
    const { name, company, number } = this.#call.client;
    return [
      this.#heading.textContent,
      name ?? words.text(number ? "card_unknown" : "card_withheld"),
      company,
      number,
      CallCard.#outcome(this.#call),
    ]
      .filter(Boolean)
      .join(", ");
  }

  /** @param {Protocol.CallView} call */
  show(call) {
    this.#call = call;
    const { client, line, responsible, direction, phase, answered, delivery } = call;
    const { dataset } = this.element;
    dataset["direction"] = direction;
    dataset["phase"] = phase;
    dataset["result"] = phase === "ended" ? (answered ? "answered" : "missed") : "";
    CallCard.#write(this.#heading, words.text(`card_direction_${direction}`));
    CallCard.#write(this.#name, client.name ?? words.text(client.number ? "card_unknown" : "card_withheld"));
    CallCard.#write(this.#company, client.company ?? "");
    CallCard.#write(this.#number, client.number ?? "");
    CallCard.#write(this.#line, line ? words.text("card_line", line) : "");
    CallCard.#write(this.#responsible, responsible ? words.text("card_responsible", responsible.join(", ")) : "");
    this.showHangUp();
    this.#showLinks();
    this.#delivery.dataset["state"] = delivery.state;
    const standing = delivery.state === "none" ? "" : words.text(`card_delivery_${delivery.state}`);
    CallCard.#write(this.#delivery, [standing, words.sentence(delivery.problem)].filter(Boolean).join(". "));
    this.tick();
  }

  /** Brings the length of the conversation up to date. */
  tick() {
    const { phase, answeredAt } = this.#call;
    const length = phase === "talking" && answeredAt !== undefined ? ` ${words.duration(Date.now() - answeredAt)}` : "";
    CallCard.#write(this.#phase, CallCard.#outcome(this.#call) + length);
  }

  /** Shows how far hanging up is. */
  showHangUp() {
    const hangUp = this.#hangUps.of(this.#call);
    CallCard.#write(this.#hangUp, hangUp ? words.text(hangUp.asked ? "hangUp_asked" : "hangUp") : "");
    this.#hangUp.ariaDisabled = String(hangUp?.asked ?? false);
    CallCard.#write(this.#hangUpReason, hangUp?.reason ?? "");
  }

  #showLinks() {
    const links = this.#call.links.filter(({ url }) => CallCard.#isSafe(url));
    const shown = [...this.#links.children].map((link) => /** @type {HTMLAnchorElement} */ (link).dataset["url"]);
    this.#links.hidden = links.length === 0;
    if (shown.length === links.length && links.every(({ url }, i) => url === shown[i])) return;
    this.#links.replaceChildren(
      ...links.map(({ card, url }) => {
        const link = shadow.element(
          "a",
          { href: url, target: "_blank", rel: "noopener" },
          words.text(`card_link_${card}`),
        );
        link.dataset["url"] = url;
        return link;
      }),
    );
  }

  /**
   * Where the call stands, in words.
   * @param {Protocol.CallView} call
   */
  static #outcome({ phase, direction, answered, answeredAt, endedAt }) {
    if (phase === "ringing") return words.text(direction === "inbound" ? "card_ringing" : "card_calling");
    if (phase === "talking") return words.text("card_talking");
    if (!answered) return words.text(direction === "inbound" ? "card_missed" : "card_unanswered");
    if (answeredAt === undefined || endedAt === undefined) return words.text("card_ended");
    return words.text("card_talked", words.duration(endedAt - answeredAt));
  }

  /**
   * An address that a click may open: https, or plain http on this computer.
   * @param {string} address
   */
  static #isSafe(address) {
    if (!URL.canParse(address)) return false;
    const { protocol, hostname } = new URL(address);
    return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
  }

  /**
   * Writes a text into an element that is shown only while it has one.
   * @param {HTMLElement} target
   * @param {string} text
   */
  static #write(target, text) {
    if (target.textContent !== text) target.textContent = text;
    target.hidden = text === "";
  }
}
