"""S030-S036: workflows, callbacks, metrics."""

import threading
import time

from failed import check, check_equal, check_part
from rest import check_moment
from trial import example, request

STAGES = ("requirement_analysis", "architecture_planning", "code_generation")


def statuses(workflow):
    return [stage["status"] for stage in workflow["stages"]]


def show(trial, workflow):
    return trial.expect(200, f"GET /api/v1/workflows/{workflow}")


def work(trial, workflow, status="completed"):
    """Ends every open task of the workflow; how many there were."""
    query = f"GET /api/v1/tasks?workflow_id={workflow}&status=pending"
    tasks = trial.expect(200, query)["tasks"]
    for task in tasks:
        path = f"PATCH /api/v1/tasks/{task['id']}"
        trial.expect(200, path, {"status": "in_progress"})
        trial.expect(200, path, {"status": status, "output_data": {"by": task["stage"]}})
    return len(tasks)


def workers(trial, *kinds):
    for kind in kinds:
        trial.register(f"worker-{kind}", kind)


def create_workflow(trial):
    """Document B's example as written, alone, then done by agents, shown, listed, cancelled."""
    words, body = request("Create Workflow")
    made = trial.expect(201, words, body)
    check_part(
        made, {"id": "workflow-123", "project_id": "proj-456", "status": "running"}, "workflow"
    )
    check_equal([stage["name"] for stage in made["stages"]], list(STAGES), "stages")
    trial.refused(409, "CONFLICT", words, body)
    workers(trial, *STAGES)
    for number, _ in enumerate(STAGES):
        check_equal(work(trial, "workflow-123"), 1, f"open tasks in stage {number + 1}")
    done = show(trial, "workflow-123")
    check_part(done, {"status": "completed", "progress": 100}, "workflow")
    check_equal(statuses(done), ["completed"] * 3, "stages")
    trial.expect(201, words, body.replace("workflow-123", "workflow-124"))
    answer = trial.expect(200, "DELETE /api/v1/workflows/workflow-124")
    check_part(answer, {"id": "workflow-124", "status": "cancelled"}, "answer")
    check_equal(show(trial, "workflow-124")["status"], "cancelled", "status")
    listed = trial.expect(200, "GET /api/v1/workflows?project_id=proj-456")["workflows"]
    check_equal([each["id"] for each in listed], ["workflow-123", "workflow-124"], "listed")
    trial.refused(404, "NOT_FOUND", "GET /api/v1/workflows/workflow-125")


def stages(trial):
    """Names, types, dependencies and timeouts of the example; a circle is refused and named."""
    trial.expect(201, *request("Create Workflow"))
    workflow = show(trial, "workflow-123")
    for found, given in zip(workflow["stages"], example("Create Workflow")["stages"], strict=True):
        check_part(found, given, given["name"])
    task = trial.expect(200, "GET /api/v1/tasks?workflow_id=workflow-123")["tasks"][0]
    expected = {"type": STAGES[0], "stage": STAGES[0], "timeout": 120}
    check_part(task, expected, "the task of the first stage")
    circle = [
        {"name": "a", "agent_type": "x", "dependencies": ["b"]},
        {"name": "b", "agent_type": "x", "dependencies": ["a"]},
    ]
    create = "POST /api/v1/workflows"
    error = trial.refused(422, "UNPROCESSABLE", create, {"stages": circle})
    check("a -> b -> a" in error["message"], f"the circle isn't named: {error}")
    circle[1]["dependencies"] = ["c"]
    error = trial.refused(422, "UNPROCESSABLE", create, {"stages": circle})
    check('"c"' in error["message"], f"the unknown stage isn't named: {error}")
    trial.refused(400, "VALIDATION_ERROR", create, {"stages": []})


def diamond(**configuration):
    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    named = [{"name": name, "agent_type": "step", "dependencies": on} for name, on in needs.items()]
    return {"stages": named, "configuration": configuration}


def parallel_execution(trial):
    """`false`: one stage at a time, in the order of what they need; `true`: all that can run."""
    workers(trial, "step")
    for is_parallel, expected in ((False, [1, 1, 1, 1]), (True, [1, 2, 1])):
        name = f"w-{is_parallel}"
        body = {"id": name, **diamond(parallel_execution=is_parallel)}
        made = trial.expect(201, "POST /api/v1/workflows", body)
        check_equal(made["configuration"]["parallel_execution"], is_parallel, "configuration")
        found = [work(trial, name) for _ in expected]
        check_equal(found, expected, f"tasks at a time, parallel_execution {is_parallel}")
        check_equal(show(trial, name)["status"], "completed", "status")


