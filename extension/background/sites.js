/**
 * Our content scripts on the sites that are switched on. Those of the CRM come with the manifest; the browser keeps those of other
 * sites from one session to the next.
 */
import { api } from "../common/api.js";
import { patternOf } from "../common/origins.js";

const { version, content_scripts: [shipped] = [], host_permissions: granted = [] } = api.runtime.getManifest();
// Firefox names them by their whole addresses, and takes no such names.
const files = (shipped?.js ?? []).map((file) => new URL(file, api.runtime.getURL("")).pathname.slice(1));

/**
 * Has the browser give our content scripts to the pages of these sites from now on, and to no others.
 * @param {string[]} origins
 */
export async function register(origins) {
  const wanted = new Map();
  for (const pattern of origins.map(patternOf)) {
    // What an older version has registered may lack files of this one.
    if (!shipped?.matches?.includes(pattern)) wanted.set(`${version} ${pattern}`, pattern);
  }
  const registered = new Set((await api.scripting.getRegisteredContentScripts()).map(({ id }) => id));
  const gone = [...registered].filter((id) => !wanted.has(id));
  const missing = [...wanted].filter(([id]) => !registered.has(id));
  if (gone.length > 0) await api.scripting.unregisterContentScripts({ ids: gone });
  if (missing.length === 0) return;
  await api.scripting.registerContentScripts(
    missing.map(([id, pattern]) => ({ id, matches: [pattern], js: files, allFrames: true, matchOriginAsFallback: true })),
  );
}

/** Where the site is kept that the user wants switched on: while the browser asks, the background may be stopped. */
const WISH = "wish";

/**
 * Remembers what the user wants of a site, until the browser's answer fulfils it.
 * @param {string} origin
 * @param {boolean} on
 */
export async function wish(origin, on) {
  if (on) await api.storage.session.set({ [WISH]: origin });
  else await api.storage.session.remove(WISH);
}

/**
 * The site that is wanted, once it is among those that the browser has just granted.
 * @param {chrome.permissions.Permissions} permissions
 * @returns {Promise<string | undefined>}
 */
export async function fulfilled({ origins = [] }) {
  const { [WISH]: origin } = /** @type {{ [WISH]?: string }} */ (await api.storage.session.get(WISH));
  if (origin === undefined || !origins.includes(patternOf(origin))) return undefined;
  await api.storage.session.remove(WISH);
  return origin;
}

/**
 * Brings our content scripts into the pages of a site that are open.
 * @param {string} origin
 */
export async function enter(origin) {
  for (const { id: tabId } of await api.tabs.query({ url: patternOf(origin) })) {
    // A page of which the browser lets no extension in stays as it is.
    if (tabId !== undefined) void enterTab(tabId).catch(() => {});
  }
}

/** @param {number} tabId */
async function enterTab(tabId) {
  const wereThere = () => typeof PageWalker !== "undefined";
  const frames = await api.scripting.executeScript({ target: { tabId, allFrames: true }, func: wereThere });
  // A page that was left has them still: they only begin anew.
  const [fresh, left] = [false, true].map((there) => frames.filter(({ result }) => result === there));
  for (const [where, js] of /** @type {const} */ ([[fresh, files], [left, files.slice(-1)]])) {
    const frameIds = (where ?? []).map(({ frameId }) => frameId);
    if (frameIds.length > 0) await api.scripting.executeScript({ target: { tabId, frameIds }, files: js });
  }
}

/**
 * Gives the browser its permission for a site back, unless it came with the extension or something else needs it.
 * @param {string} origin
 * @param {string[]} needed origins
 */
export async function release(origin, needed) {
  const pattern = patternOf(origin);
  if (granted.includes(pattern) || needed.map(patternOf).includes(pattern)) return;
  await api.permissions.remove({ origins: [pattern] });
}
