/**
 * @file Positions in a codec, back to ordinary records: `shuffle`, `predict`, `box` and `fixed`
 * (docs/protocol.md, section 10).
 *
 * ```js
 * const decoder = new PositionDecoder();
 * const records = new RecordBuffer();
 * decoder.decode(message, 0, records); // records.bytes is what a plain frame would have been
 * ```
 *
 * Invariants:
 * - A frame that builds on something that this decoder lacks is refused with the kind `LacksReference`. Who
 *   has refused a frame of `predict` or `fixed` refuses all that follow, until a key.
 * - Nothing is allocated but a view of the message, once the buffers have grown.
 */

import { AgntDecodeError } from "./agnt-codec.mjs";
import { Codec, Flag, FrameType, HEADER_BYTES, RECORD_BYTES, RECORD_WORDS } from "./agnt-frame.mjs";
import { MessageBuffer } from "./agnt-message-buffer.mjs";
import { COMPONENTS, ReferenceTable, SLOTS_MAX } from "./agnt-reference.mjs";
import { advanceFixed, advancePredict, BLOCK_RESIDUALS, componentWords, unpackBlocks } from "./agnt-residuals.mjs";

/** Names of the codecs, as a handshake says them. */
export const CODEC_NAMES = Object.freeze(["shuffle", "predict", "box", "fixed"]);

const KEY = 0x01;
const FIRST = 0x02;
const CHANNEL_BYTES = 2;
const SHUFFLE_HEAD_BYTES = 8;
const BOX_HEAD_BYTES = 36;
const BOX_RECORD_BYTES = 16;
const RESIDUALS_HEAD_BYTES = 32;
const ASSIGNMENT_BYTES = 8;
const RUN_BYTES = 8;
const WIDTH_MAX = 32;
/** Slots that a mask can name. */
const MASK_BITS = 31;
const INFINITY_BITS = 0x7f800000;
const FRACTION_BITS = 0x007fffff;
const NO_CODEC = 0;
const RECORDS_AT_FIRST = 256;

