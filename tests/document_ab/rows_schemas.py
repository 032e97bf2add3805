"""S038-S056: what document A's schemas and document B's bodies hold."""

import time

import schema_a
from failed import check, check_equal, check_part
from rest import check_uuid
from trial import example, request

AGENT_STATUSES = ("idle", "busy", "error", "offline", "starting", "stopping")


def agent(trial):
    """The schema's own example values, through document A; and where it stands in the stream."""
    capabilities = ["text-analysis", "data-processing"]
    trial.register("analyzer-001", *capabilities, max_tasks=10)
    for _ in range(2):
        trial.expect(201, "POST /v1/tasks", {"type": "analysis", "assigned_agent": "analyzer-001"})
    metrics = {"cpu_usage": 45.2, "memory_usage": 67.8}
    trial.expect(200, "POST /v1/agents/analyzer-001/heartbeat", {"performance_metrics": metrics})
    found = trial.expect(200, "GET /v1/agents/analyzer-001")
    schema_a.check("Agent", found)
    expected = {"capabilities": capabilities, "current_tasks": 2, "max_tasks": 10}
    check_part(found, expected, "agent")
    check_equal(found["resource_usage"]["cpu_percent"], 45.2, "cpu_percent")
    check("last_heartbeat" in found, "no last_heartbeat")
    check(0x10000000 <= found["numeric_id"] <= 0x3FFFFFFF, f"numeric_id {found['numeric_id']}")


def agent_registration(trial):
    """What is required and what is not; free metadata; the default of max_tasks."""
    free = {"deep": {"er": [1, "two", None, {"three": True}]}, "": 0}
    trial.register("a-1", metadata=free)
    found = trial.expect(200, "GET /v1/agents/a-1")
    check_equal((found["max_tasks"], found["metadata"]), (5, free), "max_tasks and metadata")
    full = {"agent_id": "a-2", "capabilities": ["x"], "max_tasks": 1, "metadata": {}}
    for missing in ("agent_id", "capabilities"):
        body = {key: value for key, value in full.items() if key != missing}
        error = trial.refused(400, "VALIDATION_ERROR", "POST /v1/agents", body)
        check_equal([each["field"] for each in error["details"]], [missing], "fields")
    trial.refused(400, "BAD_REQUEST", "POST /v1/agents", {**full, "capabilities": []})
    wrongs = {"max_tasks": (0, -1, 1.5, "5", None), "metadata": (1, [], "x", None)}
    for field, values in wrongs.items():
        for value in values:
            body = {**full, field: value}
            error = trial.refused(400, "VALIDATION_ERROR", "POST /v1/agents", body)
            check_equal(error["details"][0]["field"], field, f"field of {value!r}")
    trial.expect(201, "POST /v1/agents", full)


def register_body_b(trial):
    """Document B's body, whole, read through both dialects, and written back by document A."""
    trial.expect(201, *request("Register Agent"))
    given = example("Register Agent")
    check_part(trial.expect(200, "GET /api/v1/agents/agent-001"), given, "in document B")
    found = trial.expect(200, "GET /v1/agents/agent-001")
    schema_a.check("Agent", found)
    expected = {"agent_id": "agent-001", "max_tasks": 5, "capabilities": given["capabilities"]}
    check_part(found, expected, "in document A")
    # Each value stands somewhere in document A's view.
    for value in ("code_generation", "Code Generator", "1.0.0", "http://agent-001:8080/health"):
        check(value in found.values(), f"{value} is lost in document A")
    frameworks = given["configuration"]["supported_frameworks"]
    check_equal(found["configuration"]["supported_frameworks"], frameworks, "configuration")
    before = trial.expect(200, "GET /api/v1/agents/agent-001")
    trial.expect(200, "PUT /v1/agents/agent-001", found)
    check_equal(trial.expect(200, "GET /api/v1/agents/agent-001"), before, "after A's own view")
    trial.expect(200, "PUT /api/v1/agents/agent-001", before)
    check_equal(trial.expect(200, "GET /v1/agents/agent-001"), found, "after B's own view")


def registration_response(trial):
    """agent_id and registered_at, as the stored agent has them; how often to send heartbeats."""
    answer = trial.register("a-1")
    schema_a.check("AgentRegistrationResponse", answer)
    stored = trial.expect(200, "GET /v1/agents/a-1")
    for key in ("agent_id", "registered_at", "numeric_id"):
        check_equal(answer[key], stored[key], key)
    check_equal(answer["heartbeat_interval"], 30, "heartbeat_interval")


