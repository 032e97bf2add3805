/**
 * @file How long to wait before the next attempt to reach a server that is away.
 *
 * Full jitter: the delay is uniform between 0 and an exponentially growing bound, so that a thousand viewers
 * that lost the same server do not come back in the same instant.
 */

export const BASE_MS = 500;
export const CAP_MS = 30_000;
/** A hint beyond this is taken for a mistake and cut, so that no reason text can park a viewer for good. */
export const HINT_MS_MAX = 300_000;

/**
 * @param {number} attempt failed attempts so far, from 0
 * @param {number} hintMs what the server asked for when it closed; waited in full, the jitter comes on top
 * @param {() => number} random uniform in [0, 1)
 * @returns {number} milliseconds
 */
export function backoffMs(attempt, hintMs = 0, random = Math.random) {
  const boundMs = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16));
  return Math.round(hintMs + random() * boundMs);
}

/**
 * Reads the reconnect hint of a close reason such as `{"reconnect_ms":1234}`. A reason may be cut to the 123
 * bytes that a close frame holds, so the number is looked for instead of parsed as JSON.
 *
 * @param {string} reason
 * @returns {number} milliseconds, 0 where there is no hint
 */
export function reconnectHintMs(reason) {
  const match = /reconnect_ms"?\s*[:=]\s*"?(\d{1,9})/.exec(reason);
  return match === null ? 0 : Math.min(Number(match[1]), HINT_MS_MAX);
}
