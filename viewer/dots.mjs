/**
 * @file Dots in the picture: which is near a place, and where an agent's is.
 */

import { RECORD_WORDS } from "./agnt-frame.mjs";

/** An agent that was not found is not looked for again at once: that reads all records. */
const MISSED_MS = 250;

/**
 * The agent whose dot is nearest to a place; of those that lie on each other any.
 *
 * @param {import("./swarm.mjs").Swarm} swarm
 * @param {import("./projection.mjs").Projection} projection
 * @param {number} x
 * @param {number} y
 * @param {number} reach how far away it may be
 * @returns {number|null} its id
 */
export function nearestDot(swarm, projection, x, y, reach) {
  let nearest = null;
  let least = reach * reach;
  const place = [0, 0];
  for (const { chunks } of swarm.layers()) {
    for (const { words, floats, count } of chunks) {
      for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) {
        if (!projection.place(floats, at, place)) continue;
        const away = (place[0] - x) ** 2 + (place[1] - y) ** 2;
        if (away > least) continue;
        least = away;
        nearest = words[at];
      }
    }
  }
  return nearest;
}

/** Finds the newest record of an agent again and again. It looks where it found it last. */
export class DotFinder {
  #swarm;
  #nowMs;
  #id = null;
  #layer = 0;
  #chunk = 0;
  #at = 0;
  #missedAtMs = -Infinity;

  /** @param {import("./swarm.mjs").Swarm} swarm @param {() => number} nowMs */
  constructor(swarm, nowMs = () => performance.now()) {
    this.#swarm = swarm;
    this.#nowMs = nowMs;
  }

  /**
   * @param {number} id
   * @returns {{floats: Float32Array, at: number}|null} its record begins at `floats[at]`; null where it is not there
   */
  find(id) {
    const layers = this.#swarm.layers();
    const known = layers[this.#layer]?.chunks[this.#chunk];
    if (known !== undefined && isAt(known, this.#at, id)) return { floats: known.floats, at: this.#at };
    if (id === this.#id && this.#nowMs() - this.#missedAtMs < MISSED_MS) return null;
    this.#id = id;
    this.#missedAtMs = -Infinity;
    for (const [layerAt, { chunks }] of layers.entries()) {
      for (const [chunkAt, chunk] of chunks.entries()) {
        for (let at = 0; at < chunk.count * RECORD_WORDS; at += RECORD_WORDS) {
          if (!isAt(chunk, at, id)) continue;
          [this.#layer, this.#chunk, this.#at] = [layerAt, chunkAt, at];
          return { floats: chunk.floats, at };
        }
      }
    }
    this.#missedAtMs = this.#nowMs();
    return null;
  }
}

/** Whether a chunk has an agent's record there; NaN in x says that it is gone. */
function isAt({ words, floats, count }, at, id) {
  return at < count * RECORD_WORDS && words[at] === id && !Number.isNaN(floats[at + 1]);
}
