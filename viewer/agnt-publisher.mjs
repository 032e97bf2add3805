/**
 * @file The publisher's end of a stream: ticks of positions out, never late ones.
 *
 * ```js
 * const publisher = new AgntPublisher("http://127.0.0.1:8080", { stream: "main" });
 * publisher.connect();
 * setInterval(() => publisher.publish(agents), 1000 / 60);
 * ```
 *
 * Invariant: a tick is handed to the socket whole or not at all. While the socket still holds more than
 * `bufferedBytesMax`, ticks are skipped, so that what is sent next is the newest and memory stays bounded.
 */

import { encodeStateBatch, encodeTick } from "./agnt-codec.mjs";
import { AgntConnection } from "./agnt-connection.mjs";

export const BUFFERED_BYTES_MAX = 256 * 1024;

export class AgntPublisher extends AgntConnection {
  #bufferedBytesMax;

  /**
   * @param {string} url see `AgntConnection`
   * @param {import("./agnt-connection.mjs").ConnectionOptions & {bufferedBytesMax?: number}} options
   */
  constructor(url, options = {}) {
    super(url, "publisher", options);
    this.#bufferedBytesMax = options.bufferedBytesMax ?? BUFFERED_BYTES_MAX;
    this.ticksSent = 0;
    this.ticksSkipped = 0;
  }

  /**
   * Sends one tick, split into frames of 2340 records.
   *
   * @param {Parameters<typeof encodeTick>[0]} agents each `{id, x, y, z, vx, vy, vz}`
   * @returns {boolean} false where the tick was skipped: not connected, or the network is behind
   */
  publish(agents) {
    if (this.state !== "connected" || this.bufferedBytes > this.#bufferedBytesMax) {
      this.ticksSkipped += 1;
      return false;
    }
    for (const frame of encodeTick(agents)) this.send(frame);
    this.ticksSent += 1;
    return true;
  }

  /**
   * Tells the server names and types of agents that it does not know: once per agent and connection.
   *
   * @param {Array<{id: number, name: string, type: string, state?: number}>} agents state 2 (idle) where
   *   left out; few enough for one frame of 65,535 bytes
   * @returns {boolean} whether it was handed to the socket
   */
  describe(agents) {
    const records = agents.map(({ id, name, type, state = 2 }) => ({ id, state, metadata: { name, type } }));
    return this.send(encodeStateBatch(records));
  }
}
