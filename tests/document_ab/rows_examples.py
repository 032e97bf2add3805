"""E01-E14: every example of documents A and B that is a request, alone and in order.

Alone means on a server that knows nothing. What an example needs and isn't there makes its answer
either a success that waits (a task, a workflow) or a refusal that says what is missing.
"""

import schema_a
from failed import check, check_equal, check_part
from rest import check_moment
from trial import DOCUMENTS, example, request


def register(trial):
    answer = trial.expect(201, *request("Register Agent"))
    check_part(answer, {**example("Register Agent"), "status": "active"}, "agent")


def heartbeat(trial):
    words, body = request("Agent Heartbeat")
    error = trial.refused(404, "NOT_FOUND", words.replace("{agent_id}", "agent-001"), body)
    check("agent-001" in error["message"], f"the agent isn't named: {error}")


def available(trial):
    answer = trial.expect(200, request("Get Available Agents")[0])
    expected = {"page": 1, "limit": 20, "total": 0, "total_pages": 0}
    check_equal(answer, {"agents": [], "pagination": expected}, "answer")


def create_task(trial):
    answer = trial.expect(201, *request("Create Task"))
    check_part(answer, {**example("Create Task"), "status": "pending"}, "task")


def update_task(trial):
    words, body = request("Update Task Status")
    error = trial.refused(404, "NOT_FOUND", words.replace("{task_id}", "task-001"), body)
    check("task-001" in error["message"], f"the task isn't named: {error}")


def create_workflow(trial):
    answer = trial.expect(201, *request("Create Workflow"))
    given = example("Create Workflow")
    check_part(answer["stages"][0], given.pop("stages")[0], "the first stage")
    check_part(answer, {**given, "status": "running"}, "workflow")
    task = trial.expect(200, "GET /api/v1/tasks")["tasks"][0]
    check_part(
        task, {"status": "pending", "stage": "requirement_analysis"}, "the task it waits for"
    )


def ask_agent(trial):
    asked = {"request": example("Request-Response Pattern")["request"]}
    words = "POST /api/v1/agents/code-gen-001/requests"
    error = trial.refused(404, "NOT_FOUND", words, asked)
    check_equal(error["correlation_id"], "workflow-123", "correlation_id")
    check("code-gen-001" in error["message"], f"the agent isn't named: {error}")


def answer_request(trial):
    answer = example("Request-Response Pattern")["response"]
    words = "POST /api/v1/commands/req-001/response"
    error = trial.refused(404, "NOT_FOUND", words, {"response": answer})
    check("req-001" in error["message"], f"the request isn't named: {error}")


def publish(trial):
    publication = {"publication": example("Publish-Subscribe Pattern")["publication"]}
    answer = trial.expect(202, "POST /api/v1/events", publication)
    check_equal(answer.get("sequence"), 1, "sequence")
    told = trial.events("task.*.completed")
    check_equal(len(told), 1, "told")
    check_part(told[0], publication, "told")
    check_moment(told[0]["publication"]["timestamp"], "timestamp")


def metrics(trial):
    words = request("Metrics Collection")[0]
    answer = trial.expect(200, words.split("\n")[0])
    documented = example("Metrics Collection")["system_metrics"]
    check_equal(set(answer["system_metrics"]), set(documented), "system_metrics")
    check_equal(answer["system_metrics"]["active_agents"], 0, "active_agents")
    check_equal(answer["agent_metrics"], {}, "agent_metrics")


def api_structure(trial):
    """Document A's list of endpoints, bare, each alone on a server of its own."""
    text = next(each["text"] for each in DOCUMENTS["a"] if each["section"].startswith("1.1"))
    lines = [line.split("#")[0].split() for line in text.splitlines() if "#" in line]
    check_equal(len(lines), 7, "endpoints")
    expected = {
        "GET /agents": (200, None),
        "POST /agents": (201, {"agent_id": "analyzer-001", "capabilities": ["text-analysis"]}),
        "GET /agents/{id}": (404, None),
        "POST /agents/{id}/message": (404, {"hello": "agent"}),
        "GET /tasks": (200, None),
        "POST /tasks": (201, {"type": "analysis"}),
        "GET /tasks/{id}": (404, None),
    }
    for method, path in lines:
        status, body = expected[f"{method} {path}"]
        with trial.alone() as alone:
            answer = alone.expect(status, f"{method} {path.replace('{id}', 'analyzer-001')}", body)
        if status == 404:
            schema_a.check("Error", answer)
        else:
            found = {"agents", "agent_id", "tasks", "task_id"} & set(answer)
            check_equal(len(found), 1, f"answer to {method} {path}: {answer}")


