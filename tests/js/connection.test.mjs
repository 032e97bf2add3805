/**
 * @file Handshake, ticks, heartbeat, reconnect and backpressure over a socket that the test plays.
 */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { backoffMs, BASE_MS, CAP_MS, reconnectHintMs } from "../../viewer/agnt-backoff.mjs";
import { AgntClient } from "../../viewer/agnt-client.mjs";
import { decodeFrames, encodePositionUpdate, encodeTick, Flag } from "../../viewer/agnt-codec.mjs";
import { HANDSHAKE_MS, HEARTBEAT_MS, socketUrl } from "../../viewer/agnt-connection.mjs";
import { AgntPublisher, BUFFERED_BYTES_MAX } from "../../viewer/agnt-publisher.mjs";
import { Credential, CredentialRefused } from "../../viewer/credential.mjs";
import { FakeSocket, join, start } from "./fake-socket.mjs";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
test.afterEach(() => mock.timers.reset());

test("URLs", () => {
  assert.equal(socketUrl("http://h:8080", "a-b"), "ws://h:8080/api/visualisation/agents/ws?stream=a-b");
  assert.equal(socketUrl("https://h/"), "wss://h/api/visualisation/agents/ws");
  assert.equal(socketUrl("ws://h/agents/ws?stream=x#y"), "ws://h/agents/ws?stream=x");
  for (const stream of ["", "a b", "é", "x".repeat(129)]) {
    assert.throws(() => socketUrl("http://h", stream), (fault) => {
      return fault instanceof RangeError && fault.message.startsWith(`stream: '${stream}' is not a name; allowed are`);
    });
  }
});

test("handshake", () => {
  const { connection, states, socket } = start(AgntClient, { clientId: "me", stream: "s" });
  assert.equal(socket.url, "ws://host:1/api/visualisation/agents/ws?stream=s");
  socket.open();
  const { timestamp, ...handshake } = JSON.parse(socket.sent[0]);
  const expected = { type: "handshake", version: "1.0.0", capabilities: ["binary"], clientId: "me", role: "viewer" };
  assert.deepEqual(handshake, expected);
  assert.equal(new Date(timestamp).toISOString(), timestamp);
  assert.equal(connection.state, "connecting");
  socket.deliver({ type: "handshake_ack", sessionId: "s" });
  assert.equal(connection.state, "connected");
  assert.equal(connection.session.sessionId, "s");
  assert.deepEqual(states.map(({ state }) => state), ["connecting", "connected"]);
});

test("a server that never answers the handshake is left", () => {
  const { connection, socket } = start(AgntClient);
  socket.open();
  mock.timers.tick(HANDSHAKE_MS);
  assert.equal(connection.state, "waiting");
  assert.equal(socket.closedWith, null);
});

test("ticks are whole, and the first replaces what was known", () => {
  const { connection, socket } = start(AgntClient);
  const ticks = [];
  connection.on("tick", ({ frames, first, keyframe }) =>
    ticks.push({ counts: frames.map(({ count }) => count), first, keyframe }),
  );
  join(socket);
  const agents = Array.from({ length: 2341 }, (_, id) => ({ id, x: 0, y: 0, z: 0 }));
  socket.deliver(encodePositionUpdate(agents.slice(0, 3), Flag.KEYFRAME));
  for (const frame of encodeTick(agents)) socket.deliver(frame);
  assert.deepEqual(ticks, [
    { counts: [3], first: true, keyframe: true },
    { counts: [2340, 1], first: false, keyframe: false },
  ]);
});

test("a tick that a state tick cuts off is not shown", () => {
  const { connection, socket } = start(AgntClient);
  const counts = [];
  connection.on("tick", ({ frames }) => counts.push(frames.map(({ count }) => count)));
  join(socket);
  const one = [{ id: 1, x: 0, y: 0, z: 0 }];
  socket.deliver(encodePositionUpdate(one, Flag.MORE));
  socket.deliver(encodePositionUpdate([], Flag.KEYFRAME));
  assert.deepEqual(counts, [[0]]);
  assert.equal(connection.ticksIncomplete, 1);
});

