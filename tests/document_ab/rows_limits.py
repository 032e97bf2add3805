"""S090, S158-S166: the flow of events, limits, idempotency, metrics, traces."""

import calendar
import json
import time
import urllib.request

from failed import check, check_equal, check_part
from rest import check_uuid
from trial import example, request, written

# The server counts whole milliseconds of a task.
ROUNDING_S = 0.002


def message_flow(trial):
    """What one agent causes others read from the store of events: in order, from any place on."""
    trial.register("a-1", "step")
    for number in range(4):
        trial.expect(201, "POST /api/v1/tasks", {"id": f"t-{number}", "type": "step"})
        trial.finish(f"t-{number}")
    page = trial.expect(200, "GET /api/v1/events?limit=1000")
    sequences = [event["sequence"] for event in page["events"]]
    check_equal(sequences, list(range(1, page["head"] + 1)), "sequences")
    completed = trial.events("task.*.completed")
    check_equal(
        [each["payload"]["task_id"] for each in completed], [f"t-{n}" for n in range(4)], "t"
    )
    after = completed[1]["sequence"]
    rest = trial.expect(200, f"GET /api/v1/events?topic=task.step.completed&after={after}")
    check_equal(rest["events"], completed[2:], "after the second")
    first = trial.expect(200, "GET /api/v1/events?limit=3")
    check_equal((len(first["events"]), first["next_after"]), (3, 3), "a page of three")
    published = example("Publish-Subscribe Pattern")["publication"]
    sent = trial.expect(202, "POST /api/v1/events", published)
    check_equal(sent["sequence"], page["head"] + 1, "sequence")
    found = trial.expect(200, f"GET /api/v1/events?after={page['head']}")["events"]
    check_equal(len(found), 1, "published")
    check_part(found[0]["publication"], published, "publication")
    check_equal(stream(trial, after, 2), completed[2:4], "over Server-Sent Events")


def stream(trial, after, count):
    """The first events of a stream of Server-Sent Events that goes on behind `after`."""
    url = f"http://{trial.program.address}/api/v1/events?topic=task.step.completed"
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    asked = urllib.request.Request(url, headers=headers)
    found = []
    with urllib.request.urlopen(asked, timeout=trial.patience_s) as answer:
        check_equal(answer.headers["Content-Type"].split(";")[0], "text/event-stream", "type")
        identity = None
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                identity = int(value)
            elif name == "data":
                event = json.loads(value)
                check_equal(event["sequence"], identity, "id of the message")
                found.append(event)
                if len(found) == count:
                    return found
    return found


def rate_limit_headers(trial):
    """Three headers with every answer: they count, and tell when all is there again."""
    documented = dict(line.split(": ") for line in written("Rate Limiting").split("\n"))
    trial.serve("--rate-limit", "1000")
    check_equal(trial.program.flags, ("--rate-limit", "1000"), "document B's limit")
    for number in range(1, 4):
        before = calendar.timegm(time.gmtime())
        answer = trial.ask("GET /api/v1/agents" if number % 2 else "GET /v1/tasks")
        after = calendar.timegm(time.gmtime())
        found = {name: answer.headers.get(name.lower()) for name in documented}
        check_equal(found["X-RateLimit-Limit"], documented["X-RateLimit-Limit"], "Limit")
        check_equal(found["X-RateLimit-Remaining"], str(1000 - number), "Remaining")
        reset = int(found["X-RateLimit-Reset"])
        check(reset > before and reset - after <= 62, f"Reset: {found} between {before} and {after}")


def idempotency(trial):
    """A key makes one of two; it is bound to its body and outlives a crash."""
    key = {"Idempotency-Key": "once-1"}
    first = trial.ask("POST /v1/tasks", {"type": "analysis"}, key)
    check_equal(first.status, 201, f"status of {first}")
    again = trial.ask("POST /v1/tasks", {"type": "analysis"}, key)
    check_equal(again.status, 201, f"status of {again}")
    check_equal(again.value()["task_id"], first.value()["task_id"], "task_id")
    trial.refused(409, "CONFLICT", "POST /v1/tasks", {"type": "synthesis"}, key)
    other = trial.expect(201, "POST /v1/tasks", {"type": "analysis"}, {"Idempotency-Key": "once-2"})
    check(other["task_id"] != first.value()["task_id"], "another key made no task of its own")
    trial.program.kill()
    trial.program.start()
    rest = trial.client()
    again = rest.expect(201, "POST /v1/tasks", {"type": "analysis"}, key)
    check_equal(again["task_id"], first.value()["task_id"], "task_id after a crash")
    check_equal(rest.expect(200, "GET /v1/tasks")["pagination"]["total"], 2, "tasks")
    bad = {"Idempotency-Key": "x" * 256}
    rest.refused(400, "VALIDATION_ERROR", "POST /v1/tasks", {"type": "analysis"}, bad)


