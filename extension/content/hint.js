/** The one bubble that says beside a button why its call did not come about, cannot be followed, or does not end. */
class Hint {
  /** Whether it stays when the pointer and the focus leave. */
  isPinned = false;
  #root;
  #bubble = shadow.element("div", { class: "hint", popover: "manual", "aria-hidden": "true" });
  #voice = shadow.element("div", { class: "hearable", role: "status" });
  /** @type {CallButton | undefined} */
  #button;

  /** @param {AbortSignal} signal takes it off the page */
  constructor(signal) {
    const { host, root } = shadow.host("trubka-hint", styles.hint);
    this.#root = root;
    root.append(this.#voice, this.#bubble);
    document.documentElement.append(host);
    signal.addEventListener("abort", () => host.remove());
    const follow = () => this.follow();
    addEventListener("scroll", follow, { capture: true, passive: true, signal });
    addEventListener("resize", follow, { signal });
  }

  /** The button that it stands beside. */
  get button() {
    return this.#button;
  }

  /**
   * @param {CallButton} button
   * @param {boolean} pinned the user has just clicked: it stays, and screen readers say it
   */
  show(button, pinned) {
    const { host } = this.#root;
    if (!host.isConnected) document.documentElement.append(host);
    this.#button = button;
    this.isPinned = pinned;
    this.#bubble.dataset["phase"] = button.phase;
    this.#bubble.textContent = button.reason;
    this.#bubble.togglePopover(true);
    this.#voice.textContent = pinned ? button.reason : "";
    this.follow();
  }

  hide() {
    if (!this.#button) return;
    this.#button = undefined;
    this.#voice.textContent = "";
    if (this.#bubble.isConnected) this.#bubble.togglePopover(false);
  }

  /** Stays beside its button, below it where there is room, or goes away with it. */
  follow() {
    if (!this.#button) return;
    const { left, right, top, bottom } = this.#button.host.getBoundingClientRect();
    if (left === right || bottom < 0 || top > innerHeight) {
      this.hide();
      return;
    }
    const { width, height } = this.#bubble.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const below = bottom + 8;
    this.#bubble.style.left = `${Math.max(8, Math.min(left, clientWidth - width - 8))}px`;
    this.#bubble.style.top = `${below + height < clientHeight ? below : Math.max(8, top - height - 8)}px`;
  }
}