def undefined_schemas(trial):
    """The seven that document A names and doesn't define."""
    trial.register("a-1", "analysis")
    task = trial.expect(201, "POST /v1/tasks", {"task_type": "analysis", "task_data": {}})
    schema_a.check("AgentListResponse", trial.expect(200, "GET /v1/agents"))
    schema_a.check("TaskListResponse", trial.expect(200, "GET /v1/tasks"))
    schema_a.check("AgentStatus", trial.expect(200, "GET /v1/agents/a-1/status"))
    schema_a.check("Agent", trial.expect(200, "PUT /v1/agents/a-1", {}))
    command = {"command_type": "configure", "payload": {"max_tasks": 2}}
    schema_a.check("CommandResponse", trial.expect(202, "POST /v1/agents/a-1/commands", command))
    words = f"DELETE /v1/tasks/{task['task_id']}?reason=late"
    cancelled = trial.expect(200, words)
    schema_a.check("TaskCancellation", cancelled)
    check_equal(cancelled.get("reason"), "late", "reason")


def task(trial):
    """Every field of the schema, from creation to result."""
    trial.register("a-1", "synthesis")
    given = {"type": "synthesis", "priority": 10, "deadline": "2999-12-31T23:59:59Z"}
    given |= {"assigned_agent": "a-1", "task_data": {"words": ["a", "b"]}}
    made = trial.expect(201, "POST /v1/tasks", given)
    schema_a.check("Task", made)
    check_uuid(made["task_id"], "task_id")
    path = f"/v1/tasks/{made['task_id']}"
    trial.expect(200, f"PATCH {path}", {"status": "running"})
    trial.expect(200, f"PATCH {path}", {"status": "completed", "result": {"text": "ab"}})
    found = trial.expect(200, f"GET {path}")
    schema_a.check("Task", found)
    documented = schema_a.SOURCE["components"]["schemas"]["Task"]["properties"]
    check_equal(set(documented) - set(found), set(), "fields of the document that are missing")
    deadline = found.pop("deadline")
    check(deadline.startswith("2999-12-31T23:59:59"), f"deadline {deadline}")
    del given["deadline"]
    check_part(found, {**given, "status": "completed", "result": {"text": "ab"}}, "task")


def task_body_b(trial):
    """Free JSON stays as it was: input_data is document A's task_data."""
    trial.expect(201, *request("Create Task"))
    given = example("Create Task")["input_data"]
    check_equal(trial.expect(200, "GET /api/v1/tasks/task-001")["input_data"], given, "in B")
    check_equal(trial.expect(200, "GET /v1/tasks/task-001")["task_data"], given, "in A")
    odd = {"": [[], {}, None, 1e300, -0.5, "\u0000\u20ac\U0001f41d"], "big": 2**53 - 1}
    trial.expect(201, "POST /v1/tasks", {"id": "odd", "type": "analysis", "task_data": odd})
    check_equal(trial.expect(200, "GET /api/v1/tasks/odd")["input_data"], odd, "odd data")


def dependencies(trial):
    """Held until all are completed; it fails with one that ends otherwise, and so on."""
    trial.register("a-1", "step", max_tasks=9)
    for name, on in (("first", []), ("second", ["first"]), ("third", ["first", "second"])):
        trial.expect(201, "POST /api/v1/tasks", {"id": name, "type": "step", "dependencies": on})

    given = set()
    for name in ("first", "second", "third"):
        given.add(name)
        tasks = trial.expect(200, "GET /api/v1/tasks")["tasks"]
        found = {task["id"] for task in tasks if task.get("assigned_agent")}
        check_equal(found, given, f"given to an agent before {name} is done")
        trial.finish(name)
    for name, on in (("x", []), ("y", ["x"]), ("z", ["y"])):
        trial.expect(201, "POST /api/v1/tasks", {"id": name, "type": "step", "dependencies": on})
    start = {"status": "in_progress"}
    error = trial.refused(412, "DEPENDENCY_NOT_MET", "PATCH /api/v1/tasks/z", start)
    check_equal(error["details"].get("unmet"), ["y"], "unmet")
    trial.expect(200, "DELETE /api/v1/tasks/x")
    for name, because in (("y", "x"), ("z", "y")):
        found = trial.expect(200, f"GET /api/v1/tasks/{name}")
        check_equal(found["status"], "failed", name)
        check(because in found["error"], f"{because} isn't named: {found['error']}")


