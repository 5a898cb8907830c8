/** Work done in slices, between which the browser paints and answers the user. */
class Slices {
  /** How long one slice may be, in milliseconds. */
  static #LONGEST = 5;
  /** The clock is looked at after so many steps. */
  static #STEPS = 4;
  /** The longest wait for the browser to have nothing better to do, in milliseconds. */
  static #PATIENCE = 50;

  /** When the slice under way is over: what is begun within one ends with it. */
  static #end = Infinity;

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

  /**
   * Has several works done as one slice.
   * @param {() => void} action
   */
  static together(action) {
    const outer = Slices.#end;
    Slices.#end = Math.min(outer, performance.now() + Slices.#LONGEST);
    try {
      action();
    } finally {
      Slices.#end = outer;
    }
  }

  /** One slice at once, so that what a small change brings is there before it is painted; the rest in time. */
  work() {
    if (!this.#signal.aborted) Slices.together(() => this.#go());
  }

  #go() {
    do {
      for (let done = 0; done < Slices.#STEPS; done++) if (!this.#step()) return;
    } while (performance.now() < Slices.#end);
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

/**
 * The page's own pace. What changes the page brings the browser a frame of work, so what can wait a moment comes together
 * with the page's next change, as long as the page keeps changing. On a page at rest it comes at once.
 */
class Pace {
  /** A page that changes less often than so is at rest, and how much later than expected its next change may be. */
  static #SLOWEST = 70;
  static #LATE = 10;

  /** When the page changed last, and how long after the change before. */
  #changedAt = -Infinity;
  #gap = Infinity;
  /** What waits for the next change. @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** The page has just changed. */
  note() {
    const now = performance.now();
    this.#gap = now - this.#changedAt;
    this.#changedAt = now;
    this.#go();
  }

  /**
   * Has something done together with the page's next change, or without it when that does not come.
   * @param {() => void} action
   */
  join(action) {
    const patience = this.#changedAt + this.#gap + Pace.#LATE - performance.now();
    if (this.#gap > Pace.#SLOWEST || patience <= 0) {
      action();
    } else {
      this.#waiting.add(action);
      this.#timer ??= setTimeout(() => this.#go(), patience);
    }
  }

  #go() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const actions = [...this.#waiting];
    this.#waiting.clear();
    for (const action of actions) action();
  }
}
