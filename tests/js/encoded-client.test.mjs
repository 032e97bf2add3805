/**
 * @file A client that asked for an encoding, a compression or to resume, over a socket that the test plays.
 */

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate as breath } from "node:timers/promises";
import { deflateSync, gzipSync } from "node:zlib";

import { AgntClient } from "../../viewer/agnt-client.mjs";
import { encodePositionUpdate, encodeStateBatch, encodeTick, Flag, RECORD_WORDS } from "../../viewer/agnt-codec.mjs";
import { WAITING_MESSAGES_MAX } from "../../viewer/agnt-inbox.mjs";
import { FakeSocket, join, start } from "./fake-socket.mjs";
import { bitsOfFloat, SlowEncoder } from "./slow-encoder.mjs";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
test.afterEach(() => mock.timers.reset());

const FIXED = { codec: "fixed", positionError: 0.5, velocityError: 0.5 };
const recordOf = (id, x) => ({ id, bits: [x, 0, 0, 0, 0, 0].map(bitsOfFloat) });
const bufferOf = (...parts) => {
  const bytes = Buffer.concat(parts.map((part) => new Uint8Array(part)));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
};

/** A COMPRESSED_BATCH of frames. */
function batchOf(compress, frames, original = undefined) {
  const bytes = Buffer.from(bufferOf(...frames));
  const head = Buffer.from([0x41, 0x47, 0x4e, 0x54, 5, 0, 0, 0, 0]);
  head.writeUInt32LE(original ?? bytes.length, 5);
  return bufferOf(head, compress(bytes));
}

function tickInfo(tick, serverUs) {
  const frame = Buffer.alloc(24);
  frame.set([0x41, 0x47, 0x4e, 0x54, 0x10, 0, 16, 0]);
  frame.writeUInt32LE(tick, 8);
  frame.writeUInt32LE(77, 12);
  frame.writeBigUInt64LE(serverUs, 16);
  return frame;
}

/** What each tick says: its agents with their x, whether it is lent, and what else it tells. */
function watch(connection) {
  const ticks = [];
  connection.on("tick", ({ frames, first, keyframe, info, plainBytes }) => {
    const agents = frames.flatMap(({ count, words, floats }) =>
      Array.from({ length: count }, (_, index) => [words[index * RECORD_WORDS], floats[index * RECORD_WORDS + 1]]),
    );
    ticks.push({ agents, first, keyframe, plainBytes, info: info && { ...info }, lent: frames[0].lent === true });
  });
  return ticks;
}

/** Until what is being inflated has been. */
async function until(holds) {
  const giveUpAt = Date.now() + 20_000;
  while (!holds() && Date.now() < giveUpAt) await breath();
}

test("the handshake says what is asked for", () => {
  const compression = { algorithms: ["zlib", "gzip"], level: 3 };
  const { socket } = start(AgntClient, { encodings: [FIXED, "predict"], compression, resume: true });
  socket.open();
  const handshake = JSON.parse(socket.sent[0]);
  assert.deepEqual(handshake.capabilities, ["binary", "position-encodings", "compression", "resume"]);
  assert.deepEqual(handshake.encodings, [FIXED, "predict"]);
  assert.deepEqual(handshake.compression, compression);
  assert.equal(handshake.resume, undefined);
});

test("a client that may send events has no role", () => {
  const { socket } = start(AgntClient, { role: "both" });
  socket.open();
  assert.equal("role" in JSON.parse(socket.sent[0]), false);
});

test("an algorithm that browsers can't undo is refused at once", () => {
  const compression = { algorithms: ["gzip", "brotli"] };
  assert.throws(() => new AgntClient("http://h", { compression }), /'brotli'.*zlib, deflate, gzip/);
});

test("a server that grants nothing sends plain frames, unparsed", () => {
  const { connection, socket } = start(AgntClient, { encodings: [FIXED] });
  const ticks = watch(connection);
  join(socket, { compression: "none" });
  assert.deepEqual(connection.encoding, { codec: "none", algorithm: "none" });
  socket.deliver(encodePositionUpdate([{ id: 1, x: 2, y: 0, z: 0 }], Flag.KEYFRAME));
  assert.deepEqual(ticks, [
    { agents: [[1, 2]], first: true, keyframe: true, plainBytes: 40, info: null, lent: false },
  ]);
});

