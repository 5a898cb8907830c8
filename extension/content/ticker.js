/** A clock that ticks once a second while it is wanted. */
class Ticker {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #tick;

  /**
   * @param {() => void} tick
   * @param {AbortSignal} signal stops it for good
   */
  constructor(tick, signal) {
    this.#tick = tick;
    signal.addEventListener("abort", () => this.run(false));
  }

  /** @param {boolean} wanted */
  run(wanted) {
    if (wanted === (this.#timer !== undefined)) return;
    clearInterval(this.#timer);
    this.#timer = wanted ? setInterval(this.#tick, 1000) : undefined;
  }
}
