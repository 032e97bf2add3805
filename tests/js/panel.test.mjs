/**
 * @file The panel's parts that need no page: events out of a stream that is cut anywhere, pages from the newest,
 * words, and dots found in the picture.
 */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { AGENTS_MAX, AgentStates } from "../../viewer/agent-states.mjs";
import { decodeFrames, encodeTick } from "../../viewer/agnt-codec.mjs";
import { Camera } from "../../viewer/camera.mjs";
import { DotFinder, nearestDot } from "../../viewer/dots.mjs";
import { Api, ApiRefusal } from "../../viewer/panel/api.mjs";
import { EVENTS_PER_PIECE_MAX, EventStream } from "../../viewer/panel/event-stream.mjs";
import { pageCount, pagesFromNewest } from "../../viewer/panel/paging.mjs";
import { MESSAGE_CHARACTERS_MAX, SseReader } from "../../viewer/panel/sse-reader.mjs";
import { AgentSubject, DotSubject, TaskSubject } from "../../viewer/panel/subject.mjs";
import { agentRow, eventRow, jsonText, Link, taskFacts } from "../../viewer/panel/wording.mjs";
import { Projection } from "../../viewer/projection.mjs";
import { Swarm } from "../../viewer/swarm.mjs";

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("messages are whole, wherever the text is cut", () => {
  const text = [
    ": listening\n\n",
    'id: 1\nevent: task.created\ndata: {"a":1}\n\n',
    "data:x\r\ndata: y\r\n\r\n",
    "event: gap\ndata: {}\n\n",
  ].join("");
  const expected = [
    { event: "task.created", data: '{"a":1}' },
    { event: "message", data: "x\ny" },
    { event: "gap", data: "{}" },
  ];
  for (let first = 0; first <= text.length; first += 1) {
    for (let second = first; second <= text.length; second += 7) {
      const reader = new SseReader();
      const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)];
      assert.deepEqual(pieces.flatMap((piece) => reader.push(piece)), expected, `${first}, ${second}`);
    }
  }
});

test("a message without end is not kept", () => {
  const reader = new SseReader();
  reader.push("data: ".padEnd(MESSAGE_CHARACTERS_MAX, "x"));
  assert.throws(() => reader.push("x"), RangeError);
});

test("pages from the newest are what a reversed list has", () => {
  for (let total = 0; total <= 25; total += 1) {
    const all = Array.from({ length: total }, (_, row) => row);
    for (let size = 1; size <= 7; size += 1) {
      assert.equal(pageCount(total, size), Math.max(1, Math.ceil(total / size)));
      for (let page = 1; page <= pageCount(total, size); page += 1) {
        const { pages, skip, count } = pagesFromNewest(total, page, size);
        const rows = pages.flatMap((from1) => all.slice((from1 - 1) * size, from1 * size));
        const shown = rows.slice(skip, skip + count).reverse();
        assert.deepEqual(shown, all.toReversed().slice((page - 1) * size, page * size), `${total}, ${page}, ${size}`);
        assert.ok(pages.length <= 2);
      }
    }
  }
});

