/**
 * @file AGNT frames: decoding without copies; the encoders are re-exported from here.
 *
 * Invariants:
 * - A frame is checked once, while it is decoded; what comes out needs no further check.
 * - Position records stay where they arrived: `words` and `floats` are views of the message. A record is
 *   seven 4-byte words (id, x, y, z, vx, vy, vz), so record `i` starts at word `7 * i`. Only a frame that
 *   starts off a 4-byte boundary inside its message is copied, because typed arrays cannot view it.
 * - Floats are never looked at: NaN payloads and infinities pass bit for bit.
 */

import {
  COMPRESSED_HEADER_BYTES,
  COORDINATION_HEAD_BYTES,
  EDGE_BYTES,
  ERROR_HEAD_BYTES,
  FIRST_RECORD_OFFSET,
  Flag,
  FrameType,
  HEADER_BYTES,
  HEARTBEAT_BYTES,
  MAGIC,
  METADATA_CBOR,
  METADATA_PRESENT,
  METRICS_RECORD_BYTES,
  PARTICIPANT_BYTES,
  RECORD_BYTES,
  RECORD_WORDS,
  STATE_RECORD_BYTES,
  TICK_INFO_BYTES,
} from "./agnt-frame.mjs";

export * from "./agnt-encoder.mjs";
export * from "./agnt-frame.mjs";

/** Flags that give the payload another shape than its type says. */
const ENCODED_FLAGS = Flag.COMPRESSED | Flag.HAS_CHANNEL | Flag.CODEC;

