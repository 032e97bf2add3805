/**
 * @file The swarm against a plain map by id, which is what it must amount to, and its unparsed path.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeFrames, encodeTick, Flag, RECORD_WORDS } from "../../viewer/agnt-codec.mjs";
import { RecordBuffer } from "../../viewer/agnt-records.mjs";
import { Swarm } from "../../viewer/swarm.mjs";

function tickOf(agents, { first = false, keyframe = false } = {}) {
  const frames = encodeTick(agents).flatMap((buffer) => {
    if (keyframe) new Uint8Array(buffer)[5] |= Flag.KEYFRAME;
    return decodeFrames(buffer);
  });
  return { frames, first, keyframe, receivedAtMs: 0 };
}

const agentsOf = (ids, x) => ids.map((id) => ({ id, x: x + id, y: 0, z: 0 }));
const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);

/** Every agent that the layers hold, by id; fails where one is held twice. */
function contents(swarm) {
  const found = new Map();
  for (const { words, floats, count } of swarm.layers().flatMap((layer) => layer.chunks)) {
    for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) {
      assert.ok(!found.has(words[at]), `agent ${words[at]} is in two places`);
      if (!Number.isNaN(floats[at + 1])) found.set(words[at], floats[at + 1]);
    }
  }
  return found;
}

test("steady ticks are kept as the messages that they came in", () => {
  const swarm = new Swarm();
  const ids = range(1, 3000);
  swarm.apply(tickOf(agentsOf(ids.toReversed(), 0), { first: true, keyframe: true }));
  swarm.apply(tickOf(agentsOf(ids, 1)));
  for (const x of range(2, 10)) {
    const tick = tickOf(agentsOf(ids, x));
    swarm.apply(tick);
    const layers = swarm.layers();
    assert.equal(layers.length, 1);
    assert.equal(layers[0].unparsed, true);
    layers[0].chunks.forEach((chunk, index) => assert.equal(chunk.bytes, tick.frames[index].bytes));
    assert.deepEqual(contents(swarm), new Map(ids.map((id) => [id, x + id])));
  }
  assert.equal(swarm.ticksBySlot, 2);
  assert.equal(swarm.ticksUnparsed, 8);
});

/** A tick in the client's own memory, which the next one overwrites. */
class Lender {
  #records = new RecordBuffer();

  tick(agents, options) {
    this.#records.clear();
    for (const { words, count } of tickOf(agents).frames) this.#records.append(words, 0, count);
    const { bytes, count, words, floats } = this.#records;
    return { ...tickOf([], options), frames: [{ kind: "positions", lent: true, bytes, count, words, floats }] };
  }
}

test("lent ticks are kept in one piece, and outlive the memory that they came in", () => {
  const swarm = new Swarm();
  const lender = new Lender();
  const [ids, others] = [range(1, 3000), range(3000, 3050)];
  swarm.apply(lender.tick(agentsOf(ids, 0), { first: true, keyframe: true }));
  for (const x of range(1, 5)) {
    swarm.apply(lender.tick(agentsOf(ids, x)));
    swarm.apply(lender.tick(agentsOf(others, -x)));
    const expected = [...ids.map((id) => [id, x + id]), ...others.map((id) => [id, id - x])];
    assert.deepEqual(contents(swarm), new Map(expected.sort((a, b) => a[0] - b[0])));
  }
  assert.deepEqual(swarm.layers().map(({ unparsed, decoded }) => [unparsed, decoded]), [[false, true], [false, true]]);
  assert.deepEqual([swarm.ticksUnparsed, swarm.ticksDecoded, swarm.ticksBySlot], [0, 7, 2]);
  // A tick of another shape dissolves the run: what is not in it keeps what it had.
  swarm.apply(lender.tick(agentsOf([1, 3001], 100)));
  const found = contents(swarm);
  assert.deepEqual([1, 2, 3000, 3001].map((id) => found.get(id)), [101, 6, 2996, 3101]);
});

test("two publishers have a run each", () => {
  const swarm = new Swarm();
  for (const x of range(0, 4)) {
    swarm.apply(tickOf(agentsOf(range(0, 50), x)));
    swarm.apply(tickOf(agentsOf(range(50, 80), x)));
  }
  assert.deepEqual(swarm.layers().map((layer) => layer.unparsed), [true, true]);
  assert.equal(swarm.agents, 80);
});

test("an agent that goes is not counted, and a run of none is dropped", () => {
  const swarm = new Swarm();
  for (const x of range(0, 3)) swarm.apply(tickOf(agentsOf(range(0, 5), x)));
  swarm.apply(tickOf(agentsOf([0, 1, 2, 3], 9).concat({ id: 4, x: NaN, y: 0, z: 0 })));
  assert.equal(swarm.agents, 4);
  swarm.apply(tickOf(range(0, 5).map((id) => ({ id, x: NaN, y: 0, z: 0 }))));
  assert.equal(swarm.agents, 0);
  assert.deepEqual(swarm.layers(), []);
});

test("the first tick of a connection replaces all", () => {
  const swarm = new Swarm();
  for (const x of range(0, 3)) swarm.apply(tickOf(agentsOf(range(0, 5), x)));
  swarm.apply(tickOf(agentsOf([9], 0), { first: true, keyframe: true }));
  assert.deepEqual(contents(swarm), new Map([[9, 9]]));
  swarm.apply(tickOf([], { first: true, keyframe: true }));
  assert.equal(swarm.agents, 0);
});

test("any mix of ticks amounts to a map by id", () => {
  // A fixed linear congruence: the same mixes in each run.
  let seed = 12345;
  const random = (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 0; round < 60; round += 1) {
    const swarm = new Swarm();
    const expected = new Map();
    const shapes = Array.from({ length: 1 + random(4) }, () => {
      const from = random(40);
      const ids = range(from, from + 1 + random(30));
      return random(2) === 0 ? ids : ids.toReversed();
    });
    for (let step = 0; step < 120; step += 1) {
      const agents = shapes[random(shapes.length)].map((id) => ({
        id,
        x: random(12) === 0 ? NaN : step,
        y: 0,
        z: 0,
      }));
      for (const { id, x } of agents) {
        if (Number.isNaN(x)) expected.delete(id);
        else expected.set(id, x);
      }
      swarm.apply(tickOf(agents, { keyframe: random(10) === 0 }));
      assert.equal(swarm.agents, expected.size);
      const byId = (a, b) => a[0] - b[0];
      assert.deepEqual([...contents(swarm)].sort(byId), [...expected].sort(byId));
    }
  }
});

test("bounds and speeds leave out what is gone or not finite", () => {
  const swarm = new Swarm();
  assert.equal(swarm.bounds(), null);
  swarm.apply(
    tickOf([
      { id: 1, x: -1, y: 2, z: 3, vx: 3, vz: 4 },
      { id: 2, x: 5, y: Infinity, z: -3 },
      { id: 3, x: NaN, y: 99, z: 99 },
    ]),
  );
  assert.deepEqual(swarm.bounds(), { min: [-1, 2, -3], max: [5, 2, 3] });
  assert.deepEqual(swarm.sampleSpeeds(100), [0, 5]);
});