def retry_policy(trial):
    """As the example says it, three attempts; each of the strategies; what is no policy."""
    trial.register("a-1", "step")
    policy = example("Create Task")["retry_policy"]
    body = {"id": "t", "type": "step", "retry_policy": policy}
    check_part(trial.expect(201, "POST /api/v1/tasks", body)["retry_policy"], policy, "policy")
    for attempt in (1, 2, 3):
        started = claim(trial, "t")
        check_equal(started["attempt"], attempt, "attempt")
        found = trial.expect(200, "PATCH /api/v1/tasks/t", {"status": "failed", "error": "no"})
        check_equal(found["status"], "pending" if attempt < 3 else "failed", "status")
    check_equal(len(trial.events("task.failed")), 1, "task.failed told")
    for strategy in ("fixed", "linear", "exponential"):
        body = {"type": "step", "retry_policy": {"max_attempts": 2, "backoff_strategy": strategy}}
        trial.expect(201, "POST /api/v1/tasks", body)
    for wrong in ({"max_attempts": 0}, {"max_attempts": 101}, {"backoff_strategy": "never"}, 3):
        body = {"type": "step", "retry_policy": wrong}
        trial.refused(400, "VALIDATION_ERROR", "POST /api/v1/tasks", body)


def claim(trial, task):
    """Starts the task as soon as it is its turn again."""
    deadline = time.monotonic() + trial.patience_s
    while True:
        answer = trial.ask(f"PATCH /api/v1/tasks/{task}", {"status": "in_progress"})
        if answer.status == 200 or time.monotonic() > deadline:
            check_equal(answer.status, 200, f"start: {answer}")
            return answer.value()
        time.sleep(0.1)


def parent_workflow(trial):
    """Kept though nobody knows the workflow, in both dialects, and tasks are listed by it."""
    trial.expect(201, *request("Create Task"))
    trial.expect(201, "POST /api/v1/tasks", {"type": "other"})
    found = trial.expect(200, "GET /api/v1/tasks/task-001")
    check_equal(found["parent_workflow_id"], "workflow-123", "in document B")
    check_equal(trial.expect(200, "GET /v1/tasks/task-001")["workflow_id"], "workflow-123", "in A")
    for prefix, key in (("/v1", "external_id"), ("/api/v1", "id")):
        listed = trial.expect(200, f"GET {prefix}/tasks?workflow_id=workflow-123")["tasks"]
        check_equal([each[key] for each in listed], ["task-001"], "listed by it")


def output_data(trial):
    """The example's output is document A's result; progress merges, the end replaces."""
    trial.register("a-1", "code_generation")
    trial.expect(201, "POST /api/v1/tasks", {"id": "t", "type": "code_generation"})
    output = example("Update Task Status")["output_data"]
    trial.expect(200, "PATCH /api/v1/tasks/t", example("Update Task Status"))
    check_equal(trial.expect(200, "GET /v1/tasks/t")["result"], output, "result in document A")
    trial.expect(200, "PATCH /v1/tasks/t", {"progress": 60, "result": {"lines": 9}})
    merged = trial.expect(200, "GET /api/v1/tasks/t")["output_data"]
    check_equal(merged, {**output, "lines": 9}, "merged")
    trial.expect(200, "PATCH /api/v1/tasks/t", {"status": "completed", "output_data": {"ok": 1}})
    check_equal(trial.expect(200, "GET /v1/tasks/t")["result"], {"ok": 1}, "at the end")


def estimated_completion(trial):
    """The example's moment, in every offset and in both dialects; no moment is refused."""
    trial.register("a-1", "code_generation")
    trial.expect(201, "POST /api/v1/tasks", {"id": "t", "type": "code_generation"})
    trial.expect(200, "PATCH /api/v1/tasks/t", example("Update Task Status"))
    for moment in ("2025-01-15T14:30:00Z", "2025-01-15T16:30:00.000000+02:00"):
        given = {"estimated_completion": moment}
        trial.expect(200, "PATCH /api/v1/tasks/t", given)
        for prefix in ("/v1", "/api/v1"):
            found = trial.expect(200, f"GET {prefix}/tasks/t")["estimated_completion"]
            check(found.startswith("2025-01-15T14:30:00") and found.endswith("Z"), f"found {found}")
    for wrong in ("tomorrow", 1736951400, "2025-02-30T00:00:00Z"):
        given = {"estimated_completion": wrong}
        trial.refused(400, "VALIDATION_ERROR", "PATCH /api/v1/tasks/t", given)


