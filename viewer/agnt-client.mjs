/**
 * @file The viewer's end of a stream: frames in, whole ticks out.
 *
 * ```js
 * const client = new AgntClient(location.origin, { stream: "main" });
 * client.on("tick", ({ frames, keyframe }) => { ... });
 * client.connect();
 * ```
 *
 * Invariants:
 * - A `tick` event carries one publisher's whole run of POSITION_UPDATE frames, up to the first without MORE.
 *   What a lost connection left unfinished is never shown.
 * - A tick is a partial update: agents absent from it keep their last record. The first tick after
 *   `connected` is the whole state (keyframe) and replaces all that was known before.
 */

import { AgntConnection } from "./agnt-connection.mjs";

/** One tick of a million agents has 428 frames; far beyond that the sender forgot to end its tick. */
export const FRAMES_PER_TICK_MAX = 4096;

/**
 * @typedef {object} Tick
 * @property {import("./agnt-codec.mjs").Frame[]} frames of kind `positions`, in order
 * @property {boolean} keyframe the tick is state (on joining: all agents; after falling behind: those that
 *   changed), not a publisher's own tick
 * @property {boolean} first the first one of this connection: forget all agents known before
 * @property {number} receivedAtMs on the client's clock
 */

export class AgntClient extends AgntConnection {
  #pending = [];
  #first = true;

  /**
   * @param {string} url see `AgntConnection`
   * @param {import("./agnt-connection.mjs").ConnectionOptions} options
   */
  constructor(url, options = {}) {
    super(url, "viewer", options);
    this.ticksReceived = 0;
    this.ticksIncomplete = 0;
    /** What the page shows, for the server to pace by; the page keeps it up to date. */
    this.displayedTick = 0;
    this.clientFps = 0;
  }

  onConnected() {
    this.#pending = [];
    this.#first = true;
    this.ticksReceived = 0;
    this.displayedTick = 0;
  }

  heartbeatReport() {
    return { displayedTick: this.displayedTick, clientFps: Math.round(this.clientFps) };
  }

  onFrame(frame) {
    if (frame.kind !== "positions") {
      this.emit("frame", frame);
      return;
    }
    // Ticks are contiguous. A change between state and live, or a run without end, means that the end of
    // the pending one will never come.
    const pending = this.#pending;
    const broken =
      pending.length > 0 &&
      (pending[0].keyframe !== frame.keyframe || pending.length >= FRAMES_PER_TICK_MAX);
    if (broken) {
      this.#pending = [];
      this.ticksIncomplete += 1;
    }
    this.#pending.push(frame);
    if (frame.more) return;
    const tick = {
      frames: this.#pending,
      keyframe: frame.keyframe,
      first: this.#first,
      receivedAtMs: this.nowMs(),
    };
    this.#pending = [];
    this.#first = false;
    this.ticksReceived += 1;
    this.emit("tick", tick);
  }
}