def system_metrics(trial):
    """Each figure counts what was done."""
    trial.register("a-1", "step", max_tasks=9)
    trial.register("a-2", "step")
    trial.expect(200, "PUT /v1/agents/a-2", {"status": "offline"})
    for number in range(3):
        trial.expect(201, "POST /api/v1/tasks", {"id": f"t-{number}", "type": "step"})
    stages = [{"name": "only", "agent_type": "step"}]
    trial.expect(201, "POST /api/v1/workflows", {"id": "w", "stages": stages})
    task = trial.expect(200, "GET /api/v1/tasks?workflow_id=w")["tasks"][0]["id"]
    trial.finish(task)
    trial.finish("t-0")
    trial.expect(404, "GET /v1/tasks/none")
    asked = {"type": "anything", "data": {}}
    trial.refused(503, "AGENT_UNAVAILABLE", "POST /api/v1/agents/a-1/requests", asked)
    found = trial.expect(200, "GET /api/v1/metrics")["system_metrics"]
    expected = {"active_agents": 1, "pending_tasks": 2, "completed_workflows": 1}
    check_part(found, expected, "system_metrics")
    check(0 < found["average_response_time"] < 10_000, f"average_response_time: {found}")
    # Of fourteen requests one failed by the server; what a client does wrong is no error.
    check(abs(found["error_rate"] - 1 / 14) < 0.001, f"error_rate: {found}")


def agent_metrics(trial):
    """Completed tasks, how long they took, and which part succeeded."""
    trial.register("a-1", "step", max_tasks=9)
    trial.register("a-2", "other")
    longest_s = 0.0
    for number, end in enumerate(("completed", "completed", "completed", "failed")):
        task = f"PATCH /api/v1/tasks/t-{number}"
        began = time.monotonic()
        trial.expect(201, "POST /api/v1/tasks", {"id": f"t-{number}", "type": "step"})
        trial.expect(200, task, {"status": "in_progress"})
        time.sleep(0.2)
        trial.expect(200, task, {"status": end})
        longest_s = max(longest_s, time.monotonic() - began)
    found = trial.expect(200, "GET /api/v1/metrics")["agent_metrics"]
    check_part(found["a-1"], {"tasks_completed": 3, "success_rate": 0.75}, "a-1")
    took = found["a-1"]["average_execution_time"]
    least_s, most_s = 0.2 - ROUNDING_S, longest_s + ROUNDING_S
    check(least_s <= took <= most_s, f"average_execution_time: {took} s, {longest_s} s at most")
    check_equal(found["a-2"]["tasks_completed"], 0, "a-2")
    alone = trial.expect(200, "GET /api/v1/metrics?agent_id=a-2")["agent_metrics"]
    check_equal(list(alone), ["a-2"], "by agent_id")


def performance_metrics(trial):
    """The example's three figures, shown again in both dialects, in each one's units."""
    trial.expect(201, *request("Register Agent"))
    words, body = request("Agent Heartbeat")
    trial.expect(200, words.replace("{agent_id}", "agent-001"), body)
    given = example("Agent Heartbeat")["performance_metrics"]
    shown = trial.expect(200, "GET /api/v1/agents/agent-001")["performance_metrics"]
    check_equal(shown, given, "in document B")
    usage = trial.expect(200, "GET /v1/agents/agent-001")["resource_usage"]
    check_equal(usage["cpu_percent"], 45.2, "in document A")
    check("memory_mb" not in usage, f"bytes were made of a percent: {usage}")


def prometheus(trial):
    """Text that counts the same requests as the JSON does."""
    for _ in range(3):
        trial.expect(200, "GET /v1/agents")
    trial.refused(404, "NOT_FOUND", "GET /api/v1/tasks/x")
    text = trial.ask("GET /metrics")
    check(text.headers.get("content-type", "").startswith("text/plain"), f"{text.headers}")
    lines = dict(
        line.rsplit(" ", 1) for line in text.text.splitlines() if line[:1] not in ("#", "")
    )
    for labels, count in (
        ('method="GET",route="/agents",dialect="v1",status="2xx"', "3"),
        ('method="GET",route="/tasks/{task_id}",dialect="api_v1",status="4xx"', "1"),
    ):
        check_equal(lines.get(f"agnt_requests_total{{{labels}}}"), count, labels)


def trace_ids(trial):
    """Every error has one of its own, which a caller's trace gives if there is one."""
    found = set()
    for _ in range(20):
        error = trial.refused(404, "NOT_FOUND", "GET /v1/agents/x")
        check_uuid(error["trace_id"], "trace_id")
        found.add(error["trace_id"])
    check_equal(len(found), 20, "different trace ids")