def command(trial):
    """Defaults, bounds, every verb, and what the verbs do to the agent."""
    trial.register("a-1", "step", max_tasks=3)
    path = "POST /v1/agents/a-1/commands"

    def send(**body):
        sent = trial.expect(202, path, body)
        return trial.expect(200, f"GET /v1/agents/a-1/commands/{sent['command_id']}")

    given = {"command_type": "execute", "payload": {"tool": "x"}, "priority": 9, "timeout_ms": 1000}
    check_part(send(**given), given, "command")
    wrongs = {"priority": (0, 11, "x"), "timeout_ms": (999, 0, "1s"), "payload": ([], "x")}
    wrongs["command_type"] = ("", 7, "Execute")
    for field, values in wrongs.items():
        for value in values:
            body = {"command_type": "stop", field: value}
            error = trial.refused(400, "VALIDATION_ERROR", path, body)
            check_equal(error["details"][0]["field"], field, f"field of {value!r}")
    send(command_type="pause")
    trial.expect(201, "POST /api/v1/tasks", {"id": "t", "type": "step"})
    held = trial.expect(200, "GET /api/v1/tasks/t")
    check("assigned_agent" not in held, f"a paused agent was given work: {held}")
    send(command_type="resume")
    given = trial.expect(200, "GET /api/v1/tasks/t")
    check_equal(given.get("assigned_agent"), "a-1", "assigned_agent after resume")
    configured = send(command_type="configure", payload={"max_tasks": 7})
    words = f"POST /v1/commands/{configured['command_id']}/response"
    trial.expect(200, words, {"status": "success"})
    check_equal(trial.expect(200, "GET /v1/agents/a-1")["max_tasks"], 7, "configured max_tasks")
    trial.expect(200, "PATCH /api/v1/tasks/t", {"status": "in_progress"})
    send(command_type="stop")
    check_equal(trial.expect(200, "GET /api/v1/tasks/t")["status"], "cancelled", "after stop")
    send(command_type="shutdown")
    check_equal(trial.expect(200, "GET /v1/agents/a-1")["status"], "stopping", "after shutdown")

    def timed_out():
        return trial.expect(200, "GET /v1/agents/a-1/commands?status=timeout")["commands"]

    listed = trial.until("the first command times out", timed_out)
    check_equal([each["command_type"] for each in listed], ["execute"], "timed out")


def resource_usage(trial):
    """Percent and megabytes as the agent tells them; neither is made of the other."""
    trial.register("a-1")
    usage = {"cpu_percent": 45.2, "memory_mb": 512, "disk_mb": 2048.5}
    trial.expect(200, "POST /v1/agents/a-1/heartbeat", {"resource_usage": usage})
    for words in ("GET /v1/agents/a-1", "GET /v1/agents/a-1/status"):
        found = trial.expect(200, words)["resource_usage"]
        schema_a.check("ResourceUsage", found)
        check_part(found, usage, words)
    metrics = trial.expect(200, "GET /api/v1/agents/a-1")["performance_metrics"]
    check_equal(metrics["cpu_usage"], 45.2, "cpu_usage")
    check("memory_usage" not in metrics, f"a percent was made up: {metrics}")
    for wrong in ({"cpu_percent": 101}, {"memory_mb": -1}, {"disk_mb": "much"}):
        body = {"resource_usage": wrong}
        trial.refused(400, "VALIDATION_ERROR", "POST /v1/agents/a-1/heartbeat", body)


def error_a(trial):
    """The schema's form and its example code; every field that is wrong is named at once."""
    error = trial.refused(400, "INVALID_REQUEST", "POST /v1/tasks", '{"type":')
    schema_a.check("Error", error)
    body = {"agent_id": "a b", "capabilities": [1], "max_tasks": 0}
    error = trial.refused(400, "VALIDATION_ERROR", "POST /v1/agents", body)
    found = {each["field"].split("[")[0].split(".")[0] for each in error["details"]}
    check_equal(found, set(body), "fields")
    check(all(each["issue"] for each in error["details"]), f"an issue is empty: {error}")
    problem = {"Accept": "application/problem+json"}
    answer = trial.ask("GET /v1/agents/nobody", headers=problem)
    check_equal(answer.headers.get("content-type"), "application/problem+json", "Content-Type")
    check_part(answer.value(), {"status": 404, "code": "NOT_FOUND"}, "RFC 9457")


