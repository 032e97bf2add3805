/**
 * @file The clients for documents A and B over a socket that the test plays: messages as the documents show them,
 * reconnecting by document A's numbers, answers matched to requests, bounds, and events without a hole.
 */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { HEARTBEAT_MS, REQUESTS_MAX, STABLE_MS } from "../../viewer/agent-socket.mjs";
import { ApiV1Client } from "../../viewer/api_v1.js";
import { RECONNECT_POLICY, reconnectDelayMs, V1Client } from "../../viewer/v1.js";
import { FakeSocket, start } from "./fake-socket.mjs";

const TIMEOUT_MS = 1000;

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
test.afterEach(() => mock.timers.reset());

const sentBy = (socket) => socket.sent.map((text) => JSON.parse(text));
const settled = () => new Promise((resolve) => setImmediate(resolve));
/** Answers of document A, enveloped; of document B, bare. */
const told = (payload, to) => ({ type: "response", id: "x", timestamp: "t", correlation_id: to, payload });
const event = (sequence) => ({ id: "e", event_type: "task.created", payload: {}, topic: "task.x.created", sequence });

test("the numbers are document A's, with full jitter", () => {
  assert.deepEqual(RECONNECT_POLICY, { initialDelayMs: 1000, maxDelayMs: 30000, backoffFactor: 2, maxAttempts: 10 });
  const most = [0, 1, 2, 3, 4, 5, 6, 9].map((attempt) => reconnectDelayMs(attempt, 0, () => 1));
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  assert.equal(reconnectDelayMs(5, 0, () => 0), 0);
  assert.equal(reconnectDelayMs(0, 700, () => 0.5), 1200);
});

