"""S012-S023: agents over REST."""

import http.server
import threading
import time

import schema_a
from failed import check, check_equal, check_part
from rest import check_moment
from trial import example, request

STATUSES = ("idle", "busy", "error", "offline", "starting", "stopping")


def ids(page):
    return [agent["agent_id"] for agent in page["agents"]]


def list_agents(trial):
    """Pages in order of registration, filters by status and capability, and what is refused."""
    empty = trial.expect(200, "GET /v1/agents")
    schema_a.check("AgentListResponse", empty)
    check_equal(
        empty["pagination"], {"page": 1, "limit": 20, "total": 0, "total_pages": 0}, "empty"
    )
    for number in range(25):
        trial.register(f"a-{number}", "odd" if number % 2 else "even", "all")
    first = trial.expect(200, "GET /v1/agents")
    schema_a.check("AgentListResponse", first)
    check_equal(ids(first), [f"a-{number}" for number in range(20)], "the first page")
    check_equal(first["pagination"]["total"], 25, "total")
    last = trial.expect(200, "GET /v1/agents?page=3&limit=10")
    check_equal(ids(last), [f"a-{number}" for number in range(20, 25)], "page 3 of 10 each")
    check_equal(trial.expect(200, "GET /v1/agents?page=9")["agents"], [], "past the end")
    odd = trial.expect(200, "GET /v1/agents?capability=odd&limit=100")
    check_equal(ids(odd), [f"a-{number}" for number in range(1, 25, 2)], "by capability")
    trial.expect(200, "PUT /v1/agents/a-3", {"status": "error"})
    check_equal(ids(trial.expect(200, "GET /v1/agents?status=error")), ["a-3"], "by status")
    check_equal(trial.expect(200, "GET /v1/agents?status=idle")["pagination"]["total"], 24, "idle")
    for query in ("page=0", "page=x", "limit=0", "limit=101", "status=sleeping"):
        error = trial.refused(400, "VALIDATION_ERROR", f"GET /v1/agents?{query}")
        check_equal(error["details"][0]["field"], query.split("=")[0], f"field of {query}")
    trial.program.stop()
    key = trial.program.made_key("reader", "read")
    trial.program.start()
    rest = trial.client()
    rest.refused(401, "UNAUTHORIZED", "GET /v1/agents")
    rest.expect(200, "GET /v1/agents", headers={"X-API-Key": key})


def available_agents(trial):
    """Document B's example: `active` is idle and busy; both dialects have both's filters."""
    trial.expect(201, *request("Register Agent"))
    trial.register("other", "code_generation")
    found = trial.expect(200, request("Get Available Agents")[0])
    check_equal([agent["id"] for agent in found["agents"]], ["agent-001"], "available")
    agent = found["agents"][0]
    check_part(agent, {**example("Register Agent"), "status": "active"}, "agent")
    for status in STATUSES:
        trial.expect(200, "PUT /v1/agents/agent-001", {"status": status})
        for prefix in ("/v1", "/api/v1", ""):
            query = f"GET {prefix}/agents?type=code_generation&status=active"
            total = trial.expect(200, query)["pagination"]["total"]
            check_equal(total, int(status in ("idle", "busy")), f"{query} while {status}")
    both = trial.expect(200, "GET /api/v1/agents?capability=python&type=code_generation")
    check_equal(both["pagination"]["total"], 1, "document A's filter in B")


def register_agent(trial):
    """Document A's way: 201, once; again it is 409, or refreshed where that is asked for."""
    body = {"agent_id": "analyzer-001", "capabilities": ["text-analysis", "data-processing"]}
    answer = trial.ask("POST /v1/agents", body)
    check_equal(answer.status, 201, f"status of {answer}")
    check_equal(answer.headers.get("location"), "/v1/agents/analyzer-001", "Location")
    schema_a.check("AgentRegistrationResponse", answer.value())
    check_equal(answer.value()["agent_id"], "analyzer-001", "agent_id")
    trial.refused(409, "CONFLICT", "POST /v1/agents", body)
    trial.refused(409, "CONFLICT", "POST /agents", body)
    again = trial.expect(200, "POST /v1/agents?upsert=true", {**body, "max_tasks": 9})
    check_equal(again["registered_at"], answer.value()["registered_at"], "registered_at")
    check_equal(trial.expect(200, "GET /agents/analyzer-001")["max_tasks"], 9, "max_tasks")
    empty = trial.expect(400, "POST /v1/agents", {"agent_id": "none", "capabilities": []})
    check_equal(empty["message"], "Agent must have at least one capability", "message")
    for wrong in ({"agent_id": "a b"}, {"agent_id": ""}, {"max_tasks": 0}, {"capabilities": "x"}):
        trial.refused(
            400, "VALIDATION_ERROR", "POST /v1/agents", {**body, "agent_id": "b", **wrong}
        )
    trial.refused(404, "NOT_FOUND", "GET /v1/agents/b")