test("what cannot be decoded is reported and the connection goes on", () => {
  const { connection, socket } = start(AgntClient);
  const faults = [];
  connection.on("fault", (fault) => faults.push(fault.kind ?? fault.name));
  join(socket);
  socket.deliver(new Uint8Array([1, 2, 3]).buffer);
  socket.deliver("{");
  assert.deepEqual(faults, ["BadMagic", "SyntaxError"]);
  assert.equal(connection.state, "connected");
});

test("JSON heartbeats are answered", () => {
  const { socket } = start(AgntClient);
  join(socket);
  socket.deliver({ type: "heartbeat", timestamp: 7 });
  assert.deepEqual(JSON.parse(socket.sent.at(-1)), { type: "heartbeat_ack", timestamp: 7 });
});

test("heartbeats measure the round trip and the server's clock", () => {
  let nowMs = 1000;
  const { connection, socket } = start(AgntClient, { nowMs: () => nowMs });
  join(socket);
  const heartbeat = socket.sent.at(-1);
  const view = new DataView(heartbeat);
  assert.equal(view.getBigUint64(8, true), 1_000_000n);
  view.setBigUint64(16, 51_004_000n, true);
  view.setBigUint64(24, 51_006_000n, true);
  nowMs = 1010;
  socket.deliver(heartbeat);
  assert.equal(connection.roundTripMs, 8);
  assert.equal(connection.clockOffsetMs, 50_000);
});

test("a server that falls silent is left, one that answers is kept", () => {
  const { connection, socket } = start(AgntClient);
  join(socket);
  for (let beat = 0; beat < 10; beat += 1) {
    mock.timers.tick(HEARTBEAT_MS);
    socket.deliver(socket.sent.at(-1));
  }
  assert.equal(connection.state, "connected");
  for (let beat = 0; beat < 4; beat += 1) mock.timers.tick(HEARTBEAT_MS);
  assert.equal(connection.state, "waiting");
});

test("reconnects with full jitter, after the server's hint where it gave one", () => {
  const { connection, states, socket, last } = start(AgntClient);
  join(socket);
  socket.end(1001, '{"reconnect_ms":1234}');
  assert.equal(states.at(-1).retryInMs, 1234 + BASE_MS / 2);
  mock.timers.tick(1234 + BASE_MS / 2 - 1);
  assert.equal(connection.state, "waiting");
  mock.timers.tick(1);
  assert.equal(connection.state, "connecting");
  last().end(1006);
  assert.equal(states.at(-1).retryInMs, BASE_MS);
  mock.timers.tick(BASE_MS);
  join(last());
  assert.equal(connection.state, "connected");
  assert.equal(FakeSocket.all.length, 3);
});

test("a refusal is final until someone asks again", () => {
  const { connection, socket, last } = start(AgntClient);
  join(socket);
  socket.end(4403, "not yours");
  assert.equal(connection.state, "disconnected");
  mock.timers.tick(CAP_MS * 2);
  assert.equal(FakeSocket.all.length, 1);
  connection.connect();
  join(last());
  assert.equal(connection.state, "connected");
});

test("closing ends it, and an old socket has no say", () => {
  const { connection, socket } = start(AgntClient);
  join(socket);
  connection.close();
  assert.equal(socket.closedWith, 1000);
  socket.end(1000);
  mock.timers.tick(CAP_MS);
  assert.equal(connection.state, "disconnected");
  assert.equal(FakeSocket.all.length, 1);
});

