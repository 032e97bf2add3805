/**
 * @file Positions in a codec: the golden vectors, which a second implementation made, and what a slow encoder of
 * these tests makes of random agents.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { AgntDecodeError, decodeFrames, encodePositionUpdate, Flag, RECORD_WORDS } from "../../viewer/agnt-codec.mjs";
import { PositionDecoder } from "../../viewer/agnt-encoding.mjs";
import { RecordBuffer } from "../../viewer/agnt-records.mjs";
import { bitsOfFloat, boxPayload, codecFrame, floatOfBits, shufflePayload, SlowEncoder } from "./slow-encoder.mjs";
import { seeded } from "./swarm-motion.mjs";

const AXES = ["x", "y", "z", "vx", "vy", "vz"];
const vectors = JSON.parse(readFileSync(new URL("../golden/encodings.json", import.meta.url), "utf8"));

const recordsIn = (words, count) =>
  Array.from({ length: count }, (_, index) => {
    const [id, ...bits] = words.subarray(index * RECORD_WORDS, (index + 1) * RECORD_WORDS);
    return { id, bits };
  });

function decode(decoder, message, offset = 0) {
  const out = new RecordBuffer();
  assert.equal(decoder.decode(message, offset, out), out.count);
  return recordsIn(out.words, out.count);
}

const goldenBits = (value) => (typeof value === "object" ? parseInt(value.bits, 16) : bitsOfFloat(value));

for (const vector of vectors) {
  test(vector.name, () => {
    const message = Uint8Array.from(Buffer.from(vector.hex, "hex"));
    const decoder = new PositionDecoder();
    const frames = decodeFrames(message);
    assert.equal(frames.length, vector.decoded.length);
    frames.forEach((frame, index) => {
      const { refused, records } = vector.decoded[index];
      if (refused !== undefined) {
        const out = new RecordBuffer();
        assert.throws(() => decoder.decode(message, frame.offset, out), AgntDecodeError, refused);
        assert.equal(out.count, 0);
        return;
      }
      const decoded =
        frame.kind === "positions" ? recordsIn(frame.words, frame.count) : decode(decoder, message, frame.offset);
      const expected = records.map((record) => ({ id: record.id, bits: AXES.map((axis) => goldenBits(record[axis])) }));
      assert.deepEqual(decoded, expected);
    });
  });
}

test("the fault of a frame that builds on another names both sequences", () => {
  const encoder = new SlowEncoder("predict", { sequence: 6 });
  const records = [{ id: 1, bits: [1, 2, 3, 4, 5, 6] }];
  const decoder = new PositionDecoder();
  const [key] = encoder.key();
  decode(decoder, key);
  encoder.frame(records);
  const late = encoder.frame(records);
  const fault = { name: "AgntDecodeError", kind: "LacksReference", offset: 12, need: 7, have: 8 };
  assert.throws(() => decode(decoder, late), fault);
  assert.throws(() => decode(decoder, encoder.frame(records)), { kind: "LacksReference" });
  decode(decoder, encoder.key()[0]);
  assert.deepEqual(decode(decoder, encoder.frame(records)), records);
});

test("a frame without codec is not for this decoder", () => {
  const plain = encodePositionUpdate([{ id: 1, x: 0, y: 0, z: 0 }]);
  assert.throws(() => decode(new PositionDecoder(), plain), { kind: "ValueUnknown", offset: 5 });
  assert.throws(() => decode(new PositionDecoder(), plain.slice(0, 20)), { kind: "Partial" });
});

/** Any agent: mostly ordinary values, some extreme ones. */
function anyRecord(random, id) {
  const extremes = [0, 0x80000000, 0x7f7fffff, 0xff7fffff, 1, 0x80000001, 0x7f800000, 0x7fc00001, 0xff812345];
  const extreme = () => extremes[Math.floor(random() * extremes.length)];
  const ordinary = () => bitsOfFloat((random() - 0.5) * 10 ** (4 * random()));
  return { id, bits: AXES.map(() => (random() < 0.05 ? extreme() : ordinary())) };
}

const isFinite = ({ bits }) => bits.every((pattern) => Number.isFinite(floatOfBits(pattern)));
const fits = ({ bits }, steps) =>
  bits.every((pattern, axis) => Math.abs(floatOfBits(pattern) / steps[axis < 3 ? 0 : 1]) < 2 ** 30 - 1);
const byId = (one, other) => one.id - other.id;

test("shuffle: any records, at any offset", () => {
  const random = seeded(3);
  for (let round = 0; round < 100; round += 1) {
    const anyId = () => Math.floor(random() * 2 ** 32);
    const records = Array.from({ length: Math.floor(random() * 80) }, () => anyRecord(random, anyId()));
    const frame = codecFrame(shufflePayload(records));
    const offset = Math.floor(random() * 8);
    const message = new Uint8Array(offset + frame.length);
    message.set(frame, offset);
    assert.deepEqual(decode(new PositionDecoder(), message, offset), records);
  }
});

