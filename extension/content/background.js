/**
 * The extension's background, as a page sees it: asleep at times, and one day gone because the extension was updated.
 */
class Background {
  /** The longest wait between two tries, in milliseconds. */
  static #PATIENCE = 30_000;

  #signal;
  #gone;
  #off;

  /**
   * @param {AbortSignal} signal
   * @param {{ gone: () => void, off: () => void }} events `gone`: no answer will ever come. `off`: the site is switched off.
   */
  constructor(signal, { gone, off }) {
    this.#signal = signal;
    this.#gone = gone;
    this.#off = off;
  }

  /**
   * Asks once. Nothing comes back when the background could not answer.
   * @param {Protocol.Request} request
   * @returns {Promise<Protocol.Message | undefined>}
   */
  async ask(request) {
    try {
      /** @type {Protocol.Message | undefined} */
      const answer = await api.runtime.sendMessage(request);
      if (answer?.kind === "off") this.#off();
      return answer;
    } catch {
      this.check();
      return undefined;
    }
  }

  /** Finds out whether the extension is still there: Chrome tells nobody that it left, and lets its pages' scripts run on. */
  check() {
    if (!api.runtime?.id) this.#gone();
  }

  /**
   * Asks until it is answered; only for what may be asked twice. Nothing comes back when this page's part is over.
   * @param {Protocol.Request} request
   * @returns {Promise<Protocol.Message | undefined>}
   */
  async askUntilAnswered(request) {
    for (let wait = 250; !this.#signal.aborted; wait = Math.min(wait * 2, Background.#PATIENCE)) {
      const answer = await this.ask(request);
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
    return undefined;
  }
}
