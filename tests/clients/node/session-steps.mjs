// What a session agrees on with the server, and how it ends and begins again.

import * as agnt from "./agnt-frame.mjs";
import { reconnect } from "./reconnect.mjs";
import { Server } from "./server.mjs";
import { Session, check, checkEqual, event, pause } from "./session.mjs";

const PATHS = [
  "/api/visualisation/agents/ws",
  "/api/visualization/agents/ws",
  "/agents/ws",
  "/api/graph/ws",
  "/api/control/ws",
];
const DOCUMENT_KEYS = {
  type: "string",
  sessionId: "string",
  protocols: "object",
  heartbeatInterval: "number",
  compression: "string",
  serverTime: "string",
};

async function handshake(url) {
  for (const path of PATHS) {
    const session = await Session.open(url(path), ["binary", "compression", "multiplexing"], {
      clientId: "client-uuid",
      headers: { Authorization: "Bearer x", "X-Client-Version": "1.0.0", "X-Requested-Protocols": "binary,json" },
    });
    for (const [key, type] of Object.entries(DOCUMENT_KEYS)) {
      checkEqual(typeof session.ack[key], type, `${path}: type of ${key}`);
    }
    checkEqual([session.ack.protocols, session.ack.compression], [["binary", "json"], "zlib"], path);
    await session.close();
  }
  return `${PATHS.length} paths`;
}

async function requestedProtocols(url) {
  const session = await Session.connect(url(), { headers: { "X-Requested-Protocols": "json" } });
  session.say({ type: "handshake", version: "1.0.0" });
  checkEqual((await session.expectType("handshake_ack")).protocols, ["json"], "protocols");
}

async function versions(url) {
  const features = { "1.0": ["basic"] };
  features["1.1"] = [...features["1.0"], "compression", "binary"];
  features["2.0"] = [...features["1.1"], "multiplexing", "streaming"];
  const session = await Session.open(url(), ["binary"]);
  for (const [supported, preferred, selected] of [
    [["1.0", "1.1", "2.0"], "2.0", "2.0"],
    [["1.0", "1.1"], "1.0", "1.0"],
    [["1.0", "1.1"], "7.0", "1.1"],
    [["2.1"], "2.1", "2.0"],
  ]) {
    const answer = await session.ask({ type: "version.negotiate", supported, preferred }, "version.selected");
    checkEqual([answer.version, answer.features], [selected, features[selected]], `of ${supported}`);
  }
  session.say({ type: "version.negotiate", supported: ["9.0"] });
  await session.expectError("INVALID_MESSAGE");
}

async function noCompression(url) {
  const session = await Session.open(url(), ["binary", "compression"]);
  for (const algorithms of [[], ["lzma"]]) {
    const asked = { type: "compression.negotiate", algorithms, preferredLevel: 6 };
    checkEqual((await session.ask(asked, "compression.selected")).algorithm, "none", `of [${algorithms}]`);
  }
  session.say({ type: "compression.negotiate", algorithms: ["gzip"], preferredLevel: 1.5 });
  await session.expectError("INVALID_MESSAGE");
}

async function channels(url) {
  const asked = { type: "channel.create", channelId: "perf-metrics", priority: "high", dedicated: true, bufferSize: 1000 };
  const members = [];
  for (const clientId of ["a", "b"]) {
    const member = await Session.open(url(), ["multiplexing"], { clientId });
    const answer = await member.ask(asked, "channel.created");
    for (const key of ["channelId", "priority", "dedicated", "bufferSize"]) checkEqual(answer[key], asked[key], key);
    members.push(member);
  }
  const [speaker, listener] = members;
  for (const sequence of [1, 2, 3]) {
    const message = event("custom.measure", { value: sequence });
    speaker.say({ channel: "perf-metrics", message });
    const heard = await listener.expect("a channel message", (item) => "channel" in item);
    checkEqual(heard, { channel: "perf-metrics", sequence, message }, "channel message");
  }
  speaker.say(asked);
  checkEqual((await speaker.expectType("channel.error")).channelId, "perf-metrics", "channelId of the error");
  await speaker.ask({ type: "channel.close", channelId: "perf-metrics" }, "channel.closed");
}

