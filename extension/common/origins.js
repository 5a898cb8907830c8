/**
 * The match pattern of an origin. Firefox refuses one with a port, and a pattern without one covers them all.
 * @param {string} origin
 */
export function patternOf(origin) {
  const { protocol, hostname } = new URL(origin);
  return `${protocol}//${hostname}/*`;
}

/**
 * The name of a site for people: its host, and what else tells it from the usual `https` of that host.
 * @param {string} origin
 */
export function siteOf(origin) {
  return origin.replace(/^https:\/\//, "");
}
