/**
 * What a button shows.
 * @typedef {object} DialState
 * @property {"idle" | Exclude<Protocol.DialPhase, "ended">} phase
 * @property {string} reason what went wrong, or why nothing more will be seen, in words; empty where there is nothing to say
 * @property {number} [since] when the call was answered, in epoch milliseconds by the exchange's clock, where it is known
 * @property {HangUp} [hangUp] where its call can be hung up
 */

/**
 * How far each number's last dial is: what the background says, and before it says anything, what was just clicked
 * here.
 */
class Dials {
  /** @type {Map<string, Protocol.DialView>} */
  #told = new Map();
  /**
   * Clicks of this page that the background's view does not hold yet, and whether they failed because the exchange cannot dial
   * at all for the time being.
   * @type {Map<string, { dial: Protocol.DialView, answered: boolean, blocked: boolean }>}
   */
  #clicked = new Map();
  /** What dials from this page. @type {Protocol.DiallingView | undefined} */
  #dialling;
  /** @type {Map<string, Protocol.CallView>} */
  #calls = new Map();
  #background;
  #hangUps;
  #changed;

  /**
   * @param {Background} background
   * @param {HangUps} hangUps
   * @param {(numbers: Iterable<string>) => void} changed the state of these numbers has changed
   */
  constructor(background, hangUps, changed) {
    this.#background = background;
    this.#hangUps = hangUps;
    this.#changed = changed;
  }

  /** @param {{ phase: DialState["phase"] | Protocol.DialPhase }} state */
  static isLive({ phase }) {
    return phase === "dialling" || phase === "ringing" || phase === "talking";
  }

  /**
   * @param {string} number E.164
   * @returns {DialState}
   */
  of(number) {
    const dial = this.#clicked.get(number)?.dial ?? this.#told.get(number);
    if (!dial || dial.phase === "ended") return { phase: "idle", reason: "" };
    const call = dial.call === undefined ? undefined : this.#calls.get(dial.call);
    const hangUp = this.#hangUps.of(call);
    const reason = dial.phase === "placed" ? words.text("dial_placedHint") : words.sentence(dial.problem);
    return { phase: dial.phase, reason: reason || (hangUp?.reason ?? ""), since: call?.answeredAt, hangUp };
  }

  /**
   * Shows anew the numbers whose dial has become this call.
   * @param {string} call
   */
  refresh(call) {
    this.#changed([...this.#told.values()].filter((dial) => dial.call === call).map(({ number }) => number));
  }

  /** @param {Protocol.PageView} view */
  update(view) {
    const numbers = new Set([...this.#told.keys(), ...this.#clicked.keys(), ...view.dials.map(({ number }) => number)]);
    const states = () => [...numbers].map((number) => /** @type {const} */ ([number, JSON.stringify(this.of(number))]));
    const before = new Map(states());
    this.#dialling = view.elsewhere[self.origin] ?? view.dialling;
    this.#told = new Map(view.dials.map((dial) => [dial.number, dial]));
    this.#calls = new Map(view.calls.map((call) => [call.id, call]));
    const keys = new Set(view.dials.map(({ key }) => key));
    for (const [number, { dial, answered, blocked }] of this.#clicked) {
      const told = this.#told.get(number);
      const isOver = answered && (Dials.isLive(dial) || (told && Dials.isLive(told)));
      const isMended = blocked && !this.#dialling.problem;
      if (keys.has(dial.key) || isOver || isMended) this.#clicked.delete(number);
    }
    this.#changed(
      states()
        .filter(([number, state]) => state !== before.get(number))
        .map(([number]) => number),
    );
  }

  /**
   * Dials a number, unless it is being dialled or talked to.
   * @param {string} number E.164
   */
  async dial(number) {
    if (Dials.isLive(this.of(number))) return;
    const key = crypto.randomUUID();
    this.#put(number, { key, number, phase: "dialling" }, false);
    const request = /** @type {const} */ ({ kind: "dial", key, number });
    // The same key never dials twice, so an answer that was lost with the background may be asked for again.
    const answer = (await this.#background.ask(request)) ?? (await this.#background.ask(request));
    if (this.#clicked.get(number)?.dial.key === key) this.#put(number, Dials.#outcome(key, number, answer), true);
  }

  /**
   * @param {string} key
   * @param {string} number
   * @param {Protocol.Message | undefined} answer
   * @returns {Protocol.DialView}
   */
  static #outcome(key, number, answer) {
    if (answer?.kind === "dial" && answer.dial.number === number) return answer.dial;
    if (answer?.kind === "dial")
      return { key, number, phase: "failed", problem: answer.dial.problem ?? { code: "dialBusy" } };
    if (answer?.kind === "refused") return { key, number, phase: "failed", problem: answer.problem };
    return { key, number, phase: "unknown", problem: { code: "dialUnknown" } };
  }

  /**
   * @param {string} number
   * @param {Protocol.DialView} dial
   * @param {boolean} answered
   */
  #put(number, dial, answered) {
    const blocked = answered && dial.phase === "failed" && this.#dialling?.problem !== undefined;
    this.#clicked.set(number, { dial, answered, blocked });
    this.#changed([number]);
  }
}