if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) {
  throw new Error("agnt-codec views frames in place and needs a little-endian host");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Why bytes are not a frame, and where. `kind` is one of `Partial` (more bytes would help), `BadMagic`,
 * `ReversedMagic`, `LengthExtended`, `LengthMismatch`, `CountMismatch`, `TrailingBytes`, `RecordCutShort`,
 * `RecordFlagsUnknown`, `MetadataNotUtf8`, `TextNotUtf8`, `ValueUnknown`, `ReservedNotZero`. `need` and
 * `have` are bytes; for the last two and for flags they are values, for texts `have` is where they go wrong.
 *
 * Of positions in a codec also `LacksReference` (they build on a frame that is not there; sequences),
 * `ReferenceDiffers` (codec or step are not those of the key), `SlotUnknown` and `SlotNotRising` (`have` is the
 * slot); of batches `NotInflated` and `InflatedMismatch`.
 */
export class AgntDecodeError extends Error {
  /**
   * @param {string} kind
   * @param {number} offset of the field at fault, from the start of the message
   * @param {number} need
   * @param {number} have
   */
  constructor(kind, offset, need, have) {
    super(`AGNT frame: ${kind} at offset ${offset} (need ${need}, have ${have})`);
    this.name = "AgntDecodeError";
    this.kind = kind;
    this.offset = offset;
    this.need = need;
    this.have = have;
    /** Frames of the same message that were whole before the fault. @type {Frame[]} */
    this.frames = [];
  }
}

/**
 * @typedef {object} Frame
 * @property {"positions"|"states"|"metrics"|"coordination"|"compressed"|"heartbeat"|"error"|"encoded"
 *   |"tickInfo"|"edges"|"unknown"} kind
 * @property {number} type the type byte
 * @property {number} flags the flags byte; 0 for `compressed`, whose header has none
 * @property {boolean} more another frame of the same tick follows
 * @property {boolean} keyframe the frame belongs to a state tick
 * @property {number} offset of the frame in its message
 * @property {Uint8Array} bytes the whole frame, header included
 *
 * Further fields by kind:
 * - `positions`: `count`, `words` (Uint32Array), `floats` (Float32Array), both from the first record on
 * - `states`: `records` of `{id, state, metadata}`, metadata null, `{json: text}` or `{cbor: bytes}`
 * - `metrics`: `records` of `{id, tasks, success, averageMs, cpuPercent, memoryBytes}` (the last a bigint)
 * - `coordination`: `id, pattern, status, progress, initiator, participants` of `{id, role, vote}`
 * - `compressed`: `originalBytes`, `data`
 * - `heartbeat`: `extended`, and then `clientSendUs, serverReceiveUs, serverSendUs` (bigint),
 *   `displayedTick`, `clientFps`
 * - `tickInfo`: `tick, epoch, serverTimeUs` (bigint)
 * - `edges`: `records` of `{source, target, weight, rate}`
 * - `error`: `code, recoverable, reference, text`
 * - `encoded` (any type whose flags give the payload another shape), `unknown`: `data`
 */

/**
 * Decodes all frames of one WebSocket message. Frames of unknown type are returned as `unknown`, so that
 * callers can count and skip them.
 *
 * @param {ArrayBuffer|Uint8Array} message
 * @returns {Frame[]}
 * @throws {AgntDecodeError} with the frames before the fault in its `frames`
 */
export function decodeFrames(message) {
  const bytes = message instanceof Uint8Array ? message : new Uint8Array(message);
  const frames = [];
  let offset = 0;
  try {
    while (offset < bytes.length) {
      const frame = decodeFrame(bytes, offset);
      frames.push(frame);
      offset += frame.bytes.length;
    }
  } catch (fault) {
    if (fault instanceof AgntDecodeError) fault.frames = frames;
    throw fault;
  }
  return frames;
}

/**
 * Decodes the frame that starts at `offset`.
 *
 * @param {Uint8Array} message
 * @param {number} offset
 * @returns {Frame}
 * @throws {AgntDecodeError}
 */
export function decodeFrame(message, offset = 0) {
  const have = message.length - offset;
  checkMagic(message, offset, have);
  const type = have > 4 ? message[offset + 4] : undefined;
  const compressed = type === FrameType.COMPRESSED_BATCH;
  const headerBytes = compressed ? COMPRESSED_HEADER_BYTES : HEADER_BYTES;
  if (have < headerBytes) throw new AgntDecodeError("Partial", offset, headerBytes, have);
  if (compressed) return decodeCompressedBatch(message, offset);

  const flags = message[offset + 5];
  if ((flags & Flag.EXT_LENGTH) !== 0) {
    throw new AgntDecodeError("LengthExtended", offset + 5, flags & ~Flag.EXT_LENGTH, flags);
  }
  const frameBytes = HEADER_BYTES + (message[offset + 6] | (message[offset + 7] << 8));
  if (have < frameBytes) throw new AgntDecodeError("Partial", offset, frameBytes, have);

  const frame = {
    kind: "unknown",
    type,
    flags,
    more: (flags & Flag.MORE) !== 0,
    keyframe: (flags & Flag.KEYFRAME) !== 0,
    offset,
    bytes: message.subarray(offset, offset + frameBytes),
  };
  const decodePayload = payloadDecoders[type];
  if ((flags & ENCODED_FLAGS) !== 0 || decodePayload === undefined) {
    if ((flags & ENCODED_FLAGS) !== 0) frame.kind = "encoded";
    frame.data = frame.bytes.subarray(HEADER_BYTES);
  } else {
    decodePayload(frame, new Payload(frame.bytes, offset + HEADER_BYTES));
  }
  return frame;
}

/** The window on one payload. Offsets are from its first byte; faults name them from the message's. */
class Payload {
  constructor(frameBytes, offset) {
    this.offset = offset;
    this.bytes = frameBytes.subarray(HEADER_BYTES);
    this.length = this.bytes.length;
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.length);
  }

  u8(at) {
    return this.view.getUint8(at);
  }

  u16(at) {
    return this.view.getUint16(at, true);
  }

  u32(at) {
    return this.view.getUint32(at, true);
  }

  u64(at) {
    return this.view.getBigUint64(at, true);
  }

  f32(at) {
    return this.view.getFloat32(at, true);
  }

  fail(kind, at, need, have) {
    throw new AgntDecodeError(kind, this.offset + at, need, have);
  }

  requireAtLeast(bytes) {
    if (this.length < bytes) this.fail("LengthMismatch", 0, bytes, this.length);
  }

  requireExactly(bytes, kind = "LengthMismatch", at = 0) {
    if (this.length !== bytes) this.fail(kind, at, bytes, this.length);
  }

  text(at, bytes, kind) {
    const encoded = this.bytes.subarray(at, at + bytes);
    try {
      return utf8.decode(encoded);
    } catch {
      return this.fail(kind, at, bytes, validUtf8Bytes(encoded));
    }
  }
}