def open_api(trial):
    """Every operation of document A's OpenAPI text: alone, with a status that it lists."""
    bodies = {
        "registerAgent": {"agent_id": "analyzer-001", "capabilities": ["text-analysis"]},
        "updateAgent": {"max_tasks": 10},
        "sendCommand": {"command_type": "execute"},
        "createTask": {"type": "analysis"},
    }
    expected = {"listAgents": 200, "registerAgent": 201, "listTasks": 200, "createTask": 201}
    for path, operations in schema_a.SOURCE["paths"].items():
        for method, operation in operations.items():
            name = operation["operationId"]
            if name == "websocketConnect":
                continue
            there = path.replace("{agentId}", "analyzer-001")
            there = there.replace("{taskId}", "6f1ed002-ab59-4a3d-9d2b-1c9d6b0c2f11")
            status = expected.get(name, 404)
            check(str(status) in operation["responses"], f"{name} doesn't list {status}")
            with trial.alone() as alone:
                answer = alone.expect(status, f"{method.upper()} /v1{there}", bodies.get(name))
            check_schema(operation, status, answer)


def check_schema(operation, status, answer):
    """The answer is of the schema that the operation names for this status."""
    response = operation["responses"][str(status)]
    if "$ref" in response:
        name = "Error"
    else:
        reference = response["content"]["application/json"]["schema"]["$ref"]
        name = reference.rsplit("/", 1)[1]
    schema_a.check(name, answer)


def errors_alone(trial):
    """Document B's table of codes: each is answered with its number."""
    documented = example("Error Codes")["error_codes"]
    check_equal(len(documented), 7, "codes")
    trial.register("code-gen-001")
    trial.expect(201, *request("Create Task"))
    trial.expect(201, "PUT /api/v1/templates/express-api", {"content": {}})
    asked = {"request": example("Request-Response Pattern")["request"]}
    other = request("Create Task")[1].replace("task-001", "task-009")
    stages = {"stages": [{"name": "a", "agent_type": "nobody"}], "timeout": 0.2}
    made = {
        "AGENT_UNAVAILABLE": ("POST /api/v1/agents/code-gen-001/requests", asked),
        "DEPENDENCY_NOT_MET": ("PATCH /api/v1/tasks/task-001", {"status": "in_progress"}),
        "INVALID_TEMPLATE": ("POST /api/v1/tasks", other),
        "TASK_TIMEOUT": ("POST /api/v1/workflows?wait=true", stages),
    }
    for code, (words, body) in made.items():
        trial.refused(documented[code], code, words, body)
    trial.program.stop()
    key = trial.program.made_key("k", "read")
    trial.program.flags = ("--rate-limit", "1")
    trial.program.start()
    rest = trial.client()
    code = "AUTHENTICATION_FAILED"
    rest.refused(documented[code], code, "GET /api/v1/agents")
    rest.expect(200, "GET /api/v1/agents", headers={"X-API-Key": key})
    code = "RATE_LIMIT_EXCEEDED"
    rest.refused(documented[code], code, "GET /api/v1/agents", headers={"X-API-Key": key})


def in_order(trial):
    """All of document B's requests in its order, once task-002 is created and completed."""
    trial.register("other-001", "other")
    trial.expect(201, "POST /api/v1/tasks", {"id": "task-002", "type": "other"})
    trial.finish("task-002")
    registered = trial.expect(201, *request("Register Agent"))
    check_part(registered, example("Register Agent"), "registered")
    words, body = request("Agent Heartbeat")
    beat = trial.expect(200, words.replace("{agent_id}", "agent-001"), body)
    check_part(beat, {"id": "agent-001", "status": "active"}, "heartbeat")
    agents = trial.expect(200, request("Get Available Agents")[0])["agents"]
    check_equal([agent["id"] for agent in agents], ["agent-001"], "available agents")
    check_part(agents[0], example("Agent Heartbeat"), "what the heartbeat told")
    task = trial.expect(201, *request("Create Task"))
    check_part(task, example("Create Task"), "task")
    words, body = request("Update Task Status")
    changed = trial.expect(200, words.replace("{task_id}", "task-001"), body)
    check_part(changed, example("Update Task Status"), "task")
    workflow = trial.expect(201, *request("Create Workflow"))
    check_part(workflow, {"id": "workflow-123", "status": "running"}, "workflow")
    trial.expect(202, "POST /api/v1/events", example("Publish-Subscribe Pattern")["publication"])
    found = trial.expect(200, "GET /api/v1/metrics")
    check_part(found["system_metrics"], {"active_agents": 2, "pending_tasks": 1}, "metrics")
    check_equal(found["agent_metrics"]["other-001"]["tasks_completed"], 1, "tasks_completed")
    told = [event.get("event_type") for event in trial.events("**")]
    kinds = (
        "agent.registered",
        "task.completed",
        "task.created",
        "task.progress",
        "workflow.started",
    )
    check_equal([kind for kind in kinds if kind not in told], [], f"not told; told: {told}")
