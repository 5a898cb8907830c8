/** Work done in slices, between which the browser paints and answers the user. */
class Slices {
  /** How long one slice may be, in milliseconds. */
  static #LONGEST = 6;
  /** The longest wait for the browser to have nothing better to do, in milliseconds. */
  static #PATIENCE = 50;

  #step;
  #signal;
  #scheduled = false;

  /**
   * @param {() => boolean} step does a small piece of the work; false when there is none
   * @param {AbortSignal} signal ends the work
   */
  constructor(step, signal) {
    this.#step = step;
    this.#signal = signal;
  }

  /** One slice at once, so that what a small change brings is there before it is painted; the rest in time. */
  work() {
    if (this.#signal.aborted) return;
    const end = performance.now() + Slices.#LONGEST;
    do {
      if (!this.#step()) return;
    } while (performance.now() < end);
    this.schedule();
  }

  /** A slice as soon as there is time. */
  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = () => {
      this.#scheduled = false;
      this.work();
    };
    requestIdleCallback(run, { timeout: Slices.#PATIENCE });
  }
}