for (const [Class, path] of [
  [V1Client, "/v1/ws"],
  [ApiV1Client, "/api/v1/ws"],
]) {
  test(`${Class.name}: addresses, and headers where the socket takes them`, () => {
    assert.equal(start(Class, { agentId: "a-1" }).socket.url, `ws://host:1${path}?agent_id=a-1`);
    const given = [];
    class Socket extends FakeSocket {
      constructor(...parts) {
        super(parts[0]);
        given.push(parts.slice(1));
      }
    }
    start(Class, { WebSocketClass: Socket, headers: { "X-API-Key": "agnt_x" } });
    start(Class, { WebSocketClass: Socket });
    assert.deepEqual(given, [[[], { headers: { "X-API-Key": "agnt_x" } }], []]);
  });

  test(`${Class.name}: ten attempts, then it gives up; connect() begins anew`, () => {
    const { connection, states } = start(Class);
    for (let attempt = 0; attempt <= RECONNECT_POLICY.maxAttempts; attempt += 1) {
      assert.equal(FakeSocket.all.length, attempt + 1);
      FakeSocket.all.at(-1).end(1006);
      mock.timers.tick(30_000);
    }
    assert.equal(FakeSocket.all.length, RECONNECT_POLICY.maxAttempts + 1);
    assert.equal(connection.state, "disconnected");
    const waits = states.filter(({ state }) => state === "waiting").map(({ retryInMs }) => retryInMs);
    assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000, 15000]);
    connection.connect();
    assert.equal(FakeSocket.all.length, RECONNECT_POLICY.maxAttempts + 2);
  });

  test(`${Class.name}: a hint is waited for, a refusal is final`, () => {
    const { states, socket } = start(Class);
    socket.open();
    socket.end(1001, '{"reconnect_ms":700}');
    assert.equal(states.at(-1).retryInMs, 700 + 500);
    const refused = start(Class);
    refused.socket.open();
    refused.socket.end(4401, "revoked");
    assert.deepEqual([refused.connection.state, refused.states.at(-1).reason], ["disconnected", "revoked"]);
  });

  test(`${Class.name}: a good connection is followed by a short delay again`, () => {
    let nowMs = 1;
    const { connection, states, last } = start(Class, { nowMs: () => nowMs });
    for (let attempt = 0; attempt < 4; attempt += 1) {
      last().end(1006);
      mock.timers.tick(30_000);
    }
    last().open();
    nowMs += STABLE_MS;
    last().end(1006);
    assert.equal(states.at(-1).retryInMs, 500);
    connection.close();
  });

  test(`${Class.name}: a silent server is left`, () => {
    const { connection, socket } = start(Class);
    socket.open();
    for (let beat = 0; beat < 3; beat += 1) mock.timers.tick(HEARTBEAT_MS);
    assert.equal(sentBy(socket).filter(({ type }) => type === "heartbeat").length, 3);
    socket.deliver({ type: "heartbeat" });
    for (let beat = 0; beat < 3; beat += 1) mock.timers.tick(HEARTBEAT_MS);
    assert.equal(connection.state, "connected");
    mock.timers.tick(HEARTBEAT_MS);
    assert.equal(connection.state, "waiting");
  });

  test(`${Class.name}: what waits is bound, and is sent when there is a connection`, async () => {
    const { connection, socket } = start(Class, { queueBytesMax: 3000 });
    assert.equal(connection.post({ text: "a".repeat(400) }), true);
    assert.equal(connection.post({ text: "b".repeat(800) }), false);
    await assert.rejects(connection.publish("a.b", { text: "c".repeat(800) }), { code: "QUEUE_FULL" });
    socket.open();
    assert.deepEqual(sentBy(socket).filter(({ text }) => text !== undefined), [{ text: "a".repeat(400) }]);
    socket.bufferedAmount = 2900;
    assert.equal(connection.post({ text: "d".repeat(100) }), false);
  });

  test(`${Class.name}: every request ends, and at most ${REQUESTS_MAX} wait`, async () => {
    const { connection, socket, last } = start(Class);
    socket.open();
    const ends = [];
    const note = (promise) => promise.then((value) => ends.push(value), ({ code }) => ends.push(code));
    for (let index = 0; index <= REQUESTS_MAX; index += 1) note(connection.publish("a.b", {}));
    await settled();
    assert.deepEqual(ends, ["QUEUE_FULL"]);
    socket.end(1006);
    await settled();
    assert.deepEqual(new Set(ends.slice(1)), new Set(["CONNECTION_LOST"]));
    assert.equal(ends.length, REQUESTS_MAX + 1);
    // What was not sent yet isn't lost with the connection, but does not wait for ever either.
    note(connection.publish("a.c", {}));
    mock.timers.tick(30_000);
    await settled();
    assert.equal(ends.at(-1), "TIMEOUT");
    mock.timers.tick(30_000);
    last().open();
    assert.ok(!last().sent.some((text) => text.includes("a.c")), "nobody waits for it any more");
    note(connection.publish("a.d", {}));
    connection.close();
    await settled();
    assert.equal(ends.at(-1), "CLOSED");
  });
}

