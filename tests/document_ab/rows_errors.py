"""S136-S150: the error codes of documents A and B."""

import re
import time

import schema_a
from failed import check, check_equal, check_part
from rows_workflows import wait_for, workers
from trial import example, request


def standard_error(trial):
    """Document B's form; a caller's correlation id is repeated."""
    documented = example("Standard Error Response")["error"]
    answer = trial.ask("GET /api/v1/agents/nobody")
    check_equal(answer.status, 404, f"status of {answer}")
    error = trial.refused(404, "NOT_FOUND", "GET /api/v1/agents/nobody")
    check_equal(set(documented) - set(error), set(), "fields of the document that are missing")
    check(isinstance(error["details"], dict), f"details: {error['details']!r}")


def agent_unavailable(trial):
    """A request to an agent that is away: document B's own example, in code, text and details."""
    documented = example("Standard Error Response")["error"]
    trial.register("code-gen-001", "code")
    asked = {"request": example("Request-Response Pattern")["request"]}
    answer = trial.ask("POST /api/v1/agents/code-gen-001/requests", asked)
    check_equal(answer.status, example("Error Codes")["error_codes"]["AGENT_UNAVAILABLE"], "status")
    error = answer.value()["error"]
    for key in ("code", "message", "correlation_id"):
        check_equal(error[key], documented[key], key)
    check_equal(set(error["details"]), set(documented["details"]), "details")
    check_equal(error["details"]["retry_after"], 60, "retry_after")
    check_equal(answer.headers.get("retry-after"), "60", "Retry-After")
    words = "POST /api/v1/agents/nobody/requests"
    asked["request"]["target"] = "nobody"
    trial.refused(404, "NOT_FOUND", words, asked)


def task_timeout(trial):
    """A run that nobody finishes in time: 408."""
    stages = [{"name": "a", "agent_type": "nobody"}]
    began = time.monotonic()
    words = "POST /api/v1/workflows?wait=true"
    error = trial.refused(408, "TASK_TIMEOUT", words, {"stages": stages, "timeout": 1})
    took = time.monotonic() - began
    check(took > 0.9, f"it took {took:.1f} s instead of 1 s")
    check(error["message"], "no message")


def invalid_template(trial):
    """Once templates are configured an unknown one is refused; before, every one is taken."""
    trial.expect(201, *request("Create Task"))
    content = {"name": "React", "content": {"framework": "react"}}
    trial.expect(201, "PUT /api/v1/templates/express-api", content)
    words, body = request("Create Task")
    again = body.replace("task-001", "task-003")
    error = trial.refused(400, "INVALID_TEMPLATE", words, again)
    check("react-crud-template" in str(error), f"the template isn't named: {error}")
    trial.expect(201, words, again.replace("react-crud-template", "express-api"))
    listed = trial.expect(200, "GET /api/v1/templates")["templates"]
    check_equal([each["id"] for each in listed], ["express-api"], "templates")


def workflow_failed(trial):
    """A run that is waited for fails: 500 with what failed; the workflow itself is a 200."""
    workers(trial, "step")
    answer = wait_for(trial, "bad", "failed")
    check_equal(answer.status, 500, f"status of {answer}")
    error = answer.value()["error"]
    check_equal(error["code"], "WORKFLOW_FAILED", "code")
    check("bad" in str(error["details"]), f"the workflow isn't in the details: {error}")
    shown = trial.expect(200, "GET /api/v1/workflows/bad")
    check_equal(shown["status"], "failed", "status")
    answer = wait_for(trial, "good", "completed")
    check_equal(answer.status, 200, f"status of {answer}")
    check_part(answer.value(), {"id": "good", "status": "completed"}, "workflow")


def locked(trial, *scopes):
    trial.prepare()
    key = trial.program.made_key("k", *scopes)
    trial.program.start()
    return key


def authentication_failed(trial):
    """No key, a wrong one, a bad scheme: 401 in document B's form; the right one opens."""
    key = locked(trial, "read", "agents")
    for headers in ({}, {"X-API-Key": "agnt_wrong"}, {"Authorization": "Bearer nonsense"}):
        words = "GET /api/v1/agents"
        trial.refused(401, "AUTHENTICATION_FAILED", words, headers=headers)
    trial.expect(200, "GET /api/v1/agents", headers={"X-API-Key": key})
    trial.expect(200, "GET /api/v1/agents", headers={"Authorization": f"Bearer {key}"})
    words, body = request("Create Task")
    trial.refused(403, "FORBIDDEN", words, body, {"X-API-Key": key})
    trial.expect(201, *request("Register Agent"), {"X-API-Key": key})


def dependency_not_met(trial):
    trial.expect(201, *request("Create Task"))
    start = {"status": "in_progress"}
    error = trial.refused(412, "DEPENDENCY_NOT_MET", "PATCH /api/v1/tasks/task-001", start)
    check_equal(error["details"].get("unmet"), ["task-002"], "unmet")
    error = trial.refused(412, "DEPENDENCY_NOT_MET", "PATCH /v1/tasks/task-001", start)
    schema_a.check("Error", error)


