// A full story by openapi-fetch over the types that openapi-typescript makes of v1.json.
//
//     node story_v1.js URL KEY
//
// What the compiler accepts is what the document says; what is asserted is what the server does.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./v1.js";

const [url, key] = process.argv.slice(2);
assert(url && key, "story_v1.js URL KEY");

const client = createClient<paths, "application/json">({ baseUrl: `${url}/v1`, headers: { "X-API-Key": key } });
const skill = `skill-${randomUUID()}`;
const agentId = `analyzer-${randomUUID()}`;
const path = { agentId };
const STAGES_DONE_MAX = 10;

/** What a call brought, or the end of the story. */
function told<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  assert(answer.data !== undefined, `${answer.response.status}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function change(taskId: string, body: components["schemas"]["TaskUpdate"]) {
  return told(await client.PATCH("/tasks/{taskId}", { params: { path: { taskId } }, body }));
}

async function work(): Promise<number> {
  const query = { agent_id: agentId, status: "pending", task_type: skill } as const;
  const { tasks } = told(await client.GET("/tasks", { params: { query } }));
  for (const { task_id } of tasks) {
    await change(task_id, { status: "running", assigned_agent: agentId });
    const ended = await change(task_id, { status: "completed", result: { by: agentId } });
    assert.equal(ended.status, "completed");
  }
  return tasks.length;
}

const registration = { agent_id: agentId, capabilities: [skill], max_tasks: 3 };
const registered = told(await client.POST("/agents", { body: registration }));
assert.equal(registered.agent_id, agentId);
const again = await client.POST("/agents", { body: registration });
assert.equal(again.error?.error_code, "CONFLICT");
const resource_usage = { cpu_percent: 12.5, memory_mb: 256 };
told(
  await client.POST("/agents/{agentId}/heartbeat", {
    params: { path },
    body: { status: "idle", resource_usage },
  }),
);
const seen = told(await client.GET("/agents/{agentId}", { params: { path } }));
assert.equal(seen.resource_usage?.memory_mb, 256);

const task = told(
  await client.POST("/tasks", { body: { type: skill, priority: 8, task_data: { text: "?" } } }),
);
const running = await change(task.task_id, {
  status: "running",
  progress: 45,
  assigned_agent: agentId,
});
assert.equal(running.progress, 45);
const completed = await change(task.task_id, { status: "completed", result: { sentences: 12 } });
assert.deepEqual(completed.result, { sentences: 12 });

const stages = [
  { name: "gather", agent_type: skill },
  { name: "write", agent_type: skill, dependencies: ["gather"] },
];
const { id: workflowId } = told(await client.POST("/workflows", { body: { stages } }));
let workflow: components["schemas"]["Workflow"] | undefined;
let done = 0;
for (let turn = 0; turn < STAGES_DONE_MAX && workflow?.status !== "completed"; turn += 1) {
  done += await work();
  const params = { path: { workflowId } };
  workflow = told(await client.GET("/workflows/{workflowId}", { params }));
}
assert.equal(workflow?.status, "completed");
assert.equal(done, stages.length);

const sent = told(
  await client.POST("/agents/{agentId}/commands", {
    params: { path },
    body: { command_type: "execute", payload: {} },
  }),
);
assert.equal(sent.status, "accepted");

const { events } = told(await client.GET("/events", { params: { query: { limit: 1000 } } }));
assert(events.some((event) => event.event_type === "task_completed"));

const gone = await client.DELETE("/agents/{agentId}", { params: { path } });
assert.equal(gone.response.status, 204);
const missing = await client.GET("/agents/{agentId}", { params: { path } });
assert.equal(missing.error?.error_code, "NOT_FOUND");
console.log("v1.json: the story of openapi-fetch came true");