test("document A: subscriptions, events, commands, publications", async () => {
  const { connection, socket } = start(V1Client);
  const events = [];
  connection.on("event", ({ event_type: type }) => events.push(type));
  const id = connection.subscribe(["task.>"], { filters: { priority: ["high"] } });
  socket.open();
  assert.deepEqual(sentBy(socket), [
    { type: "unsubscribe", subscription_id: "protocol" },
    { type: "subscribe", id, topics: ["task.>"], filters: { priority: ["high"] } },
  ]);
  const happened = { type: "event", id: "e", timestamp: "t", event_type: "task_assigned", payload: {}, sequence: 4 };
  socket.deliver(happened);
  assert.deepEqual(events, [], "nobody asked for it yet");
  socket.deliver(told({ status: "subscribed", subscription_id: id, from: 4 }, id));
  socket.deliver({ ...happened, sequence: 5 });
  assert.deepEqual(events, ["task_assigned"]);

  const result = connection.command("a-1", "execute", { path: "x" }, { timeoutMs: 5000 });
  const command = sentBy(socket).at(-1);
  const { id: commandId, timestamp, ...rest } = command;
  const payload = { agent_id: "a-1", command_type: "execute", payload: { path: "x" }, timeout_ms: 5000 };
  assert.deepEqual(rest, { type: "command", payload });
  assert.match(commandId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Date(timestamp).toISOString(), timestamp);
  socket.deliver(told({ status: "accepted", command_id: commandId }, commandId));
  socket.deliver(told({ status: "completed", agent_id: "a-1", result: { lines: 3 } }, commandId));
  assert.deepEqual(await result, { lines: 3 });

  const failing = connection.command("a-1", "pause");
  socket.deliver(told({ status: "failed", error: [{ message: "no" }] }, sentBy(socket).at(-1).id));
  await assert.rejects(failing, { code: "failed", message: "no" });
  const refused = connection.command("nobody", "pause");
  const error = { error_code: "NOT_FOUND", message: "there is no agent", trace_id: "t" };
  socket.deliver({ type: "error", id: "x", correlation_id: sentBy(socket).at(-1).id, payload: error });
  await assert.rejects(refused, { code: "NOT_FOUND", message: "there is no agent" });
  const late = connection.command("a-1", "execute", {}, { timeoutMs: TIMEOUT_MS });
  mock.timers.tick(TIMEOUT_MS);
  await assert.rejects(late, { code: "TIMEOUT" });

  const published = connection.publish("deploy.done", { ok: true });
  const { id: publicationId, ...publication } = sentBy(socket).at(-1);
  assert.deepEqual(publication, { type: "publish", topic: "deploy.done", data: { ok: true } });
  socket.deliver(told({ status: "published", sequence: 9 }, publicationId));
  assert.equal(await published, 9);
});

test("document A: an agent hears commands and answers them", () => {
  const { connection, socket } = start(V1Client, { agentId: "a-1" });
  const heard = [];
  connection.on("command", ({ id, payload }) => {
    heard.push(payload.command_type);
    connection.answer(id, { result: { ok: true } });
  });
  socket.open();
  socket.deliver({ type: "command", id: "c-1", timestamp: "t", payload: { command_type: "pause", agent_id: "a-1" } });
  const { id, timestamp, ...answer } = sentBy(socket).at(-1);
  assert.deepEqual(heard, ["pause"]);
  assert.deepEqual(answer, {
    type: "response",
    correlation_id: "c-1",
    payload: { status: "completed", result: { ok: true } },
  });
  assert.ok(id && timestamp);
});

test("document B: subscriptions, publications, requests and their answers", async () => {
  const { connection, socket } = start(ApiV1Client);
  const heard = [];
  connection.on("event", ({ event_type: type }) => heard.push(type));
  connection.on("publication", ({ topic }) => heard.push(topic));
  const topics = ["task.*.completed", "workflow.stage_completed", "system.alerts"];
  const filters = { priority: ["high", "critical"], project_id: "proj-456" };
  connection.subscribe(topics, { filters, id: "mine" });
  socket.open();
  assert.deepEqual(sentBy(socket), [{ subscription: { id: "mine", topics, filters } }]);
  socket.deliver({ subscribed: { subscription_id: "mine", id: "mine", from: 0 } });
  socket.deliver({ id: "msg-001", event_type: "task.progress", payload: { task_id: "task-001" }, sequence: 1 });
  socket.deliver({ publication: { topic: "task.code_generation.completed", data: {}, sequence: 2 } });
  assert.deepEqual(heard, ["task.progress", "task.code_generation.completed"]);

  const answer = connection.request("code-gen-001", "generate_code", { template_id: "x" }, { timeoutMs: 300_000 });
  const { request } = sentBy(socket).at(-1);
  const { id, ...rest } = request;
  assert.deepEqual(rest, { type: "generate_code", target: "code-gen-001", data: { template_id: "x" }, timeout: 300 });
  const response = { id: "resp-001", request_id: id, status: "success", data: { execution_time: 45.2 }, errors: [] };
  socket.deliver({ response });
  assert.deepEqual(await answer, { execution_time: 45.2 });

  const away = connection.request("code-gen-001", "generate_code");
  const error = { code: "AGENT_UNAVAILABLE", message: "away", details: { retry_after: 60 } };
  socket.deliver({ error: { ...error, correlation_id: sentBy(socket).at(-1).request.id } });
  await assert.rejects(away, { code: "AGENT_UNAVAILABLE", details: { retry_after: 60 } });

  const published = connection.publish("a.b", { x: 1 });
  const { publication } = sentBy(socket).at(-1);
  assert.deepEqual([publication.topic, publication.data], ["a.b", { x: 1 }]);
  socket.deliver({ published: { id: publication.id, sequence: 3 } });
  assert.equal(await published, 3);
});