test("rows and facts say what the API says", () => {
  const agent = { id: "a-1", type: "tester", status: "active", status_detail: "busy", current_tasks: 1 };
  const row = { key: "a-1", mark: "busy", title: "a-1", note: "tester", side: "busy", sideNote: "1 task" };
  assert.deepEqual(agentRow(agent), row);
  for (const [status_detail, shown] of [["idle", "paused"], ["busy", "paused"], ["offline", "offline"]]) {
    assert.equal(agentRow({ ...agent, status_detail, paused: true }).side, shown);
  }
  const limited = agentRow({ ...agent, name: "Ann", configuration: { max_concurrent_tasks: 3 } });
  assert.deepEqual([limited.title, limited.note, limited.sideNote], ["Ann", "tester · a-1", "1 of 3 tasks"]);
  const facts = taskFacts({
    id: "t",
    assigned_agent: "a-1",
    priority: "high",
    priority_level: 8,
    progress: 12.5,
    attempt: 1,
    dependencies: ["x", "y"],
    error: { kind: "agents", id: "made up" },
  });
  assert.deepEqual(Object.fromEntries(facts).agent, new Link("agents", "a-1"));
  assert.equal(Object.fromEntries(facts).error, '{"kind":"agents","id":"made up"}', "what a client says is no link");
  assert.equal(Object.fromEntries(facts)["waits for"], "x, y");
  const payload = { task_id: "t", progress: 40, agent_id: { made: "up" } };
  const event = { sequence: 7, event_type: "task.progress", timestamp: "no time", payload };
  const { key, mark, note, side } = eventRow(event);
  assert.deepEqual({ key, mark, note, side }, { key: "7", mark: "task", note: "t · 40 %", side: "" });
  assert.ok(eventRow({ ...event, payload: { message: "x".repeat(1e6) } }).note.length <= 200);
  assert.equal(eventRow({ ...event, payload: null }).note, "");
  assert.ok(jsonText({ text: "x".repeat(1e6) }).length <= 20_000);
});

