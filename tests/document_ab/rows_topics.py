"""S073-S089: document B's WebSocket: events, requests, subscriptions, publications."""

import json

from failed import check, check_equal, check_part
from rest import check_moment
from rows_websocket import run_task
from rows_workflows import work, workers
from trial import example, request, written


def listener(trial, *topics, **fields):
    session = trial.socket()
    session.subscribe(*topics, **fields)
    return session


def check_documented(kind):
    """Document B names this type of event."""
    named = example("WebSocket Event Types")["event_types"]
    check(kind in named, f"{kind} isn't among {list(named)}")


def told(trial, kind, cause, **payload):
    """The event of this kind that is heard when the cause is done."""
    check_documented(kind)
    session = listener(trial, kind)
    cause()
    event = session.expect_event(kind, **payload)
    check_moment(event.get("timestamp"), "timestamp")
    check(isinstance(event.get("sequence"), int), f"no sequence in {event}")
    return event


def agent_registered(trial):
    register = lambda: trial.expect(201, *request("Register Agent"))  # noqa: E731
    event = told(trial, "agent.registered", register, agent_id="agent-001")
    check_equal(event["payload"]["type"], "code_generation", "type")


def status_changed(trial):
    trial.register("a-1")
    change = lambda: trial.expect(200, "PUT /v1/agents/a-1", {"status": "error"})  # noqa: E731
    event = told(trial, "agent.status_changed", change, new_status="error")
    check_equal(event["payload"]["old_status"], "active", "old_status")


def task_created(trial):
    create = lambda: trial.expect(201, *request("Create Task"))  # noqa: E731
    event = told(trial, "task.created", create, task_id="task-001")
    check_part(event["payload"], {"priority": "high", "status": "pending"}, "payload")


def task_progress(trial):
    trial.register("a-1", "analysis")
    trial.expect(201, "POST /v1/tasks", {"id": "task-001", "type": "analysis"})
    change = {"status": "in_progress", "progress": 45}
    patch = lambda: trial.expect(200, "PATCH /api/v1/tasks/task-001", change)  # noqa: E731
    told(trial, "task.progress", patch, task_id="task-001", progress=45, status="in_progress")


def task_completed_b(trial):
    event = told(trial, "task.completed", lambda: run_task(trial), task_id="t-1")
    check_equal(event["topic"], "task.analysis.completed", "topic")


def task_failed(trial):
    """For failed, cancelled and timeout."""
    trial.expect(201, "POST /v1/tasks", {"id": "t-1", "type": "analysis"})
    cancel = lambda: trial.expect(200, "DELETE /api/v1/tasks/t-1")  # noqa: E731
    told(trial, "task.failed", cancel, task_id="t-1", status="cancelled")


def workflow_started(trial):
    create = lambda: trial.expect(201, *request("Create Workflow"))  # noqa: E731
    event = told(trial, "workflow.started", create, workflow_id="workflow-123")
    check_equal(event["payload"]["project_id"], "proj-456", "project_id")


def stage_completed(trial):
    workers(trial, "requirement_analysis")
    trial.expect(201, *request("Create Workflow"))
    end = lambda: work(trial, "workflow-123")  # noqa: E731
    event = told(trial, "workflow.stage_completed", end, workflow_id="workflow-123")
    check("requirement_analysis" in json.dumps(event), f"the stage isn't named: {event}")


def system_alert_b(trial):
    """`system.alert` and `system.alerts` are one topic."""
    check_documented("system.alert")
    one, other = listener(trial, "system.alert"), listener(trial, "system.alerts")
    speaker = trial.socket()
    alert = {"severity": "critical", "component": "disk", "message": "full", "details": {}}
    speaker.say({"publication": {"topic": "system.alert", "data": alert}})
    for session in (one, other):
        session.expect("the alert", lambda item: '"full"' in json.dumps(item))


def said_by_agent(trial):
    """The example as written, said by its agent of a task of its own; what others hear."""
    trial.register("agent-001", "code_generation")
    body = {"id": "task-001", "type": "code_generation", "parent_workflow_id": "workflow-123"}
    trial.expect(201, "POST /api/v1/tasks", body)
    trial.expect(200, "PATCH /api/v1/tasks/task-001", {"status": "in_progress"})
    heard = listener(trial, "task.progress")
    trial.socket("/api/v1/ws?agent_id=agent-001").say(written("WebSocket Message Format"))
    return heard.expect_event("task.progress", task_id="task-001")


