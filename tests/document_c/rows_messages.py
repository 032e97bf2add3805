"""S117-S127: the JSON messages, each as document C writes it."""

import agnt_frame as agnt
from trial import CONTROL, check, check_equal, event, example, moment, written


async def envelope(trial):
    """id, type, timestamp, payload, metadata: passed on, and refused where they are wrong."""
    speaker, listener = await trial.pair()
    metadata = {"correlationId": "thread-1", "priority": "high", "ttl": 5000}
    said = {**example("agent.state.changed"), "metadata": metadata}
    await speaker.say(said)
    heard = await listener.expect_type("agent.state.changed")
    for key in ("id", "type", "timestamp", "metadata"):
        check_equal(heard.get(key), said[key], key)
    wrong = (
        ("priority", {"metadata": {"priority": "urgent"}}),
        ("ttl", {"metadata": {"ttl": -1}}),
        ("timestamp", {"timestamp": "yesterday"}),
        ("payload", {"payload": "text"}),
        ("id", {"id": "x" * 129}),
    )
    for name, replaced in wrong:
        await speaker.say({**said, "id": f"wrong-{name}", **replaced})
        refused = await speaker.expect_error("INVALID_MESSAGE")
        check(name in refused["message"], f"{name} isn't named in {refused['message']!r}")
    unnamed = {key: value for key, value in said.items() if key != "id"}
    await speaker.say(unnamed)
    heard = await listener.expect_type("agent.state.changed")
    check(heard.get("id"), "a message without an id gets one")


async def state_changed(trial):
    """Document C's example reaches the other viewers whole; a wrong state is refused."""
    heard = await trial.passed_on("agent.state.changed")
    check_equal(heard["payload"]["newState"], "EXECUTING", "newState")
    speaker = trial.sessions[0]
    await speaker.say(event("agent.state.changed", {"agentId": "agent-001", "newState": "ASLEEP"}))
    refused = await speaker.expect_error("INVALID_MESSAGE")
    check("newState" in refused["message"] and "ASLEEP" in refused["message"], refused["message"])
    listener = trial.sessions[1]
    await speaker.say(event("agent.state.changed", {"agentId": "agent-001", "newState": "PAUSED"}))
    heard = await listener.expect_type("agent.state.changed")
    check_equal(heard["payload"].get("previousState"), "EXECUTING", "previousState, filled in")
    viewer = await trial.open("binary")
    await speaker.say(event("agent.state.changed", {"agentId": "7", "newState": "EXECUTING"}))
    frame = await viewer.expect_frame(agnt.STATE_BATCH, "", lambda frame: not frame.is_key)
    check_equal(agnt.read_states(frame), [(7, 3, None)], "the same in binary, for an id that is a number")


async def performance_update(trial):
    """Document C's example reaches the others whole; trends are added where they are absent."""
    await trial.passed_on("agent.performance.update")
    speaker, listener = trial.sessions[:2]
    for number in range(1, 13):
        metrics = {"successRate": number / 12, "averageResponseTime": 10 * number, "resourceUtilization": 0.5}
        await speaker.say(event("agent.performance.update", {"agentId": "agent-9", "metrics": metrics}))
        heard = await listener.expect_type("agent.performance.update")
    expected = {"successRateTrend": "improving", "responseTrend": "degrading", "loadTrend": "stable"}
    check_equal(heard["payload"].get("trends"), expected, "trends")
    viewer = await trial.open("binary")
    metrics = {"tasksCompleted": 42, "successRate": 0.5, "averageResponseTime": 234, "memoryUsage": 104857600}
    await speaker.say(event("agent.performance.update", {"agentId": "7", "metrics": metrics}))
    frame = await viewer.expect_frame(agnt.PERFORMANCE_METRICS, "", lambda frame: not frame.is_key)
    check_equal(agnt.read_metrics(frame), [(7, 42, 0.5, 234.0, 0.0, 104857600)], "the same in binary")