def register_agent_b(trial):
    """Document B's way, its example as written: 201, and 200 once it is known."""
    words, body = request("Register Agent")
    first = trial.expect(201, words, body)
    check_part(first, {**example("Register Agent"), "status": "active"}, "agent")
    check_moment(first["registered_at"], "registered_at")
    again = trial.expect(200, words, body)
    check_equal(again["numeric_id"], first["numeric_id"], "numeric_id")
    check_equal(again["registered_at"], first["registered_at"], "registered_at")
    check_equal(trial.expect(200, "GET /v1/agents")["pagination"]["total"], 1, "agents")
    told = [event["payload"].get("refreshed") for event in trial.events("agent.registered")]
    check_equal(told, [False, True], "refreshed in the events")


def get_agent(trial):
    trial.register("analyzer-001", "text-analysis", max_tasks=10, metadata={"room": [1, None]})
    for prefix in ("", "/v1"):
        agent = trial.expect(200, f"GET {prefix}/agents/analyzer-001")
        schema_a.check("Agent", agent)
        expected = {"status": "idle", "max_tasks": 10, "current_tasks": 0}
        check_part(agent, {**expected, "capabilities": ["text-analysis"]}, "agent")
        check_equal(agent["metadata"], {"room": [1, None]}, "metadata")
    error = trial.refused(404, "NOT_FOUND", "GET /v1/agents/analyzer-002")
    check("analyzer-002" in error["message"], f"the id isn't named: {error}")
    trial.refused(404, "NOT_FOUND", "GET /v1/agents/a%20b")


def update_agent(trial):
    """What is given replaces, what isn't stays; unknown keys are kept as metadata."""
    trial.register("a-1", "one", max_tasks=3, metadata={"room": 7})
    agent = trial.expect(200, "PUT /v1/agents/a-1", {"capabilities": ["two"], "colour": "red"})
    schema_a.check("Agent", agent)
    check_part(agent, {"capabilities": ["two"], "max_tasks": 3}, "agent")
    check_equal(agent["metadata"], {"room": 7, "colour": "red"}, "metadata")
    check_equal(trial.expect(200, "GET /v1/agents/a-1"), agent, "what is stored")
    check_equal(trial.expect(200, "PUT /v1/agents/a-1", {}), agent, "after a change of nothing")
    found = trial.expect(200, "GET /v1/agents?capability=one")
    check_equal(found["agents"], [], "agents with what it had before")
    trial.refused(400, "VALIDATION_ERROR", "PUT /v1/agents/a-1", {"max_tasks": "many"})
    trial.refused(400, "VALIDATION_ERROR", "PUT /v1/agents/a-1", {"status": "sleeping"})
    trial.refused(404, "NOT_FOUND", "PUT /v1/agents/a-2", {"max_tasks": 1})


def deregister_agent(trial):
    first = trial.register("a-1")["numeric_id"]
    answer = trial.ask("DELETE /v1/agents/a-1")
    check_equal((answer.status, answer.text), (204, ""), "answer")
    trial.refused(404, "NOT_FOUND", "GET /v1/agents/a-1")
    trial.refused(404, "NOT_FOUND", "DELETE /v1/agents/a-1")
    told = [event["payload"]["agent_id"] for event in trial.events("agent.removed")]
    check_equal(told, ["a-1"], "agent.removed")
    check(trial.register("a-1")["numeric_id"] != first, "the numeric id was given again")


def send_command(trial):
    """202 and held until the agent answers; each of the six verbs is taken."""
    trial.register("a-1")
    for verb in schema_a.enumerated("Command", "command_type"):
        answer = trial.ask("POST /v1/agents/a-1/commands", {"command_type": verb})
        check_equal(answer.status, 202, f"status of {answer}")
        sent = answer.value()
        schema_a.check("CommandResponse", sent)
        shown = trial.expect(200, f"GET {answer.headers.get('location')}")
        expected = {"command_id": sent["command_id"], "agent_id": "a-1", "command_type": verb}
        check_part(shown, expected, "command")
        check_equal((shown["priority"], shown["timeout_ms"]), (5, 30000), "defaults")
    done = {"status": "success", "result": {"answer": 42}}
    trial.expect(200, f"POST /v1/commands/{sent['command_id']}/response", done)
    shown = trial.expect(200, f"GET /v1/agents/a-1/commands/{sent['command_id']}")
    check_part(shown, {"status": "completed", "result": {"answer": 42}}, "command")
    trial.refused(404, "NOT_FOUND", "POST /v1/agents/a-2/commands", {"command_type": "stop"})
    for wrong in ({}, {"command_type": "dance"}, {"command_type": "stop", "timeout_ms": 999}):
        trial.refused(400, "VALIDATION_ERROR", "POST /v1/agents/a-1/commands", wrong)


