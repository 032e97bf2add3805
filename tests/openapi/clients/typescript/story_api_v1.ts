// A full story by openapi-fetch over the types that openapi-typescript makes of api-v1.json.
//
//     node story_api_v1.js URL KEY
//
// What the compiler accepts is what the document says; what is asserted is what the server does.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./api-v1.js";

const [url, key] = process.argv.slice(2);
assert(url && key, "story_api_v1.js URL KEY");

const headers = { Authorization: `Bearer ${key}` };
const client = createClient<paths, "application/json">({ baseUrl: `${url}/api/v1`, headers });
const skill = `skill-${randomUUID()}`;
const agent_id = `agent-${randomUUID()}`;
const path = { agent_id };
const STAGES_DONE_MAX = 10;

/** What a call brought, or the end of the story. */
function told<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  assert(answer.data !== undefined, `${answer.response.status}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function change(task_id: string, body: components["schemas"]["TaskUpdate"]) {
  return told(await client.PATCH("/tasks/{task_id}", { params: { path: { task_id } }, body }));
}

async function work(): Promise<number> {
  const query = { agent_id, status: "pending", type: skill } as const;
  const { tasks } = told(await client.GET("/tasks", { params: { query } }));
  for (const { id } of tasks) {
    await change(id, { status: "in_progress", assigned_agent: agent_id });
    const ended = await change(id, { status: "completed", output_data: { by: agent_id } });
    assert.equal(ended.status, "completed");
  }
  return tasks.length;
}

const registration = {
  id: agent_id,
  type: skill,
  name: "Code Generator",
  version: "1.0.0",
  capabilities: ["javascript", "python"],
  configuration: { max_concurrent_tasks: 5, supported_frameworks: ["express"] },
};
const registered = told(await client.POST("/agents/register", { body: registration }));
assert.equal(registered.status, "active");
assert.equal(registered.configuration?.max_concurrent_tasks, 5);
const performance_metrics = { cpu_usage: 45.2, memory_usage: 67.8, task_queue_size: 0 };
told(
  await client.POST("/agents/{agent_id}/heartbeat", {
    params: { path },
    body: { status: "active", current_tasks: 0, performance_metrics },
  }),
);

const task = told(
  await client.POST("/tasks", {
    body: {
      type: skill,
      priority: "high",
      assigned_agent: agent_id,
      input_data: { entities: ["User"] },
      timeout: 300,
      retry_policy: { max_attempts: 3, backoff_strategy: "exponential" },
    },
  }),
);
assert.equal(task.priority, "high");
const running = await change(task.id, { status: "in_progress", progress: 45 });
assert.equal(running.status, "in_progress");
const completed = await change(task.id, {
  status: "completed",
  output_data: { files_generated: 12 },
});
assert.equal(completed.output_data?.files_generated, 12);

const stages = [
  { name: "requirement_analysis", agent_type: skill, timeout: 120 },
  { name: "architecture_planning", agent_type: skill, dependencies: ["requirement_analysis"] },
];
const configuration = { parallel_execution: false, failure_strategy: "stop_on_error" } as const;
const { id: workflow_id } = told(
  await client.POST("/workflows", { body: { stages, configuration, project_id: "proj-456" } }),
);
let workflow: components["schemas"]["Workflow"] | undefined;
let done = 0;
for (let turn = 0; turn < STAGES_DONE_MAX && workflow?.status !== "completed"; turn += 1) {
  done += await work();
  const params = { path: { workflow_id } };
  workflow = told(await client.GET("/workflows/{workflow_id}", { params }));
}
assert.equal(workflow?.status, "completed");
assert.equal(done, stages.length);

const away = await client.POST("/agents/{agent_id}/requests", {
  params: { path },
  body: { type: "generate_code", timeout: 1 },
});
assert.equal(away.error?.error.code, "AGENT_UNAVAILABLE");

const gone = await client.DELETE("/agents/{agent_id}", { params: { path } });
assert.equal(gone.response.status, 204);
const missing = await client.GET("/agents/{agent_id}", { params: { path } });
assert.equal(missing.error?.error.code, "NOT_FOUND");
console.log("api-v1.json: the story of openapi-fetch came true");
