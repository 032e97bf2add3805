/**
 * @file The JavaScript decoder against the golden vectors, which a second implementation made.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { AgntDecodeError, decodeFrames, RECORD_WORDS } from "../../viewer/agnt-codec.mjs";

const folder = new URL("../golden/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

const bytesOf = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

/** A float as the vectors write it: a number, or bits where JSON has none. */
function floatOf(value) {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
function expectedFloat(value) {
  return typeof value === "object" ? value.decimal : value;
}
const expectedU64 = (value) => BigInt(value);

/** The decoded payload in the words of the vectors. */
const payloads = {
  positions: (frame) => ({
    records: Array.from({ length: frame.count }, (_, index) => {
      const at = index * RECORD_WORDS;
      const [x, y, z, vx, vy, vz] = Array.from(frame.floats.subarray(at + 1, at + RECORD_WORDS), floatOf);
      return { id: frame.words[at], x, y, z, vx, vy, vz };
    }),
  }),
  states: (frame) => ({
    records: frame.records.map(({ id, state, metadata }) => ({
      id,
      state,
      metadata: metadata?.cbor === undefined ? metadata : { cbor: hexOf(metadata.cbor) },
    })),
  }),
  metrics: (frame) => ({
    records: frame.records.map((record) => ({
      id: record.id,
      tasks: record.tasks,
      success: floatOf(record.success),
      average_ms: floatOf(record.averageMs),
      cpu_percent: floatOf(record.cpuPercent),
      memory_bytes: record.memoryBytes,
    })),
  }),
  coordination: ({ id, pattern, status, progress, initiator, participants }) => ({
    id,
    pattern,
    status,
    progress: floatOf(progress),
    initiator,
    participants,
  }),
  compressed: (frame) => ({ original_bytes: frame.originalBytes, data: hexOf(frame.data) }),
  heartbeat: (frame) => ({
    stamps: frame.extended
      ? {
          client_send_us: frame.clientSendUs,
          server_receive_us: frame.serverReceiveUs,
          server_send_us: frame.serverSendUs,
          displayed_tick: frame.displayedTick,
          client_flags: frame.clientFps,
        }
      : null,
  }),
  tickInfo: ({ tick, epoch, serverTimeUs }) => ({ tick, epoch, server_us: serverTimeUs }),
  edges: (frame) => ({
    records: frame.records.map(({ source, target, weight, rate }) => ({
      source,
      target,
      weight: floatOf(weight),
      rate: floatOf(rate),
    })),
  }),
  error: ({ code, recoverable, reference, text }) => ({ code, recoverable, reference, text }),
  encoded: (frame) => ({ encoded: hexOf(frame.data) }),
  unknown: (frame) => ({ unknown: hexOf(frame.data) }),
};

const floatKeys = new Set(
  ["x", "y", "z", "vx", "vy", "vz", "success", "average_ms", "cpu_percent", "progress", "weight", "rate"],
);
const u64Keys = new Set(["memory_bytes", "client_send_us", "server_receive_us", "server_send_us", "server_us"]);

/** The vector's payload with its floats and u64s as the functions above give them. */
function expectedPayload(value, key) {
  if (floatKeys.has(key)) return expectedFloat(value);
  if (u64Keys.has(key)) return expectedU64(value);
  if (Array.isArray(value)) return value.map((item) => expectedPayload(item));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([name]) => name !== "counted");
  return Object.fromEntries(entries.map(([name, item]) => [name, expectedPayload(item, name)]));
}

function assertFrame(frame, fields) {
  assert.equal(frame.type, fields.type);
  if (fields.flags !== undefined) {
    assert.equal(frame.flags, fields.flags);
    assert.equal(frame.more, (fields.flags & 8) !== 0);
    assert.equal(frame.keyframe, (fields.flags & 16) !== 0);
    assert.equal(frame.bytes.length, 8 + fields.length);
  }
  assert.deepEqual(payloads[frame.kind](frame), expectedPayload(fields.payload));
}

function assertFault(fault, expected) {
  assert.ok(fault instanceof AgntDecodeError, String(fault));
  const { kind, offset, need, have } = fault;
  assert.deepEqual({ kind, offset, need, have }, expected);
}

function decodeAll(bytes) {
  try {
    return { frames: decodeFrames(bytes), fault: null };
  } catch (fault) {
    return { frames: fault.frames, fault };
  }
}

test("there are golden vectors of every type", () => {
  assert.ok(files.length >= 10, `found ${files}`);
});

for (const file of files) {
  for (const vector of JSON.parse(readFileSync(new URL(file, folder), "utf8"))) {
    test(`${file}: ${vector.name}`, () => {
      const bytes = bytesOf(vector.hex);
      const { frames, fault } = decodeAll(bytes);
      const expectedFrames = vector.frames ?? (vector.fields === undefined ? [] : [vector.fields]);
      if (bytes.length === 0) {
        assert.deepEqual(frames, []);
        return;
      }
      if (vector.error === undefined || vector.error === null) assert.equal(fault, null);
      else assertFault(fault, vector.error);
      assert.equal(frames.length, expectedFrames.length);
      frames.forEach((frame, index) => assertFrame(frame, expectedFrames[index]));
    });

    test(`${file}: ${vector.name}, off a 4-byte boundary`, () => {
      const bytes = bytesOf(vector.hex);
      const shifted = new Uint8Array(bytes.length + 1);
      shifted.set(bytes, 1);
      const there = decodeAll(shifted.subarray(1));
      const here = decodeAll(bytes);
      assert.equal(there.fault?.message, here.fault?.message);
      assert.deepEqual(
        there.frames.map((frame) => payloads[frame.kind](frame)),
        here.frames.map((frame) => payloads[frame.kind](frame)),
      );
    });

    if (vector.fields !== undefined && vector.fields.type !== 5) {
      test(`${file}: ${vector.name}, cut at every byte`, () => {
        const bytes = bytesOf(vector.hex);
        for (let length = 1; length < bytes.length; length += 1) {
          const { frames, fault } = decodeAll(bytes.subarray(0, length));
          assert.equal(frames.length, 0);
          const need = length < 8 ? 8 : bytes.length;
          assertFault(fault, { kind: "Partial", offset: 0, need, have: length });
        }
      });
    }
  }
}

test("position records are views of the message, with every bit as it came", () => {
  const vectors = JSON.parse(readFileSync(new URL("position_update.json", folder), "utf8"));
  for (const { hex } of vectors) {
    const { buffer } = bytesOf(hex);
    const [frame] = decodeFrames(buffer);
    assert.equal(frame.words.buffer, buffer);
    assert.equal(frame.words.byteOffset, 12);
    assert.equal(hexOf(new Uint8Array(buffer, 12, frame.words.byteLength)), hex.slice(24));
  }
});
