/**
 * @file What decoding a tick allocates: one view of its message, however many agents it has.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { AgntClient } from "../../viewer/agnt-client.mjs";
import { PositionDecoder } from "../../viewer/agnt-encoding.mjs";
import { RecordBuffer } from "../../viewer/agnt-records.mjs";
import { Swarm } from "../../viewer/swarm.mjs";
import { join, start } from "./fake-socket.mjs";
import { boxPayload, codecFrame, shufflePayload, SlowEncoder } from "./slow-encoder.mjs";
import { SwarmMotion } from "./swarm-motion.mjs";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const AGENTS = 1500;
const SEQUENCE_OFFSET = 12;
const WARM_UP = 2000;
const TICKS = 1000;
/** Between two looks at the heap; few enough that most looks have no collection between them. */
const TICKS_A_LOOK = 20;
/** On a busy machine the compiler's thread comes late, and code that waits for it puts each number on the heap. */
const TRIES_MAX = 5;
/** A view takes some 200 bytes of the heap; the records of one tick would be 42,000. */
const BYTES_A_TICK_MAX = 1024;

/** A message that can be given again and again, since its sequence is written on in place. */
function endless(codec) {
  const motion = new SwarmMotion(AGENTS);
  if (codec === "shuffle") return { key: [], next: always(codecFrame(shufflePayload(motion.records()))) };
  if (codec === "box") return { key: [], next: always(codecFrame(boxPayload(motion.records()).payload)) };
  const steps = codec === "fixed" ? { positionStep: 2 ** -9, velocityStep: 2 ** -7 } : {};
  const encoder = new SlowEncoder(codec, steps);
  encoder.frame(motion.records());
  const key = encoder.key(500).map(({ buffer }) => buffer);
  const { records, weights } = motion.step();
  const { buffer } = encoder.frame(records, { weights });
  const view = new DataView(buffer);
  let sequence = encoder.sequence;
  const next = () => {
    view.setUint32(SEQUENCE_OFFSET, sequence, true);
    sequence += 1;
    return buffer;
  };
  return { key, next };
}

const always = ({ buffer }) => () => buffer;

/**
 * Bytes of the heap that a call takes, garbage included, and how much memory stays after all. Of all looks the middle
 * one counts: code that is compiled anew allocates for a while.
 */
function measure(call) {
  for (let tick = 0; tick < WARM_UP; tick += 1) call();
  collectGarbage();
  const before = process.memoryUsage();
  const looks = [];
  for (let look = 0; look < TICKS / TICKS_A_LOOK; look += 1) {
    const { heapUsed } = process.memoryUsage();
    for (let tick = 0; tick < TICKS_A_LOOK; tick += 1) call();
    const taken = process.memoryUsage().heapUsed - heapUsed;
    if (taken >= 0) looks.push(taken / TICKS_A_LOOK);
  }
  assert.ok(looks.length > 0, "a look without a collection in between");
  collectGarbage();
  const after = process.memoryUsage();
  return {
    bytesPerTick: looks.sort((one, other) => one - other)[looks.length >> 1],
    heapKept: after.heapUsed - before.heapUsed,
    buffersKept: after.arrayBuffers - before.arrayBuffers,
  };
}

const HEAP_KEPT_MAX = 100_000;

const isFlat = ({ bytesPerTick, heapKept, buffersKept }) =>
  bytesPerTick < BYTES_A_TICK_MAX && heapKept < HEAP_KEPT_MAX && buffersKept <= 0;

function assertFlat(t, call) {
  let found;
  for (let tries = 0; tries < TRIES_MAX && !(found && isFlat(found)); tries += 1) {
    found = measure(call);
    t.diagnostic(`${found.bytesPerTick.toFixed(0)} bytes a tick; kept ${found.heapKept} and ${found.buffersKept}`);
  }
  assert.ok(found.bytesPerTick < BYTES_A_TICK_MAX, `${found.bytesPerTick} bytes of the heap a tick`);
  assert.ok(found.heapKept < HEAP_KEPT_MAX, `${found.heapKept} bytes more on the heap after ${TICKS} ticks`);
  // Buffers that were let go before are counted off late.
  assert.ok(found.buffersKept <= 0, `${found.buffersKept} bytes more in buffers after ${TICKS} ticks`);
}

for (const codec of ["fixed", "predict", "box", "shuffle"]) {
  test(`${codec}: decoding allocates a view and no more`, (t) => {
    const { key, next } = endless(codec);
    const decoder = new PositionDecoder();
    const out = new RecordBuffer();
    for (const frame of key) decoder.decode(frame, 0, out);
    assertFlat(t, () => {
      out.clear();
      decoder.decode(next(), 0, out);
    });
    assert.equal(out.count, AGENTS);
  });
}

test("from the socket to the swarm nothing grows with the agents", (t) => {
  const { key, next } = endless("fixed");
  const { connection, socket } = start(AgntClient, { encodings: ["fixed"] });
  t.after(() => connection.close());
  const swarm = new Swarm();
  connection.on("tick", (tick) => swarm.apply(tick));
  join(socket, { encoding: "fixed" });
  for (const frame of key) socket.deliver(frame);
  assertFlat(t, () => socket.deliver(next()));
  assert.equal(swarm.agents, AGENTS);
  assert.ok(swarm.ticksDecoded > TICKS, `${swarm.ticksDecoded} ticks kept in one piece`);
});
