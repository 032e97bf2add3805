/**
 * @file Where each agent was at the points of the trails, by id.
 *
 * Layers come and go as ids change; the agents in them fly on. Made when a layer's ids change and only then,
 * so that its trails continue in the new order.
 */

import { FIRST_RECORD_OFFSET, RECORD_BYTES, RECORD_WORDS } from "./agnt-codec.mjs";

export class TrailPast {
  #points = [];

  /** @param {Iterable<import("./gpu-layer.mjs").GpuLayer>} gpuLayers */
  constructor(gpuLayers) {
    this.steppedAtMs = 0;
    for (const gpuLayer of gpuLayers) {
      this.steppedAtMs = Math.max(this.steppedAtMs, gpuLayer.steppedAtMs);
      gpuLayer.points().forEach((slices, age) => this.#gather(slices, age));
    }
  }

  get length() {
    return this.#points.length;
  }

  /** @returns {number} until when the point of this age was the newest */
  leftAtMs(age) {
    return this.#points[age].leftAtMs;
  }

  /**
   * The records of a chunk's agents as they were then, in the chunk's order.
   *
   * @param {import("./swarm.mjs").Chunk} chunk
   * @param {number} age in points, 0 the newest
   * @returns {import("./swarm.mjs").Chunk} agents that were not there have NaN in x
   */
  chunkAt({ words, count }, age) {
    const { places } = this.#points[age];
    const bytes = new Uint8Array(FIRST_RECORD_OFFSET + count * RECORD_BYTES);
    const oldWords = new Uint32Array(bytes.buffer, FIRST_RECORD_OFFSET);
    const oldFloats = new Float32Array(bytes.buffer, FIRST_RECORD_OFFSET);
    for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) {
      const place = places.get(words[at]);
      if (place === undefined) {
        oldWords[at] = words[at];
        oldFloats[at + 1] = NaN;
        continue;
      }
      for (let word = 0; word < RECORD_WORDS; word += 1) oldWords[at + word] = place.words[place.at + word];
    }
    return { bytes, count, words: oldWords, floats: oldFloats };
  }

  #gather(slices, age) {
    this.#points[age] ??= { leftAtMs: 0, places: new Map() };
    const point = this.#points[age];
    for (const { words, count, leftAtMs } of slices) {
      point.leftAtMs = Math.max(point.leftAtMs, leftAtMs);
      for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) point.places.set(words[at], { words, at });
    }
  }
}