def rate_limit_exceeded(trial):
    """The request behind the last one that is allowed."""
    trial.serve("--rate-limit", "3")
    for _ in range(3):
        trial.expect(200, "GET /api/v1/agents")
    answer = trial.ask("GET /api/v1/agents")
    check_equal(answer.status, 429, f"status of {answer}")
    check_equal(answer.value()["error"]["code"], "RATE_LIMIT_EXCEEDED", "code")
    check(1 <= int(answer.headers["retry-after"]) <= 60, f"Retry-After: {answer.headers}")
    check_equal(answer.headers.get("x-ratelimit-remaining"), "0", "X-RateLimit-Remaining")
    trial.refused(429, "RATE_LIMIT_EXCEEDED", "GET /api/v1/tasks")
    check_equal(trial.ask("GET /healthz").status, 200, "what isn't counted")


def bad_request(trial):
    """Document A's own sentence for a request that can be read and not be done."""
    body = {"agent_id": "a-1", "capabilities": []}
    error = trial.refused(400, "BAD_REQUEST", "POST /v1/agents", body)
    check_equal(error["message"], "Agent must have at least one capability", "message")


def unauthorized(trial):
    """Document A's two sentences."""
    locked(trial, "read")
    error = trial.refused(401, "UNAUTHORIZED", "GET /v1/agents")
    check_equal(error["message"], "Missing authentication token", "without a key")
    for headers in ({"X-API-Key": "x"}, {"Authorization": "Bearer x"}):
        error = trial.refused(401, "UNAUTHORIZED", "GET /v1/agents", headers=headers)
        check_equal(error["message"], "Invalid authentication token", "with a wrong key")
    check_equal(trial.ask("GET /readyz").status, 200, "what needs no key")


def not_found(trial):
    paths = ("agents/x", "agents/x/status", "agents/x/commands/y", "tasks/x", "workflows/x", "no")
    for path in paths:
        for prefix in ("/v1/", "/api/v1/"):
            trial.refused(404, "NOT_FOUND", f"GET {prefix}{path}")
    answer = trial.ask("PUT /v1/tasks", {})
    check_equal(answer.status, 405, f"status of {answer}")
    allowed = set(re.split(", *", answer.headers.get("allow", "")))
    check({"GET", "POST"} <= allowed and "PUT" not in allowed, f"Allow: {allowed}")


def conflict(trial):
    """What is there already, and changes that the state doesn't allow."""
    trial.register("a-1", "step")
    body = {"agent_id": "a-1", "capabilities": ["step"]}
    error = trial.refused(409, "CONFLICT", "POST /v1/agents", body)
    check("a-1" in error["message"], f"the id isn't named: {error}")
    for _ in range(2):
        answer = trial.ask("POST /v1/tasks", {"task_id": "t-1", "type": "execution"})
    check_equal(answer.status, 409, f"status of {answer}")
    trial.finish("t-1")
    error = trial.refused(409, "CONFLICT", "DELETE /v1/tasks/t-1")
    check("completed" in error["message"], f"the state isn't named: {error}")


def internal_server_error(trial):
    """Document A's code for what the server can't help; no request of a client is one."""
    words, stages = "POST /v1/workflows?wait=true", [{"name": "a", "agent_type": "step"}]
    workers(trial, "step")
    bodies = ("", "{", "[]", "null", "0", '"x"', "{}", "\u0000", '{"stages":[null]}')
    for body in bodies:
        for path in ("agents", "tasks", "workflows", "events", "agents/worker-step/commands"):
            answer = trial.ask(f"POST /v1/{path}", body)
            check_equal(answer.status, 400, f"status of {path} {body!r}: {answer}")
            schema_a.check("Error", answer.value())
    answer = wait_for(trial, "bad", "failed", "/v1")
    check_equal(answer.status, 500, f"status of {words} {stages}: {answer}")
    schema_a.check("Error", answer.value())


def validation_error(trial):
    """The document's sentence, and each field with what is wrong with it."""
    body = {"agent_id": "a-1", "capabilities": ["x"], "max_tasks": 0, "metadata": []}
    error = trial.refused(400, "VALIDATION_ERROR", "POST /v1/agents", body)
    check_equal(error["message"], "Request validation failed", "message")
    check_equal({each["field"] for each in error["details"]}, {"max_tasks", "metadata"}, "fields")
    issue = next(each["issue"] for each in error["details"] if each["field"] == "max_tasks")
    check("0" in issue and "1" in issue, f"value and what is allowed: {issue}")


def invalid_request(trial):
    """The example's code, for a body that is no JSON."""
    for body in ("{", "{'a':1}", '{"agent_id":"a-1",}', b"\xff\xfe", "nul"):
        trial.refused(400, "INVALID_REQUEST", "POST /v1/agents", body)
