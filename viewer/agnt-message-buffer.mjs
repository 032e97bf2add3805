/**
 * @file One message at a time in memory that is used again: a message that came, or what a COMPRESSED_BATCH held.
 *
 * Invariants:
 * - Its views live as long as the memory does, so reading a message allocates one view of it and no more.
 * - Memory only grows, by doubling.
 */

import { FrameType, HEADER_BYTES, MAGIC_WORD } from "./agnt-frame.mjs";

const BYTES_AT_FIRST = 1 << 16;

export class MessageBuffer {
  constructor() {
    /** Bytes of the message. */
    this.length = 0;
    this.#allot(BYTES_AT_FIRST);
  }

  clear() {
    this.length = 0;
  }

  /** Takes a message in, in place of the one before. @param {ArrayBuffer|Uint8Array} message */
  hold(message) {
    this.clear();
    this.append(message instanceof Uint8Array ? message : new Uint8Array(message));
  }

  /** @param {Uint8Array} bytes that continue the message */
  append(bytes) {
    const length = this.length + bytes.length;
    if (length > this.bytes.length) this.#allot(2 ** Math.ceil(Math.log2(length)));
    this.bytes.set(bytes, this.length);
    this.length = length;
  }

  /** @returns {number} the u16 at a byte offset */
  u16(at) {
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }

  /** @returns {number} the u32 at a byte offset */
  u32(at) {
    return (this.u16(at) | (this.u16(at + 2) << 16)) >>> 0;
  }

  /**
   * The bytes of the frame at an offset, if it is one with the usual 8-byte header and whole.
   *
   * @param {number} offset
   * @returns {number} 0 where it is something else; `decodeFrame` says what
   */
  frameBytes(offset) {
    const left = this.length - offset;
    if (left < HEADER_BYTES || this.u32(offset) !== MAGIC_WORD) return 0;
    if (this.bytes[offset + 4] === FrameType.COMPRESSED_BATCH) return 0;
    const bytes = HEADER_BYTES + this.u16(offset + 6);
    return bytes <= left ? bytes : 0;
  }

  /**
   * Moves a piece to where `words`, `floats` and `halves` can read it, over up to 3 bytes before it.
   *
   * @param {number} from its first byte
   * @param {number} to behind its last one
   * @returns {number} where it begins now, a multiple of 4
   */
  align(from, to) {
    const aligned = from & ~3;
    if (aligned !== from) this.bytes.copyWithin(aligned, from, to);
    return aligned;
  }

  #allot(length) {
    const bytes = new Uint8Array(length);
    if (this.bytes !== undefined) bytes.set(this.bytes);
    this.bytes = bytes;
    this.halves = new Uint16Array(bytes.buffer);
    this.words = new Int32Array(bytes.buffer);
    this.floats = new Float32Array(bytes.buffer);
  }
}