test("backoff grows to its cap and hints are read from what is left of a reason", () => {
  const almostOne = () => 0.999_999;
  assert.deepEqual([0, 1, 2, 5, 6, 50].map((attempt) => backoffMs(attempt, 0, almostOne)), [
    500, 1000, 2000, 16_000, 30_000, 30_000,
  ]);
  assert.equal(backoffMs(9, 0, () => 0), 0);
  assert.equal(reconnectHintMs('{"reconnect_ms":250}'), 250);
  assert.equal(reconnectHintMs('going away {"reconnect_ms": 250, "x'), 250);
  assert.equal(reconnectHintMs("bye"), 0);
  assert.equal(reconnectHintMs('{"reconnect_ms":-5}'), 0);
  assert.equal(reconnectHintMs('{"reconnect_ms":999999999}'), 300_000);
});

test("a publisher splits its ticks, and skips them while the network is behind", () => {
  const { connection, socket } = start(AgntPublisher);
  const agents = Array.from({ length: 2341 }, (_, id) => ({ id, x: 0, y: 0, z: 0 }));
  assert.equal(connection.publish(agents), false);
  join(socket);
  assert.equal(JSON.parse(socket.sent[0]).role, "publisher");
  const before = socket.sent.length;
  assert.equal(connection.publish(agents), true);
  const frames = socket.sent.slice(before).flatMap((message) => decodeFrames(message));
  assert.deepEqual(frames.map(({ count, more }) => [count, more]), [[2340, true], [1, false]]);
  socket.bufferedAmount = BUFFERED_BYTES_MAX + 1;
  assert.equal(connection.publish(agents), false);
  socket.bufferedAmount = 0;
  assert.equal(connection.publish(agents), true);
  assert.deepEqual([connection.ticksSent, connection.ticksSkipped], [2, 2]);
  assert.equal(connection.describe([{ id: 1, name: "one", type: "scout" }]), true);
  assert.deepEqual(decodeFrames(socket.sent.at(-1))[0].records, [
    { id: 1, state: 2, metadata: { json: '{"name":"one","type":"scout"}' } },
  ]);
});

test("a ticket opens each socket, and a refusal ends it", async () => {
  const given = ["agntticket_1", null];
  const ticket = async () => {
    if (given.length > 0) return given.shift();
    throw new CredentialRefused();
  };
  FakeSocket.all = [];
  const connection = new AgntClient("http://host:1", { WebSocketClass: FakeSocket, ticket, random: () => 0.5 });
  const states = [];
  connection.on("state", (change) => states.push(change));
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  connection.connect();
  await settled();
  assert.match(FakeSocket.all[0].url, /[?&]ticket=agntticket_1$/);
  FakeSocket.all[0].end(1006);
  connection.connect();
  await settled();
  assert.doesNotMatch(FakeSocket.all[1].url, /ticket/);
  FakeSocket.all[1].end(1006);
  connection.connect();
  await settled();
  assert.equal(FakeSocket.all.length, 2);
  assert.deepEqual([connection.state, states.at(-1).code], ["disconnected", 4401]);
});

test("who is turned away in the handshake does not try again", () => {
  for (const [reason, code] of [["credentials", 4401], ["scope", 4403]]) {
    const { connection, states, socket } = start(AgntClient);
    socket.open();
    socket.deliver({ type: "error", payload: { code: "AUTH_FAILED", message: "no", details: { reason } } });
    assert.deepEqual([connection.state, states.at(-1).code, states.at(-1).reason], ["disconnected", code, "no"]);
    assert.equal(socket.closedWith, 1000);
  }
});

test("the credential of the page asks for tickets only where there is something to show", async () => {
  const asked = [];
  const answers = [{ ok: true, status: 201, json: async () => ({ ticket: "t" }) }, { ok: false, status: 401 }];
  const credential = new Credential(async (url, request) => {
    asked.push([url, request.method, request.headers]);
    return answers.shift();
  });
  assert.equal(await credential.ticket(), null);
  credential.use(" a.b.c ");
  assert.equal(await credential.ticket(), "t");
  await assert.rejects(credential.ticket(), CredentialRefused);
  assert.deepEqual(asked[0], ["/api/v1/auth/ticket", "POST", { Authorization: "Bearer a.b.c" }]);
  assert.equal(asked.length, 2);
});
