// AGNT frames, read and written as document C shows them; every number is little-endian.

export const POSITION_UPDATE = 0x01;
export const STATE_BATCH = 0x02;
export const PERFORMANCE_METRICS = 0x03;
export const COORDINATION_EVENT = 0x04;
export const COMPRESSED_BATCH = 0x05;
export const HEARTBEAT = 0x06;
export const EDGE_BATCH = 0x11;
export const ERROR = 0xff;

export const KEYFRAME = 0x10;
export const HAS_CHANNEL = 0x20;

const MAGIC = Buffer.from("AGNT", "ascii");
const HEAD_BYTES = 8;
const COMPRESSED_HEAD_BYTES = 9;
const AGENT_BYTES = 28;
const EDGE_BYTES = 16;

export function write(type, payload = Buffer.alloc(0), flags = 0) {
  const frame = Buffer.alloc(HEAD_BYTES + payload.length);
  MAGIC.copy(frame);
  frame.writeUInt8(type, 4);
  frame.writeUInt8(flags, 5);
  frame.writeUInt16LE(payload.length, 6);
  payload.copy(frame, HEAD_BYTES);
  return frame;
}

export function writeCompressed(originalBytes, data) {
  const head = Buffer.alloc(COMPRESSED_HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt8(COMPRESSED_BATCH, 4);
  head.writeUInt32LE(originalBytes, 5);
  return Buffer.concat([head, data]);
}

/** `agents`: [id, x, y, z, vx, vy, vz] each. */
export function writePositions(agents, flags = 0) {
  const payload = Buffer.alloc(4 + AGENT_BYTES * agents.length);
  payload.writeUInt32LE(agents.length, 0);
  agents.forEach(([id, ...floats], index) => {
    const at = 4 + AGENT_BYTES * index;
    payload.writeUInt32LE(id, at);
    floats.forEach((value, place) => payload.writeFloatLE(value, at + 4 + 4 * place));
  });
  return write(POSITION_UPDATE, payload, flags);
}

/** `states`: [id, state, metadata as JSON text or null] each. */
export function writeStates(states) {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(states.length);
  const records = states.map(([id, state, metadata]) => {
    const text = Buffer.from(metadata ?? "");
    const head = Buffer.alloc(metadata === null ? 6 : 8);
    head.writeUInt32LE(id, 0);
    head.writeUInt8(state, 4);
    if (metadata !== null) {
      head.writeUInt8(1, 5);
      head.writeUInt16LE(text.length, 6);
    }
    return Buffer.concat([head, text]);
  });
  return write(STATE_BATCH, Buffer.concat([count, ...records]));
}

/** `metrics`: {id, tasks, success, averageMs, cpuPercent, memoryBytes (BigInt)} each. */
export function writeMetrics(metrics) {
  const payload = Buffer.alloc(AGENT_BYTES * metrics.length);
  metrics.forEach((agent, index) => {
    const at = AGENT_BYTES * index;
    payload.writeUInt32LE(agent.id, at);
    payload.writeUInt32LE(agent.tasks, at + 4);
    payload.writeFloatLE(agent.success, at + 8);
    payload.writeFloatLE(agent.averageMs, at + 12);
    payload.writeFloatLE(agent.cpuPercent, at + 16);
    payload.writeBigUInt64LE(agent.memoryBytes, at + 20);
  });
  return write(PERFORMANCE_METRICS, payload);
}

/** The frames of one binary message: {type, flags, payload, channel}, or with `originalBytes`. */
export function read(message) {
  const frames = [];
  for (let at = 0; at < message.length; ) {
    const rest = message.subarray(at);
    if (rest.length < HEAD_BYTES || !rest.subarray(0, 4).equals(MAGIC)) {
      throw new Error(`byte ${at}: no head of a frame: ${rest.subarray(0, 16).toString("hex")}`);
    }
    const type = rest.readUInt8(4);
    if (type === COMPRESSED_BATCH) {
      const payload = rest.subarray(COMPRESSED_HEAD_BYTES);
      frames.push({ type, flags: 0, payload, originalBytes: rest.readUInt32LE(5) });
      break;
    }
    const flags = rest.readUInt8(5);
    const end = HEAD_BYTES + rest.readUInt16LE(6);
    if (rest.length < end) throw new Error(`byte ${at}: a frame that is cut short`);
    const hasChannel = (flags & HAS_CHANNEL) !== 0;
    frames.push({
      type,
      flags,
      payload: rest.subarray(hasChannel ? HEAD_BYTES + 2 : HEAD_BYTES, end),
      channel: hasChannel ? rest.readUInt16LE(HEAD_BYTES) : null,
    });
    at += end;
  }
  return frames;
}

function records(payload, start, size) {
  if ((payload.length - start) % size !== 0) throw new Error(`no array of records of ${size} bytes`);
  const count = (payload.length - start) / size;
  return Array.from({ length: count }, (_, index) => start + size * index);
}

function countedRecords(payload, size) {
  const found = records(payload, 4, size);
  if (payload.readUInt32LE(0) !== found.length) throw new Error("the count isn't that of the records");
  return found;
}

function floats(payload, at, count) {
  return Array.from({ length: count }, (_, index) => payload.readFloatLE(at + 4 * index));
}

export function readPositions({ payload }) {
  return countedRecords(payload, AGENT_BYTES).map((at) => [payload.readUInt32LE(at), ...floats(payload, at + 4, 6)]);
}

export function readStates({ payload }) {
  const states = [];
  let at = 4;
  for (let left = payload.readUInt32LE(0); left > 0; left -= 1) {
    const [id, state, flags] = [payload.readUInt32LE(at), payload.readUInt8(at + 4), payload.readUInt8(at + 5)];
    at += 6;
    let metadata = null;
    if (flags & 1) {
      const end = at + 2 + payload.readUInt16LE(at);
      metadata = payload.toString("utf8", at + 2, end);
      at = end;
    }
    states.push([id, state, metadata]);
  }
  if (at !== payload.length) throw new Error("bytes behind the last state");
  return states;
}

export function readMetrics({ payload }) {
  const isCounted = payload.length % AGENT_BYTES === 4;
  const found = isCounted ? countedRecords(payload, AGENT_BYTES) : records(payload, 0, AGENT_BYTES);
  return found.map((at) => ({
    id: payload.readUInt32LE(at),
    tasks: payload.readUInt32LE(at + 4),
    success: payload.readFloatLE(at + 8),
    averageMs: payload.readFloatLE(at + 12),
    cpuPercent: payload.readFloatLE(at + 16),
    memoryBytes: payload.readBigUInt64LE(at + 20),
  }));
}

export function readEdges({ payload }) {
  return countedRecords(payload, EDGE_BYTES).map((at) => ({
    source: payload.readUInt32LE(at),
    target: payload.readUInt32LE(at + 4),
    weight: payload.readFloatLE(at + 8),
    rate: payload.readFloatLE(at + 12),
  }));
}

export function readError({ payload }) {
  const text = payload.subarray(10);
  if (payload.readUInt16LE(8) !== text.length) throw new Error("the text isn't as long as is said");
  return { code: payload.readUInt16LE(0), recoverable: payload.readUInt8(2) === 1, text: text.toString("utf8") };
}
