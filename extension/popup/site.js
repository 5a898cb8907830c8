/** The switch for the buttons on the site of the tab that the popup was opened on. */

/** @import { StatusView } from "../protocol.js" */

import { api, ask } from "../common/api.js";
import { byId, say } from "../common/dom.js";
import { refusal, t } from "../common/i18n.js";
import { patternOf, siteOf } from "../common/origins.js";

/** What can be switched on, as `src/settings/section.rs` takes it. */
const SITE = /^https?:\/\/[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$/;

const control = byId("site-switch");

/** What the background said last. @type {Pick<StatusView, "sites" | "sitesLocked"> | undefined} */
let status;

/** The origin of the tab's page; empty where the browser lets no extension in, `undefined` while that is not known. @type {string | undefined} */
let here;

control.addEventListener("click", flip);
void find().then((origin) => {
  here = origin;
  render();
});

/** @param {StatusView} view */
export function showSite(view) {
  status = view;
  render();
}

/** The page's origin as the page itself has it; nothing in a tab of its own that says no other. */
async function find() {
  const tabId = Number(new URLSearchParams(location.search).get("tab")) || (await activeTab());
  if (tabId === undefined) return undefined;
  const siteOfPage = () => (document.contentType === "application/pdf" ? "" : location.origin);
  try {
    const [page] = await api.scripting.executeScript({ target: { tabId }, func: siteOfPage });
    return SITE.test(page?.result ?? "") ? page?.result : "";
  } catch {
    return "";
  }
}

async function activeTab() {
  if (await api.tabs.getCurrent()) return undefined;
  const [tab] = await api.tabs.query({ active: true, currentWindow: true });
  return tab?.id;
}

function render() {
  if (here === undefined || !status) return;
  byId("site").hidden = false;
  control.hidden = here === "";
  byId("site-none").hidden = here !== "";
  if (here === "") return;
  byId("site-name").textContent = t("popup_site", siteOf(here));
  control.setAttribute("aria-checked", String(status.sites.includes(here)));
  control.setAttribute("aria-disabled", String(status.sitesLocked));
  if (status.sitesLocked) say(byId("site-refused"), t("options_locked"));
}

/** Switches the site on or off. The browser asks the user only within the click, and may close the popup for it: the background knows. */
async function flip() {
  if (!here || status?.sitesLocked) return;
  const on = control.getAttribute("aria-checked") !== "true";
  const granted = on ? api.permissions.request({ origins: [patternOf(here)] }).catch(() => false) : true;
  const answer = await ask({ kind: "setSite", origin: here, on });
  if (answer?.kind !== "status") return say(byId("site-refused"), refusal(answer));
  if (await granted) {
    say(byId("site-refused"), "");
    if (!on) showSite(answer);
  } else {
    await ask({ kind: "setSite", origin: here, on: false });
    say(byId("site-refused"), t("popup_siteRefused"));
  }
}
