/**
 * The last word of a page's part that is over: the extension was updated, and only a reload brings the buttons back.
 */
class Notice {
  /** @param {{ sentence: string, dismiss: string }} texts taken while the extension was still there to give them */
  static show({ sentence, dismiss }) {
    const { host, root } = shadow.host("trubka-card", styles.card);
    const close = shadow.element(
      "button",
      { type: "button", class: "close", "aria-label": dismiss, title: dismiss },
      shadow.drawing(styles.cross),
    );
    close.addEventListener("click", () => host.remove());
    root.append(
      shadow.element(
        "article",
        { role: "alert" },
        shadow.element("header", {}, shadow.drawing(styles.handset), sentence),
        close,
      ),
    );
    document.documentElement.append(host);
  }
}
