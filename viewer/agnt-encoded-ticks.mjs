/**
 * @file Ticks out of the messages of a session that asked for an encoding: frames in a codec, plain ones and
 * mixtures, as records in one piece.
 *
 * Invariants:
 * - A tick that comes out has one frame, whatever it came in. Its records are lent: the next tick overwrites them.
 * - Once the buffers have grown, a tick in a codec allocates nothing but one view of its message.
 */

import { AgntDecodeError, decodeFrame } from "./agnt-codec.mjs";
import { PositionDecoder } from "./agnt-encoding.mjs";
import {
  FIRST_RECORD_OFFSET,
  Flag,
  FrameType,
  HEADER_BYTES,
  RECORD_BYTES,
  RECORDS_PER_FRAME_MAX,
  TICK_INFO_BYTES,
} from "./agnt-frame.mjs";
import { RecordBuffer } from "./agnt-records.mjs";

/** One tick of a million agents has 428 plain frames; far beyond that the sender forgot to end its tick. */
export const FRAMES_PER_TICK_MAX = 4096;

const CHANNEL_BYTES = 2;
const COUNT_BYTES = 4;

export class EncodedTicks {
  #decoder = new PositionDecoder();
  #records = new RecordBuffer();
  #onTick;
  #onFrame;
  #framesOpen = 0;
  #info = { tick: 0, epoch: 0, serverTimeUs: 0 };
  #infoIsNew = false;
  #frame = {
    kind: "positions",
    type: FrameType.POSITION_UPDATE,
    flags: 0,
    more: false,
    keyframe: false,
    offset: 0,
    lent: true,
    count: 0,
    bytes: null,
    words: null,
    floats: null,
  };
  #tick = { frames: [this.#frame], keyframe: false, first: false, info: null, plainBytes: 0, receivedAtMs: 0 };

  /**
   * @param {(tick: import("./agnt-client.mjs").Tick) => void} onTick
   * @param {(frame: import("./agnt-codec.mjs").Frame, receivedAtMs: number) => void} onFrame all that is not
   *   positions; its bytes are its own
   */
  constructor(onTick, onFrame) {
    this.#onTick = onTick;
    this.#onFrame = onFrame;
    /** Ticks whose end never came. */
    this.ticksIncomplete = 0;
  }

  /**
   * Takes the frames of one message.
   *
   * @param {import("./agnt-message-buffer.mjs").MessageBuffer} message
   * @param {number} receivedAtMs
   * @returns {number} where a COMPRESSED_BATCH begins, which is always the last frame; -1 where there is none
   * @throws {AgntDecodeError} the frames before the fault are taken
   */
  take(message, receivedAtMs) {
    let offset = 0;
    while (offset < message.length) {
      const frameBytes = message.frameBytes(offset);
      const type = message.bytes[offset + 4];
      if (frameBytes === 0) {
        if (type === FrameType.COMPRESSED_BATCH) return offset;
        // Not a whole frame: this says why.
        decodeFrame(message.bytes.subarray(0, message.length), offset);
      }
      const end = offset + frameBytes;
      this.#takeFrame(message, offset, end, type, receivedAtMs);
      offset = end;
    }
    return -1;
  }

  /** Forgets a tick that has no end yet, and what decoding builds on. */
  reset() {
    this.#decoder.reset();
    this.#framesOpen = 0;
    this.#infoIsNew = false;
  }

  #takeFrame(message, offset, end, type, receivedAtMs) {
    const flags = message.bytes[offset + 5];
    const shaped = (flags & (Flag.COMPRESSED | Flag.EXT_LENGTH)) !== 0;
    if (type === FrameType.POSITION_UPDATE && !shaped) {
      this.#takePositions(message, offset, end, flags, receivedAtMs);
    } else if (type === FrameType.TICK_INFO && flags === 0 && end - offset === HEADER_BYTES + TICK_INFO_BYTES) {
      this.#takeInfo(message, offset + HEADER_BYTES);
    } else {
      // A copy, so that whoever gets the frame may keep it.
      const frame = decodeFrame(message.bytes.slice(offset, end));
      frame.offset = offset;
      this.#onFrame(frame, receivedAtMs);
    }
  }

  #takePositions(message, offset, end, flags, receivedAtMs) {
    const keyframe = (flags & Flag.KEYFRAME) !== 0;
    const endless = this.#framesOpen >= FRAMES_PER_TICK_MAX;
    if (this.#framesOpen > 0 && (endless || this.#tick.keyframe !== keyframe)) {
      this.ticksIncomplete += 1;
      this.#framesOpen = 0;
    }
    if (this.#framesOpen === 0) this.#records.clear();
    this.#tick.keyframe = keyframe;
    if ((flags & Flag.CODEC) !== 0) this.#decoder.decodeHeld(message, offset, this.#records);
    else this.#appendPlain(message, offset, end, flags);
    this.#framesOpen += 1;
    if ((flags & Flag.MORE) === 0) this.#finish(flags, receivedAtMs);
  }

  #appendPlain(message, offset, end, flags) {
    const from = offset + HEADER_BYTES + ((flags & Flag.HAS_CHANNEL) === 0 ? 0 : CHANNEL_BYTES);
    const at = message.align(from, end);
    const length = end - from;
    if (length < COUNT_BYTES) throw new AgntDecodeError("LengthMismatch", from, COUNT_BYTES, length);
    const count = message.u32(at);
    const needed = COUNT_BYTES + count * RECORD_BYTES;
    if (length !== needed) throw new AgntDecodeError("CountMismatch", from, needed, length);
    this.#records.append(message.words, (at + COUNT_BYTES) >> 2, count);
  }

  #takeInfo(message, at) {
    this.#info.tick = message.u32(at);
    this.#info.epoch = message.u32(at + 4);
    // Microseconds since 1970 stay below 2^53 until the year 2255.
    this.#info.serverTimeUs = message.u32(at + 8) + message.u32(at + 12) * 2 ** 32;
    this.#infoIsNew = true;
  }

  #finish(flags, receivedAtMs) {
    const frame = this.#frame;
    const tick = this.#tick;
    const { count, bytes, words, floats } = this.#records;
    frame.flags = flags & ~(Flag.CODEC | Flag.HAS_CHANNEL);
    frame.keyframe = tick.keyframe;
    frame.count = count;
    frame.bytes = bytes;
    frame.words = words;
    frame.floats = floats;
    tick.info = this.#infoIsNew ? this.#info : null;
    tick.plainBytes = plainBytes(count);
    tick.receivedAtMs = receivedAtMs;
    this.#infoIsNew = false;
    this.#framesOpen = 0;
    this.#onTick(tick);
  }
}

/** What a tick's records take as plain frames. @param {number} records */
export function plainBytes(records) {
  const frames = Math.max(1, Math.ceil(records / RECORDS_PER_FRAME_MAX));
  return frames * FIRST_RECORD_OFFSET + records * RECORD_BYTES;
}