def failure_strategy(trial):
    """What a failed stage does by each of the strategies."""
    workers(trial, "step")
    expected = {
        "stop_on_error": ("failed", ["completed", "failed", "skipped", "skipped"]),
        "continue": ("completed", ["completed", "failed", "completed", "skipped"]),
    }
    for strategy, outcome in expected.items():
        body = {"id": strategy, **diamond(failure_strategy=strategy)}
        trial.expect(201, "POST /api/v1/workflows", body)
        for status in ("completed", "failed", "completed"):
            work(trial, strategy, status)
        found = show(trial, strategy)
        check_equal((found["status"], statuses(found)), outcome, strategy)
    trial.expect(
        201, "POST /api/v1/workflows", {"id": "again", **diamond(failure_strategy="retry")}
    )
    task = trial.expect(200, "GET /api/v1/tasks?workflow_id=again")["tasks"][0]
    check_part(task["retry_policy"], {"max_attempts": 3}, "retry_policy")
    path = f"PATCH /api/v1/tasks/{task['id']}"
    trial.expect(200, path, {"status": "in_progress"})
    check_equal(trial.expect(200, path, {"status": "failed"})["status"], "pending", "once failed")
    check_equal(show(trial, "again")["status"], "running", "the workflow meanwhile")
    wrong = diamond(failure_strategy="hope")
    trial.refused(400, "VALIDATION_ERROR", "POST /api/v1/workflows", wrong)


def project(trial):
    """A workflow's project goes with its events, and workflows are listed by it."""
    workers(trial, *STAGES)
    words, body = request("Create Workflow")
    trial.expect(201, words, body)
    trial.expect(201, words, body.replace("workflow-123", "other").replace("proj-456", "proj-7"))
    listed = trial.expect(200, "GET /api/v1/workflows?project_id=proj-456")["workflows"]
    check_equal([each["id"] for each in listed], ["workflow-123"], "of this project")
    told = [event["payload"] for event in trial.events("workflow.started")]
    projects = [(each["workflow_id"], each["project_id"]) for each in told]
    check_equal(projects, [("workflow-123", "proj-456"), ("other", "proj-7")], "workflow.started")
    tasks = [event["payload"].get("project_id") for event in trial.events("task.created")]
    check_equal(tasks, ["proj-456", "proj-7"], "project_id of the tasks' events")


def callback(trial):
    """Document B's relative address: the answer is stored there; posting there is accepted."""
    asked = example("Request-Response Pattern")["request"]
    path = asked["callback_url"]
    trial.refused(404, "NOT_FOUND", f"GET {path}")
    trial.register("code-gen-001", "code")
    command = {"command_type": "execute", "callback_url": path}
    sent = trial.expect(202, "POST /v1/agents/code-gen-001/commands", command)["command_id"]
    answer = example("Request-Response Pattern")["response"]
    trial.expect(200, f"POST /api/v1/commands/{sent}/response", answer)
    stored = trial.expect(200, f"GET {path}")
    check_part(stored.get("response"), {"status": "success", "data": answer["data"]}, "stored")
    shown = trial.expect(200, f"GET /api/v1/agents/code-gen-001/commands/{sent}")
    check_part(shown["callback"], {"url": path, "status": "stored"}, "callback")
    posted = {"response": answer}
    put = trial.expect(201, "POST /api/v1/callbacks/req-002", posted)
    check_moment(put.get("stored_at"), "stored_at")
    check_equal(trial.expect(200, "GET /api/v1/callbacks/req-002"), posted, "posted")
    command["callback_url"] = "http://203.0.113.7/hook"
    answer = trial.ask("POST /v1/agents/code-gen-001/commands", command)
    shown = trial.expect(200, f"GET {answer.headers.get('location')}")
    check_equal(shown["callback"]["status"], "refused", "an address that nobody allowed")


def metrics(trial):
    """JSON of document B's form; text for Prometheus at the bare path."""
    words, _ = request("Metrics Collection")
    words = words.split("\n")[0]
    trial.register("a-1", "work")
    trial.expect(201, "POST /api/v1/tasks", {"id": "t-1", "type": "work"})
    trial.expect(201, "POST /api/v1/tasks", {"id": "t-2", "type": "other"})
    trial.finish("t-1")
    found = trial.expect(200, words)
    documented = example("Metrics Collection")
    check_equal(set(found["system_metrics"]), set(documented["system_metrics"]), "system_metrics")
    check_part(found["system_metrics"], {"active_agents": 1, "pending_tasks": 1}, "system_metrics")
    figures = documented["agent_metrics"]["code-gen-001"]
    check_equal(set(found["agent_metrics"]["a-1"]), set(figures), "agent_metrics")
    check_equal(found["agent_metrics"]["a-1"]["tasks_completed"], 1, "tasks_completed")
    text = trial.ask("GET /metrics")
    check(text.headers.get("content-type", "").startswith("text/plain"), f"no text: {text.headers}")
    check("agnt_requests_total" in text.text, "no agnt_requests_total")


def wait_for(trial, workflow, outcome, prefix="/api/v1"):
    """POST with wait=true, while another does the work; its answer."""
    client = trial.client()
    answers = []
    body = {"id": workflow, "timeout": 60, **diamond()}
    words = f"POST {prefix}/workflows?wait=true"
    asking = threading.Thread(target=lambda: answers.append(client.ask(words, body)))
    asking.start()
    while asking.is_alive():
        if trial.ask(f"GET /api/v1/workflows/{workflow}").status == 200:
            work(trial, workflow, outcome)
        time.sleep(0.05)
    check(answers, "no answer")
    return answers[0]
