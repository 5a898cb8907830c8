/**
 * What a person does to the card of a call.
 * @typedef {object} CardActions
 * @property {() => void} dismiss
 * @property {(folded: boolean) => void} fold
 * @property {(text: string) => Promise<boolean>} copy whether it worked
 * @property {(sentence: string) => void} say has a screen reader say it
 */

/** One call on the card: who it is, how far it is, and whether the CRM has it; folded it is one line. */
class CallCard {
  /** How long it is said that the number is copied, in milliseconds. */
  static #COPIED = 2_000;

  #grip = shadow.element("button", { type: "button", class: "icon grip" }, shadow.drawing(styles.grip));
  #heading = shadow.element("span", { class: "heading" });
  #summary = shadow.element("span", { class: "summary", dir: "auto" });
  #summaryPhase = shadow.element("span", { class: "phase" });
  #fold = CallCard.#button("icon fold", styles.chevron);
  #name = shadow.element("p", { class: "name", dir: "auto" });
  #company = shadow.element("p", { class: "company", dir: "auto" });
  #number = shadow.element("bdi", { class: "number" });
  #copy = CallCard.#button("icon copy", styles.copy);
  #numberRow = shadow.element("p", { class: "row" }, this.#number, this.#copy);
  #line = shadow.element("p", { class: "muted", dir: "auto" });
  #responsible = shadow.element("p", { class: "muted", dir: "auto" });
  #phase = shadow.element("p", { class: "phase" });
  #hangUp = shadow.element("button", { type: "button", class: "hang-up" });
  #hangUpReason = shadow.element("p", { class: "problem", role: "alert" });
  #choice = shadow.element("p", { class: "muted" });
  #links = shadow.element("div", { class: "links" });
  #delivery = shadow.element("div", { class: "delivery" });
  #body = shadow.element(
    "div",
    { class: "body" },
    this.#name,
    this.#company,
    this.#numberRow,
    this.#line,
    this.#responsible,
    this.#phase,
    this.#hangUp,
    this.#hangUpReason,
    this.#choice,
    this.#links,
    this.#delivery,
  );
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #copied;
  #call;
  #hangUps;
  #actions;

  /**
   * @param {Protocol.CallView} call
   * @param {HangUps} hangUps
   * @param {CardActions} actions
   */
  constructor(call, hangUps, actions) {
    this.#call = call;
    this.#hangUps = hangUps;
    this.#actions = actions;
    const close = CallCard.#button("icon close", styles.cross, words.text("card_dismiss"));
    CallCard.#nameButton(this.#grip, words.text("card_move"));
    CallCard.#nameButton(this.#copy, words.text("card_copy"));
    this.header = shadow.element(
      "header",
      {},
      this.#grip,
      shadow.drawing(styles.handset),
      this.#heading,
      shadow.element("span", { class: "line" }, this.#summary, this.#summaryPhase),
      this.#fold,
      close,
    );
    this.element = shadow.element("article", {}, this.header, this.#body);
    CallCard.#onClick(close, () => actions.dismiss());
    CallCard.#onClick(this.#fold, () => actions.fold(!this.#body.hidden));
    CallCard.#onClick(this.#copy, () => void this.#copyNumber());
    CallCard.#onClick(this.#hangUp, () => void hangUps.ask(this.#call.id));
    this.element.addEventListener("keydown", ({ key, isTrusted }) => {
      if (key === "Escape" && isTrusted) actions.dismiss();
    });
    this.show(call, false);
  }

  get isTalking() {
    return this.#call.phase === "talking";
  }

  /** What the cards are moved by. */
  get grip() {
    return this.#grip;
  }

  /** What a screen reader says when the call comes and when its phase changes. */
  get announcement() {
    const { company } = this.#call.client;
    return [this.#heading.textContent, this.#who, company, this.#number.textContent, CallCard.#outcome(this.#call)]
      .filter(Boolean)
      .join(", ");
  }

  /** The other party in few words. */
  get #who() {
    const { name, number } = this.#call.client;
    return name ?? words.text(number ? "card_unknown" : "card_withheld");
  }

  /**
   * @param {Protocol.CallView} call
   * @param {boolean} folded
   */
  show(call, folded) {
    this.#call = call;
    const { client, line, lineName, responsible, direction, phase, answered, delivery } = call;
    const { dataset } = this.element;
    dataset["direction"] = direction;
    dataset["phase"] = phase;
    dataset["result"] = phase === "ended" ? (answered ? "answered" : "missed") : "";
    this.element.ariaLabel = `${words.text(`card_direction_${direction}`)}: ${this.#who}`;
    this.#body.hidden = folded;
    CallCard.#nameButton(this.#fold, words.text(folded ? "card_unfold" : "card_fold"));
    this.#fold.ariaExpanded = String(!folded);
    CallCard.#write(this.#heading, folded ? "" : words.text(`card_direction_${direction}`));
    CallCard.#write(this.#summary, folded ? (client.name ?? client.number ?? this.#who) : "");
    CallCard.#write(this.#name, this.#who);
    CallCard.#write(this.#company, client.company ?? "");
    const number = client.number ?? "";
    CallCard.#write(this.#number, direction === "internal" && number ? words.text("card_ext", number) : number);
    this.#numberRow.hidden = number === "";
    // A caption that is but the number says nothing more.
    const caption = lineName && /\p{L}/u.test(lineName) ? lineName : undefined;
    const lines = [caption, line].filter(Boolean).join(", ");
    CallCard.#write(this.#line, lines ? words.text("card_line", lines) : "");
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
    const length = phase === "talking" && answeredAt !== undefined ? words.duration(Date.now() - answeredAt) : "";
    const outcome = CallCard.#outcome(this.#call);
    CallCard.#write(this.#phase, [outcome, length].filter(Boolean).join(" "));
    CallCard.#write(this.#summaryPhase, this.#body.hidden ? length || outcome : "");
  }

  /** Shows how far hanging up is. */
  showHangUp() {
    const hangUp = this.#hangUps.of(this.#call);
    const hadFocus = this.#hangUp.matches(":focus");
    CallCard.#write(this.#hangUp, hangUp ? words.text(hangUp.asked ? "hangUp_asked" : "hangUp") : "");
    this.#hangUp.ariaDisabled = String(hangUp?.asked ?? false);
    // Whoever hung up by the keyboard stays on the card.
    if (hadFocus && this.#hangUp.hidden) this.#fold.focus();
    CallCard.#write(this.#hangUpReason, hangUp?.reason ?? "");
  }

  async #copyNumber() {
    const worked = await this.#actions.copy(this.#call.client.number ?? "");
    const said = words.text(worked ? "card_copied" : "card_notCopied");
    this.#actions.say(said);
    CallCard.#nameButton(this.#copy, said);
    this.#copy.dataset["copied"] = String(worked);
    clearTimeout(this.#copied);
    this.#copied = setTimeout(() => {
      CallCard.#nameButton(this.#copy, words.text("card_copy"));
      delete this.#copy.dataset["copied"];
    }, CallCard.#COPIED);
  }

  #showLinks() {
    const links = this.#call.links.filter(({ url }) => CallCard.#isSafe(url));
    const key = JSON.stringify(links);
    if (this.#links.dataset["shown"] === key) return;
    this.#links.dataset["shown"] = key;
    this.#links.hidden = links.length === 0;
    const alike = links.map((link) => links.filter(({ card, place }) => card === link.card && place === link.place));
    const isChoice = links.some(({ name }, index) => name !== undefined || (alike[index]?.length ?? 0) > 1);
    CallCard.#write(this.#choice, isChoice ? words.text("card_choice") : "");
    this.#links.replaceChildren(
      ...links.map((link, index) => {
        const others = alike[index] ?? [];
        const number = others.length > 1 && link.name === undefined ? ` ${others.indexOf(link) + 1}` : "";
        const anchor = shadow.element("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" });
        if (link.name !== undefined) anchor.append(shadow.element("bdi", {}, link.name), " — ");
        anchor.append(CallCard.#label(link) + number);
        return anchor;
      }),
    );
  }

  /**
   * What a link is called.
   * @param {Protocol.CardLink} link
   */
  static #label({ card, isNew, place }) {
    if (place === undefined) return words.text(isNew ? "card_newContact" : `card_link_${card}`);
    return words.text(isNew ? "card_newContactAt" : "card_contactAt", place);
  }

  /**
   * Where the call stands, in words.
   * @param {Protocol.CallView} call
   */
  static #outcome({ phase, incoming, answered, answeredAt, endedAt }) {
    if (phase === "ringing") return words.text(incoming ? "card_ringing" : "card_calling");
    if (phase === "talking") return words.text("card_talking");
    if (!answered) return words.text(incoming ? "card_missed" : "card_unanswered");
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
   * A button that is a drawing.
   * @param {string} kind
   * @param {string} path
   * @param {string} [name]
   */
  static #button(kind, path, name = "") {
    const button = shadow.element("button", { type: "button", class: kind }, shadow.drawing(path));
    CallCard.#nameButton(button, name);
    return button;
  }

  /**
   * Names a button to eyes and ears.
   * @param {HTMLButtonElement} button
   * @param {string} name
   */
  static #nameButton(button, name) {
    if (button.title === name) return;
    button.title = name;
    button.ariaLabel = name;
  }

  /**
   * Has a button do something when a person clicks it.
   * @param {HTMLButtonElement} button
   * @param {() => void} action
   */
  static #onClick(button, action) {
    button.addEventListener("click", ({ isTrusted }) => {
      if (isTrusted) action();
    });
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
