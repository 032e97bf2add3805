/**
 * @file One layer of the swarm in the GPU: its newest bytes, and some older ones for the trails.
 *
 * Invariants:
 * - Bytes go in as they are, one `bufferData` per chunk: a run's chunk is a WebSocket message.
 * - Each chunk has a ring of buffers. The newest bytes overwrite the buffer at the head until a trail step
 *   has passed; then the head moves on and the buffer left behind is history, without any copy. Its bytes
 *   were the newest until their `leftAtMs`.
 */

import { RECORD_WORDS } from "./agnt-codec.mjs";

export const TRAIL_POINTS_MAX = 16;
const EMPTY = new Uint32Array(0);

export class GpuLayer {
  #gl;
  #rings = [];
  #head = 0;
  #filled = 0;
  #length = 0;
  #stepMs = 0;

  constructor(gl) {
    this.#gl = gl;
    this.version = -1;
    /** The layer's `shape` for which the trails are ordered. */
    this.shape = NaN;
    this.steppedAtMs = 0;
  }

  /**
   * Takes the layer's newest bytes to the GPU.
   *
   * @param {import("./swarm.mjs").Layer} layer
   * @param {number} nowMs
   * @param {object} trails
   * @param {number} trails.segmentsMax of all together; with more agents trails get shorter, and go
   * @param {number} trails.stepMs between two points
   */
  upload(layer, nowMs, { segmentsMax, stepMs }) {
    const { chunks, version } = layer;
    const length = trailLength(chunks, segmentsMax);
    if (chunks.length !== this.#rings.length || length !== this.#length) this.#allot(chunks.length, length);
    this.#stepMs = stepMs;
    if (this.#filled === 0 || nowMs - this.steppedAtMs >= stepMs) {
      this.#advance();
      this.steppedAtMs = nowMs;
    }
    chunks.forEach((chunk, index) => {
      // A message is never written to again. Other layers are, so what the trails may ask for is a copy.
      const words = layer.unparsed ? chunk.words : this.#copy(index, chunk);
      this.#put(index, chunk.bytes, words, chunk.count, nowMs);
    });
    this.version = version;
    this.shape = layer.shape;
  }

  /**
   * Begins with the trails that the layer's agents had elsewhere.
   *
   * @param {import("./swarm.mjs").Layer} layer
   * @param {import("./trail-past.mjs").TrailPast} past
   * @param {{segmentsMax: number}} trails as for `upload`
   */
  seed(layer, past, { segmentsMax }) {
    const { chunks } = layer;
    this.#allot(chunks.length, trailLength(chunks, segmentsMax));
    for (let age = Math.min(past.length, this.#length) - 1; age >= 0; age -= 1) {
      this.#advance();
      chunks.forEach((chunk, index) => {
        const { bytes, words, count } = past.chunkAt(chunk, age);
        this.#put(index, bytes, words, count, past.leftAtMs(age));
      });
    }
    this.steppedAtMs = past.steppedAtMs;
  }

  /** @returns {Array<Array<{words: Uint32Array, count: number, leftAtMs: number}>>} by age, a slice a chunk */
  points() {
    return Array.from({ length: this.#filled }, (_, age) => this.#rings.map((ring) => this.#slice(ring, age)));
  }

  /** @returns {Array<{buffer: WebGLBuffer, count: number}>} the newest bytes, one entry a chunk */
  newest() {
    return this.#filled === 0 ? [] : this.#rings.map((ring) => this.#slice(ring, 0));
  }

  /** @returns {boolean} whether newer bytes would begin a new point of the trails */
  stepDue(nowMs) {
    return this.#length > 1 && nowMs - this.steppedAtMs >= this.#stepMs;
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
    const trailMs = (this.#length - 1) * this.#stepMs;
    const strength = ({ leftAtMs }) => Math.max(0, 1 - (nowMs - leftAtMs) / trailMs);
    for (const ring of this.#rings) {
      for (let age = 0; age + 1 < this.#filled; age += 1) {
        const newer = this.#slice(ring, age);
        const older = this.#slice(ring, age + 1);
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

  #slice(ring, age) {
    return ring[(this.#head - age + this.#length) % this.#length];
  }

  #advance() {
    this.#head = (this.#head + 1) % this.#length;
    this.#filled = Math.min(this.#filled + 1, this.#length);
  }

  /** The records of a chunk, in memory that its buffer at the head has for them. */
  #copy(index, { words, count }) {
    const slice = this.#slice(this.#rings[index], 0);
    const length = count * RECORD_WORDS;
    if (slice.copy.length < length) slice.copy = new Uint32Array(length);
    for (let word = 0; word < length; word += 1) slice.copy[word] = words[word];
    return slice.copy;
  }

  #put(index, bytes, words, count, leftAtMs) {
    const gl = this.#gl;
    const slice = this.#slice(this.#rings[index], 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, slice.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.STREAM_DRAW);
    Object.assign(slice, { words, count, leftAtMs });
  }

  #allot(chunks, length) {
    this.free();
    this.#length = length;
    this.#head = 0;
    const newSlice = () => ({ buffer: this.#gl.createBuffer(), words: null, count: 0, leftAtMs: 0, copy: EMPTY });
    this.#rings = Array.from({ length: chunks }, () => Array.from({ length }, newSlice));
  }
}

/** The most points of a trail, the agent itself being the first. */
function trailLength(chunks, segmentsMax) {
  const agents = chunks.reduce((sum, chunk) => sum + chunk.count, 0);
  return Math.min(TRAIL_POINTS_MAX, Math.floor(segmentsMax / Math.max(1, agents)) + 1);
}
