// What agents say and are told in JSON: events, votes, commands, signalling.

import { Session, check, checkEqual, event, pause } from "./session.mjs";

const CONTROL = "/api/control/ws";

const EVENTS = {
  "agent.state.changed": { agentId: "agent-001", previousState: "IDLE", newState: "EXECUTING", reason: "Task assigned" },
  "agent.performance.update": {
    agentId: "agent-001",
    metrics: { tasksCompleted: 42, successRate: 0.95, averageResponseTime: 234 },
    trends: { successRateTrend: "improving", responseTrend: "stable", loadTrend: "increasing" },
  },
  "agent.capability.update": { agentId: "agent-001", action: "add", capability: { name: "analysis", level: 4 } },
  "message.flow.stats": { flowId: "agent-001-agent-002", statistics: { messageCount: 156, averageLatency: 45.2 } },
  "system.metrics": { activeAgents: 42, totalAgents: 50, networkHealth: 0.98, alerts: [] },
};

async function pair(url, path) {
  const first = await Session.open(url(path), ["json"], { clientId: "agent-001" });
  const second = await Session.open(url(path), ["json"], { clientId: "agent-002" });
  return [first, second];
}

async function passedOn(speaker, listener, type, payload, metadata = { priority: "high", correlationId: "thread-1" }) {
  const said = event(type, payload, metadata);
  speaker.say(said);
  const heard = await listener.expectType(type, (text) => text.id === said.id);
  checkEqual([heard.timestamp, heard.metadata], [said.timestamp, said.metadata], `${type}: timestamp, metadata`);
  for (const [key, value] of Object.entries(payload)) checkEqual(heard.payload[key], value, `${type}: payload.${key}`);
  check(Number.isInteger(heard.sequence), `${type}: sequence ${heard.sequence}`);
  return heard;
}

async function events(url) {
  const [speaker, listener] = await pair(url);
  for (const [type, payload] of Object.entries(EVENTS)) {
    const { id } = await passedOn(speaker, listener, type, payload);
    check(speaker.take((item) => item.id === id) === null, `${type} came back to who said it`);
  }
  return Object.keys(EVENTS).join(", ");
}

async function critical(url) {
  const [speaker, listener] = await pair(url);
  for (const number of [1, 2]) {
    const metadata = { priority: "critical" };
    const heard = await passedOn(speaker, listener, "agent.state.changed", EVENTS["agent.state.changed"], metadata);
    checkEqual([heard.log, heard.sequence], ["critical", number], "log, sequence");
  }
}

async function messages(url) {
  const [speaker, listener] = await pair(url);
  const payload = {
    messageId: "msg-789",
    from: { id: "agent-001", namespace: "research" },
    to: [{ id: "agent-002", namespace: "analysis" }],
    messageType: "REQUEST",
    priority: "HIGH",
    content: { action: "analyze_data" },
    expiry: new Date(Date.now() + 300_000).toISOString(),
  };
  await passedOn(speaker, listener, "message.sent", payload);
  const told = await listener.expectType("message.flow.stats");
  checkEqual(told.payload.flowId, "agent-001-agent-002", "flowId");
  checkEqual(told.payload.statistics.messageCount, 1, "messageCount");
  const late = event("message.sent", { ...payload, expiry: "2024-01-10T12:05:00Z" });
  speaker.say(late);
  const refused = await speaker.expectError("INVALID_MESSAGE", late.id);
  check(refused.message.includes("expiry"), `the error names the field: ${refused.message}`);
}

async function systemMetrics(url) {
  const session = await Session.open(url(), ["json"]);
  const { payload } = await session.expectType("system.metrics");
  for (const key of ["activeAgents", "totalAgents", "networkHealth", "coordinationEfficiency"]) {
    check(typeof payload[key] === "number", `${key}: ${payload[key]}`);
  }
  for (const key of ["rate", "queueDepth", "averageLatency", "errorRate"]) {
    check(key in payload.messageMetrics, `messageMetrics.${key}`);
  }
  check(Array.isArray(payload.alerts), "alerts");
}

async function votes(url) {
  const both = await pair(url);
  const [first, second] = both;
  await passedOn(first, second, "coordination.initiated", {
    coordinationId: "coord-123",
    pattern: "CONSENSUS",
    initiator: { id: "agent-001" },
    participants: [{ id: "agent-002", role: "voter" }],
    parameters: { consensusThreshold: 0.66, timeout: 30000, proposal: { type: "resource_allocation" } },
  });
  const vote = async (session, name, word) => {
    const own = { [name]: { vote: word, timestamp: new Date().toISOString() } };
    session.say(event("coordination.progress", { coordinationId: "coord-123", pattern: "CONSENSUS", votes: own }));
    const [one, other] = await Promise.all(both.map((each) => each.expectType("coordination.progress")));
    checkEqual(one.payload, other.payload, "what both are told");
    return one.payload;
  };
  const open = await vote(first, "agent-001", "approve");
  checkEqual([open.status, open.progress, open.votes["agent-002"]], ["VOTING", 0.5, { vote: "pending" }], "one vote");
  const decided = await vote(second, "agent-002", "reject");
  checkEqual([decided.status, decided.progress], ["REJECTED", 1], "both votes");
}

function command(targetAgent, more = {}) {
  const parameters = { tool: "web_search", query: "latest AI research papers", maxResults: 10 };
  return event("control.execute", { targetAgent, command: "execute_tool", parameters, timeout: 60_000, ...more });
}

