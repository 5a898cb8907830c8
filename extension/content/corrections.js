/**
 * "Not a phone" and "this is a phone" of the context menu: tells the background what is written where the menu was
 * opened. What comes of that is in the next view, as for every page.
 */
class Corrections {
  #background;
  #finder;
  #signal;
  /** What the menu was opened on: the number of one of our buttons. @type {{ text: string, label?: string } | undefined} */
  #number;
  /** The page's own element that it was opened on. @type {WeakRef<Node> | undefined} */
  #place;

  /**
   * @param {Background} background
   * @param {CallButtons} buttons
   * @param {NumberFinder} finder
   * @param {AbortSignal} signal
   */
  constructor(background, buttons, finder, signal) {
    this.#background = background;
    this.#finder = finder;
    this.#signal = signal;
    const note = (/** @type {Event} */ event) => {
      const [place] = event.composedPath();
      if (!event.isTrusted || !(place instanceof Node)) return;
      this.#number = buttons.sourceOf(place);
      this.#place = new WeakRef(place);
    };
    addEventListener("contextmenu", note, { capture: true, signal });
    const hear = (/** @type {Protocol.Message | Protocol.MenuMessage} */ message) => {
      if (message.kind === "menu") void this.#correct(message);
    };
    api.runtime.onMessage.addListener(hear);
    signal.addEventListener("abort", () => api.runtime?.onMessage?.removeListener(hear));
  }

  /** @param {Protocol.MenuMessage} item */
  async #correct({ phone, selection }) {
    const { text, label } = this.#number ?? { text: selection.trim(), label: this.#labelOfSelection() };
    const field = label && { label: label.toWellFormed() };
    const answer = await this.#background.ask({ kind: "correct", text: text.toWellFormed(), phone, ...field });
    if (answer?.kind !== "refused") return;
    const texts = { sentence: words.sentence(answer.problem), dismiss: words.text("card_dismiss") };
    if (!this.#signal.aborted) Notice.show(texts, this.#signal);
  }

  /** What is selected in a field is no part of the document's own selection. */
  #labelOfSelection() {
    const place = this.#place?.deref();
    const selection = getSelection();
    const start = selection?.rangeCount ? selection.getRangeAt(0).startContainer : undefined;
    const node = place instanceof HTMLInputElement ? place : start;
    return node && this.#finder.labelOf(node);
  }
}
