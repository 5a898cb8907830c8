/** Copying a text for the user, without taking the focus from where it is. */
const clipboard = {
  /**
   * Within a click.
   * @param {string} text
   * @returns {Promise<boolean>} whether it worked
   */
  async write(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // There is none on a page without TLS, and a page's policy may forbid it.
      return clipboard.answer(text);
    }
  },

  /**
   * The older way: the browser asks what is to be copied, and is answered before the page hears of it.
   * @param {string} text
   */
  answer(text) {
    const copy = (/** @type {ClipboardEvent} */ event) => {
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    addEventListener("copy", copy, { capture: true });
    try {
      return document.execCommand("copy");
    } finally {
      removeEventListener("copy", copy, { capture: true });
    }
  },
};
