/** React's tags of fibers, the same in all its versions since 17. */
const HOST_ROOT = 3;
const PORTAL = 4;
const HOST_COMPONENT = 5;
const HOST_TEXT = 6;

/** The root fiber that React has committed in a container; none where it was not asked to yet. */
function committed(container) {
  const key = Object.keys(container).find((name) => name.startsWith("__reactContainer$"));
  return key && container[key].stateNode.current;
}

/** The outermost elements below a fiber. */
function elements(fiber) {
  const found = [];
  for (let child = fiber.child; child; child = child.sibling) {
    found.push(...(child.tag === HOST_COMPONENT ? [child] : elements(child)));
  }
  return found;
}

/**
 * The text that React believes to stand in the page's root and in every element of a portal, which may share its
 * container with others.
 * @param {Element} root
 * @returns {{ container: Element, text: string }[]}
 */
function believed(root) {
  const portals = [];
  const read = (fiber) => {
    if (fiber.tag === HOST_TEXT) return fiber.memoizedProps;
    if (fiber.tag === PORTAL) {
      portals.push(...elements(fiber).map((element) => ({ container: element.stateNode, text: read(element) })));
      return "";
    }
    const own = fiber.tag === HOST_COMPONENT && !fiber.child ? fiber.memoizedProps.children : undefined;
    return ["string", "number"].includes(typeof own) ? String(own) : children(fiber);
  };
  const children = (fiber) => {
    let text = "";
    for (let child = fiber.child; child; child = child.sibling) text += read(child);
    return text;
  };
  const top = committed(root);
  if (!top) return [];
  if (top.tag !== HOST_ROOT) throw new Error("React keeps its tree otherwise");
  return [{ container: root, text: children(top) }, ...portals];
}

/**
 * What is wrong with the page: texts that are not as React believes, numbers without their button, buttons without
 * their number.
 * @param {Element} root
 * @param {{ host: Element, number: string }[]} buttons in the order in which they stand on the page
 * @returns {string[]}
 */
export function audit(root, buttons) {
  const problems = [];
  for (const { container, text } of believed(root)) {
    if (container.textContent !== text)
      problems.push(`React believes in ${text}, the page shows ${container.textContent}`);
  }
  const found = new Map([...document.querySelectorAll("[data-phones]")].map((block) => [block, []]));
  for (const { host, number } of buttons) {
    const numbers = found.get(host.closest("[data-phones]"));
    if (numbers) numbers.push(number);
    else problems.push(`a button for ${number} where no number is: ${host.parentElement?.outerHTML}`);
  }
  for (const [block, numbers] of found) {
    const wanted = block.getAttribute("data-phones");
    if (numbers.join(" ") !== wanted) problems.push(`[${numbers}] instead of [${wanted}] in ${block.outerHTML}`);
  }
  return problems;
}