const payloadDecoders = {
  [FrameType.POSITION_UPDATE]: decodePositions,
  [FrameType.STATE_BATCH]: decodeStates,
  [FrameType.PERFORMANCE_METRICS]: decodeMetrics,
  [FrameType.COORDINATION_EVENT]: decodeCoordination,
  [FrameType.HEARTBEAT]: decodeHeartbeat,
  [FrameType.TICK_INFO]: decodeTickInfo,
  [FrameType.EDGE_BATCH]: decodeEdges,
  [FrameType.ERROR]: decodeError,
};

function decodePositions(frame, payload) {
  payload.requireAtLeast(4);
  const count = payload.u32(0);
  payload.requireExactly(4 + count * RECORD_BYTES, "CountMismatch");
  let { buffer, byteOffset } = frame.bytes;
  if ((byteOffset & 3) !== 0) {
    buffer = frame.bytes.slice().buffer;
    byteOffset = 0;
  }
  frame.kind = "positions";
  frame.count = count;
  frame.words = new Uint32Array(buffer, byteOffset + FIRST_RECORD_OFFSET, count * RECORD_WORDS);
  frame.floats = new Float32Array(buffer, byteOffset + FIRST_RECORD_OFFSET, count * RECORD_WORDS);
}

function decodeStates(frame, payload) {
  payload.requireAtLeast(4);
  const count = payload.u32(0);
  const leastBytes = 4 + count * STATE_RECORD_BYTES;
  if (payload.length < leastBytes) payload.fail("CountMismatch", 0, leastBytes, payload.length);
  frame.kind = "states";
  frame.records = [];
  let at = 4;
  for (let index = 0; index < count; index += 1) {
    const { record, bytes } = decodeStateRecord(payload, at);
    frame.records.push(record);
    at += bytes;
  }
  if (at < payload.length) payload.fail("TrailingBytes", at, 0, payload.length - at);
}

function decodeStateRecord(payload, at) {
  const left = payload.length - at;
  const require = (bytes) => {
    if (left < bytes) payload.fail("RecordCutShort", at, bytes, left);
  };
  require(STATE_RECORD_BYTES);
  const flags = payload.u8(at + 5);
  const present = (flags & METADATA_PRESENT) !== 0;
  const known = present ? flags & (METADATA_PRESENT | METADATA_CBOR) : 0;
  if (flags !== known) payload.fail("RecordFlagsUnknown", at + 5, known, flags);
  const record = { id: payload.u32(at), state: payload.u8(at + 4), metadata: null };
  if (!present) return { record, bytes: STATE_RECORD_BYTES };

  const metadataAt = at + STATE_RECORD_BYTES + 2;
  require(STATE_RECORD_BYTES + 2);
  const metadataBytes = payload.u16(metadataAt - 2);
  require(STATE_RECORD_BYTES + 2 + metadataBytes);
  record.metadata =
    (flags & METADATA_CBOR) === 0
      ? { json: payload.text(metadataAt, metadataBytes, "MetadataNotUtf8") }
      : { cbor: payload.bytes.subarray(metadataAt, metadataAt + metadataBytes) };
  return { record, bytes: STATE_RECORD_BYTES + 2 + metadataBytes };
}

function decodeMetrics(frame, payload) {
  // The documented payload is records alone. Some senders put a count first; a length that leaves 4 after
  // whole records can only be theirs.
  const lead = payload.length % METRICS_RECORD_BYTES === 4 ? 4 : 0;
  if (lead === 4) {
    payload.requireExactly(4 + payload.u32(0) * METRICS_RECORD_BYTES, "CountMismatch");
  } else {
    payload.requireExactly(Math.ceil(payload.length / METRICS_RECORD_BYTES) * METRICS_RECORD_BYTES);
  }
  frame.kind = "metrics";
  frame.records = [];
  for (let at = lead; at < payload.length; at += METRICS_RECORD_BYTES) {
    frame.records.push({
      id: payload.u32(at),
      tasks: payload.u32(at + 4),
      success: payload.f32(at + 8),
      averageMs: payload.f32(at + 12),
      cpuPercent: payload.f32(at + 16),
      memoryBytes: payload.u64(at + 20),
    });
  }
}

