/**
 * @file Painting in step with the browser's pictures, and not more often than anybody can read.
 */

export class Repaint {
  #paint;
  #everyMs;
  #isDue = false;
  #paintedAtMs = -Infinity;

  /** @param {() => void} paint @param {number} everyMs */
  constructor(paint, everyMs) {
    this.#paint = paint;
    this.#everyMs = everyMs;
  }

  /** Paints soon; many calls are one picture. */
  request() {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = Math.max(0, this.#paintedAtMs + this.#everyMs - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.#run()), waitMs);
  }

  #run() {
    this.#isDue = false;
    this.#paintedAtMs = performance.now();
    this.#paint();
  }
}