async def capability_update(trial):
    """Document C's example reaches the others whole and stands in a later agent.index."""
    await trial.passed_on("agent.capability.update")
    later = await trial.open("json", "agent-index")

    def names(text):
        return {
            capability["name"] if isinstance(capability, dict) else capability
            for agent in text.get("agents", text.get("payload", {}).get("agents", []))
            if agent["agentId"] == "agent-001"
            for capability in agent.get("capabilities", [])
        }

    index = await later.expect_type("agent.index", lambda text: names(text))
    check_equal(names(index), {"advanced_analysis"}, "capabilities")
    speaker = trial.sessions[0]
    wrong = example("agent.capability.update")["payload"] | {"action": "steal"}
    await speaker.say(event("agent.capability.update", wrong))
    refused = await speaker.expect_error("INVALID_MESSAGE")
    check("action" in refused["message"], refused["message"])


async def message_sent(trial):
    """Document C's example, with an expiry that lies ahead; as it stands there it has expired."""
    await trial.passed_on("message.sent", expiry=moment(300))
    speaker, listener = trial.sessions[:2]
    stale = example("message.sent") | {"id": "msg-126-stale"}
    await speaker.say(stale)
    refused = await speaker.expect_error("INVALID_MESSAGE", "msg-126-stale")
    check("expiry" in refused["message"], f"the field is named: {refused['message']}")
    await listener.expect_none("what has expired", lambda text: text.get("id") == "msg-126-stale")
    graph = await trial.open("json", path="/api/graph/ws")
    edge = (await graph.expect_type("graph.snapshot"))["payload"]["edges"][0]
    ends = (edge.get("from", edge.get("source")), edge.get("to", edge.get("target")))
    check_equal(ends, ("agent-001", "agent-002"), "the edge that it makes")


async def flow_stats(trial):
    """Document C's example is passed on; the server's own has all of its keys."""
    await trial.passed_on("message.flow.stats")
    speaker, listener = trial.sessions[:2]
    payload = {key: value for key, value in example("message.sent")["payload"].items() if key != "expiry"}
    payload["from"] = {"id": "agent-003"}
    for number in range(3):
        await speaker.say(event("message.sent", {**payload, "messageId": f"m{number}"}))

    def tells_all(text):
        # What came before a tick is told then, and all of it again with what came later.
        payload = text["payload"]
        return payload["flowId"] == "agent-003-agent-002" and payload["statistics"]["messageCount"] >= 3

    told = await listener.expect_type("message.flow.stats", tells_all)
    statistics = told["payload"]["statistics"]
    shown = example("message.flow.stats")["payload"]["statistics"]
    check_equal(set(shown) - set(statistics), set(), "keys that are missing")
    check_equal((statistics["messageCount"], statistics["successRate"]), (3, 1.0), "count, success")
    low, mean, high = (statistics[f"{name}Latency"] for name in ("min", "average", "max"))
    check(0 <= low <= mean <= high < 60_000, f"latencies: {statistics}")


async def coordination_initiated(trial):
    """Document C's example is passed on and begins; the same id again while it runs is refused."""
    await trial.passed_on("coordination.initiated")
    speaker = trial.sessions[0]
    await speaker.say(example("coordination.initiated") | {"id": "msg-128-again"})
    await speaker.expect_error("INVALID_MESSAGE", "msg-128-again")
    short = example("coordination.initiated")["payload"]
    short["coordinationId"] = "coord-short"
    short["parameters"]["timeout"] = 300
    await speaker.say(event("coordination.initiated", short))
    ended = await speaker.expect_type("coordination.progress")
    check_equal(ended["payload"]["status"], "TIMED_OUT", "without a vote, at its timeout")


async def coordination_progress(trial):
    """Document C's example, from two agents: each one's own vote counts; it shows what C shows."""
    speaker, listener = await trial.pair()
    await speaker.say(written("coordination.initiated"))
    await listener.expect_type("coordination.initiated")
    for session, count in ((speaker, 1), (listener, 2)):
        await session.say(written("coordination.progress"))
        told = await session.expect_type(
            "coordination.progress", lambda text, least=count / 3 - 0.01: text["payload"]["progress"] > least
        )
    payload, shown = told["payload"], example("coordination.progress")["payload"]
    for key in ("coordinationId", "pattern", "status"):
        check_equal(payload.get(key), shown[key], key)
    check_equal(int(payload["progress"] * 100) / 100, shown["progress"], "progress")
    words = {name: vote["vote"] for name, vote in payload["votes"].items()}
    check_equal(words, {name: vote["vote"] for name, vote in shown["votes"].items()}, "votes")
    check(payload.get("estimatedCompletion"), "estimatedCompletion")
    third = await trial.open("json", clientId="agent-003")
    votes = {"agent-003": {"vote": "approve", "timestamp": moment()}}
    await third.say(event("coordination.progress", shown | {"votes": votes}))
    told = await third.expect_type("coordination.progress", lambda text: text["payload"]["progress"] == 1)
    check_equal(told["payload"]["status"], "APPROVED", "after all votes")
    observer = await trial.open("json", clientId="agent-004")
    await observer.say(written("coordination.progress"))
    await observer.expect_error("COMMAND_FAILED", "msg-129")


