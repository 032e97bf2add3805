/**
 * @file What the panel shows in detail: an agent, a task, an event or a dot, and how it is read.
 */

import {
  agentFacts,
  clipped,
  dotFacts,
  eventFacts,
  eventRow,
  statusOf,
  taskFacts,
  taskRow,
} from "./wording.mjs";

const OPEN_TASKS_MAX = 20;
const OPEN_STATUSES = "pending,in_progress";

/**
 * @typedef {object} Scene what is on the screen
 * @property {string} stream
 * @property {(id: number) => import("./wording.mjs").Dot|null} dotOf
 */

/** An agent by its id, with its open tasks and its dot. */
export class AgentSubject {
  #agent = null;
  #told;

  /** @param {string} id */
  constructor(id) {
    this.kind = "agents";
    this.id = id;
    this.#told = nameless(id, "");
  }

  /** @param {import("./api.mjs").Api} api */
  async read(api) {
    const path = `/agents/${encodeURIComponent(this.id)}`;
    const open = { agent_id: this.id, status: OPEN_STATUSES, limit: OPEN_TASKS_MAX };
    const [agent, { tasks }] = await Promise.all([orNull(api.get(path)), api.get("/tasks", open)]);
    this.#agent = agent;
    if (agent === null) {
      this.#told = nameless(this.id, "No agent of this id is registered.");
      return;
    }
    const status = statusOf(agent);
    this.#told = {
      title: clipped(agent.name ?? agent.id),
      mark: status,
      side: status,
      facts: agentFacts(agent),
      tasks: tasks.map(taskRow),
      data: [["Metadata", agent.metadata]],
    };
  }

  isAbout({ agent_id: agent }, { source_agent: source, target_agent: target }) {
    return [agent, source, target].includes(this.id);
  }

  /** The number of its dot in this stream, or null. @param {Scene} scene */
  dotId(scene) {
    return this.#agent?.stream === scene.stream ? this.#agent.numeric_id : null;
  }

  /** @param {Scene} scene @returns {import("./detail-view.mjs").Detail} */
  detail(scene) {
    const id = this.dotId(scene);
    const dot = id === null ? null : scene.dotOf(id);
    if (dot?.position == null) return this.#told;
    const place = dotFacts(id, dot).filter(([name]) => name === "position" || name === "speed");
    return { ...this.#told, facts: [...this.#told.facts, ...place] };
  }
}

/** A task by its id. */
export class TaskSubject {
  #told;

  /** @param {string} id */
  constructor(id) {
    this.kind = "tasks";
    this.id = id;
    this.#told = nameless(id, "");
  }

  /** @param {import("./api.mjs").Api} api */
  async read(api) {
    const task = await orNull(api.get(`/tasks/${encodeURIComponent(this.id)}`));
    if (task === null) {
      this.#told = nameless(this.id, "There is no task of this id.");
      return;
    }
    const { title, mark, side } = taskRow(task);
    const data = [["Input", task.input_data], ["Output", task.output_data], ["Metadata", task.metadata]];
    this.#told = { title, mark, side, facts: taskFacts(task), data };
  }

  isAbout({ task_id: task }) {
    return task === this.id;
  }

  dotId() {
    return null;
  }

  /** @returns {import("./detail-view.mjs").Detail} */
  detail() {
    return this.#told;
  }
}

/** An event, which does not change. */
export class EventSubject {
  #told;

  /** @param {import("./event-stream.mjs").FleetEvent} event */
  constructor(event) {
    this.kind = "events";
    this.id = String(event.sequence);
    const { title, mark, side } = eventRow(event);
    this.#told = { title, mark, side, facts: eventFacts(event), data: [["Payload", event.payload]] };
  }

  async read() {}

  isAbout() {
    return false;
  }

  dotId() {
    return null;
  }

  /** @returns {import("./detail-view.mjs").Detail} */
  detail() {
    return this.#told;
  }
}

/** A dot by its number: the registered agent behind it, or what the stream tells of it. */
export class DotSubject {
  #id;
  #agent = null;
  #isSearched = false;

  /** @param {number} id */
  constructor(id) {
    this.kind = "dots";
    this.id = String(id);
    this.#id = id;
  }

  /** @param {import("./api.mjs").Api} api @param {Scene} scene */
  async read(api, scene) {
    if (this.#agent !== null) {
      await this.#agent.read(api);
      return;
    }
    const { agents } = await api.get("/agents", { numeric_id: this.#id, stream: scene.stream, limit: 100 });
    const found = agents.find((agent) => agent.numeric_id === this.#id && agent.stream === scene.stream);
    this.#isSearched = true;
    if (found === undefined) return;
    const agent = new AgentSubject(found.id);
    await agent.read(api);
    this.#agent = agent;
  }

  isAbout(payload, event) {
    if (this.#agent !== null) return this.#agent.isAbout(payload, event);
    return payload.numeric_id === this.#id;
  }

  dotId() {
    return this.#id;
  }

  /** @param {Scene} scene @returns {import("./detail-view.mjs").Detail} */
  detail(scene) {
    if (this.#agent !== null) return this.#agent.detail(scene);
    const dot = scene.dotOf(this.#id);
    const notFound = `No registered agent has the number ${this.#id}; this is what the stream tells of it.`;
    return {
      title: clipped(dot?.name ?? `Agent ${this.#id}`),
      mark: dot?.state ?? "",
      side: dot?.state ?? "",
      hint: this.#isSearched ? notFound : "",
      facts: dotFacts(this.#id, dot),
    };
  }
}

function nameless(id, hint) {
  return { title: clipped(id), mark: "", side: "", hint, facts: [] };
}

/** What is not there is null. */
async function orNull(answer) {
  try {
    return await answer;
  } catch (refusal) {
    if (refusal.status === 404) return null;
    throw refusal;
  }
}
