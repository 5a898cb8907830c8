/** The keyboard shortcuts: what each does, by which keys, and where they are changed. */
import { api } from "../common/api.js";
import { byId, element } from "../common/dom.js";
import { t } from "../common/i18n.js";

/** @type {Record<string, string>} */
const DEEDS = {
  _execute_action: t("shortcut_popup"),
  "dial-selection": t("shortcut_dial"),
  "hang-up": t("shortcut_hangUp"),
};

byId("shortcuts-change").addEventListener("click", () => {
  // Firefox's own way; Chrome and its kin know the address.
  const { openShortcutSettings } = /** @type {{ openShortcutSettings?: () => Promise<void> }} */ (api.commands);
  if (openShortcutSettings) void openShortcutSettings.call(api.commands);
  else void api.tabs.create({ url: "chrome://extensions/shortcuts" });
});
document.addEventListener("visibilitychange", () => void (document.hidden || showShortcuts()));
await showShortcuts();

/** Lists them as they are in force. */
async function showShortcuts() {
  const commands = await api.commands.getAll();
  byId("shortcuts").replaceChildren(
    ...commands.map(({ name = "", shortcut }) =>
      element(
        "li",
        { "data-command": name },
        element("span", {}, DEEDS[name]),
        shortcut ? element("kbd", {}, shortcut) : element("span", { class: "muted" }, t("shortcut_none")),
      ),
    ),
  );
}
