/**
 * A word to the user in a corner of the page, away from the calls' cards: the last of a page's part that is over because the
 * extension was updated, or that a correction was of no use. A new one takes the place of the one before.
 */
class Notice {
  static #CSS = `${styles.card} :host { inset-block-start: 0 !important; inset-inline-end: 0 !important; }`;

  /** @type {HTMLElement | undefined} */
  static #shown;

  /**
   * @param {{ sentence: string, dismiss: string }} texts
   * @param {AbortSignal} [signal] takes it off the page
   */
  static show({ sentence, dismiss }, signal) {
    Notice.#shown?.remove();
    const { host, root } = shadow.host("trubka-card", Notice.#CSS);
    Notice.#shown = host;
    const close = shadow.element(
      "button",
      { type: "button", class: "icon close", "aria-label": dismiss, title: dismiss },
      shadow.drawing(styles.cross),
    );
    close.addEventListener("click", () => host.remove());
    root.append(
      shadow.element(
        "article",
        { role: "alert" },
        shadow.element("header", {}, shadow.drawing(styles.handset), sentence, close),
      ),
    );
    document.documentElement.append(host);
    signal?.addEventListener("abort", () => host.remove());
  }
}