test("frames in a codec, plain ones and mixtures come out as whole ticks", () => {
  const { connection, socket } = start(AgntClient, { encodings: [FIXED] });
  const ticks = watch(connection);
  const others = [];
  connection.on("frame", (frame) => others.push(frame));
  join(socket, { encoding: FIXED });
  assert.deepEqual(connection.encoding, { ...FIXED, algorithm: "none" });
  const encoder = new SlowEncoder("fixed", { positionStep: 1, velocityStep: 1 });
  encoder.frame([recordOf(1, 10), recordOf(2, 20), recordOf(3, 30)]);
  for (const frame of encoder.key(2)) socket.deliver(bufferOf(frame));
  socket.deliver(bufferOf(tickInfo(5, 1_700_000_000_000_001n), encoder.frame([recordOf(2, 21)], { more: true })));
  const gone = encodePositionUpdate([{ id: 1, x: NaN, y: 0, z: 0 }]);
  const states = encodeStateBatch([{ id: 1, state: 3 }]);
  socket.deliver(bufferOf(gone, states, encoder.frame([recordOf(3, 31)])));
  assert.deepEqual(ticks, [
    { agents: [[1, 10], [2, 20], [3, 30]], first: true, keyframe: true, plainBytes: 96, info: null, lent: true },
    {
      agents: [[2, 21], [1, NaN]],
      first: false,
      keyframe: false,
      plainBytes: 68,
      info: { tick: 5, epoch: 77, serverTimeUs: 1_700_000_000_000_001 },
      lent: true,
    },
    { agents: [[3, 31]], first: false, keyframe: false, plainBytes: 40, info: null, lent: true },
  ]);
  assert.deepEqual(others.map(({ records }) => records), [[{ id: 1, state: 3, metadata: null }]]);
  assert.equal(connection.plainBytes, 96 + 68 + 40);
});

test("what is lent may be kept if it is no position", () => {
  const { connection, socket } = start(AgntClient, { encodings: ["predict"] });
  const others = [];
  connection.on("frame", (frame) => others.push(frame));
  join(socket, { encoding: "predict" });
  const unknown = (byte) => bufferOf([0x41, 0x47, 0x4e, 0x54, 0x7e, 0, 1, 0, byte]);
  socket.deliver(unknown(1));
  socket.deliver(unknown(2));
  assert.deepEqual(others.map(({ data }) => [...data]), [[1], [2]]);
});

test("a frame that builds on one that never came ends the connection, and the next has a key", () => {
  const { connection, socket, states, last } = start(AgntClient, { encodings: [FIXED] });
  const ticks = watch(connection);
  const faults = [];
  connection.on("fault", ({ kind }) => faults.push(kind));
  join(socket, { encoding: FIXED });
  const encoder = new SlowEncoder("fixed", { positionStep: 1, velocityStep: 1 });
  socket.deliver(bufferOf(encoder.key()[0]));
  encoder.frame([recordOf(1, 1)]);
  socket.deliver(bufferOf(encoder.frame([recordOf(1, 2)])));
  assert.deepEqual(faults, ["LacksReference"]);
  assert.equal(states.at(-1).state, "waiting");
  mock.timers.tick(60_000);
  join(last(), { encoding: FIXED });
  last().deliver(bufferOf(encoder.key()[0]));
  last().deliver(bufferOf(encoder.frame([recordOf(1, 3)])));
  assert.deepEqual(ticks.slice(-2).map(({ agents, first }) => [agents, first]), [[[[1, 2]], true], [[[1, 3]], false]]);
});

for (const [algorithm, compress] of [["zlib", deflateSync], ["deflate", deflateSync], ["gzip", gzipSync]]) {
  test(`${algorithm}: batches are inflated, and everything keeps its order`, async () => {
    const { connection, socket } = start(AgntClient, { compression: { algorithms: [algorithm] } });
    const ticks = watch(connection);
    const order = [];
    connection.on("tick", ({ frames }) => order.push(frames[0].floats[1]));
    connection.on("event", ({ sequence }) => order.push(`event ${sequence}`));
    join(socket, { compression: algorithm });
    const agents = (x) => Array.from({ length: 5000 }, (_, id) => ({ id, x: x + id, y: 0, z: 0 }));
    for (let x = 0; x < 20; x += 1) {
      const frames = encodeTick(agents(x));
      // Two of three ticks are batches, one of which is cut into two messages; the third comes plain.
      if (x % 3 === 0) socket.deliver(batchOf(compress, [tickInfo(x, 1n), ...frames]));
      else if (x % 3 === 1) {
        socket.deliver(batchOf(compress, frames.slice(0, 2)));
        socket.deliver(batchOf(compress, frames.slice(2)));
      } else for (const frame of frames) socket.deliver(frame);
      socket.deliver({ type: "agent.state.changed", sequence: x });
    }
    await until(() => ticks.length === 20);
    assert.deepEqual(order, Array.from({ length: 20 }, (_, x) => [x, `event ${x}`]).flat());
    ticks.forEach((tick, x) => assert.deepEqual(tick.agents.at(-1), [4999, x + 4999]));
    assert.equal(ticks[3].info.tick, 3);
    assert.equal(connection.state, "connected");
  });
}

