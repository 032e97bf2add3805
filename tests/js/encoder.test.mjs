/**
 * @file The JavaScript encoders against bytes made by hand.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  decodeFrames,
  encodeHeartbeat,
  encodePositionUpdate,
  encodeStateBatch,
  encodeTick,
  Flag,
} from "../../viewer/agnt-codec.mjs";

const hexOf = (buffer) => Buffer.from(buffer).toString("hex");
const swarmOf = (agents) => Array.from({ length: agents }, (_, id) => ({ id, x: id, y: 0, z: 0 }));

test("a position update", () => {
  const frame = encodePositionUpdate([{ id: 7, x: 1, y: -2.5, z: 0.5, vx: 0.25, vz: -1 }], Flag.KEYFRAME);
  const expected =
    "41474e54 01 10 2000 01000000 07000000 0000803f 000020c0 0000003f 0000803e 00000000 000080bf";
  assert.equal(hexOf(frame), expected.replaceAll(" ", ""));
});

test("an agent that is gone", () => {
  const frame = encodePositionUpdate([{ id: 42, x: NaN, y: 0, z: 0 }]);
  assert.equal(hexOf(frame).slice(24, 40), "2a0000000000c07f");
});

test("a state batch with and without metadata", () => {
  const frame = encodeStateBatch([
    { id: 1, state: 3 },
    { id: 2, state: 2, metadata: { name: "ü" } },
  ]);
  const expected =
    "41474e54 02 00 1f00 02000000 01000000 03 00 02000000 02 01 0d00 7b226e616d65223a22c3bc227d";
  assert.equal(hexOf(frame), expected.replaceAll(" ", ""));
});

test("a heartbeat", () => {
  const frame = encodeHeartbeat({ clientSendUs: 1n, displayedTick: 77, clientFps: 60 });
  const expected = `41474e54 06 00 2000 0100000000000000 ${"00".repeat(16)} 4d000000 3c000000`;
  assert.equal(hexOf(frame), expected.replaceAll(" ", ""));
});

for (const [agents, counts] of [
  [0, [0]],
  [2340, [2340]],
  [2341, [2340, 1]],
  [4681, [2340, 2340, 1]],
]) {
  test(`a tick of ${agents} agents`, () => {
    const frames = encodeTick(swarmOf(agents)).flatMap((frame) => decodeFrames(frame));
    assert.deepEqual(frames.map((frame) => frame.count), counts);
    assert.deepEqual(frames.map((frame) => frame.more), counts.map((_, index) => index < counts.length - 1));
    const ids = frames.flatMap((frame) => Array.from(frame.words.filter((_, word) => word % 7 === 0)));
    assert.deepEqual(ids, swarmOf(agents).map(({ id }) => id));
  });
}

test("more records than a frame holds are refused", () => {
  assert.throws(() => encodePositionUpdate(swarmOf(2341)), RangeError);
});