async function contentChannels(url) {
  const viewer = await Session.open(url(), ["binary", "multiplexing"]);
  const speaker = await Session.open(url(), ["binary"]);
  const create = (content, binary) =>
    viewer.ask({ type: "channel.create", channelId: `my-${content}`, content, binary }, "channel.created");
  await create("events", false);
  const { numericId } = await create("positions", true);
  const said = event("agent.state.changed", { agentId: "agent-001", newState: "IDLE" });
  speaker.say(said);
  const heard = await viewer.expect("a channel message", (item) => item.channel === "my-events" && "message" in item);
  checkEqual(heard.message.id, said.id, "id of the event in it");
  const agents = [[1, 1, 2, 3, 0, 0, 0]];
  speaker.send(agnt.writePositions(agents));
  const frame = await viewer.expectFrame(
    agnt.POSITION_UPDATE,
    (each) => each.channel === numericId && each.payload.length > 4,
  );
  checkEqual(agnt.readPositions(frame), agents, "records");
}

async function credit(url) {
  const viewer = await Session.open(url(), ["multiplexing"]);
  const speaker = await Session.open(url(), ["json"]);
  await viewer.ask({ type: "stream.open", streamId: "s", content: "events", credit: 1 }, "stream.opened");
  const said = ["IDLE", "BUSY"].map((newState) => event("agent.state.changed", { agentId: "a", newState }));
  for (const each of said) speaker.say(each);
  const holds = (number) => (item) => item.message?.id === said[number].id;
  await viewer.expect("the first event", holds(0));
  await viewer.expectNone("the second event, without credit", holds(1));
  viewer.say({ type: "stream.credit", streamId: "s", credit: 1 });
  await viewer.expect("the second event", holds(1));
  await viewer.ask({ type: "stream.close", streamId: "s" }, "stream.closed");
}

async function graph(url) {
  const viewer = await Session.open(url("/api/graph/ws"), ["binary", "edge-batch"]);
  await viewer.expectType("graph.snapshot");
  const speaker = await Session.open(url(), ["json"]);
  const edges = [{ from: "7", to: "8", weight: 0.5 }];
  speaker.say(event("graph.update", { nodes: [{ id: "7" }, { id: "8" }], edges }));
  const { payload } = await viewer.expectType("graph.delta");
  checkEqual(payload.nodes.map((node) => node.id).sort(), ["7", "8"], "nodes");
  checkEqual(payload.edges[0].weight, 0.5, "weight");
  const frame = await viewer.expectFrame(agnt.EDGE_BATCH, (each) => each.payload.length > 4);
  const [edge] = agnt.readEdges(frame);
  checkEqual([edge.source, edge.target, edge.weight], [7, 8, 0.5], "edge in binary");
  const later = await Session.open(url("/api/graph/ws"), ["json"]);
  const known = (await later.expectType("graph.snapshot")).payload;
  checkEqual([known.nodes.length, known.edges.length], [2, 1], "nodes and edges of a later one");
}

async function badMessages(url) {
  const session = await Session.open(url(), ["json"]);
  for (const [field, message] of [
    ["type", { id: "x-1", type: "no.such.type", payload: {} }],
    ["agentId", { id: "x-2", type: "agent.state.changed", payload: { newState: "IDLE" } }],
    ["newState", { id: "x-3", type: "agent.state.changed", payload: { agentId: "a", newState: "ILL" } }],
    ["timestamp", { id: "x-4", type: "system.metrics", timestamp: "noon", payload: {} }],
  ]) {
    session.say(message);
    const payload = await session.expectError("INVALID_MESSAGE", message.id);
    check(payload.message.includes(field), `${field} isn't named in '${payload.message}'`);
    checkEqual([payload.recoverable, "stackTrace" in payload.details], [true, false], "recoverable, stackTrace");
  }
  session.say("{ no JSON");
  await session.expectError("INVALID_MESSAGE");
  await session.settle();
}

async function viewersSayNothing(url) {
  const session = await Session.open(url(), ["binary"], { role: "viewer" });
  session.say(event("agent.state.changed", { agentId: "a", newState: "IDLE" }));
  checkEqual((await session.expectError("AUTH_FAILED")).details.reason, "role", "details.reason");
}