def send_message(trial):
    """A body that is a command goes as one, any other object as it is."""
    trial.register("a-1")
    command = {"command_type": "execute", "payload": {"n": 1}}
    as_command = trial.expect(202, "POST /agents/a-1/message", command)
    schema_a.check("CommandResponse", as_command)
    free = trial.expect(202, "POST /agents/a-1/message", {"hello": ["you"]})
    check_part(free, {"agent_id": "a-1", "status": "accepted"}, "answer")
    check_moment(free.get("accepted_at"), "accepted_at")
    held = trial.expect(200, "GET /agents/a-1/commands")["commands"]
    check_equal([each["payload"] for each in held], [{"n": 1}, {"hello": ["you"]}], "payloads")
    check_equal(held[0]["command_id"], as_command["command_id"], "command_id")
    trial.refused(404, "NOT_FOUND", "POST /agents/a-2/message", {"hello": 1})


def agent_status(trial):
    trial.register("a-1", max_tasks=4)
    status = trial.expect(200, "GET /v1/agents/a-1/status")
    schema_a.check("AgentStatus", status)
    expected = {"agent_id": "a-1", "status": "idle", "current_tasks": 0, "max_tasks": 4}
    check_part(status, expected, "status")
    task = trial.expect(201, "POST /v1/tasks", {"type": "analysis", "assigned_agent": "a-1"})
    trial.expect(200, f"PATCH /v1/tasks/{task['task_id']}", {"status": "running"})
    busy = trial.expect(200, "GET /v1/agents/a-1/status")
    check_part(busy, {"status": "busy", "current_tasks": 1}, "while it works")
    trial.refused(404, "NOT_FOUND", "GET /v1/agents/a-2/status")


def heartbeat(trial):
    """Document B's example as written; three missed intervals make an agent offline."""
    trial.serve("--rate-limit", "0", "--agent-silence-ms", "6000")
    trial.expect(201, *request("Register Agent"))
    words, body = request("Agent Heartbeat")
    words = words.replace("{agent_id}", "agent-001")
    answer = trial.expect(200, words, body)
    check_part(answer, {"id": "agent-001", "status": "active"}, "answer")
    check_moment(answer.get("next_heartbeat"), "next_heartbeat")
    agent = trial.expect(200, "GET /api/v1/agents/agent-001")
    check_part(agent, example("Agent Heartbeat"), "agent")
    check_moment(agent.get("last_heartbeat"), "last_heartbeat")
    for _ in range(7):
        time.sleep(1)
        trial.expect(200, words, body)
    check_equal(trial.expect(200, "GET /api/v1/agents/agent-001")["status"], "active", "alive")

    def is_offline():
        return trial.expect(200, "GET /api/v1/agents/agent-001")["status"] == "offline"

    trial.until("who is silent is offline", is_offline)
    trial.expect(200, words, body)
    check_equal(trial.expect(200, "GET /api/v1/agents/agent-001")["status"], "active", "back")
    trial.refused(404, "NOT_FOUND", words.replace("agent-001", "agent-002"), body)
    wrong = {"performance_metrics": {"cpu_usage": 101}}
    trial.refused(400, "VALIDATION_ERROR", words, wrong)


def health_check(trial):
    """The address is kept as it is given, and called only where the configuration allows it."""
    calls = []

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as health:
        threading.Thread(target=health.serve_forever, daemon=True).start()
        port = health.server_address[1]
        trial.expect(201, *request("Register Agent"))
        shown = trial.expect(200, "GET /api/v1/agents/agent-001")
        check_equal(shown["health_check_url"], "http://agent-001:8080/health", "health_check_url")
        given = {"health_check_url": f"http://127.0.0.1:{port}/health"}
        trial.register("polled", **given)
        time.sleep(1)
        check_equal(calls, [], "calls while polling is off")
        trial.program.stop()
        secret = trial.secret_file()
        trial.program.flags += ("--health-poll-ms", "1000", "--outbound-allow", f"127.0.0.1:{port}")
        trial.program.flags += ("--outbound-allow-private", "--outbound-hmac-secret-file", secret)
        trial.program.start()
        deadline = time.monotonic() + trial.patience_s
        while not calls and time.monotonic() < deadline:
            time.sleep(0.1)
        health.shutdown()
    check(calls and set(calls) == {"/health"}, f"calls while it is on: {calls}")