/** A `fetch` that answers by path, and what it was asked. */
function fakeApi(answers) {
  const asked = [];
  const api = new Api(async (url, { headers }) => {
    asked.push({ url, headers });
    const answer = answers(new URL(url, "http://host"), asked.length);
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { api, asked };
}

const json = (body, init) => new Response(JSON.stringify(body), init);

test("refusals tell status, message and how long to wait; the key is sent", async () => {
  const error = { error: { code: "RATE_LIMIT_EXCEEDED", message: "too many" } };
  const { api, asked } = fakeApi((url) =>
    url.pathname.endsWith("/a")
      ? json(error, { status: 429, headers: { "Retry-After": "7" } })
      : new Response("<html>", { status: 502, statusText: "Bad Gateway" }),
  );
  api.key = "agnt_x";
  const refused = await api.get("/a", { status: "", page: 2 }).catch((refusal) => refusal);
  const { status, message, retryAfterMs, isFinal } = refused;
  assert.deepEqual([status, message, retryAfterMs, isFinal], [429, "too many", 7000, false]);
  assert.equal(asked[0].url, "/api/v1/a?page=2");
  assert.equal(asked[0].headers.Authorization, "Bearer agnt_x");
  await assert.rejects(api.get("/b"), { status: 502, message: "502 Bad Gateway" });
  const away = fakeApi(() => new TypeError("fetch failed"));
  await assert.rejects(away.api.get("/a"), ApiRefusal);
});

/** One answer of the stream: these events, then its end. */
function sse(...messages) {
  const text = messages.map(({ event = "message", ...data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  return new Response(text.join(""));
}

test("the stream of events goes on where it was cut off, and begins anew with the server", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const streams = [
    sse({ sequence: 81 }, { publication: { topic: "x.y", data: { z: 1 }, sequence: 82 } }),
    json({ error: { message: "not yet" } }, { status: 503 }),
    sse({ event: "gap", from: 5, to: 82, reason: "ahead" }, { sequence: 5 }),
    json({ error: { message: "revoked" } }, { status: 401 }),
  ];
  const { api, asked } = fakeApi((url) => (url.searchParams.has("limit") ? json({ head: 130 }) : streams.shift()));
  const heard = [];
  const stream = new EventStream(api, {
    onEvents: (events) => heard.push(...events.map(({ sequence, topic }) => topic ?? sequence)),
    onGap: ({ reason }) => heard.push(reason),
    onState: (isLive, refusal) => heard.push(isLive ? "live" : (refusal?.status ?? "ended")),
  });
  stream.start();
  for (let step = 0; step < 40; step += 1) {
    await settled();
    mock.timers.tick(1000);
  }
  mock.timers.reset();
  const after = asked.slice(1).map(({ url }) => new URL(url, "http://host").searchParams.get("after"));
  assert.deepEqual(after, ["80", "82", "82", "5"]);
  assert.deepEqual(heard, ["live", 81, "x.y", "ended", 503, "live", "ahead", 5, "ended", 401]);
  assert.equal(streams.length, 0);
});

test("a flood of events is read in part", async () => {
  const flood = Array.from({ length: 5000 }, (_, index) => ({ sequence: index + 1 }));
  const { api } = fakeApi((url) => (url.searchParams.has("limit") ? json({ head: 0 }) : sse(...flood)));
  let read = 0;
  let skipped = 0;
  let newest = 0;
  const end = new Promise((resolve) => {
    const stream = new EventStream(api, {
      onEvents: (events, left) => {
        read += events.length;
        skipped += left;
        newest = events.at(-1).sequence;
        assert.ok(events.length <= EVENTS_PER_PIECE_MAX);
      },
      onGap: () => {},
      onState: (isLive) => {
        if (isLive) return;
        stream.stop();
        resolve();
      },
    });
    stream.start();
  });
  await end;
  assert.equal(read + skipped, 5000);
  assert.equal(newest, 5000);
});

const SCENE = {
  stream: "main",
  dotOf: (id) => (id === 9 ? { position: [1, 2.345, -3], speed: 4, state: "busy", name: "Nine" } : null),
};
const AGENT = { id: "a-9", capabilities: [], status: "active", current_tasks: 0, numeric_id: 9, stream: "main" };

test("a dot is the agent with its number, or what the stream tells of it", async () => {
  const asked = [];
  const api = {
    get: async (path, query) => {
      asked.push([path, query]);
      const others = [{ ...AGENT, id: "y", stream: "other" }, { ...AGENT, id: "x", numeric_id: 8 }];
      if (path === "/agents") return { agents: [...others, AGENT] };
      return path === "/tasks" ? { tasks: [] } : AGENT;
    },
  };
  const known = new DotSubject(9);
  assert.equal(known.detail(SCENE).title, "Nine");
  await known.read(api, SCENE);
  assert.deepEqual(asked[0], ["/agents", { numeric_id: 9, stream: "main", limit: 100 }]);
  assert.equal(asked[1][0], "/agents/a-9");
  assert.equal(known.detail(SCENE).title, "a-9");
  assert.equal(Object.fromEntries(known.detail(SCENE).facts).position, "1, 2.35, -3");
  const unknown = new DotSubject(7);
  await unknown.read(api, SCENE);
  const { title, hint, facts } = unknown.detail(SCENE);
  assert.equal(title, "Agent 7");
  assert.match(hint, /No registered agent has the number 7/);
  assert.deepEqual(facts, [["number", "7"], ["state", "not told"], ["position", "not there"]]);
});

test("what is not there any more is said", async () => {
  const api = {
    get: async (path) => {
      if (path === "/tasks") return { tasks: [] };
      throw new ApiRefusal(404, "none");
    },
  };
  for (const subject of [new AgentSubject("gone"), new TaskSubject("gone")]) {
    await subject.read(api);
    assert.match(subject.detail(SCENE).hint, /^(No|There is no) /);
    assert.equal(subject.dotId(SCENE), null);
  }
});

test("states are remembered for so many dots, the quiet ones go first", () => {
  const states = new AgentStates();
  states.take([{ id: 1, state: 3, metadata: { json: '{"name":"One","type":7}' } }]);
  states.take([{ id: 1, state: 2, metadata: null }]);
  assert.deepEqual(states.of(1, { 2: "idle" }), { state: "idle", name: "One", type: undefined });
  assert.equal(states.of(1).state, "code 2");
  assert.equal(states.of(2), null);
  for (const json of ["{", "null", '"text"', "7"]) {
    states.take([{ id: 3, state: 2, metadata: { json } }]);
    assert.equal(states.of(3).name, undefined);
  }
  states.take(Array.from({ length: AGENTS_MAX - 1 }, (_, index) => ({ id: index + 10, state: 2, metadata: null })));
  assert.equal(states.of(1), null);
  assert.ok(states.of(10));
});

/** Where a point is in the picture, by the camera's angles alone: a second way to the same place. */
function seen(camera, point, width, height) {
  const { target, distance, yaw, pitch } = camera.now;
  const back = [Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)];
  const right = [Math.cos(yaw), 0, -Math.sin(yaw)];
  const minor = (one, other) => back[one] * right[other] - back[other] * right[one];
  const up = [minor(1, 2), minor(2, 0), minor(0, 1)];
  const along = (axis) => point.reduce((sum, value, at) => sum + (value - target[at]) * axis[at], 0);
  const depth = distance - along(back);
  const pixels = height / 2 / Math.tan(0.75 / 2) / depth;
  return [width / 2 + along(right) * pixels, height / 2 - along(up) * pixels];
}

function swarmOf(agents) {
  const swarm = new Swarm();
  const frames = () => encodeTick(agents).flatMap((frame) => decodeFrames(frame));
  for (let tick = 0; tick < 3; tick += 1) swarm.apply({ frames: frames(), keyframe: false, first: tick === 0 });
  return swarm;
}

test("the dot near a place is the one that is drawn there", () => {
  const agents = Array.from({ length: 5000 }, (_, id) => ({
    id,
    x: 90 * Math.sin(id * 1.1),
    y: 40 * Math.cos(id * 2.3),
    z: 90 * Math.cos(id * 0.7),
    vx: Math.sin(id),
    vy: 0,
    vz: 2,
  }));
  agents[17].x = NaN;
  const swarm = swarmOf(agents);
  const camera = new Camera();
  camera.fit(swarm.bounds(), 1000 / 600, true);
  const aheadS = 0.03;
  const projection = new Projection(camera.matrix(1000 / 600), 1000, 600, aheadS);
  const places = agents.map(({ x, y, z, vx, vz }) => seen(camera, [x + vx * aheadS, y, z + vz * aheadS], 1000, 600));
  for (const [x, y] of [[500, 300], [410, 250], [620, 350], [300, 320], [5, 5]]) {
    const away = places.map(([left, top]) => Math.hypot(left - x, top - y));
    const least = Math.min(...away.filter((distance) => !Number.isNaN(distance)));
    const found = nearestDot(swarm, projection, x, y, 12);
    if (least > 12) assert.equal(found, null);
    else assert.ok(Math.abs(away[found] - least) < 0.05, `${found}: ${away[found]}, ${least}`);
  }
  const finder = new DotFinder(swarm);
  const place = [0, 0];
  for (const id of [0, 4999, 2340, 0, 18]) {
    const { floats, at } = finder.find(id);
    assert.ok(projection.place(floats, at, place));
    assert.ok(Math.hypot(place[0] - places[id][0], place[1] - places[id][1]) < 0.05, `${id}`);
  }
  assert.equal(finder.find(17), null, "it is gone");
  assert.equal(finder.find(5000), null);
});

test("what is behind the eye has no place", () => {
  const camera = new Camera();
  const projection = new Projection(camera.matrix(1), 100, 100, 0);
  const eye = camera.eye();
  const behind = Float32Array.of(0, 2 * eye[0], 2 * eye[1], 2 * eye[2], 0, 0, 0);
  assert.equal(projection.place(behind, 0, [0, 0]), false);
});

test("an agent that comes later is found", () => {
  let nowMs = 0;
  const swarm = swarmOf([{ id: 1, x: 0, y: 0, z: 0 }]);
  const finder = new DotFinder(swarm, () => nowMs);
  assert.equal(finder.find(2), null);
  const frames = encodeTick([{ id: 2, x: 5, y: 0, z: 0 }]).flatMap((frame) => decodeFrames(frame));
  swarm.apply({ frames, keyframe: false, first: false });
  nowMs = 10_000;
  const { floats, at } = finder.find(2);
  assert.equal(floats[at + 1], 5);
});