test("document B: an agent hears requests and answers them", () => {
  const { connection, socket } = start(ApiV1Client, { agentId: "code-gen-001" });
  connection.on("request", ({ id, data }) => connection.respond(id, { data: { twice: 2 * data.n } }));
  socket.open();
  socket.deliver({ request: { id: "req-1", type: "double", target: "code-gen-001", data: { n: 4 }, timeout: 30 } });
  assert.deepEqual(sentBy(socket).at(-1), {
    response: { request_id: "req-1", status: "success", data: { twice: 8 } },
  });
});

test("errors that belong to no request, and what is no JSON, are told", () => {
  const { connection, socket } = start(ApiV1Client);
  const told = [];
  connection.on("error", ({ code }) => told.push(code));
  connection.on("fault", ({ name }) => told.push(name));
  socket.open();
  socket.deliver({ error: { code: "BAD_REQUEST", message: "no", correlation_id: "someone's" } });
  socket.deliver("{");
  socket.deliver("7");
  assert.deepEqual(told, ["BAD_REQUEST", "SyntaxError"]);
});

test("a subscription goes on where its events ended", () => {
  const { connection, socket, last } = start(ApiV1Client);
  connection.subscribe(["task.>"], { id: "s" });
  socket.open();
  socket.deliver({ subscribed: { subscription_id: "s", from: 5 } });
  socket.end(1006);
  mock.timers.tick(30_000);
  last().open();
  assert.deepEqual(sentBy(last())[0], { subscription: { id: "s", topics: ["task.>"], after: 5 } });
  const [, fence] = sentBy(last()).map(({ subscription }) => subscription.id);
  last().deliver({ subscribed: { subscription_id: "s", from: 5 } });
  last().deliver({ subscribed: { subscription_id: fence, from: 90 } });
  assert.deepEqual(sentBy(last()).at(-1), { unsubscription: { id: fence } });
  for (const sequence of [6, 40]) last().deliver(event(sequence));
  assert.equal(connection.sequence, 0, "the past has not come whole");
  last().end(1006);
  mock.timers.tick(30_000);
  last().open();
  assert.equal(sentBy(last())[0].subscription.after, 5);
  last().deliver({ subscribed: { subscription_id: "s", from: 5 } });
  const again = sentBy(last())[1].subscription.id;
  last().deliver({ subscribed: { subscription_id: again, from: 90 } });
  for (const sequence of [6, 40, 88, 91, 93]) last().deliver(event(sequence));
  assert.equal(connection.sequence, 93);
  last().end(1006);
  mock.timers.tick(30_000);
  last().open();
  assert.equal(sentBy(last())[0].subscription.after, 93);
  connection.unsubscribe("s");
  assert.deepEqual(sentBy(last()).at(-1), { unsubscription: { id: "s" } });
});

