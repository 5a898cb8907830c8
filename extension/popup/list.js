/** What each list shows: its items' JSON and elements, by the items' keys. @type {WeakMap<HTMLElement, Map<string, { json: string, element: HTMLElement }>>} */
const shown = new WeakMap();

/**
 * Fills a list. The element of an item that has not changed is left alone. The focus stays on the control with the same id; where
 * that is gone, on the item in its place, so that a key pressed once more does nothing to another call; where no item is left, on
 * the field that dials.
 * @template T
 * @param {HTMLElement} container
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} build
 */
export function list(container, items, keyOf, build) {
  const focused = document.activeElement;
  const place = container.contains(focused) ? [...container.children].findIndex((item) => item.contains(focused)) : -1;
  const before = shown.get(container);
  const after = new Map();
  for (const item of items) {
    const [key, json] = [keyOf(item), JSON.stringify(item)];
    const known = before?.get(key);
    after.set(key, known?.json === json ? known : { json, element: build(item) });
  }
  shown.set(container, after);
  for (const [key, { element }] of before ?? []) if (after.get(key)?.element !== element) element.remove();
  let next = container.firstElementChild;
  for (const { element } of after.values()) {
    if (element === next) next = element.nextElementSibling;
    else container.insertBefore(element, next);
  }
  if (place < 0 || container.contains(document.activeElement)) return;
  const instead = container.children[place] ?? container.lastElementChild ?? document.getElementById("number");
  const kept = document.getElementById(focused?.id ?? "") ?? instead;
  if (kept instanceof HTMLElement) kept.focus({ preventScroll: true });
}
