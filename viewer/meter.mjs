/**
 * @file A rate over the last seconds: how much a counter that only grows has grown, per second.
 *
 * Memory is bounded by the window: one sample each `SAMPLE_MS`.
 */

const SAMPLE_MS = 250;
const WINDOW_MS = 2000;

export class Meter {
  #samples = [];

  /**
   * @param {number} total the counter
   * @param {number} nowMs
   */
  sample(total, nowMs) {
    const last = this.#samples.at(-1);
    // A counter that began anew belongs to another connection.
    if (last !== undefined && total < last.total) this.#samples = [];
    if (last !== undefined && nowMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ total, atMs: nowMs });
    while (this.#samples.length > 2 && nowMs - this.#samples[0].atMs > WINDOW_MS) this.#samples.shift();
  }

  /** @returns {number} per second, 0 until there are two samples */
  get perSecond() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || first === last) return 0;
    return ((last.total - first.total) * 1000) / (last.atMs - first.atMs);
  }
}
