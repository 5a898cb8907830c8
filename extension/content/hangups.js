/**
 * How far hanging up a call is.
 * @typedef {object} HangUp
 * @property {string} call
 * @property {boolean} asked it has been asked for: the answer, or the call's end, is awaited
 * @property {string} reason why it did not work, in words; empty where nothing went wrong
 */

/** Hanging up calls from this page. */
class HangUps {
  /** How long a call may outlast the exchange's consent, in milliseconds; then it can be hung up again. */
  static #PATIENCE = 5_000;

  /** What was asked for here, by the call's id. @type {Map<string, HangUp>} */
  #asked = new Map();
  #background;
  #changed;

  /**
   * @param {Background} background
   * @param {(call: string) => void} changed the state of this call's hanging up has changed
   */
  constructor(background, changed) {
    this.#background = background;
    this.#changed = changed;
  }

  /**
   * @param {Protocol.CallView | undefined} call
   * @returns {HangUp | undefined} nothing where the call cannot be hung up
   */
  of(call) {
    if (!call || call.phase === "ended") return undefined;
    return this.#asked.get(call.id) ?? (call.canHangUp ? { call: call.id, asked: false, reason: "" } : undefined);
  }

  /**
   * Forgets the calls that are over.
   * @param {Protocol.PageView} view
   */
  update({ calls }) {
    const live = new Set(calls.filter(({ phase }) => phase !== "ended").map(({ id }) => id));
    for (const call of this.#asked.keys()) if (!live.has(call)) this.#asked.delete(call);
  }

  /** @param {string} call */
  async ask(call) {
    if (this.#asked.get(call)?.asked) return;
    const hangUp = { call, asked: true, reason: "" };
    this.#asked.set(call, hangUp);
    this.#changed(call);
    const answer = await this.#background.ask({ kind: "hangUp", call });
    const reason = HangUps.#reason(answer);
    if (reason) this.#settle(hangUp, { call, asked: false, reason });
    else setTimeout(() => this.#settle(hangUp), HangUps.#PATIENCE);
  }

  /**
   * @param {HangUp} hangUp what must still be the state
   * @param {HangUp} [outcome] what takes its place; nothing, and it is as if nobody had asked
   */
  #settle(hangUp, outcome) {
    if (this.#asked.get(hangUp.call) !== hangUp) return;
    if (outcome) this.#asked.set(hangUp.call, outcome);
    else this.#asked.delete(hangUp.call);
    this.#changed(hangUp.call);
  }

  /** @param {Protocol.Message | undefined} answer */
  static #reason(answer) {
    if (answer?.kind === "hungUp" || answer?.kind === "refused") return words.sentence(answer.problem);
    return words.text("hangUp_noAnswer");
  }
}