for (const [name, batch] of [
  ["lies about its size", batchOf(deflateSync, [encodePositionUpdate([])], 13)],
  ["would grow beyond its size", batchOf(deflateSync, [Buffer.alloc(1_000_000)], 1000)],
  ["is another algorithm's", batchOf(gzipSync, [encodePositionUpdate([])])],
  ["is cut short", batchOf((bytes) => deflateSync(bytes).subarray(0, -5), [encodePositionUpdate([])])],
  ["is larger than allowed", batchOf(deflateSync, [Buffer.alloc(2000)])],
  ["holds a batch", batchOf(deflateSync, [batchOf(deflateSync, [encodePositionUpdate([])])])],
  ["holds no frames", batchOf(deflateSync, [Buffer.from("nonsense")])],
]) {
  test(`a batch that ${name} ends the connection`, async () => {
    const { connection, socket } = start(AgntClient, { compression: { algorithms: ["zlib"] } });
    const ticks = watch(connection);
    const faults = [];
    connection.on("fault", (fault) => faults.push(fault));
    join(socket, { compression: "zlib", limits: { inflateBytes: 1500 } });
    socket.deliver(batch);
    await until(() => connection.state !== "connected");
    assert.equal(connection.state, "waiting");
    assert.deepEqual([faults.length, faults[0]?.name], [1, "AgntDecodeError"]);
    assert.deepEqual(ticks, []);
  });
}

test("what waits to be inflated is bounded", () => {
  const { connection, socket, states } = start(AgntClient, { compression: { algorithms: ["zlib"] } });
  join(socket, { compression: "zlib" });
  const batch = batchOf(deflateSync, [encodePositionUpdate([])]);
  for (let message = 0; message <= WAITING_MESSAGES_MAX; message += 1) socket.deliver(batch);
  assert.equal(connection.state, "connected");
  socket.deliver(batch);
  assert.equal(connection.state, "waiting");
  assert.match(states.at(-1).reason, /decompress/);
});

test("what was being inflated when the connection ended has no say in the next", async () => {
  const { connection, socket, last } = start(AgntClient, { compression: { algorithms: ["zlib"] } });
  const ticks = watch(connection);
  join(socket, { compression: "zlib" });
  socket.deliver(batchOf(deflateSync, encodeTick([{ id: 1, x: 1, y: 0, z: 0 }])));
  socket.deliver(batchOf(deflateSync, encodeTick([{ id: 1, x: 2, y: 0, z: 0 }])));
  socket.end(1006);
  mock.timers.tick(60_000);
  join(last(), { compression: "zlib" });
  last().deliver(batchOf(deflateSync, encodeTick([{ id: 1, x: 3, y: 0, z: 0 }])));
  await until(() => ticks.length > 0);
  assert.deepEqual(ticks[0].agents, [[1, 3]]);
  assert.equal(ticks[0].first, true);
});