test("a server that was set back is followed", () => {
  const { connection, socket, last } = start(ApiV1Client);
  const gaps = [];
  connection.on("gap", ({ reason }) => gaps.push(reason));
  connection.subscribe(["task.>"], { id: "s", after: 900 });
  socket.open();
  socket.deliver({ subscribed: { subscription_id: "s", from: 900 } });
  socket.deliver({ gap: { subscription_id: "s", from: 5, to: 900, reason: "ahead" } });
  assert.deepEqual(gaps, ["ahead"]);
  socket.end(1006);
  mock.timers.tick(30_000);
  last().open();
  assert.ok(sentBy(last())[0].subscription.after <= 4);
});

/** A generator of numbers in [0, 1) that repeats itself for the same seed (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The server's end of one connection, as docs/agent-api.md tells it: messages are taken in order; each subscription
 * with `after` is told its past; what happens meanwhile waits until all of the past was told; each event once.
 */
class ServerSession {
  constructor(log, socket) {
    this.log = log;
    this.socket = socket;
    this.taken = 0;
    this.subscriptions = new Map();
    this.replays = [];
    this.waiting = [];
  }

  take(messages) {
    const end = Math.min(this.socket.sent.length, this.taken + messages);
    for (; this.taken < end; this.taken += 1) {
      const { subscription, unsubscription } = JSON.parse(this.socket.sent[this.taken]);
      if (unsubscription) this.subscriptions.delete(unsubscription.id);
      if (!subscription) continue;
      const { id, topics, after } = subscription;
      this.subscriptions.set(id, topics);
      const head = this.log.length;
      this.socket.deliver({ subscribed: { id, subscription_id: id, from: after ?? head } });
      if (after === undefined) continue;
      const past = this.log.map((topic, index) => ({ topic, sequence: index + 1 })).slice(after, head);
      this.replays.push(...past.filter(({ topic }) => topics.includes(topic)));
    }
  }

  happen(topic, sequence) {
    const isWanted = [...this.subscriptions.values()].some((topics) => topics.includes(topic));
    if (isWanted) this.waiting.push({ topic, sequence });
  }

  tellOne() {
    const next = this.replays.shift() ?? this.waiting.shift();
    if (next !== undefined) this.socket.deliver({ id: "e", event_type: next.topic, payload: {}, ...next });
  }
}

test("no event is missed, however often and wherever the connection is cut", () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = seeded(seed);
    const log = [];
    let nowMs = 0;
    const { connection, last } = start(ApiV1Client, { random: () => 0, nowMs: () => (nowMs += STABLE_MS) });
    const heard = new Set();
    connection.on("event", ({ sequence }) => heard.add(sequence));
    const wanted = new Map();
    let session = null;
    const open = () => {
      last().open();
      session = new ServerSession(log, last());
    };
    const subscribe = (id, topics, after) => {
      connection.subscribe(topics, { id, after });
      // Without a past, it begins where the server first hears of it.
      wanted.set(id, { topics, after });
    };
    open();
    subscribe("past", ["a"], 0);
    for (let step = 0; step < 300; step += 1) {
      const chance = random();
      // What the client says takes a while to arrive; what was told before is under way meanwhile.
      if (random() < 0.4) session.take(Math.floor(3 * random()));
      if (step % 40 === 0) subscribe(`b${step}`, ["b", "c"], Math.floor(random() * log.length));
      if (step % 40 === 2) subscribe(`d${step}`, ["a", "d"], Math.floor(random() * log.length));
      if (chance < 0.4) {
        log.push(["a", "b", "c", "d"][Math.floor(random() * 4)]);
        session.happen(log.at(-1), log.length);
      } else if (chance < 0.94) {
        session.tellOne();
      } else {
        last().end(1006);
        mock.timers.tick(1);
        open();
      }
    }
    session.take(Infinity);
    for (let more = 0; more < 10_000; more += 1) session.tellOne();
    const expected = log.flatMap((topic, index) => {
      const isWanted = [...wanted.values()].some(({ topics, after }) => topics.includes(topic) && index + 1 > after);
      return isWanted ? [index + 1] : [];
    });
    assert.deepEqual(expected.filter((sequence) => !heard.has(sequence)), [], `seed ${seed}`);
    connection.close();
  }
});