async def system_metrics(trial):
    """The server's own has all keys of document C; document C's example is passed on."""
    heard = await trial.passed_on("system.metrics")
    session = trial.sessions[1]
    own = await session.expect_type("system.metrics", lambda text: text["id"] != heard["id"])
    shown, payload = example("system.metrics")["payload"], own["payload"]
    check_equal(set(shown) - set(payload), set(), "keys that are missing")
    check_equal(set(shown["messageMetrics"]) - set(payload["messageMetrics"]), set(), "messageMetrics")
    check_equal({"cpu", "memory"} - set(payload["systemLoad"]), set(), "systemLoad")
    for name in ("cpu", "memory"):
        check(0 <= payload["systemLoad"][name] <= 1, f"systemLoad.{name}: {payload['systemLoad'][name]}")


async def control_execute(trial):
    """Document C's example reaches its agent and is answered; its webhook is refused by name."""
    asker, agent = [await trial.open("json", path=CONTROL, clientId=name) for name in ("asker", "agent-001")]
    await asker.say(written("control.execute"))
    refused = await asker.expect_error("COMMAND_FAILED", "msg-131")
    check("callback.type" in refused["message"], f"the field is named: {refused['message']}")
    command = example("control.execute") | {"id": "msg-131-b"}
    del command["payload"]["callback"]
    await asker.say(command)
    got = await agent.expect_type("control.execute")
    check_equal(got["id"], "msg-131-b", "id")
    check_equal(got["payload"], command["payload"] | {"commandId": "msg-131-b"}, "payload")
    result = {"commandId": "msg-131-b", "status": "completed", "result": ["paper"]}
    await agent.say(event("control.result", result))
    answer = await asker.expect_type("control.result")
    check_equal(answer["payload"], result, "result")
    check_equal(answer["metadata"]["correlationId"], "msg-131-b", "correlationId")


async def configure(trial):
    """Document C's example is applied and told; a value out of bounds is refused by name."""
    asker, other = [await trial.open("json", path=CONTROL, clientId=name) for name in "ab"]
    await asker.say(written("control.multi-agent.configure"))
    answer = await asker.expect_type("control.multi-agent.configured")
    check_equal(answer["payload"], {"multi-agentId": "multi-agent-001", "status": "applied"}, "answer")
    told = await other.expect_type("control.multi-agent.configure")
    shown = example("control.multi-agent.configure")["payload"]
    check_equal(told["payload"], shown, "what others are told")
    shown["configuration"]["performanceTargets"]["targetSuccessRate"] = 7
    await asker.say(event("control.multi-agent.configure", shown))
    refused = await asker.expect_error("INVALID_MESSAGE")
    check("targetSuccessRate" in refused["message"], refused["message"])
    await in_force(trial, asker)


async def in_force(trial, asker):
    """A silent agent is offline after heartbeatInterval; a target that is missed is alerted."""
    viewer = await trial.open("json")
    agent = await trial.open("json", clientId="agent-007")
    await agent.say(event("agent.state.changed", {"agentId": "agent-007", "newState": "BUSY"}))
    configuration = {
        "faultTolerance": {"enabled": True, "heartbeatInterval": 300},
        "performanceTargets": {"minThroughput": 1_000_000},
    }
    payload = {"multi-agentId": "multi-agent-001", "configuration": configuration}
    await asker.ask(event("control.multi-agent.configure", payload), "control.multi-agent.configured")
    told = await viewer.expect_type(
        "agent.state.changed", lambda text: text["payload"]["newState"] == "OFFLINE"
    )
    check_equal(told["payload"]["agentId"], "agent-007", "who is offline")
    await viewer.expect_type(
        "system.metrics",
        lambda text: any("minThroughput" in alert["message"] for alert in text["payload"]["alerts"]),
    )
