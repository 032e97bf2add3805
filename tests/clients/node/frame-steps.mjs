// What goes as binary frames: positions, events, heartbeats, errors, compression.

import zlib from "node:zlib";

import * as agnt from "./agnt-frame.mjs";
import { Session, check, checkEqual } from "./session.mjs";

const AGENTS = [
  [7, 1, -2.5, 0.5, 0.25, 0, -1],
  [8, 0, 4, 16, 0.5, 0.5, 0.5],
];

// Document C's "deflate" is that of HTTP: with the head of zlib.
const ALGORITHMS = {
  gzip: [zlib.gzipSync, zlib.gunzipSync],
  deflate: [zlib.deflateSync, zlib.inflateSync],
  brotli: [zlib.brotliCompressSync, zlib.brotliDecompressSync],
};

const sorted = (agents) => [...agents].sort((one, other) => one[0] - other[0]);
const isKey = (frame) => (frame.flags & agnt.KEYFRAME) !== 0;

async function pair(url, capabilities = []) {
  const publisher = await Session.open(url(), ["binary"], { clientId: "publisher" });
  const viewer = await Session.open(url(), ["binary", ...capabilities], { clientId: "viewer" });
  await viewer.expectState();
  return { publisher, viewer };
}

async function positions(url) {
  const { publisher, viewer } = await pair(url);
  publisher.send(agnt.writePositions(AGENTS));
  const frame = await viewer.expectFrame(agnt.POSITION_UPDATE);
  checkEqual(agnt.readPositions(frame), AGENTS, "records");
  check(!isKey(frame), "a live frame has no KEYFRAME");
  const late = await Session.open(url(), ["binary"]);
  checkEqual(sorted(agnt.readPositions(await late.expectState())), AGENTS, "records of the key");
}

async function positionsAsJson(url) {
  const { publisher } = await pair(url);
  const reader = await Session.open(url(), ["json"]);
  publisher.send(agnt.writePositions(AGENTS));
  const batch = await reader.expectType("agent.position.batch", ({ payload }) => payload.agents.length === 2);
  const { numericId, x, y, z, vx, vy, vz } = batch.payload.agents.find((agent) => agent.numericId === 7);
  checkEqual([numericId, x, y, z, vx, vy, vz], AGENTS[0], "agent 7");
}

async function events(url) {
  const { publisher, viewer } = await pair(url, ["state-metadata"]);
  const reader = await Session.open(url(), ["json"]);
  const states = [[7, 3, '{"name":"agent-007"}']];
  publisher.send(agnt.writeStates(states));
  checkEqual(agnt.readStates(await viewer.expectFrame(agnt.STATE_BATCH)), states, "states");
  const { payload } = await reader.expectType("agent.state.changed");
  checkEqual([payload.agentId, payload.numericId], ["agent-007", 7], "the same in JSON");
  const metrics = [{ id: 7, tasks: 42, success: 0.5, averageMs: 234, cpuPercent: 67, memoryBytes: 104857600n }];
  publisher.send(agnt.writeMetrics(metrics));
  checkEqual(agnt.readMetrics(await viewer.expectFrame(agnt.PERFORMANCE_METRICS)), metrics, "metrics");
  const told = await reader.expectType("agent.performance.update");
  checkEqual(told.payload.metrics.tasksCompleted, 42, "tasksCompleted in JSON");
}

async function coordination(url) {
  const { publisher, viewer } = await pair(url);
  const payload = Buffer.alloc(24);
  payload.writeUInt32LE(123, 0);
  payload.set([1, 1, 1, 0], 4);
  payload.writeFloatLE(0.5, 8);
  payload.writeUInt32LE(7, 12);
  payload.writeUInt32LE(8, 16);
  payload.set([1, 1, 0, 0], 20);
  publisher.send(agnt.write(agnt.COORDINATION_EVENT, payload));
  const frame = await viewer.expectFrame(agnt.COORDINATION_EVENT);
  checkEqual(frame.payload.toString("hex"), payload.toString("hex"), "payload");
}

