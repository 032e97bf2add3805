"""S037, S057-S072: documents A's WebSocket."""

import json
import re
import uuid

import schema_a
from failed import check, check_equal, check_part
from socket_session import check_envelope_a, refused_upgrade
from trial import DOCUMENTS

NOW = "2025-01-15T12:00:00Z"


def protocol_a():
    """Document A's JSON of the protocol, as it stands there."""
    text = next(each["text"] for each in DOCUMENTS["a"] if each["section"].startswith("2.3"))
    return json.loads(text[text.index("{") :])


def documented(event):
    return set(protocol_a()["event_types"][event]["payload"])


def message(kind, payload, **fields):
    return {"type": kind, "id": str(uuid.uuid4()), "timestamp": NOW, "payload": payload, **fields}


def run_task(trial, task="t-1"):
    """One task of agent a-1 from its creation to its end."""
    trial.register("a-1", "analysis")
    trial.expect(201, "POST /v1/tasks", {"id": task, "type": "analysis", "priority": 8})
    trial.finish(task)
    return trial.expect(200, f"GET /v1/tasks/{task}")


def connect(trial):
    """Each of the three channels, alone and together; what is none, no upgrade, a bad key."""
    trial.serve()
    for protocol in ("", "?protocol=events", "?protocol=commands,status", "?protocol=status"):
        trial.socket(f"/v1/ws{protocol}")
    base = f"ws://{trial.program.address}"
    check_equal(refused_upgrade(f"{base}/v1/ws?protocol=gossip"), 400, "of an unknown protocol")
    answer = trial.ask("GET /v1/ws")
    check(answer.status in (400, 426), f"without an upgrade: {answer}")
    schema_a.check("Error", answer.value())
    trial.program.stop()
    key = trial.program.made_key("k", "read")
    trial.program.start()
    base = f"ws://{trial.program.address}"
    for headers in (None, {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}):
        check_equal(refused_upgrade(f"{base}/v1/ws", headers), 401, f"with {headers}")
    trial.socket("/v1/ws", {"X-API-Key": key})


def patterns(trial):
    """Bare `/ws`: events come without asking, and messages go both ways."""
    session = trial.socket("/ws")
    trial.register("a-1")
    session.expect("an event", lambda item: item.get("type") == "event")
    session.say(message("heartbeat", {}))
    session.expect_type("heartbeat")


def format_v0(trial):
    """The first format, with `action`: an event is published, a request is done."""
    speaker, listener = trial.socket("/ws"), trial.socket("/api/v1/ws")
    listener.subscribe("build.finished")
    payload = {"topic": "build.finished", "data": {"n": 1}}
    speaker.say({"type": "request", "action": "publish", "payload": payload})
    heard = listener.expect("the publication", lambda item: "publication" in item)
    check_part(heard["publication"], payload, "publication")
    speaker.say({"type": "event", "action": "build.finished", "payload": {"n": 2}})
    listener.expect("the event", lambda item: '"n": 2' in json.dumps(item))


def format_v1(trial):
    """What comes has what is required; what is answered names what it answers."""
    session = trial.socket("/v1/ws?protocol=events,commands")
    trial.register("a-1")
    check_envelope_a(session.expect_type("event"))
    command = message("command", {"agent_id": "a-1", "command_type": "execute"})
    session.say(command)
    answer = session.expect_type("response", correlation_id=command["id"])
    check_envelope_a(answer)
    wrong = message("command", {"agent_id": "nobody", "command_type": "execute"})
    session.say(wrong)
    error = session.expect_type("error", correlation_id=wrong["id"])
    check_envelope_a(error)
    check_equal(error["payload"]["error_code"], "NOT_FOUND", "error_code")


def message_type(trial):
    """The Rust struct's name for `type`, in its own words."""
    session = trial.socket("/v1/ws")
    said = message("heartbeat", {})
    said["message_type"] = said.pop("type")
    session.say(said)
    session.expect_type("heartbeat")
    trial.register("a-1")
    said = message("command", {"agent_id": "a-1", "command_type": "pause"})
    said["message_type"] = said.pop("type").capitalize()
    session.say(said)
    session.expect_type("response", correlation_id=said["id"])


def protocols(trial):
    """`events`, `commands`, `status`: each hears its own, by query or as a subprotocol."""
    check_equal(protocol_a()["connection"]["protocols"], ["events", "commands", "status"], "named")
    events = trial.socket("/v1/ws?protocol=events")
    commands = trial.socket("/v1/ws?protocol=commands")
    status = trial.socket("/v1/ws", subprotocols=["status"])
    check_equal(status.socket.subprotocol, "status", "subprotocol")
    run_task(trial)
    trial.expect(202, "POST /v1/agents/a-1/commands", {"command_type": "execute"})
    events.expect_event("task_completed")
    status.expect_event("agent_status_changed", new_status="busy")
    commands.expect_type("command")
    for session, name in ((status, "status"), (commands, "commands")):
        none = lambda item: item.get("event_type") == "task_completed"  # noqa: E731
        session.expect_none(f"task_completed on {name}", none)


def authentication(trial):
    """The key as a bearer token in the header, before the upgrade."""
    connection = protocol_a()["connection"]["authentication"]
    check_equal(connection, {"type": "bearer_token", "header": "Authorization"}, "documented")
    trial.prepare()
    key = trial.program.made_key("k", "read", "agents")
    trial.program.start()
    base = f"ws://{trial.program.address}"
    check_equal(refused_upgrade(f"{base}/v1/ws"), 401, "without")
    session = trial.socket("/v1/ws", {"Authorization": f"Bearer {key}"})
    body = {"agent_id": "a-1", "capabilities": ["x"]}
    trial.expect(201, "POST /v1/agents", body, {"Authorization": f"Bearer {key}"})
    session.expect_type("event")