function decodeCoordination(frame, payload) {
  payload.requireAtLeast(COORDINATION_HEAD_BYTES);
  const count = payload.u16(6);
  payload.requireExactly(COORDINATION_HEAD_BYTES + count * PARTICIPANT_BYTES, "CountMismatch", 6);
  frame.kind = "coordination";
  frame.id = payload.u32(0);
  frame.pattern = payload.u8(4);
  frame.status = payload.u8(5);
  frame.progress = payload.f32(8);
  frame.initiator = payload.u32(12);
  frame.participants = [];
  for (let at = COORDINATION_HEAD_BYTES; at < payload.length; at += PARTICIPANT_BYTES) {
    const reserved = payload.u16(at + 6);
    if (reserved !== 0) payload.fail("ReservedNotZero", at + 6, 0, reserved);
    frame.participants.push({ id: payload.u32(at), role: payload.u8(at + 4), vote: payload.u8(at + 5) });
  }
}

function decodeHeartbeat(frame, payload) {
  frame.kind = "heartbeat";
  frame.extended = payload.length !== 0;
  if (!frame.extended) return;
  payload.requireExactly(HEARTBEAT_BYTES);
  frame.clientSendUs = payload.u64(0);
  frame.serverReceiveUs = payload.u64(8);
  frame.serverSendUs = payload.u64(16);
  frame.displayedTick = payload.u32(24);
  frame.clientFps = payload.u32(28);
}

function decodeTickInfo(frame, payload) {
  payload.requireExactly(TICK_INFO_BYTES);
  frame.kind = "tickInfo";
  frame.tick = payload.u32(0);
  frame.epoch = payload.u32(4);
  frame.serverTimeUs = payload.u64(8);
}

function decodeEdges(frame, payload) {
  payload.requireAtLeast(4);
  payload.requireExactly(4 + payload.u32(0) * EDGE_BYTES, "CountMismatch");
  frame.kind = "edges";
  frame.records = [];
  for (let at = 4; at < payload.length; at += EDGE_BYTES) {
    frame.records.push({
      source: payload.u32(at),
      target: payload.u32(at + 4),
      weight: payload.f32(at + 8),
      rate: payload.f32(at + 12),
    });
  }
}

function decodeError(frame, payload) {
  payload.requireAtLeast(ERROR_HEAD_BYTES);
  const textBytes = payload.u16(8);
  payload.requireExactly(ERROR_HEAD_BYTES + textBytes);
  const recoverable = payload.u8(2);
  if (recoverable > 1) payload.fail("ValueUnknown", 2, 1, recoverable);
  const reserved = payload.u8(3);
  if (reserved !== 0) payload.fail("ReservedNotZero", 3, 0, reserved);
  frame.kind = "error";
  frame.code = payload.u16(0);
  frame.recoverable = recoverable === 1;
  frame.reference = payload.u32(4);
  frame.text = payload.text(ERROR_HEAD_BYTES, textBytes, "TextNotUtf8");
}

function decodeCompressedBatch(message, offset) {
  const bytes = message.subarray(offset);
  return {
    kind: "compressed",
    type: FrameType.COMPRESSED_BATCH,
    flags: 0,
    more: false,
    keyframe: false,
    offset,
    bytes,
    originalBytes: new DataView(bytes.buffer, bytes.byteOffset).getUint32(5, true),
    data: bytes.subarray(COMPRESSED_HEADER_BYTES),
  };
}

function checkMagic(message, offset, have) {
  const seen = message.subarray(offset, offset + Math.min(4, have));
  const agreeing = seen.findIndex((byte, index) => byte !== MAGIC[index]);
  if (agreeing === -1) return;
  const reversed = seen.length === 4 && seen.every((byte, index) => byte === MAGIC[3 - index]);
  if (reversed) throw new AgntDecodeError("ReversedMagic", offset, 4, 4);
  throw new AgntDecodeError("BadMagic", offset, 4, agreeing);
}

/** How many bytes of a text are whole, valid characters. */
function validUtf8Bytes(encoded) {
  const decodes = (bytes, stream) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(encoded.subarray(0, bytes), { stream });
      return true;
    } catch {
      return false;
    }
  };
  // The longest beginning that is not yet wrong, by halving: a text without end must not cost its square.
  let [good, bad] = [0, encoded.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (decodes(middle, true)) good = middle;
    else bad = middle;
  }
  while (!decodes(good, false)) good -= 1;
  return good;
}
