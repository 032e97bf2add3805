/**
 * @file Position records in memory that is used again, laid out like a POSITION_UPDATE frame.
 *
 * Invariants:
 * - The first record lies at byte 12 and each takes 28 bytes, so that `bytes` is a vertex buffer like a frame
 *   that came plain. The 12 bytes before them are zero: no frame could hold as many records.
 * - Memory only grows, by doubling. While the number of records stays the same nothing is allocated.
 */

import { FIRST_RECORD_OFFSET, RECORD_BYTES, RECORD_WORDS } from "./agnt-frame.mjs";

const RECORDS_AT_FIRST = 256;

export class RecordBuffer {
  #memory;
  #bytes;

  constructor() {
    this.count = 0;
    this.#allot(RECORDS_AT_FIRST);
  }

  /** The records and the 12 bytes before them. @returns {Uint8Array} */
  get bytes() {
    const length = FIRST_RECORD_OFFSET + this.count * RECORD_BYTES;
    if (this.#bytes.length !== length) this.#bytes = this.#memory.subarray(0, length);
    return this.#bytes;
  }

  clear() {
    this.count = 0;
  }

  /**
   * Makes room; `words` and `floats` may be others afterwards.
   *
   * @param {number} records more than there are
   */
  reserve(records) {
    const needed = this.count + records;
    if (needed * RECORD_WORDS > this.words.length) this.#allot(2 ** Math.ceil(Math.log2(needed)));
  }

  /**
   * Appends records as they are.
   *
   * @param {Uint32Array|Int32Array} words
   * @param {number} from the word at which the first of them begins
   * @param {number} records
   */
  append(words, from, records) {
    this.reserve(records);
    const to = this.count * RECORD_WORDS;
    const own = this.words;
    for (let word = 0; word < records * RECORD_WORDS; word += 1) own[to + word] = words[from + word];
    this.count += records;
  }

  #allot(records) {
    const memory = new Uint8Array(FIRST_RECORD_OFFSET + records * RECORD_BYTES);
    if (this.#memory !== undefined) memory.set(this.#memory);
    this.#memory = memory;
    this.#bytes = memory.subarray(0, FIRST_RECORD_OFFSET);
    /** From the first record on; longer than `count` records. */
    this.words = new Uint32Array(memory.buffer, FIRST_RECORD_OFFSET);
    /** The same memory. */
    this.floats = new Float32Array(memory.buffer, FIRST_RECORD_OFFSET);
  }
}
