/**
 * @file Ticks of a swarm in each encoding, made by the tests' slow encoder, and how a page decodes them.
 */

import { deflateSync } from "node:zlib";

import { boxPayload, codecFrame, floatOfBits, shufflePayload, SlowEncoder } from "../js/slow-encoder.mjs";
import { SwarmMotion } from "../js/swarm-motion.mjs";
import { encodeTick } from "../../viewer/agnt-encoder.mjs";

/** As large as 65,535 bytes of payload always hold. */
const RECORDS_A_FRAME = { key: 2000, fixed: 12_000, predict: 4500, box: 4000, shuffle: 2300 };
const POSITION_ERROR = 2 ** -10;
const VELOCITY_ERROR = 2 ** -8;

/**
 * @typedef {object} EncodedTick
 * @property {Uint8Array} bytes its frames, one behind the other
 * @property {number} hash of the words that must come out
 */

/**
 * @param {"plain"|"shuffle"|"predict"|"box"|"fixed"} name
 * @param {number} agents
 * @param {number} ticks
 * @returns {EncodedTick[]} the first is the key
 */
export function encodedTicks(name, agents, ticks) {
  const motion = new SwarmMotion(agents);
  const encode = encoderOf(name);
  const made = [encode(motion.records(), [0, 0], true)];
  for (let tick = 0; tick < ticks; tick += 1) {
    const { records, weights } = motion.step();
    made.push(encode(records, weights, false));
  }
  return made;
}

function encoderOf(name) {
  if (name === "plain") {
    return (records) => tickOf(encodeTick(records.map(agentOf)), records);
  }
  if (name === "shuffle" || name === "box") {
    return (records) => {
      let expected = records;
      const frames = parts(records, RECORDS_A_FRAME[name]).map((part, index, all) => {
        const box = name === "box" ? boxPayload(part) : null;
        if (box !== null) expected = index === 0 ? box.expected : expected.concat(box.expected);
        return codecFrame(box?.payload ?? shufflePayload(part), { more: index < all.length - 1 });
      });
      return tickOf(frames, name === "box" ? expected.map(bitsOfValues) : records);
    };
  }
  const steps = name === "fixed" ? { positionStep: 2 * POSITION_ERROR, velocityStep: 2 * VELOCITY_ERROR } : {};
  const encoder = new SlowEncoder(name, steps);
  return (records, weights, isKey) => {
    const size = isKey ? RECORDS_A_FRAME.key : RECORDS_A_FRAME[name];
    let frames = parts(records, size).map((part, index, all) =>
      encoder.frame(part, { weights, more: index < all.length - 1 }),
    );
    if (isKey) frames = encoder.key(size);
    return tickOf(frames, records.map(({ id }) => ({ id, bits: encoder.bitsOf(id) })));
  };
}

function parts(records, size) {
  const begins = Array.from({ length: Math.ceil(records.length / size) }, (_, index) => index * size);
  return begins.map((begin) => records.slice(begin, begin + size));
}

function agentOf({ id, bits }) {
  const [x, y, z, vx, vy, vz] = bits.map(floatOfBits);
  return { id, x, y, z, vx, vy, vz };
}

function bitsOfValues({ id, values }) {
  return { id, bits: [...new Uint32Array(Float32Array.from(values).buffer)] };
}

function tickOf(frames, records) {
  let hash = 0;
  for (const { id, bits } of records) {
    for (const word of [id, ...bits]) hash = (Math.imul(hash, 31) + word) | 0;
  }
  return { bytes: Buffer.concat(frames.map((frame) => new Uint8Array(frame))), hash };
}

/** A COMPRESSED_BATCH of a tick's frames. @returns {EncodedTick} */
export function compressed({ bytes, hash }, compress = deflateSync) {
  const head = Buffer.from([0x41, 0x47, 0x4e, 0x54, 5, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 5);
  return { bytes: Buffer.concat([head, compress(bytes)]), hash };
}

/** The messages as one piece: each behind its length. @param {EncodedTick[]} ticks */
export function packed(ticks) {
  return Buffer.concat(
    ticks.flatMap(({ bytes }) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

/**
 * What a page does with such a piece; it is sent there as text and knows nothing of this file.
 *
 * @param {{path: string, algorithm: string, rounds: number}} task
 * @returns {Promise<{hashes: number[], decodeMs: number[], applyMs: number[]}>} times for each tick but the keys, to
 *   records and from there into the swarm; hashes of the last round
 */
export async function decodeInPage({ path, algorithm, rounds }) {
  const [{ EncodedTicks }, { inflateBatch }, { MessageBuffer }, { Swarm }, { decodeFrame }] = await Promise.all(
    ["encoded-ticks", "inflate", "message-buffer", "", "codec"].map((name) =>
      import(name === "" ? "/swarm.mjs" : `/agnt-${name}.mjs`),
    ),
  );
  const piece = await (await fetch(path)).arrayBuffer();
  const messages = [];
  for (let at = 0; at < piece.byteLength; ) {
    const length = new DataView(piece).getUint32(at, true);
    messages.push(piece.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const hashOf = ({ count, words }) => {
    let hash = 0;
    for (let word = 0; word < 7 * count; word += 1) hash = (Math.imul(hash, 31) + words[word]) | 0;
    return hash;
  };
  const swarm = new Swarm();
  const message = new MessageBuffer();
  const inflated = new MessageBuffer();
  let tick;
  const ticks = new EncodedTicks((taken) => (tick = taken), () => {});
  const found = { hashes: [], decodeMs: [], applyMs: [] };
  for (let round = 0; round < rounds; round += 1) {
    found.hashes = [];
    for (const [index, data] of messages.entries()) {
      const beganAtMs = performance.now();
      message.hold(data);
      const batchAt = ticks.take(message, beganAtMs);
      if (batchAt >= 0) {
        await inflateBatch(decodeFrame(new Uint8Array(data), batchAt), algorithm, 1 << 24, inflated);
        ticks.take(inflated, beganAtMs);
      }
      const decodedAtMs = performance.now();
      tick.first = index === 0;
      swarm.apply(tick);
      const appliedAtMs = performance.now();
      found.hashes.push(hashOf(tick.frames[0]));
      // The key is no tick, and the first ticks behind it are kept by agent until their order is known.
      if (index < 3) continue;
      found.decodeMs.push(decodedAtMs - beganAtMs);
      found.applyMs.push(appliedAtMs - decodedAtMs);
      // As between ticks of a stream, the page has its turn.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  return found;
}

/** @param {number[]} values @param {number} share 0 to 1 */
export function percentile(values, share) {
  return values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(share * values.length))];
}