def envelope(trial):
    """Document B's event is applied, and told to others in its envelope."""
    event, said = said_by_agent(trial), example("WebSocket Message Format")
    # Whom an event is for is said by who says it; what happened to a task is for everybody.
    check_equal(set(said) - set(event) - {"target_agent"}, set(), "fields that are missing")
    for key in ("source_agent", "correlation_id"):
        check_equal(event[key], said[key], key)
    check_equal(trial.expect(200, "GET /api/v1/tasks/task-001")["progress"], 75, "progress")


def progress_payload(trial):
    """The example's payload, details and all."""
    event = said_by_agent(trial)
    check_part(event["payload"], example("WebSocket Message Format")["payload"], "payload")


def exchange(trial):
    """The example's request from one socket to another, and its answer back."""
    pair = example("Request-Response Pattern")
    trial.register("code-gen-001", "code")
    agent = trial.socket("/api/v1/ws?agent_id=code-gen-001")
    asker = trial.socket("/api/v1/ws?agent_id=orchestrator-001")
    asker.say({"request": pair["request"]})
    asked = agent.expect("the request", lambda item: "request" in item)["request"]
    agent.say({"response": pair["response"]})
    answer = asker.expect("the response", lambda item: "response" in item)["response"]
    return pair, asked, answer


def request_pattern(trial):
    pair, asked, _ = exchange(trial)
    for key in ("id", "type", "source", "target", "correlation_id", "data", "timeout"):
        check_equal(asked.get(key), pair["request"][key], key)


def response_pattern(trial):
    """The answer names what it answers; a second one is too late."""
    pair, _, answer = exchange(trial)
    for key in ("request_id", "status", "data", "errors"):
        check_equal(answer.get(key), pair["response"][key], key)
    stored = trial.expect(200, f"GET {pair['request']['callback_url']}")
    check_part(stored["response"], {"request_id": "req-001"}, "stored for the callback")


def subscription(trial):
    """The example as written; what it asks for comes, and nothing else; until it is ended."""
    said = {"subscription": example("Publish-Subscribe Pattern")["subscription"] | {"filters": {}}}
    session = trial.socket()
    session.say(said)
    session.expect("subscribed", lambda item: "subscribed" in str(item))
    run_task(trial)
    session.expect_event("task.completed", task_id="t-1")
    other = lambda item: item.get("event_type") in ("task.created", "task.progress")  # noqa: E731
    session.expect_none("what nobody asked for", other)


def topics(trial):
    """`*` is one segment, `>` and `**` are the rest; aliases match."""
    expected = {
        "task.*.completed": True,
        "task.analysis.completed": True,
        "task.completed": True,
        "task.>": True,
        "task.**": True,
        "task.*": False,
        "task.synthesis.completed": False,
        "workflow.>": False,
    }
    sessions = {topic: listener(trial, topic) for topic in expected}
    run_task(trial)
    completed = lambda item: item.get("topic") == "task.analysis.completed"  # noqa: E731
    for topic, is_heard in expected.items():
        if is_heard:
            sessions[topic].expect(f"task.completed by {topic}", completed)
        elif topic != "task.*":
            sessions[topic].expect_none(f"task.completed by {topic}", completed, 0.1)


def filters(trial):
    """The example's filters: one of the priorities, and the project."""
    given = example("Publish-Subscribe Pattern")["subscription"]["filters"]
    session = listener(trial, "task.created", filters={"priority": given["priority"]})
    for number, priority in enumerate(("low", "normal", "high", "critical")):
        body = {"id": f"t-{number}", "type": "analysis", "priority": priority}
        trial.expect(201, "POST /api/v1/tasks", body)
    for task in ("t-2", "t-3"):
        session.expect_event("task.created", task_id=task)
    session.expect_none("of a low priority", lambda item: item.get("event_type") == "task.created")
    session = listener(trial, "workflow.started", filters={"project_id": given["project_id"]})
    words, body = request("Create Workflow")
    for project in ("proj-1", "proj-456"):
        changed = body.replace("proj-456", project).replace("workflow-123", project)
        trial.expect(201, words, changed)
    session.expect_event("workflow.started", workflow_id="proj-456")
    other = lambda item: item.get("event_type") == "workflow.started"  # noqa: E731
    session.expect_none("of another project", other)


def publication(trial):
    """The example as written reaches who subscribed to its topic, and nobody else."""
    said = {"publication": example("Publish-Subscribe Pattern")["publication"]}
    heard, deaf = listener(trial, "task.*.completed"), listener(trial, "task.*.failed")
    trial.socket().say(said)
    found = heard.expect("the publication", lambda item: "publication" in item)
    check_part(found, said, "publication")
    deaf.expect_none("the publication", lambda item: "publication" in item)
