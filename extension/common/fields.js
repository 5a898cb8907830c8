/** What stands at a field of a form: what is wrong with it, and what is to be known of it. */

import { element } from "./dom.js";

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

/**
 * Shows what is wrong with a field.
 * @param {Field} field
 * @param {string} text
 */
export function showProblem(field, text) {
  note(field, "error", text);
  field.setAttribute("aria-invalid", "true");
  field.closest("details")?.setAttribute("open", "");
}

/** @param {Field} field */
export function clearProblem(field) {
  note(field, "error", "");
  field.removeAttribute("aria-invalid");
}

/**
 * Shows a sentence of this kind at a field, in place of the one before; an empty one takes it away. A screen reader reads it with the
 * field.
 * @param {Field} field
 * @param {"error" | "lock" | "muted"} kind also its class
 * @param {string} text
 */
export function note(field, kind, text) {
  const id = `${field.id}-${kind}`;
  const shown = document.getElementById(id);
  if (shown?.textContent === text) return;
  shown?.remove();
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((other) => other && other !== id);
  if (text) {
    (field.closest("label, .message, .row") ?? field).after(element("p", { class: kind, id }, text));
    described.push(id);
  }
  if (described.length > 0) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
}

/**
 * The name that a field has on the page.
 * @param {Field} field
 */
export function labelOf(field) {
  const label = field.labels?.[0];
  return ((label?.querySelector("span") ?? label)?.textContent ?? field.getAttribute("aria-label") ?? "").trim();
}

/**
 * The field that stands for a value, which has the path with dashes for its id.
 * @param {string} path
 * @returns {Field | undefined}
 */
export function fieldOf(path) {
  const field = document.getElementById(path.replaceAll(".", "-"));
  return field instanceof HTMLInputElement || field instanceof HTMLSelectElement ? field : undefined;
}

/**
 * What a field says, as the settings have it; `null` for nothing. What is no number where one is wanted stays what it is: the core
 * refuses it.
 * @param {Field} field
 * @returns {string | number | boolean | null}
 */
export function valueOf(field) {
  if (field.type === "checkbox" && field instanceof HTMLInputElement) return field.checked;
  const text = field.value.trim();
  if (text === "") return null;
  if (field.type === "password") return field.value;
  if (field.type === "tel") return text.replace(/[\s()+‐-―-]/gu, "");
  return field.dataset.type === "integer" && /^\d{1,15}$/u.test(text) ? Number(text) : text;
}