async function commands(url) {
  const [asker, agent] = await pair(url, CONTROL);
  const asked = command("agent-002");
  asker.say(asked);
  const got = await agent.expectType("control.execute");
  checkEqual(got.payload, { ...asked.payload, commandId: asked.id }, "payload");
  for (const status of ["accepted", "completed"]) {
    const result = { commandId: asked.id, status, result: { papers: 10 } };
    agent.say(event("control.result", result));
    const answer = await asker.expectType("control.result");
    checkEqual([answer.payload, answer.metadata.correlationId], [result, asked.id], "result, correlationId");
  }
}

async function failingCommands(url) {
  const [asker, agent] = await pair(url, CONTROL);
  const late = command("agent-002", { timeout: 200 });
  asker.say(late);
  checkEqual((await asker.expectError("COMMAND_FAILED", late.id)).details.reason, "timeout", "details.reason");
  const failing = command("agent-002");
  asker.say(failing);
  await agent.expectType("control.execute", (text) => text.id === failing.id);
  agent.say(event("error", { code: "COMMAND_FAILED", message: "no such tool", details: { requestId: failing.id } }));
  await asker.expectError("COMMAND_FAILED", failing.id);
  const lost = command("agent-999");
  asker.say(lost);
  const refused = await asker.expectError("AGENT_NOT_FOUND", lost.id);
  checkEqual(
    [refused.message, refused.suggestedAction, refused.recoverable],
    ["Agent with ID 'agent-999' not found", "verify_agent_id", true],
    "the error of document C",
  );
  const calling = command("agent-002", { callback: { type: "webhook", url: "https://api.example.com/callbacks/x" } });
  asker.say(calling);
  const named = await asker.expectError("COMMAND_FAILED", calling.id);
  check(named.message.includes("callback.type"), `names the field: ${named.message}`);
}

async function configuration(url) {
  const [asker, other] = await pair(url, CONTROL);
  const payload = {
    "multi-agentId": "multi-agent-001",
    configuration: {
      topology: "HIERARCHICAL",
      faultTolerance: { enabled: true, redundancy: 2, heartbeatInterval: 5000 },
      performanceTargets: { maxLatency: 100, minThroughput: 1000, targetSuccessRate: 0.99 },
    },
  };
  const asked = event("control.multi-agent.configure", payload);
  const answer = await asker.ask(asked, "control.multi-agent.configured");
  checkEqual(answer.payload, { "multi-agentId": "multi-agent-001", status: "applied" }, "answer");
  checkEqual((await other.expectType("control.multi-agent.configure")).payload, payload, "what others are told");
}

async function signalling(url) {
  const [first, second] = await pair(url, CONTROL);
  for (const [speaker, listener, type, targetAgent, from] of [
    [first, second, "rtc.offer", "agent-002", "agent-001"],
    [second, first, "rtc.answer", "agent-001", "agent-002"],
    [first, second, "rtc.ice", "agent-002", "agent-001"],
  ]) {
    speaker.say(event(type, { targetAgent, sdp: "v=0" }));
    const { payload } = await listener.expectType(type);
    checkEqual([payload.from, payload.sdp], [from, "v=0"], type);
  }
}

async function acknowledgement(url) {
  const [speaker, listener] = await pair(url);
  const said = event("agent.state.changed", EVENTS["agent.state.changed"], { ack: true });
  const first = await speaker.ask(said, "ack");
  checkEqual([first.id, first.duplicate], [said.id, undefined], "first ack");
  checkEqual((await speaker.ask(said, "ack")).duplicate, true, "second ack");
  await listener.expectType("agent.state.changed");
  await listener.expectNone("the event a second time", (text) => text.id === said.id);
}

async function redelivery(url) {
  const [asker, agent] = await pair(url, CONTROL);
  const asked = { ...command("agent-002", { timeout: 20_000 }), metadata: { ack: true } };
  asker.say(asked);
  await agent.expectType("control.execute");
  const again = await agent.expectType("control.execute");
  checkEqual(again.id, asked.id, "id of what came again");
  agent.say({ type: "ack", id: asked.id });
  await agent.settle();
  // A copy that was under way when the ack came is still allowed; one that comes every time is not.
  for (let tries = 1; ; tries += 1) {
    while (agent.take((item) => item.id === asked.id));
    try {
      await agent.expectNone("the command after its ack", (text) => text.id === asked.id, 2500);
      return;
    } catch (failed) {
      if (tries === 5) throw failed;
    }
  }
}

async function timeToLive(url) {
  const [asker, agent] = await pair(url, CONTROL);
  const asked = { ...command("agent-002", { timeout: 20_000 }), metadata: { ack: true, ttl: 3000 } };
  asker.say(asked);
  await agent.expectType("control.execute");
  await agent.close();
  await pause(3500);
  const later = await Session.open(url(CONTROL), ["json"], { clientId: "agent-002" });
  await later.expectNone("the command", (text) => text.type === "control.execute", 2500);
}

export const steps = [
  ["events of agents and the system: passed on whole, not to who said them", events],
  ["critical events have a log and a sequence of their own", critical],
  ["message.sent: passed on, counted in message.flow.stats; with an expiry in the past refused", messages],
  ["system.metrics: unasked, with document C's keys", systemMetrics],
  ["coordination: initiated, voted, decided by the server", votes],
  ["control.execute: a command reaches its agent, the results come back", commands],
  ["control.execute: timeout, failure, unknown agent, a webhook that nobody will call", failingCommands],
  ["control.multi-agent.configure: answered, told to everybody", configuration],
  ["rtc.offer, rtc.answer, rtc.ice: relayed, with who they are from", signalling],
  ["metadata.ack: answered; the same id again isn't applied again", acknowledgement],
  ["metadata.ack in a command: it comes again until it is acknowledged", redelivery],
  ["metadata.ttl: what is older isn't sent again to who comes later", timeToLive],
];
