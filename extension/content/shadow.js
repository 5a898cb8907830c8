/** Our own elements on a page: each in a closed shadow root, built node by node, out of reach of the page's styles. */
const shadow = {
  /** @type {Map<string, CSSStyleSheet>} */
  sheets: new Map(),

  /** Where pages define no elements. */
  nowhere: document.implementation.createHTMLDocument(),

  /**
   * An element with a closed shadow root. A page may have defined an element of this name, whose code runs as soon as
   * there is one in its document: the root of its own it gets nowhere, and ours it cannot get any more.
   * @param {string} tag
   */
  closed(tag) {
    const host = shadow.nowhere.createElement(tag);
    const root = host.attachShadow({ mode: "closed" });
    document.adoptNode(host);
    return { host, root };
  },

  /**
   * The same in the user's language, and dressed.
   * @param {string} tag
   * @param {string} css
   */
  host(tag, css) {
    const { host, root } = shadow.closed(tag);
    host.lang = words.language;
    shadow.dress(root, css);
    return { host, root };
  },

  /**
   * Gives a root its style past the page's CSP. A `<style>` will not do in Chromium: when the page moves it, it is the
   * page that inserts it, and its CSP blocks it.
   * @param {ShadowRoot} root
   * @param {string} css
   */
  dress(root, css) {
    const sheet = shadow.sheets.get(css) ?? new CSSStyleSheet();
    if (!shadow.sheets.has(css)) sheet.replaceSync(css);
    shadow.sheets.set(css, sheet);
    try {
      root.adoptedStyleSheets = [sheet];
    } catch {
      // Firefox before 153 cannot adopt a content script's sheet, but lets a `<style>` pass whose `textContent` it set.
      const style = shadow.element("style");
      style.textContent = css;
      root.append(style);
    }
  },

  /**
   * A new element with attributes and children; a child that is not there is left out.
   * @template {keyof HTMLElementTagNameMap} K
   * @param {K} tag
   * @param {Record<string, string>} [attributes]
   * @param {...(Node | string | undefined)} children
   * @returns {HTMLElementTagNameMap[K]}
   */
  element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== undefined));
    return made;
  },

  /**
   * A drawing for the eye only, on a field of 24 × 24.
   * @param {string} path
   */
  drawing(path) {
    const namespace = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(namespace, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS(namespace, "path");
    shape.setAttribute("d", path);
    svg.append(shape);
    return svg;
  },
};
