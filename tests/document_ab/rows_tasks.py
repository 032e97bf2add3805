"""S024-S029: tasks over REST."""

import uuid

import schema_a
from failed import check, check_equal, check_part
from trial import example, request

TYPES = ("analysis", "synthesis", "execution", "validation", "monitoring")


def ids(page):
    return [task["task_id"] for task in page["tasks"]]


def list_tasks(trial):
    """Pages in order of creation, by status, type and agent, and what is refused."""
    empty = trial.expect(200, "GET /v1/tasks")
    schema_a.check("TaskListResponse", empty)
    made = []
    for number in range(25):
        body = {"type": TYPES[number % 5], "assigned_agent": f"a-{number % 3}"}
        made.append(trial.expect(201, "POST /v1/tasks", body)["task_id"])
    first = trial.expect(200, "GET /v1/tasks")
    schema_a.check("TaskListResponse", first)
    check_equal(ids(first), made[:20], "the first page")
    expected = {"page": 3, "limit": 10, "total": 25, "total_pages": 3}
    last = trial.expect(200, "GET /tasks?page=3&limit=10")
    check_equal((ids(last), last["pagination"]), (made[20:], expected), "page 3 of 10 each")
    check_equal(trial.expect(200, "GET /v1/tasks?page=4&limit=10")["tasks"], [], "past the end")
    for number, kind in enumerate(TYPES):
        check_equal(ids(trial.expect(200, f"GET /v1/tasks?type={kind}")), made[number::5], kind)
    for number in range(3):
        found = trial.expect(200, f"GET /v1/tasks?agent_id=a-{number}")
        check_equal(ids(found), made[number::3], f"of a-{number}")
    trial.expect(200, f"DELETE /v1/tasks/{made[7]}")
    cancelled = trial.expect(200, "GET /v1/tasks?status=cancelled")
    check_equal(ids(cancelled), [made[7]], "cancelled")
    both = trial.expect(200, "GET /v1/tasks?status=pending&type=execution&limit=100")
    check_equal(ids(both), [each for each in made[2::5] if each != made[7]], "two filters")
    for query in ("page=0", "limit=101", "status=lost", "type=dancing", "agent_id=a%20b"):
        error = trial.refused(400, "VALIDATION_ERROR", f"GET /v1/tasks?{query}")
        check_equal(error["details"][0]["field"], query.split("=")[0], f"field of {query}")


def create_task(trial):
    """Created, and given to an agent that can do it; both names of the type are taken."""
    trial.register("a-1", "analysis")
    given = {"priority": 7, "deadline": "2999-01-01T00:00:00Z", "task_data": {"n": [1, None]}}
    answer = trial.ask("POST /v1/tasks", {"type": "analysis", **given})
    check_equal(answer.status, 201, f"status of {answer}")
    task = answer.value()
    schema_a.check("Task", task)
    check_equal(answer.headers.get("location"), f"/v1/tasks/{task['task_id']}", "Location")
    check_part(task, {"type": "analysis", "priority": 7, "task_data": given["task_data"]}, "task")
    stored = trial.expect(200, f"GET /v1/tasks/{task['task_id']}")
    check_equal(stored.get("assigned_agent"), "a-1", "assigned_agent")
    other = trial.expect(201, "POST /tasks", {"task_type": "monitoring"})
    check_part(other, {"type": "monitoring", "status": "pending"}, "task by task_type")
    for body in ({"task_type": ""}, {"type": ""}):
        error = trial.expect(400, "POST /v1/tasks", body)
        check_equal(error["message"], "Task type is required", "message")
    for wrong in (
        {"priority": 11},
        {"deadline": "soon"},
        {"task_data": 1},
        {"assigned_agent": "a b"},
    ):
        error = trial.refused(
            400, "VALIDATION_ERROR", "POST /v1/tasks", {"type": "analysis", **wrong}
        )
        check_equal(error["details"][0]["field"], next(iter(wrong)), "field")


def create_task_b(trial):
    """Document B's example as written, alone: held for its agent, its dependency, its workflow."""
    task = trial.expect(201, *request("Create Task"))
    check_part(task, {**example("Create Task"), "status": "pending"}, "task")
    trial.refused(409, "CONFLICT", *request("Create Task"))
    check_equal(trial.expect(200, "GET /api/v1/tasks/task-001"), task, "what is stored")
    trial.expect(201, *request("Register Agent"))
    held = trial.expect(200, "GET /api/v1/tasks/task-001")
    check_equal(held["status"], "pending", "status while its dependency isn't there")
    trial.expect(201, "POST /api/v1/tasks", {"id": "task-002", "type": "other"})
    start = {"status": "in_progress"}
    error = trial.refused(412, "DEPENDENCY_NOT_MET", "PATCH /api/v1/tasks/task-001", start)
    check("task-002" in str(error["details"]), f"what is unmet isn't named: {error}")
    trial.finish("task-002")
    started = trial.expect(200, "PATCH /api/v1/tasks/task-001", start)
    check_part(started, {"status": "in_progress", "assigned_agent": "agent-001"}, "task")