export class PositionDecoder {
  #message = new MessageBuffer();
  #table = new ReferenceTable();
  /** Of the payload being decoded, in its message. */
  #offset = 0;
  #sequence = 0;
  /** The codec whose reference the table holds. */
  #codec = NO_CODEC;
  #velocityResiduals = new Int32Array(RECORDS_AT_FIRST);
  #positionResiduals = new Int32Array(RECORDS_AT_FIRST);
  /** What the arithmetic needs to know of a frame; the same object for each. */
  #frame = {
    count: 0,
    slots: new Int32Array(RECORDS_AT_FIRST),
    oldWeight: 0,
    newWeight: 0,
    positionStep: 0,
    velocityStep: 0,
  };

  /** Forgets the reference, as at the beginning of a connection. */
  reset() {
    this.#codec = NO_CODEC;
  }

  /**
   * Decodes one frame of positions with the flag CODEC, behind the records that are there already.
   *
   * @param {ArrayBuffer|Uint8Array} message
   * @param {number} offset of the frame
   * @param {import("./agnt-records.mjs").RecordBuffer} out
   * @returns {number} how many records were appended
   * @throws {AgntDecodeError} `LacksReference` where the frame builds on one that this decoder has not got
   *   (`need` is the sequence that would have fitted), or what is wrong with the frame; nothing is appended
   */
  decode(message, offset, out) {
    this.#message.hold(message);
    return this.decodeHeld(this.#message, offset, out);
  }

  /**
   * The same for a message that is held already; its bytes may be moved.
   *
   * @param {MessageBuffer} message
   * @param {number} offset
   * @param {import("./agnt-records.mjs").RecordBuffer} out
   * @returns {number}
   */
  decodeHeld(message, offset, out) {
    const frameBytes = message.frameBytes(offset);
    if (frameBytes === 0) throw new AgntDecodeError("Partial", offset, HEADER_BYTES, message.length - offset);
    const flags = message.bytes[offset + 5];
    if (message.bytes[offset + 4] !== FrameType.POSITION_UPDATE || (flags & Flag.CODEC) === 0) {
      throw new AgntDecodeError("ValueUnknown", offset + 5, flags | Flag.CODEC, flags);
    }
    const from = offset + HEADER_BYTES + ((flags & Flag.HAS_CHANNEL) === 0 ? 0 : CHANNEL_BYTES);
    const end = offset + frameBytes;
    if (from >= end) throw new AgntDecodeError("LengthMismatch", from, 1, end - from);
    this.#offset = from;
    const at = message.align(from, end);
    const count = out.count;
    try {
      return this.#decodePayload(message, at, end - from, out);
    } catch (fault) {
      out.count = count;
      throw fault;
    }
  }

  #decodePayload(message, at, length, out) {
    const codec = message.bytes[at];
    if (codec === Codec.PREDICT || codec === Codec.FIXED) return this.#decodeResiduals(message, at, length, out);
    if (codec === Codec.SHUFFLE) return this.#decodeShuffle(message, at, length, out);
    if (codec === Codec.BOX) return this.#decodeBox(message, at, length, out);
    return this.#fail("ValueUnknown", 0, Codec.FIXED, codec);
  }

  #decodeShuffle(message, at, length, out) {
    const count = this.#countAfterHead(message, at, length, SHUFFLE_HEAD_BYTES, RECORD_BYTES);
    out.reserve(count);
    const { bytes } = message;
    const { words } = out;
    let plane = at + SHUFFLE_HEAD_BYTES;
    for (let word = 0; word < RECORD_WORDS; word += 1) {
      let to = out.count * RECORD_WORDS + word;
      for (let from = plane; from < plane + count; from += 1) {
        const low = bytes[from] | (bytes[from + count] << 8);
        words[to] = low | (bytes[from + 2 * count] << 16) | (bytes[from + 3 * count] << 24);
        to += RECORD_WORDS;
      }
      plane += 4 * count;
    }
    out.count += count;
    return count;
  }

  #decodeBox(message, at, length, out) {
    const count = this.#countAfterHead(message, at, length, BOX_HEAD_BYTES, BOX_RECORD_BYTES);
    const { words, halves, floats } = message;
    for (let field = 8; field < BOX_HEAD_BYTES; field += 4) {
      const value = floats[(at + field) >> 2];
      const least = field < 20 ? -Infinity : field < 28 ? Number.MIN_VALUE : 0;
      if (!Number.isFinite(value) || value < least) this.#fail("ValueUnknown", field, least, value);
    }
    const positionStep = floats[(at + 20) >> 2];
    const velocityStep = floats[(at + 24) >> 2];
    out.reserve(count);
    const first = out.count * RECORD_WORDS;
    const idAt = (at + BOX_HEAD_BYTES) >> 2;
    for (let record = 0; record < count; record += 1) out.words[first + record * RECORD_WORDS] = words[idAt + record];
    let from = (at + BOX_HEAD_BYTES + 4 * count) >> 1;
    for (let axis = 0; axis < 3; axis += 1) {
      const minimum = floats[((at + 8) >> 2) + axis];
      for (let to = first + 1 + axis, end = to + count * RECORD_WORDS; to < end; to += RECORD_WORDS) {
        out.floats[to] = minimum + halves[from] * positionStep;
        from += 1;
      }
    }
    for (let axis = 0; axis < 3; axis += 1) {
      for (let to = first + 4 + axis, end = to + count * RECORD_WORDS; to < end; to += RECORD_WORDS) {
        out.floats[to] = ((halves[from] << 16) >> 16) * velocityStep;
        from += 1;
      }
    }
    out.count += count;
    return count;
  }

  /** The count of a codec without reference, once its frame is known to be as long as it makes it. */
  #countAfterHead(message, at, length, headBytes, recordBytes) {
    if (length < headBytes) this.#fail("LengthMismatch", 0, headBytes, length);
    for (let field = 1; field < 4; field += 1) this.#requireZero(message, at, field);
    const count = message.u32(at + 4);
    const needed = headBytes + count * recordBytes;
    if (length !== needed) this.#fail("CountMismatch", 4, needed, length);
    return count;
  }

  #decodeResiduals(message, at, length, out) {
    const codec = message.bytes[at];
    const known = this.#codec;
    // Who has refused a frame lacks it for all that follow, until a key.
    this.#codec = NO_CODEC;
    if (length < RESIDUALS_HEAD_BYTES) this.#fail("LengthMismatch", 0, RESIDUALS_HEAD_BYTES, length);
    const flags = message.bytes[at + 1];
    if (flags !== 0 && flags !== KEY && flags !== (KEY | FIRST)) this.#fail("ValueUnknown", 1, KEY | FIRST, flags);
    const count = message.u32(at + 8);
    const runsAt = RESIDUALS_HEAD_BYTES + ASSIGNMENT_BYTES * message.u32(at + 12);
    const widthsAt = runsAt + RUN_BYTES * message.u16(at + 2);
    const wordsAt = this.#checkSize(message, at, length, widthsAt, count);
    this.#enterForm(message, at, codec, flags, known);
    this.#enterSequence(flags, message.u32(at + 4));
    if ((flags & FIRST) !== 0) this.#table.clear();
    this.#assign(message, at, RESIDUALS_HEAD_BYTES, runsAt);
    out.reserve(count);
    const first = out.count * RECORD_WORDS;
    this.#nameSlots(message, at, runsAt, widthsAt, count, out, first);
    this.#advance(codec, message, at + widthsAt, (at + wordsAt) >> 2, out, first);
    this.#codec = codec;
    out.count += count;
    return count;
  }

  /** Holds the length against what counts and widths make; returns where the words begin. */
  #checkSize(message, at, length, widthsAt, count) {
    const { bytes, words } = message;
    const blocks = Math.ceil(count / BLOCK_RESIDUALS);
    const widthsEnd = widthsAt + COMPONENTS * blocks;
    const wordsAt = Math.ceil(widthsEnd / 4) * 4;
    if (length < wordsAt) this.#fail("CountMismatch", 8, wordsAt, length);
    for (let field = widthsAt; field < widthsEnd; field += 1) {
      if (bytes[at + field] > WIDTH_MAX) this.#fail("ValueUnknown", field, WIDTH_MAX, bytes[at + field]);
    }
    for (let field = widthsEnd; field < wordsAt; field += 1) this.#requireZero(message, at, field);
    let end = wordsAt;
    for (let widthAt = widthsAt; widthAt < widthsEnd; widthAt += blocks) {
      end += 4 * componentWords(bytes, at + widthAt, count);
    }
    if (length !== end) this.#fail("CountMismatch", widthsAt, end, length);

    const lastResiduals = count - BLOCK_RESIDUALS * (blocks - 1);
    end = wordsAt;
    for (let widthAt = widthsAt; widthAt < widthsEnd; widthAt += blocks) {
      end += 4 * componentWords(bytes, at + widthAt, count);
      const unusedBits = -(lastResiduals * bytes[at + widthAt + blocks - 1]) & 31;
      const unused = unusedBits === 0 ? 0 : words[(at + end - 4) >> 2] >>> (32 - unusedBits);
      if (unused !== 0) this.#fail("ReservedNotZero", end - 4, 0, unused);
    }
    return wordsAt;
  }

  /** Reads weights and steps. Codec and steps are those of the key. */
  #enterForm(message, at, codec, flags, known) {
    const frame = this.#frame;
    const { floats } = message;
    for (let field = 16; field < 24; field += 4) {
      const weight = floats[(at + field) >> 2];
      if (!Number.isFinite(weight)) this.#fail("ValueUnknown", field, 0, weight);
    }
    for (let field = 24; field < RESIDUALS_HEAD_BYTES; field += 4) {
      const bits = message.words[(at + field) >> 2];
      if (codec === Codec.FIXED ? !isPowerOfTwo(bits) : bits !== 0) this.#fail("ValueUnknown", field, 0, bits);
    }
    const positionStep = floats[(at + 24) >> 2];
    const velocityStep = floats[(at + 28) >> 2];
    if ((flags & FIRST) === 0) {
      if (known === NO_CODEC) this.#fail("LacksReference", 4, this.#sequence, message.u32(at + 4));
      if (known !== codec) this.#fail("ReferenceDiffers", 0, known, codec);
      if (frame.positionStep !== positionStep) this.#fail("ReferenceDiffers", 24, frame.positionStep, positionStep);
      if (frame.velocityStep !== velocityStep) this.#fail("ReferenceDiffers", 28, frame.velocityStep, velocityStep);
    }
    const old = floats[(at + 16) >> 2];
    const now = floats[(at + 20) >> 2];
    const fixed = codec === Codec.FIXED;
    frame.positionStep = positionStep;
    frame.velocityStep = velocityStep;
    frame.oldWeight = fixed ? (old * velocityStep) / positionStep : old;
    frame.newWeight = fixed ? (now * velocityStep) / positionStep : now;
  }

  #enterSequence(flags, sequence) {
    if ((flags & FIRST) === 0) {
      const due = (flags & KEY) !== 0 ? this.#sequence : (this.#sequence + 1) >>> 0;
      if (sequence !== due) this.#fail("LacksReference", 4, due, sequence);
    }
    this.#sequence = sequence;
  }

  #assign(message, at, from, to) {
    for (let field = from; field < to; field += ASSIGNMENT_BYTES) {
      const slot = message.u32(at + field);
      if (slot >= SLOTS_MAX) this.#fail("ValueUnknown", field, SLOTS_MAX - 1, slot);
      this.#table.assign(slot, message.words[(at + field + 4) >> 2]);
    }
  }

  /** Finds the slot of each record, and writes its id. Slots rise, so that none comes twice. */
  #nameSlots(message, at, from, to, count, out, first) {
    this.#reserve(count);
    const { slots } = this.#frame;
    const { ids, assigned } = this.#table;
    let record = 0;
    let next = 0;
    for (let field = from; field < to; field += RUN_BYTES) {
      const start = message.u32(at + field);
      const what = message.words[(at + field + 4) >> 2];
      // A mask names the slots of its bits, a length those of as many bits that are all set.
      const isMask = what < 0;
      if (isMask ? (what & 1) === 0 : what === 0) this.#fail("ValueUnknown", field + 4, 1, what >>> 0);
      if (start < next) this.#fail("SlotNotRising", field, next, start);
      const end = start + (isMask ? MASK_BITS : what);
      for (let slot = start; slot < end; slot += 1) {
        if (isMask && ((what >>> (slot - start)) & 1) === 0) continue;
        if (record === count) this.#fail("CountMismatch", 8, count, count + 1);
        if (slot >= assigned.length || assigned[slot] === 0) this.#fail("SlotUnknown", field, 0, slot);
        slots[record] = slot;
        out.words[first + record * RECORD_WORDS] = ids[slot];
        record += 1;
        next = slot + 1;
      }
    }
    if (record !== count) this.#fail("CountMismatch", 8, count, record);
    this.#frame.count = count;
  }

  #advance(codec, message, widthAt, wordAt, out, first) {
    const { bytes, words } = message;
    const { count } = this.#frame;
    const blocks = Math.ceil(count / BLOCK_RESIDUALS);
    // Velocities come first; an axis needs its velocity and its position together.
    let velocityWordAt = wordAt;
    let positionWordAt = wordAt;
    for (let axis = 0; axis < 3; axis += 1) {
      positionWordAt += componentWords(bytes, widthAt + axis * blocks, count);
    }
    for (let axis = 0; axis < 3; axis += 1) {
      const velocities = this.#velocityResiduals;
      const positions = this.#positionResiduals;
      const velocityWidthAt = widthAt + axis * blocks;
      const positionWidthAt = velocityWidthAt + 3 * blocks;
      velocityWordAt = unpackBlocks(bytes, velocityWidthAt, words, velocityWordAt, count, velocities);
      positionWordAt = unpackBlocks(bytes, positionWidthAt, words, positionWordAt, count, positions);
      if (codec === Codec.FIXED) {
        advanceFixed(this.#frame, axis, this.#table, velocities, positions, out.floats, first);
      } else {
        advancePredict(this.#frame, axis, this.#table, velocities, positions, out.words, first);
      }
    }
  }

  /** Room for the slots and residuals of a frame. */
  #reserve(count) {
    if (count <= this.#velocityResiduals.length) return;
    const length = 2 ** Math.ceil(Math.log2(count));
    this.#velocityResiduals = new Int32Array(length);
    this.#positionResiduals = new Int32Array(length);
    this.#frame.slots = new Int32Array(length);
  }

  #requireZero(message, at, field) {
    const have = message.bytes[at + field];
    if (have !== 0) this.#fail("ReservedNotZero", field, 0, have);
  }

  #fail(kind, field, need, have) {
    throw new AgntDecodeError(kind, this.#offset + field, need, have);
  }
}

/** Whether the bits of an f32 are those of a normal 2^k. */
function isPowerOfTwo(bits) {
  return bits > 0 && bits < INFINITY_BITS && (bits & FRACTION_BITS) === 0;
}
