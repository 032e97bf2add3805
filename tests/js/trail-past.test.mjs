/**
 * @file Trails that continue when the order of the agents changes.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeFrames, encodePositionUpdate, RECORD_WORDS } from "../../viewer/agnt-codec.mjs";
import { TrailPast } from "../../viewer/trail-past.mjs";

const chunkOf = (agents) =>
  decodeFrames(encodePositionUpdate(agents.map(([id, x]) => ({ id, x, y: 0, z: 0 }))))[0];
const sliceOf = (agents, leftAtMs) => ({ ...chunkOf(agents), leftAtMs });
const readBack = ({ words, floats, count }) =>
  Array.from({ length: count }, (_, index) => [words[index * RECORD_WORDS], floats[index * RECORD_WORDS + 1]]);

test("points are found by id across layers and come in the new order", () => {
  const one = { steppedAtMs: 5, points: () => [[sliceOf([[1, 10], [2, 20]], 6)], [sliceOf([[1, 11]], 4)]] };
  const two = { steppedAtMs: 7, points: () => [[sliceOf([[3, 30]], 8)]] };
  const past = new TrailPast([one, two]);
  assert.equal(past.length, 2);
  assert.equal(past.steppedAtMs, 7);
  assert.deepEqual([past.leftAtMs(0), past.leftAtMs(1)], [8, 4]);
  const now = chunkOf([[3, 0], [9, 0], [1, 0]]);
  assert.deepEqual(readBack(past.chunkAt(now, 0)), [[3, 30], [9, NaN], [1, 10]]);
  assert.deepEqual(readBack(past.chunkAt(now, 1)), [[3, NaN], [9, NaN], [1, 11]]);
});

test("without layers there is no past", () => {
  assert.equal(new TrailPast([]).length, 0);
});
