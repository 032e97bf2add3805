/**
 * @file Agents, tasks, events and dots in words: rows and facts, as texts only.
 */

const TEXT_CHARACTERS_MAX = 200;
const JSON_CHARACTERS_MAX = 20_000;

const HOURS = { hour12: false };
const clock = new Intl.DateTimeFormat(undefined, { ...HOURS, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { ...HOURS, dateStyle: "medium", timeStyle: "medium" });
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** A fact that leads to an agent or a task. */
export class Link {
  /** @param {"agents"|"tasks"} kind @param {string} id */
  constructor(kind, id) {
    this.kind = kind;
    this.id = id;
  }
}

/**
 * @typedef {Array<[string, string|Link]>} Facts
 *
 * @typedef {object} Dot what the stream tells of an agent
 * @property {number[]|null} position null where only its state was told
 * @property {number} [speed]
 * @property {string} [state]
 * @property {string} [name]
 * @property {string} [type]
 */

/** @returns {import("./row-list.mjs").Row} */
export function agentRow(agent) {
  const status = statusOf(agent);
  const name = agent.name ?? agent.id;
  return {
    key: agent.id,
    mark: status,
    title: clipped(name),
    note: clipped([agent.type, name === agent.id ? undefined : agent.id].filter(Boolean).join(" · ")),
    side: status,
    sideNote: workload(agent),
  };
}

/** @returns {import("./row-list.mjs").Row} */
export function taskRow(task) {
  const isRunning = task.status === "in_progress";
  return {
    key: task.id,
    mark: task.status,
    title: clipped(task.type),
    note: clipped([task.id, task.assigned_agent].filter(Boolean).join(" · ")),
    side: words(task.status) + (isRunning && task.progress > 0 ? ` ${number.format(task.progress)} %` : ""),
    sideNote: task.priority,
  };
}

/** @returns {import("./row-list.mjs").Row} */
export function eventRow({ sequence, event_type: type, timestamp, topic, payload = {}, source_agent: source }) {
  const { agent_id: agent, task_id: task, workflow_id: workflow, command_id: command, message } = payload ?? {};
  const change = payload?.new_status_detail ?? payload?.new_status ?? payload?.status ?? "";
  const progress = typeof payload?.progress === "number" ? `${number.format(payload.progress)} %` : undefined;
  const isPublication = type === "publication";
  const concerned = [task ?? workflow ?? command, agent, words(change), progress, message];
  const about = isPublication ? ["published", source] : concerned;
  return {
    key: String(sequence),
    mark: type.split(".")[0],
    title: clipped(isPublication ? topic : type),
    note: clipped(about.filter((text) => typeof text === "string" && text !== "").join(" · ")),
    side: timeOf(timestamp, clock) ?? "",
    sideNote: `#${sequence}`,
  };
}

/** What is told of events that will never come. @returns {import("./row-list.mjs").Row} */
export function gapRow({ from, to, reason }) {
  const isAhead = reason === "ahead";
  return {
    key: `gap-${from}-${to}`,
    mark: "gap",
    title: isAhead ? "the events began anew" : "events are missing",
    note: isAhead ? "the server's store was set back" : "they are no longer kept",
    side: "",
    sideNote: isAhead ? "" : `#${from}–${to}`,
  };
}

/** @returns {Facts} */
export function agentFacts(agent) {
  const { performance_metrics: metrics = {}, configuration = {} } = agent;
  return known([
    ["id", agent.id],
    ["type", agent.type],
    ["version", agent.version],
    ["tasks", workload(agent)],
    ["capabilities", agent.capabilities.join(", ")],
    ["last heard of", timeOf(agent.last_heartbeat, calendar)],
    ["CPU", withUnit(metrics.cpu_usage, "%")],
    ["memory", withUnit(metrics.memory_usage, "%")],
    ["queue", metrics.task_queue_size],
    ["registered", timeOf(agent.registered_at, calendar)],
    ["stream, number", `${agent.stream}, ${agent.numeric_id}`],
    ["health check", agent.health_check_url],
    ...Object.entries(configuration)
      .filter(([name]) => name !== "max_concurrent_tasks")
      .map(([name, value]) => [words(name), value]),
  ]);
}

/** @returns {Facts} */
export function taskFacts(task) {
  const agent = task.assigned_agent;
  return known([
    ["id", task.id],
    ["agent", agent && new Link("agents", agent)],
    ["priority", `${task.priority} (${task.priority_level})`],
    ["progress", withUnit(task.progress, "%")],
    ["attempt", `${task.attempt} of ${task.retry_policy?.max_attempts ?? 1}`],
    ["error", task.error],
    ["workflow", task.parent_workflow_id],
    ["stage", task.stage],
    ["waits for", task.dependencies.join(", ")],
    ["timeout", withUnit(task.timeout, "s")],
    ["deadline", timeOf(task.deadline, calendar)],
    ["created", timeOf(task.created_at, calendar)],
    ["started", timeOf(task.started_at, calendar)],
    ["ended", timeOf(task.completed_at, calendar)],
  ]);
}

/** @returns {Facts} */
export function eventFacts(event) {
  const { agent_id: agent = event.source_agent, task_id: task } = event.payload ?? {};
  return known([
    ["number", event.sequence],
    ["time", timeOf(event.timestamp, calendar)],
    ["topic", event.topic],
    ["agent", typeof agent === "string" ? new Link("agents", agent) : undefined],
    ["task", typeof task === "string" ? new Link("tasks", task) : undefined],
    ["to", event.target_agent],
    ["belongs to", event.correlation_id],
  ]);
}

/**
 * @param {number} id
 * @param {Dot|null} dot null where nothing is known of it
 * @returns {Facts}
 */
export function dotFacts(id, dot) {
  const place = dot?.position?.map((part) => number.format(part)).join(", ");
  return known([
    ["number", id],
    ["name", dot?.name],
    ["type", dot?.type],
    ["state", dot?.state ?? "not told"],
    ["position", place ?? "not there"],
    ["speed", withUnit(dot?.speed, "units/s")],
  ]);
}

/** The status of an agent in its own word; one that is there and takes no tasks for now is paused. */
export function statusOf(agent) {
  const status = agent.status_detail ?? agent.status;
  return agent.paused === true && (status === "idle" || status === "busy") ? "paused" : status;
}

/** Text in one line's worth of characters. @param {unknown} text */
export function clipped(text, charactersMax = TEXT_CHARACTERS_MAX) {
  const whole = String(text ?? "");
  return whole.length > charactersMax ? `${whole.slice(0, charactersMax - 1)}…` : whole;
}

/** A value as JSON that people can read, at most so much of it. */
export function jsonText(value) {
  return clipped(JSON.stringify(value, null, 2), JSON_CHARACTERS_MAX);
}

function workload({ current_tasks: tasks, configuration }) {
  const room = configuration?.max_concurrent_tasks;
  if (room !== undefined) return `${tasks} of ${room} tasks`;
  return tasks === 1 ? "1 task" : `${tasks} tasks`;
}

function words(name) {
  return String(name).replaceAll("_", " ");
}

function withUnit(value, unit) {
  return typeof value === "number" && Number.isFinite(value) ? `${number.format(value)} ${unit}` : undefined;
}

function timeOf(text, format) {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : format.format(time);
}

/** Facts that are there, as texts. */
function known(facts) {
  return facts
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([label, value]) => [label, value instanceof Link ? value : textOf(value)]);
}

function textOf(value) {
  return clipped(typeof value === "object" ? JSON.stringify(value) : value);
}
