/** @import { SettingsDocument } from "../protocol.js" */

import { api } from "./api.js";
import { patternOf } from "./origins.js";
import { valueAt, wantsUis } from "./settings.js";

/** Where UIS is reached unless the settings say otherwise. */
const UIS = "https://callapi.uiscom.ru";

/** The match patterns that come with the extension. @type {string[]} */
const shipped = api.runtime.getManifest().host_permissions ?? [];

/**
 * What the browser must grant for these settings: the hosts of the manifest, which Firefox lets a user refuse, the sites, and the
 * other hosts that the settings name, each with the path of the setting. An address that cannot be right needs nothing: the
 * background refuses it.
 * @param {SettingsDocument} settings
 * @returns {{ origin: string, path?: string }[]}
 */
export function neededOrigins(settings) {
  const sites = /** @type {string[]} */ (settings.sites ?? []).map((site) => ({ origin: patternOf(site) }));
  return [...shipped.map((origin) => ({ origin })), ...sites.filter(({ origin }) => !shipped.includes(origin)), ...extraOrigins(settings)];
}

/**
 * What the settings need beyond the manifest's own hosts.
 * @param {SettingsDocument} settings
 */
export function extraOrigins(settings) {
  const domain = valueAt(settings, "phonet.domain");
  const addresses = {
    "phonet.domain": domain && `https://${domain}`,
    "advanced.phonetAddress": valueAt(settings, "advanced.phonetAddress"),
    "advanced.konturAddress": valueAt(settings, "advanced.konturAddress"),
    "relay.address": valueAt(settings, "relay.address"),
    "advanced.uisAddress": wantsUis(settings) && (valueAt(settings, "advanced.uisAddress") ?? UIS),
  };
  return Object.entries(addresses).flatMap(([path, address]) => {
    const origin = extraPattern(address);
    return origin === undefined ? [] : [{ path, origin }];
  });
}

/**
 * The origins that the browser does not grant.
 * @template {{ origin: string }} T
 * @param {T[]} needed
 * @returns {Promise<T[]>}
 */
export async function withheld(needed) {
  const granted = await Promise.all(needed.map(({ origin }) => api.permissions.contains({ origins: [origin] })));
  return needed.filter((_, index) => !granted[index]);
}

/**
 * The host of a match pattern, for people.
 * @param {string} origin
 */
export function hostOf(origin) {
  return origin.replace(/^.*:\/\/(?:\*\.)?|\/.*$/g, "");
}

/**
 * The match pattern to ask for, unless the manifest covers the address already.
 * @param {string | undefined} address
 */
function extraPattern(address) {
  if (!address || !URL.canParse(address)) return undefined;
  const { protocol, hostname } = new URL(address);
  const loopback = hostname === "127.0.0.1" || hostname === "localhost";
  if (protocol !== "https:" && !(protocol === "http:" && loopback)) return undefined;
  const covered = shipped.some((pattern) => {
    const host = hostOf(pattern);
    return pattern.startsWith(protocol) && (hostname === host || (pattern.includes("*.") && hostname.endsWith(`.${host}`)));
  });
  return covered ? undefined : patternOf(address);
}
