/** The items of the context menu. */
import { api } from "../common/api.js";
import { t } from "../common/i18n.js";
import { patternOf } from "../common/origins.js";

/** @import { MenuMessage } from "../protocol.js" */

const CALL = "call";
const PHONE = "phone";
const NOT_PHONE = "notPhone";

/**
 * Offers them: to call a selection on any page, to correct a guess where our content scripts run.
 * @param {string[]} sites origins
 */
export async function offer(sites) {
  await api.contextMenus.removeAll();
  api.contextMenus.create({ id: CALL, title: t("menu_call"), contexts: ["selection"] });
  if (sites.length === 0) return;
  const documentUrlPatterns = sites.map(patternOf);
  for (const [id, title] of /** @type {const} */ ([[NOT_PHONE, t("menu_notPhone")], [PHONE, t("menu_phone")]])) {
    api.contextMenus.create({ id, title, contexts: ["page", "frame", "selection", "link"], documentUrlPatterns });
  }
}

/**
 * Hears of clicks on them.
 * @param {(selection: string, tab: chrome.tabs.Tab | undefined) => void} call
 */
export function hear(call) {
  api.contextMenus.onClicked.addListener(({ menuItemId, selectionText = "", frameId = 0 }, tab) => {
    if (menuItemId === CALL) return call(selectionText, tab);
    if (tab?.id === undefined) return;
    /** @type {MenuMessage} */
    const message = { kind: "menu", phone: menuItemId === PHONE, selection: selectionText };
    // A page that was loaded before the extension was has nobody to hear it.
    api.tabs.sendMessage(tab.id, message, { frameId }).catch(() => {});
  });
}