async function connectionMetrics(url) {
  const session = await Session.open(url(), ["json"]);
  const asked = event("connection.metrics", {});
  const { payload, metadata } = await session.ask(asked, "connection.metrics");
  checkEqual([payload.sessionId, metadata.correlationId], [session.ack.sessionId, asked.id], "sessionId, correlationId");
  const next = (await session.ask(event("connection.metrics", {}), "connection.metrics")).payload;
  checkEqual(next.messagesIn - payload.messagesIn, 1, "messages from one to the next");
  const grown = next.bytesIn - payload.bytesIn;
  check(grown > JSON.stringify(asked).length, `bytes from one to the next: ${grown}`);
}

async function ends() {
  const hasty = await Server.start(["--heartbeat-ms", "300", "--handshake-ms", "300"]);
  try {
    const mute = await Session.connect(hasty.url());
    checkEqual(await mute.expectClose(), 4408, "without a handshake");
    // This package answers the server's pings by itself unless it is told not to.
    const silent = await Session.connect(hasty.url(), { autoPong: false });
    silent.say({ type: "handshake", version: "1.0.0", capabilities: ["json"] });
    checkEqual(await silent.expectClose(), 4408, "silent for 2.5 heartbeats");
  } finally {
    await hasty.stop();
  }
}

async function reconnects() {
  const first = await Server.start(["--drain-ms", "20000", "--drain-window-ms", "100"]);
  const url = first.url();
  const viewer = await Session.open(url, ["json"], { clientId: "viewer" });
  await Promise.all([first.stop(), viewer.expectClose()]);
  checkEqual(viewer.closeCode, 1001, "close code");
  const back = reconnect(url, ["json"], { clientId: "viewer" });
  await pause(800);
  const second = await Server.start([], first.address);
  try {
    const { session, pausesMs } = await back;
    check(pausesMs.length > 0, "it was back before the server was");
    await session.close();
    return `${pausesMs.length} tries failed, ${Math.round(pausesMs.reduce((sum, each) => sum + each))} ms waited`;
  } finally {
    await second.stop();
  }
}

async function resume(url) {
  const speaker = await Session.open(url(), ["json"], { clientId: "speaker" });
  const viewer = await Session.open(url(), ["json", "resume"], { clientId: "viewer" });
  const last = viewer.ack.resume.events.sequence;
  await viewer.close();
  const said = ["IDLE", "BUSY", "PAUSED"].map((newState) => event("agent.state.changed", { agentId: "a", newState }));
  for (const each of said) speaker.say(each);
  await speaker.settle();
  const place = { sessionId: viewer.ack.sessionId, epoch: viewer.ack.epoch, channels: { events: last } };
  const again = await Session.open(url(), ["json", "resume"], { clientId: "viewer", resume: place });
  checkEqual(again.ack.resumed.events.from, last + 1, "resumed from");
  const heard = [];
  for (const _ of said) heard.push((await again.expectType("agent.state.changed")).id);
  checkEqual(heard, said.map((each) => each.id), "order");
}

export const steps = [
  ["handshake: document C's own is answered by document C's six keys, on every path", handshake],
  ["X-Requested-Protocols says what a handshake leaves out", requestedProtocols],
  ["version.negotiate: what is preferred if it is known, else the highest; features add up", versions],
  ["compression.negotiate: nothing in common is none; a level out of bounds is an error", noCompression],
  ["channel.create as in document C; what a member says goes to the others, counted", channels],
  ["channels with content: events come wrapped, positions with the channel's number", contentChannels],
  ["stream.open: messages come while there is credit", credit],
  ["graph path: a snapshot, then deltas, also as EDGE_BATCH", graph],
  ["errors: document C's form, the field named, the connection kept", badMessages],
  ["role viewer: what it says is answered AUTH_FAILED", viewersSayNothing],
  ["connection.metrics: what went through this connection", connectionMetrics],
  ["liveness: no handshake, and silence, are closed with 4408", ends],
  ["reconnecting: 1001 at the server's end, then back-off that grows until it is there again", reconnects],
  ["resume: what came while away follows, in order, once", resume],
];