def get_task(trial):
    """A foreign id has a UUID in document A; both lead to the task under every prefix."""
    trial.expect(201, *request("Create Task"))
    task = trial.expect(200, "GET /v1/tasks/task-001")
    schema_a.check("Task", task)
    expected = {"external_id": "task-001", "type": "execution", "task_type": "code_generation"}
    check_part(task, expected, "task")
    for path in (f"/v1/tasks/{task['task_id']}", "/tasks/task-001"):
        check_equal(trial.expect(200, f"GET {path}"), task, path)
    by_uuid = trial.expect(200, f"GET /api/v1/tasks/{task['task_id']}")
    check_equal(by_uuid["id"], "task-001", "id in document B")
    trial.refused(404, "NOT_FOUND", f"GET /v1/tasks/{uuid.uuid4()}")
    trial.refused(404, "NOT_FOUND", "GET /api/v1/tasks/task-009")


def cancel_task(trial):
    """Pending and running ones are cancelled, once; what ended says in which state it is."""
    trial.register("a-1", "analysis", max_tasks=5)
    for is_running in (False, True):
        task = trial.expect(201, "POST /v1/tasks", {"type": "analysis"})["task_id"]
        if is_running:
            trial.expect(200, f"PATCH /v1/tasks/{task}", {"status": "running"})
        answer = trial.expect(200, f"DELETE /v1/tasks/{task}")
        schema_a.check("TaskCancellation", answer)
        check_equal(answer["task_id"], task, "task_id")
        shown = trial.expect(200, f"GET /v1/tasks/{task}")
        check_equal(shown["status"], "cancelled", "status")
        error = trial.refused(409, "CONFLICT", f"DELETE /v1/tasks/{task}")
        check("cancelled" in error["message"], f"the state isn't named: {error}")
    status = trial.expect(200, "GET /v1/agents/a-1/status")
    check_part(status, {"current_tasks": 0, "status": "idle"}, "the agent")
    trial.refused(404, "NOT_FOUND", f"DELETE /v1/tasks/{uuid.uuid4()}")


def update_task(trial):
    """Document B's example as written, the events it makes, and changes that can't be."""
    trial.expect(201, *request("Register Agent"))
    words, body = request("Update Task Status")
    words = words.replace("{task_id}", "task-003")
    trial.refused(404, "NOT_FOUND", words, body)
    task = {"id": "task-003", "type": "code_generation", "timeout": 300}
    trial.expect(201, "POST /api/v1/tasks", task)
    changed = trial.expect(200, words, body)
    check_part(changed, example("Update Task Status"), "task")
    for progress in (-1, 101, 45.5, "45"):
        trial.refused(400, "VALIDATION_ERROR", words, {"progress": progress})
    trial.expect(200, "PATCH /v1/tasks/task-003", {"status": "running", "progress": 80})
    done = {"status": "completed", "output_data": {"files": 40}}
    ended = trial.expect(200, words, done)
    check_part(
        ended, {"status": "completed", "progress": 100, "output_data": {"files": 40}}, "task"
    )
    error = trial.refused(409, "CONFLICT", words, {"status": "in_progress"})
    check("completed" in str(error), f"the states aren't named: {error}")
    told = [event["payload"]["progress"] for event in trial.events("task.progress")]
    check_equal(told, [45, 80], "progress told")
    ended = [event["payload"]["task_id"] for event in trial.events("task.completed")]
    check_equal(ended, ["task-003"], "task.completed told")
    trial.expect(201, "POST /api/v1/tasks", {"id": "task-004", "type": "code_generation"})
    trial.expect(200, "PATCH /api/v1/tasks/task-004", {"status": "in_progress"})
    failed = {"status": "failed", "error": "no disk"}
    task = trial.expect(200, "PATCH /api/v1/tasks/task-004", failed)
    check_part(task, failed, "task")
    told = [event["payload"]["task_id"] for event in trial.events("task.failed")]
    check_equal(told, ["task-004"], "task.failed told")