test("an encoding can be asked for later, and left again", () => {
  const { connection, socket } = start(AgntClient);
  const ticks = watch(connection);
  const encodings = [];
  connection.on("encoding", (encoding) => encodings.push(encoding));
  join(socket);
  socket.deliver(encodePositionUpdate([{ id: 1, x: 1, y: 0, z: 0 }], Flag.MORE));
  assert.equal(connection.negotiate({ algorithms: ["gzip"], level: 9, encodings: [FIXED] }), true);
  const { type, algorithms, preferredLevel, encodings: asked } = JSON.parse(socket.sent.at(-1));
  assert.deepEqual([type, algorithms, preferredLevel, asked], ["compression.negotiate", ["gzip"], 9, [FIXED]]);
  // The tick that had begun comes to its end first.
  socket.deliver(encodePositionUpdate([{ id: 2, x: 2, y: 0, z: 0 }]));
  socket.deliver({ type: "compression.selected", algorithm: "none", level: 9, encoding: FIXED });
  const encoder = new SlowEncoder("fixed", { positionStep: 1, velocityStep: 1 });
  encoder.frame([recordOf(1, 5)]);
  socket.deliver(bufferOf(encoder.key()[0]));
  socket.deliver({ type: "compression.selected", algorithm: "none" });
  socket.deliver(encodePositionUpdate([{ id: 1, x: 6, y: 0, z: 0 }]));
  assert.deepEqual(ticks.map(({ agents, first }) => [agents, first]), [
    [[[1, 1], [2, 2]], true],
    [[[1, 5]], false],
    [[[1, 6]], false],
  ]);
  assert.deepEqual(encodings, [
    { codec: "none", algorithm: "none" },
    { ...FIXED, algorithm: "none", level: 9 },
    { codec: "none", algorithm: "none" },
  ]);
});

test("events, channels, errors and gaps are told apart", () => {
  const { connection, socket } = start(AgntClient);
  const told = [];
  for (const kind of ["event", "channel", "error", "gap"]) {
    connection.on(kind, (detail) => told.push([kind, detail.type ?? detail.code ?? detail.reason ?? detail.channel]));
  }
  join(socket);
  socket.deliver({ type: "message.sent", sequence: 1, payload: {} });
  socket.deliver({ type: "control.execute", id: "c", payload: {} });
  socket.deliver({ channel: "c1", sequence: 4, message: { type: "message.sent" } });
  socket.deliver({ type: "error", payload: { code: "COMMAND_FAILED", message: "no" } });
  socket.deliver({ type: "gap", payload: { channel: "events", from: 2, to: 3, reason: "log bound" } });
  socket.deliver({ type: "ack", id: "x" });
  socket.deliver({ type: "channel.created", channelId: "c1" });
  socket.deliver("null");
  socket.deliver("7");
  assert.deepEqual(told, [
    ["event", "message.sent"],
    ["event", "control.execute"],
    ["channel", "c1"],
    ["error", "COMMAND_FAILED"],
    ["gap", "log bound"],
  ]);
});

test("a new connection resumes where the last one ended", () => {
  const { socket, last } = start(AgntClient, { resume: true });
  join(socket, { sessionId: "one", epoch: "e1", resume: { events: { sequence: 40 }, critical: { sequence: 3 } } });
  socket.deliver({ type: "message.sent", sequence: 41 });
  socket.deliver({ type: "message.sent", sequence: 43 });
  socket.deliver({ type: "message.sent", sequence: 4, log: "critical" });
  socket.deliver({ channel: "c1", sequence: 99, message: {} });
  const reconnect = () => {
    last().end(1006);
    mock.timers.tick(60_000);
    last().open();
    return JSON.parse(last().sent[0]).resume;
  };
  assert.deepEqual(reconnect(), { sessionId: "one", epoch: "e1", channels: { events: 43, critical: 4 } });

  // It goes on in the same epoch: what was missed follows, but for a gap.
  const resumed = { events: { from: 44, to: 60 }, critical: { from: 5, to: 4 } };
  const newest = { events: { sequence: 60 }, critical: { sequence: 4 } };
  last().deliver({ type: "handshake_ack", sessionId: "two", epoch: "e1", resume: newest, resumed });
  last().deliver({ type: "gap", payload: { channel: "events", from: 44, to: 50, reason: "log bound" } });
  assert.deepEqual(reconnect(), { sessionId: "two", epoch: "e1", channels: { events: 50, critical: 4 } });

  // Another epoch: only the new numbers count, and all that is kept of them follows.
  const anew = { resume: { events: { sequence: 9 } }, resumed: { events: { from: 1, to: 9 } } };
  last().deliver({ type: "handshake_ack", sessionId: "three", epoch: "e2", ...anew });
  last().deliver({ type: "gap", payload: { channel: "events", from: 51, to: null, reason: "epoch" } });
  last().deliver({ type: "message.sent", sequence: 1 });
  assert.deepEqual(reconnect(), { sessionId: "three", epoch: "e2", channels: { events: 1 } });
  assert.equal(FakeSocket.all.length, 4);
});
