/**
 * What a node is to the walk: a text; an element within a line, or one that ends it; a link that dials; a field that
 * nobody edits; ground where no number is looked for; or an element of ours.
 * @typedef {"text" | "inline" | "block" | "link" | "field" | "closed" | "own"} Kind
 */

/**
 * What a button can stand at: a text node, a link that dials, a field that nobody edits.
 * @typedef {Text | HTMLAnchorElement | HTMLInputElement} Place
 */

/** Where numbers are looked for on a page, and where they never are. */
const ground = {
  /** What is within a line of text. Elements with a name of their own are, too, unless they have a shadow root. */
  INLINE: new Set(
    "a abbr acronym b bdi bdo big cite data del dfn em font i ins label mark nobr output q s small span strike strong sub sup time tt u var wbr".split(
      " ",
    ),
  ),

  /** What is no prose, or what people edit. */
  CLOSED: new Set(
    "head textarea select option optgroup datalist script style noscript template code pre kbd samp svg math iframe frame object embed canvas audio video".split(
      " ",
    ),
  ),

  OWN: new Set(["trubka-call", "trubka-card", "trubka-hint"]),

  LINK: /^(?:tel|callto):/iu,
  LINK_SELECTOR: 'a[href^="tel:" i], a[href^="callto:" i]',
  EDITED: /(?:^|\s)(?:textbox|searchbox|combobox|spinbutton)(?:\s|$)/iu,
  TEXT_FIELDS: new Set(["text", "tel", "search"]),

  /**
   * @param {Node} node
   * @returns {Kind | undefined} nothing for comments and the like
   */
  kindOf(node) {
    if (node.nodeType === Node.TEXT_NODE) return "text";
    if (node.nodeType !== Node.ELEMENT_NODE) return undefined;
    const element = /** @type {HTMLElement} */ (node);
    const name = element.localName;
    if (ground.CLOSED.has(name)) return "closed";
    if (ground.OWN.has(name)) return "own";
    if (name === "input") return ground.isField(element) ? "field" : "closed";
    if (ground.isEdited(element)) return "closed";
    if (element.shadowRoot) return "block";
    if (name === "a") return ground.LINK.test(element.getAttribute("href") ?? "") ? "link" : "inline";
    return ground.INLINE.has(name) || name.includes("-") ? "inline" : "block";
  },

  /**
   * A field of text that nobody can edit as it is.
   * @param {Element} element
   * @returns {element is HTMLInputElement}
   */
  isField(element) {
    return (
      element instanceof HTMLInputElement &&
      ground.TEXT_FIELDS.has(element.type) &&
      (element.readOnly || element.matches(":disabled"))
    );
  },

  /** @param {Element} element */
  isEdited(element) {
    const editable = element.getAttribute("contenteditable");
    if (editable !== null && editable.toLowerCase() !== "false") return true;
    const role = element.getAttribute("role");
    return role !== null && ground.EDITED.test(role);
  },

  /**
   * Whether a node stands where numbers are looked for. Whoever is in a shadow tree is also where its host is.
   * @param {Node} node
   */
  isOpen(node) {
    if (node.ownerDocument?.designMode === "on") return false;
    for (let at = ground.parentOf(node); at; at = ground.parentOf(at)) {
      const kind = ground.kindOf(at);
      if (kind === "closed" || kind === "own" || kind === "link") return false;
    }
    return true;
  },

  /**
   * Whether a button may stand at this place, as it is now.
   * @param {Place} place
   */
  isPlace(place) {
    const kind = ground.kindOf(place);
    return (kind === "text" || kind === "link" || kind === "field") && ground.isOpen(place);
  },

  /**
   * The element around a node, out of a shadow tree its host.
   * @param {Node} node
   * @returns {Element | null}
   */
  parentOf(node) {
    const parent = node.parentNode;
    if (parent?.nodeType === Node.ELEMENT_NODE) return /** @type {Element} */ (parent);
    return parent instanceof ShadowRoot ? parent.host : null;
  },

  /**
   * What an element's style goes by, as a rule: its own name, class and style, and those of the elements around it.
   * @param {Element} element
   * @param {number} levels
   */
  looksOf(element, levels) {
    let looks = "";
    for (let at = /** @type {Element | null} */ (element), level = 0; at && level < levels; level++) {
      looks += `${at.localName}|${at.className}|${at.getAttribute("style") ?? ""} `;
      at = ground.parentOf(at);
    }
    return looks;
  },

  /**
   * The block whose lines a node's children belong to.
   * @param {Node | null} node
   * @returns {ParentNode & Node | null}
   */
  blockOf(node) {
    let at = node;
    for (let kind = at && ground.kindOf(at); at && (kind === "inline" || kind === "link" || kind === "text");) {
      at = at.parentNode;
      kind = at && ground.kindOf(at);
    }
    return /** @type {(ParentNode & Node) | null} */ (at);
  },
};