def shared_responses(trial):
    """Each of the five, and those that the document forgot, in its error form."""
    trial.serve("--rate-limit", "5")
    body = {"agent_id": "a-1", "capabilities": ["x"]}
    trial.expect(201, "POST /v1/agents", body)
    trial.refused(400, "VALIDATION_ERROR", "GET /v1/agents?page=0")
    trial.refused(404, "NOT_FOUND", "GET /v1/agents/a-2")
    trial.refused(409, "CONFLICT", "POST /v1/agents", body)
    trial.refused(
        415, "UNSUPPORTED_MEDIA_TYPE", "POST /v1/agents", "x", {"Content-Type": "text/csv"}
    )
    answer = trial.ask("GET /v1/agents")
    check_equal(answer.status, 429, "status beyond the limit")
    check(int(answer.headers["retry-after"]) >= 1, "Retry-After")
    schema_a.check("Error", answer.value())
    trial.program.stop()
    trial.program.made_key("k", "read")
    trial.program.flags = ("--rate-limit", "0")
    trial.program.start()
    rest = trial.client()
    rest.refused(401, "UNAUTHORIZED", "GET /v1/agents")
    rest.refused(401, "UNAUTHORIZED", "PATCH /v1/tasks/x", {})


def agent_statuses(trial):
    """All six are set, shown and found; document B says `active` for two of them."""
    check_equal(tuple(schema_a.enumerated("Agent", "status")), AGENT_STATUSES, "document A's six")
    trial.register("a-1")
    for status in AGENT_STATUSES:
        trial.expect(200, "PUT /v1/agents/a-1", {"status": status})
        shown = trial.expect(200, "GET /v1/agents/a-1")
        schema_a.check("Agent", shown)
        check_equal(shown["status"], status, "in document A")
        found = trial.expect(200, f"GET /v1/agents?status={status}")["pagination"]["total"]
        check_equal(found, 1, f"found as {status}")
        in_b = trial.expect(200, "GET /api/v1/agents/a-1")
        expected = "active" if status in ("idle", "busy") else status
        check_equal((in_b["status"], in_b["status_detail"]), (expected, status), "in document B")
    changes = [
        event["payload"]["new_status_detail"] for event in trial.events("agent.status_changed")
    ]
    check_equal(changes, list(AGENT_STATUSES[1:]), "changes told")


def task_statuses(trial):
    """All six are reached and found; each end is final."""
    documented = schema_a.enumerated("Task", "status")
    trial.register("a-1", "step", max_tasks=9)
    for status in documented:
        more = {"timeout": 0.2} if status == "timeout" else {}
        trial.expect(201, "POST /api/v1/tasks", {"id": status, "type": "step", **more})
        if status != "pending":
            trial.expect(200, f"PATCH /api/v1/tasks/{status}", {"status": "in_progress"})
    for status in ("completed", "failed"):
        trial.expect(200, f"PATCH /v1/tasks/{status}", {"status": status})
    trial.expect(200, "DELETE /v1/tasks/cancelled")

    def is_over():
        return trial.expect(200, "GET /v1/tasks/timeout")["status"] == "timeout"

    trial.until("a task times out", is_over)
    for status in documented:
        shown = trial.expect(200, f"GET /v1/tasks/{status}")
        schema_a.check("Task", shown)
        check_equal(shown["status"], status, "in document A")
        listed = trial.expect(200, f"GET /v1/tasks?status={status}")["tasks"]
        check_equal([each["external_id"] for each in listed], [status], f"found as {status}")
        in_b = trial.expect(200, f"GET /api/v1/tasks/{status}")["status"]
        check_equal(in_b, "in_progress" if status == "running" else status, "in document B")
    for status in ("completed", "failed", "cancelled", "timeout"):
        words = f"PATCH /v1/tasks/{status}"
        error = trial.refused(409, "CONFLICT", words, {"status": "running"})
        check(status in str(error) and "running" in str(error), f"states not named: {error}")


def task_types(trial):
    """The five show as they are; another shows as `execution` with its own name beside it."""
    for kind in schema_a.enumerated("Task", "type"):
        made = trial.expect(201, "POST /v1/tasks", {"type": kind})
        schema_a.check("Task", made)
        check_equal((made["type"], made["task_type"]), (kind, kind), "type")
    made = trial.expect(201, "POST /v1/tasks", {"type": "code_generation"})
    schema_a.check("Task", made)
    check_equal((made["type"], made["task_type"]), ("execution", "code_generation"), "type")
    shown = trial.expect(200, f"GET /api/v1/tasks/{made['task_id']}")
    check_equal(shown["type"], "code_generation", "in document B")
    found = trial.expect(200, "GET /v1/tasks?type=execution")["pagination"]["total"]
    check_equal(found, 2, "found as execution")
    found = trial.expect(200, "GET /api/v1/tasks?type=code_generation")["pagination"]["total"]
    check_equal(found, 1, "found as code_generation")
    for wrong in ("two words", "dot.ted", "\u00e9"):
        trial.refused(400, "VALIDATION_ERROR", "POST /v1/tasks", {"type": wrong})
