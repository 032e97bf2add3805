/**
 * @file One layer of the swarm in the GPU: its newest bytes, and some older ones for the trails.
 *
 * Invariants:
 * - Bytes go in as they are, one `bufferData` per chunk: a run's chunk is a WebSocket message.
 * - Each chunk has a ring of buffers, whose bytes were the newest until their `leftAtMs`. The newest bytes overwrite the buffer at the head until a trail step
 *   has passed; then the head moves on and the buffer left behind is history, without any copy.
 */

/** Milliseconds between the points of a trail. */
export const TRAIL_STEP_MS = 80;
/** Segments of all trails of a layer; with more agents the trails get shorter, and go. */
const SEGMENTS_MAX = 48_000;

export class GpuLayer {
  #gl;
  #rings = [];
  #head = 0;
  #filled = 0;
  #points = 0;
  #steppedAtMs = 0;

  constructor(gl) {
    this.#gl = gl;
    this.version = -1;
  }

  /**
   * Takes the layer's newest bytes to the GPU.
   *
   * @param {import("./swarm.mjs").Layer} layer
   * @param {number} nowMs
   * @param {number} pointsMax most points of a trail, the agent itself being the first
   */
  upload(layer, nowMs, pointsMax) {
    const { chunks, version } = layer;
    const agents = chunks.reduce((sum, chunk) => sum + chunk.count, 0);
    const points = agents === 0 ? 1 : Math.min(pointsMax, Math.floor(SEGMENTS_MAX / agents) + 1);
    if (chunks.length !== this.#rings.length || points !== this.#points) this.#allot(chunks.length, points);
    if (this.#filled === 0 || nowMs - this.#steppedAtMs >= TRAIL_STEP_MS) {
      this.#head = (this.#head + 1) % this.#points;
      this.#filled = Math.min(this.#filled + 1, this.#points);
      this.#steppedAtMs = nowMs;
    }
    const gl = this.#gl;
    chunks.forEach((chunk, index) => {
      const slice = this.#rings[index][this.#head];
      gl.bindBuffer(gl.ARRAY_BUFFER, slice.buffer);
      gl.bufferData(gl.ARRAY_BUFFER, chunk.bytes, gl.STREAM_DRAW);
      slice.count = chunk.count;
      slice.leftAtMs = nowMs;
    });
    this.version = version;
  }

  /** @returns {Array<{buffer: WebGLBuffer, count: number}>} the newest bytes, one entry a chunk */
  newest() {
    return this.#filled === 0 ? [] : this.#rings.map((ring) => ring[this.#head]);
  }

  /** @returns {boolean} whether newer bytes would begin a new point of the trails */
  stepDue(nowMs) {
    return this.#points > 1 && nowMs - this.#steppedAtMs >= TRAIL_STEP_MS;
  }

  /**
   * Visits the segments of the trails, the newest first. Trails fade by time, not by points: on a machine
   * that draws seldom they have fewer points and the same length.
   *
   * @param {number} nowMs
   * @param {(segment: {newer: object, older: object, count: number, fade: number[], age: number}) => void} visit
   *   `fade` is the strength at the newer and at the older end; `age` counts segments from 0
   */
  eachSegment(nowMs, visit) {
    const trailMs = (this.#points - 1) * TRAIL_STEP_MS;
    const strength = ({ leftAtMs }) => Math.max(0, 1 - (nowMs - leftAtMs) / trailMs);
    for (const ring of this.#rings) {
      for (let age = 0; age + 1 < this.#filled; age += 1) {
        const newer = ring[(this.#head - age + this.#points) % this.#points];
        const older = ring[(this.#head - age - 1 + this.#points) % this.#points];
        const fade = [age === 0 ? 1 : strength(newer), strength(older)];
        const count = Math.min(newer.count, older.count);
        if (fade[0] === 0) break;
        if (count > 0) visit({ newer, older, count, age, fade });
      }
    }
  }

  /** Gives the buffers back. */
  free() {
    for (const { buffer } of this.#rings.flat()) this.#gl.deleteBuffer(buffer);
    this.#rings = [];
    this.#filled = 0;
  }

  #allot(chunks, points) {
    this.free();
    this.#points = points;
    this.#head = 0;
    this.#rings = Array.from({ length: chunks }, () =>
      Array.from({ length: points }, () => ({ buffer: this.#gl.createBuffer(), count: 0, leftAtMs: 0 })),
    );
  }
}