async function heartbeats(url) {
  const session = await Session.open(url(), ["binary"]);
  await session.settle();
  session.send(agnt.write(agnt.HEARTBEAT));
  checkEqual((await session.expectFrame(agnt.HEARTBEAT)).payload.length, 0, "bytes of an empty answer");
  const stamps = Buffer.alloc(32);
  stamps.writeBigUInt64LE(123456n, 0);
  stamps.writeUInt32LE(9, 24);
  session.send(agnt.write(agnt.HEARTBEAT, stamps));
  const { payload } = await session.expectFrame(agnt.HEARTBEAT);
  checkEqual([payload.readBigUInt64LE(0), payload.readUInt32LE(24)], [123456n, 9], "own stamps");
  check(payload.readBigUInt64LE(8) <= payload.readBigUInt64LE(16), "the server's stamps are in order");
  const pong = new Promise((resolve) => session.socket.once("pong", resolve));
  session.socket.ping("life");
  checkEqual((await pong).toString(), "life", "pong");
}

async function malformed(url) {
  const session = await Session.connect(url(undefined, { protocols: "binary" }));
  await session.expectState();
  const whole = agnt.writePositions(AGENTS);
  const reversed = Buffer.concat([Buffer.from("TNGA"), whole.subarray(4)]);
  for (const wrong of [reversed, whole.subarray(0, -1), agnt.write(agnt.POSITION_UPDATE, Buffer.from([5, 0, 0, 0]))]) {
    session.send(wrong);
    const error = agnt.readError(await session.expectFrame(agnt.ERROR));
    checkEqual([error.code, error.recoverable], [3, true], error.text);
  }
  session.send(Buffer.concat([agnt.write(0x77, Buffer.from("of the future")), agnt.write(agnt.HEARTBEAT)]));
  await session.expectFrame(agnt.HEARTBEAT);
}

async function fragments(url) {
  const { publisher, viewer } = await pair(url);
  const whole = agnt.writePositions(AGENTS);
  publisher.socket.send(whole.subarray(0, 3), { fin: false });
  publisher.socket.send(whole.subarray(3, 20), { fin: false });
  publisher.socket.send(whole.subarray(20), { fin: true });
  checkEqual(agnt.readPositions(await viewer.expectFrame(agnt.POSITION_UPDATE)), AGENTS, "records");
}

async function compression(url, algorithm) {
  const [deflate, inflate] = ALGORITHMS[algorithm];
  const { publisher, viewer } = await pair(url, ["compression"]);
  for (const session of [publisher, viewer]) {
    session.inflate = inflate;
    const asked = { type: "compression.negotiate", algorithms: [algorithm], preferredLevel: 6 };
    const answer = await session.ask(asked, "compression.selected");
    checkEqual(answer.algorithm, algorithm, "algorithm");
  }
  const many = Array.from({ length: 500 }, (_, index) => [index + 1, 1, 2, 3, 0, 0, 0]);
  const plain = agnt.writePositions(many);
  publisher.send(agnt.writeCompressed(plain.length, deflate(plain)));
  const frame = await viewer.expectFrame(
    agnt.POSITION_UPDATE,
    (each) => each.wasCompressed && each.payload.length === plain.length - 8,
  );
  checkEqual(sorted(agnt.readPositions(frame)), many, "records");
  publisher.send(agnt.writeCompressed(plain.length + 1, deflate(plain)));
  await publisher.expectError("INVALID_MESSAGE");
  return `${plain.length} bytes in both directions`;
}

export const steps = [
  ["POSITION_UPDATE: records come bit for bit, and to who joins later as a key", positions],
  ["agent.position.batch: the same positions for who speaks JSON", positionsAsJson],
  ["STATE_BATCH and PERFORMANCE_METRICS: as frames, and as events in JSON", events],
  ["COORDINATION_EVENT: comes as it was sent", coordination],
  ["heartbeats: JSON, AGNT empty, AGNT with stamps, WebSocket ping", heartbeats],
  ["malformed frames: an ERROR frame to who speaks no JSON, the connection is kept", malformed],
  ["a message in WebSocket fragments is one message", fragments],
  ...Object.keys(ALGORITHMS).map((algorithm) => [
    `compression with ${algorithm}, opened and made by node:zlib`,
    (url) => compression(url, algorithm),
  ]),
];
