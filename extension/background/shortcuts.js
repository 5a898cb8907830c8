/** The keyboard shortcuts, but for that which opens the popup: the browser does that by itself. */
import { api } from "../common/api.js";

/**
 * @param {{ dial: (tab: chrome.tabs.Tab | undefined) => void, hangUp: () => void }} actions
 */
export function hear({ dial, hangUp }) {
  api.commands.onCommand.addListener((command, tab) => {
    if (command === "dial-selection") dial(tab);
    if (command === "hang-up") hangUp();
  });
}

/**
 * What is selected in a tab: the shortcut is leave enough to look. Nothing on a page that the browser keeps to itself.
 * @param {chrome.tabs.Tab | undefined} tab
 */
export async function selectionIn(tab) {
  if (tab?.id === undefined) return "";
  const target = { tabId: tab.id, allFrames: true };
  const frames = await api.scripting.executeScript({ target, func: selection }).catch(() => []);
  return frames.map(({ result }) => result).find(Boolean) ?? "";
}

/** Runs in a page, by itself. */
function selection() {
  const field = document.activeElement;
  if (field instanceof HTMLTextAreaElement || (field instanceof HTMLInputElement && field.type !== "password")) {
    const { value, selectionStart, selectionEnd } = field;
    if (selectionStart !== null && selectionEnd !== null) return value.slice(selectionStart, selectionEnd);
  }
  return String(getSelection() ?? "");
}
