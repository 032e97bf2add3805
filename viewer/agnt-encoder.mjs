/**
 * @file Encoding AGNT frames, for publishers and for heartbeats.
 *
 * Invariant: a frame's size is known before it is written, and its one buffer is of exactly that size.
 */

import {
  FIRST_RECORD_OFFSET,
  Flag,
  FrameType,
  HEADER_BYTES,
  HEARTBEAT_BYTES,
  MAGIC,
  METADATA_PRESENT,
  RECORD_BYTES,
  RECORD_WORDS,
  RECORDS_PER_FRAME_MAX,
  STATE_RECORD_BYTES,
} from "./agnt-frame.mjs";

const PAYLOAD_BYTES_MAX = 0xffff;
const utf8 = new TextEncoder();

/**
 * Encodes one POSITION_UPDATE frame.
 *
 * @param {ArrayLike<{id: number, x: number, y: number, z: number, vx?: number, vy?: number, vz?: number}>} agents
 *   at most 2340; velocities per second, 0 where left out; NaN in x says that the agent is gone
 * @param {number} flags header flags
 * @returns {ArrayBuffer}
 */
export function encodePositionUpdate(agents, flags = 0) {
  if (agents.length > RECORDS_PER_FRAME_MAX) {
    throw new RangeError(`a frame holds ${RECORDS_PER_FRAME_MAX} records, not ${agents.length}`);
  }
  const { buffer, view } = newFrame(FrameType.POSITION_UPDATE, flags, 4 + agents.length * RECORD_BYTES);
  view.setUint32(HEADER_BYTES, agents.length, true);
  const words = new Uint32Array(buffer, FIRST_RECORD_OFFSET);
  const floats = new Float32Array(buffer, FIRST_RECORD_OFFSET);
  for (let index = 0, at = 0; index < agents.length; index += 1, at += RECORD_WORDS) {
    const agent = agents[index];
    words[at] = agent.id;
    floats[at + 1] = agent.x;
    floats[at + 2] = agent.y;
    floats[at + 3] = agent.z;
    floats[at + 4] = agent.vx ?? 0;
    floats[at + 5] = agent.vy ?? 0;
    floats[at + 6] = agent.vz ?? 0;
  }
  return buffer;
}

/**
 * Encodes one tick: as many frames as the agents need, all but the last flagged MORE.
 *
 * @param {Parameters<typeof encodePositionUpdate>[0] & {slice: Function}} agents
 * @returns {ArrayBuffer[]} one frame at least, so that an empty tick is still a tick
 */
export function encodeTick(agents) {
  const frames = [];
  let start = 0;
  do {
    const end = Math.min(start + RECORDS_PER_FRAME_MAX, agents.length);
    frames.push(encodePositionUpdate(agents.slice(start, end), end < agents.length ? Flag.MORE : 0));
    start = end;
  } while (start < agents.length);
  return frames;
}

/**
 * Encodes one STATE_BATCH frame.
 *
 * @param {Array<{id: number, state: number, metadata?: object}>} records metadata is sent as JSON
 * @param {number} flags header flags
 * @returns {ArrayBuffer}
 */
export function encodeStateBatch(records, flags = 0) {
  const texts = records.map(({ metadata }) =>
    metadata === undefined ? null : utf8.encode(JSON.stringify(metadata)),
  );
  const recordBytes = (text) => STATE_RECORD_BYTES + (text === null ? 0 : 2 + text.length);
  const payloadBytes = texts.reduce((sum, text) => sum + recordBytes(text), 4);
  const { buffer, view } = newFrame(FrameType.STATE_BATCH, flags, payloadBytes);
  view.setUint32(HEADER_BYTES, records.length, true);
  let at = HEADER_BYTES + 4;
  records.forEach((record, index) => {
    const text = texts[index];
    view.setUint32(at, record.id, true);
    view.setUint8(at + 4, record.state);
    view.setUint8(at + 5, text === null ? 0 : METADATA_PRESENT);
    if (text !== null) {
      view.setUint16(at + STATE_RECORD_BYTES, text.length, true);
      new Uint8Array(buffer).set(text, at + STATE_RECORD_BYTES + 2);
    }
    at += recordBytes(text);
  });
  return buffer;
}

/**
 * Encodes the 32-byte HEARTBEAT; the server sends it back with its own two times filled in.
 *
 * @param {{clientSendUs: bigint, displayedTick?: number, clientFps?: number}} heartbeat
 * @returns {ArrayBuffer}
 */
export function encodeHeartbeat({ clientSendUs, displayedTick = 0, clientFps = 0 }) {
  const { buffer, view } = newFrame(FrameType.HEARTBEAT, 0, HEARTBEAT_BYTES);
  view.setBigUint64(HEADER_BYTES, clientSendUs, true);
  view.setUint32(HEADER_BYTES + 24, displayedTick, true);
  view.setUint32(HEADER_BYTES + 28, clientFps, true);
  return buffer;
}

function newFrame(type, flags, payloadBytes) {
  if (payloadBytes > PAYLOAD_BYTES_MAX) {
    throw new RangeError(`a payload holds ${PAYLOAD_BYTES_MAX} bytes, not ${payloadBytes}`);
  }
  const buffer = new ArrayBuffer(HEADER_BYTES + payloadBytes);
  const view = new DataView(buffer);
  new Uint8Array(buffer).set(MAGIC);
  view.setUint8(4, type);
  view.setUint8(5, flags);
  view.setUint16(6, payloadBytes, true);
  return { buffer, view };
}
