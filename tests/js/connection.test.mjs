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

class FakeSocket {
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(message) {
    this.sent.push(message);
  }

  close(code) {
    this.closedWith = code ?? null;
  }

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  deliver(data) {
    this.onmessage({ data: typeof data === "object" && !(data instanceof ArrayBuffer) ? JSON.stringify(data) : data });
  }

  end(code, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

function start(Class, options = {}) {
  FakeSocket.all = [];
  const connection = new Class("http://host:1", {
    WebSocketClass: FakeSocket,
    random: () => 0.5,
    ...options,
  });
  const states = [];
  connection.on("state", (change) => states.push(change));
  connection.connect();
  return { connection, states, socket: FakeSocket.all[0], last: () => FakeSocket.all.at(-1) };
}

function join(socket) {
  socket.open();
  socket.deliver({ type: "handshake_ack", sessionId: "s", protocols: ["binary"], heartbeatInterval: 30000 });
}

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
test.afterEach(() => mock.timers.reset());

test("URLs", () => {
  assert.equal(socketUrl("http://h:8080", "a b"), "ws://h:8080/api/visualisation/agents/ws?stream=a+b");
  assert.equal(socketUrl("https://h/"), "wss://h/api/visualisation/agents/ws");
  assert.equal(socketUrl("ws://h/agents/ws?stream=x#y"), "ws://h/agents/ws?stream=x");
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