def reconnect_policy(trial):
    """The numbers stand in the client that the server ships, and jitter with them."""
    text = trial.ask("GET /v1.js").text
    policy = protocol_a()["connection"]["reconnect_policy"]
    for number in (policy["initial_delay"], policy["max_delay"], policy["max_attempts"]):
        check(re.search(rf"\b{number}\b", text.replace("_", "")), f"{number} isn't in v1.js")
    check("Math.random" in text, "no jitter in v1.js")


def agent_status_changed(trial):
    session = trial.socket("/v1/ws?protocol=status")
    trial.register("a-1")
    trial.expect(200, "PUT /v1/agents/a-1", {"status": "error"})
    told = session.expect_event("agent_status_changed", new_status="error")
    check_envelope_a(told)
    check_equal(set(told["payload"]), documented("agent_status_changed"), "fields")
    expected = {"agent_id": "a-1", "old_status": "idle", "new_status": "error"}
    check_part(told["payload"], expected, "payload")


def task_assigned(trial):
    session = trial.socket("/v1/ws")
    task = run_task(trial)
    told = session.expect_event("task_assigned")
    check_equal(set(told["payload"]), documented("task_assigned"), "fields")
    expected = {"task_id": task["task_id"], "agent_id": "a-1", "priority": 8}
    check_equal(told["payload"], {**expected, "task_type": "analysis"}, "payload")


def task_completed(trial):
    """At every end, each with its status."""
    session = trial.socket("/v1/ws")
    task = run_task(trial)
    told = session.expect_event("task_completed")
    check_equal(set(told["payload"]), documented("task_completed"), "fields")
    expected = {"task_id": task["task_id"], "agent_id": "a-1", "status": "completed"}
    check_part(told["payload"], expected, "payload")
    check(told["payload"]["execution_time_ms"] >= 0, f"execution_time_ms of {told}")
    trial.expect(201, "POST /v1/tasks", {"id": "t-2", "type": "analysis"})
    trial.expect(200, "DELETE /v1/tasks/t-2")
    session.expect_event("task_completed", status="cancelled")


def system_alert(trial):
    """An alert that somebody publishes reaches everybody, with document A's fields."""
    session, speaker = trial.socket("/v1/ws"), trial.socket("/api/v1/ws")
    alert = {"severity": "warning", "component": "disk", "message": "nearly full", "details": {}}
    speaker.say({"publication": {"topic": "system.alerts", "data": alert}})
    told = session.expect("the alert", lambda item: "nearly full" in json.dumps(item))
    check_envelope_a(told)
    check_equal(set(alert), documented("system_alert"), "documented fields")


def connection_record(trial):
    """Who is connected, as which agent, since when, with which protocols."""
    trial.register("a-1")
    trial.socket("/v1/ws?protocol=commands&agent_id=a-1")
    listed = trial.expect(200, "GET /admin/connections")
    found = [each for each in listed["connections"] if each.get("agent_id") == "a-1"]
    check_equal(len(found), 1, "connections of a-1")
    for key in ("id", "protocols", "connected_at"):
        check(found[0].get(key), f"no {key} in {found[0]}")


def slow_listener(trial):
    """A listener that is behind loses nothing in silence: all in order, or it is told."""
    listener, other = trial.socket(), trial.socket()
    listener.subscribe("many.>")
    for number in range(3000):
        publication = {"topic": "many.x", "data": {"n": number}}
        other.say({"publication": publication})
    heard = [listener.expect("a publication", lambda item: "publication" in item)]
    while heard[-1]["publication"]["data"]["n"] < 2999:
        heard.append(listener.expect("a publication", lambda item: "publication" in item))
    numbers = [each["publication"]["data"]["n"] for each in heard]
    check_equal(numbers, list(range(3000)), "what was heard")


def socket_errors(trial):
    """What can't be read is told, and the connection is kept, up to ten in a row."""
    session = trial.socket("/v1/ws")
    for wrong in ("{", "[]", '{"type":"dance"}'):
        session.say(wrong)
        schema_a.check("Error", session.expect_type("error")["payload"])
    session.say(message("heartbeat", {}))
    session.expect_type("heartbeat")
    for _ in range(10):
        session.say("{")
    check_equal(session.close_code(), 1008, "close code after ten")


def bridges(trial):
    """What agents and tasks do over REST reaches both dialects' sockets."""
    in_a, in_b = trial.socket("/v1/ws"), trial.socket("/api/v1/ws")
    in_b.subscribe("agent.>", "task.>")
    run_task(trial)
    in_a.expect_event("agent_registered")
    in_a.expect_event("task_completed")
    in_b.expect_event("agent.registered")
    in_b.expect_event("task.completed")


def binary_messages(trial):
    """Document C's frames are taken on document A's path, too, behind document C's handshake."""
    session = trial.socket("/v1/ws")
    session.say(b"\xff not AGNT")
    session.expect("an error", lambda item: "error" in str(item))
    session = trial.socket("/v1/ws")
    session.say({"type": "handshake", "version": "1.0.0", "capabilities": ["binary"]})
    session.expect_type("handshake_ack")
    # A heartbeat of the protocol AGNT: magic, type 6, no flags, no payload.
    session.say(b"AGNT\x06\x00\x00\x00")
    is_heartbeat = lambda item: isinstance(item, bytes) and item[:5] == b"AGNT\x06"  # noqa: E731
    session.expect("a heartbeat", is_heartbeat)