test("box: any finite records", () => {
  const random = seeded(4);
  for (let round = 0; round < 100; round += 1) {
    const count = 1 + Math.floor(random() * 60);
    const records = Array.from({ length: count }, (_, id) => anyRecord(random, id)).filter(
      (record) => isFinite(record) && fits(record, [1, 1]),
    );
    if (records.length === 0) continue;
    const { payload, expected } = boxPayload(records);
    const decoded = decode(new PositionDecoder(), codecFrame(payload));
    assert.deepEqual(
      decoded,
      expected.map(({ id, values }) => ({ id, bits: values.map(bitsOfFloat) })),
    );
  }
});

for (const codec of ["predict", "fixed"]) {
  test(`${codec}: any agents that come, go, stay away and jump, over keys`, () => {
    const random = seeded(5);
    for (let round = 0; round < 40; round += 1) {
      const anyStep = () => (codec === "fixed" ? 2 ** Math.floor(random() * 20 - 12) : 0);
      const steps = [anyStep(), anyStep()];
      const [positionStep, velocityStep] = steps;
      const sequence = round % 2 === 0 ? 2 ** 32 - 5 : 0;
      const encoder = new SlowEncoder(codec, { positionStep, velocityStep, sequence });
      const decoder = new PositionDecoder();
      let known = new Set();
      for (const frame of encoder.key()) decode(decoder, frame);
      for (let tick = 0; tick < 12; tick += 1) {
        const ids = Array.from({ length: 90 }, (_, id) => id * 7).filter(() => random() < 0.7);
        const records = ids
          .map((id) => anyRecord(random, id))
          .filter((record) => codec === "predict" || (isFinite(record) && fits(record, steps)));
        const frame = encoder.frame(records, { weights: [random() - 0.5, random()] });
        for (const { id } of records) known.add(id);
        const decoded = decode(decoder, frame).sort(byId);
        const expected = records.map(({ id }) => ({ id, bits: encoder.bitsOf(id) })).sort(byId);
        assert.deepEqual(decoded, expected);
        if (codec === "predict") assert.deepEqual(decoded, records.toSorted(byId));
        if (random() < 0.3) {
          const gone = [...known].filter(() => random() < 0.5);
          gone.forEach((id) => encoder.forget(id));
          known = new Set([...known].filter((id) => !gone.includes(id)));
        }
        if (random() < 0.2) {
          const fresh = new PositionDecoder();
          const state = encoder.key(20).flatMap((part) => decode(fresh, part));
          const all = [...known].map((id) => ({ id, bits: encoder.bitsOf(id) }));
          assert.deepEqual(state.sort(byId), all.sort(byId));
          // Who has the key goes on as well as who had all frames.
          for (const part of encoder.key(20)) decode(decoder, part);
        }
      }
    }
  });
}

test("fixed: the error is at most half a step", () => {
  const random = seeded(6);
  const encoder = new SlowEncoder("fixed", { positionStep: 2 ** -9, velocityStep: 2 ** -7 });
  const decoder = new PositionDecoder();
  decode(decoder, encoder.key()[0]);
  const value = (spread) => bitsOfFloat((random() - 0.5) * spread);
  for (let tick = 0; tick < 50; tick += 1) {
    const records = Array.from({ length: 40 }, (_, id) => ({
      id,
      bits: [value(600), value(600), value(160), value(10), value(10), value(10)],
    }));
    const decoded = decode(decoder, encoder.frame(records, { weights: [0, 1 / 60] }));
    for (const { id, bits } of decoded) {
      bits.forEach((pattern, axis) => {
        const error = Math.abs(floatOfBits(pattern) - floatOfBits(records[id].bits[axis]));
        assert.ok(error <= (axis < 3 ? 2 ** -10 : 2 ** -8), `${error}`);
      });
    }
  }
});

test("a channel's number before the payload moves nothing", () => {
  const records = [{ id: 9, bits: [1, 2, 3, 4, 5, 6] }];
  const plain = codecFrame(shufflePayload(records));
  const channelled = new Uint8Array(plain.length + 2);
  channelled.set(plain.subarray(0, 8));
  channelled.set([1, 0], 8);
  channelled.set(plain.subarray(8), 10);
  channelled[5] |= Flag.HAS_CHANNEL;
  channelled[6] += 2;
  assert.deepEqual(decode(new PositionDecoder(), channelled), records);
});

test("any damage is refused or decoded, never more", () => {
  const random = seeded(7);
  const encoder = new SlowEncoder("fixed", { positionStep: 1, velocityStep: 1 });
  const value = () => bitsOfFloat(Math.floor(random() * 2000));
  const records = Array.from({ length: 50 }, (_, id) => ({ id, bits: AXES.map(value) }));
  encoder.frame(records);
  const key = encoder.key()[0];
  const frames = [encoder.frame(records), codecFrame(shufflePayload(records)), codecFrame(boxPayload(records).payload)];
  for (let round = 0; round < 3000; round += 1) {
    const decoder = new PositionDecoder();
    decode(decoder, key);
    const frame = frames[round % frames.length].slice();
    for (let change = 0; change < 3; change += 1) frame[8 + Math.floor(random() * 60)] = Math.floor(random() * 256);
    try {
      decode(decoder, frame);
    } catch (fault) {
      assert.ok(fault instanceof AgntDecodeError, String(fault?.stack));
    }
  }
});
