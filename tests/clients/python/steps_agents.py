"""What agents say and are told in JSON: events, votes, commands, signalling."""

import asyncio

from session import Session, check, check_equal, event, moment

EVENTS = {
    "agent.state.changed": {
        "agentId": "agent-001",
        "previousState": "IDLE",
        "newState": "EXECUTING",
        "reason": "Task assigned",
        "metadata": {"taskId": "task-456", "estimatedDuration": 5000},
    },
    "agent.performance.update": {
        "agentId": "agent-001",
        "metrics": {"tasksCompleted": 42, "successRate": 0.95, "memoryUsage": 104857600},
        "trends": {"successRateTrend": "improving", "responseTrend": "stable"},
    },
    "agent.capability.update": {
        "agentId": "agent-001",
        "action": "add",
        "capability": {"name": "advanced_analysis", "category": "analysis", "level": 4},
    },
    "message.flow.stats": {
        "flowId": "agent-001-agent-002",
        "statistics": {"messageCount": 156, "averageLatency": 45.2, "successRate": 0.98},
    },
    "system.metrics": {"activeAgents": 42, "totalAgents": 50, "networkHealth": 0.98, "alerts": []},
}


async def pair(server, stream, path="/api/visualisation/agents/ws"):
    url = server.url(path, stream=stream)
    return [await Session.open(url, "json", clientId=name) for name in ("agent-001", "agent-002")]


async def passed_on(speaker, listener, kind, payload):
    said = event(kind, payload, priority="high", correlationId="thread-1")
    await speaker.say(said)
    heard = await listener.expect_type(kind, lambda text: text.get("id") == said["id"])
    for key in ("timestamp", "metadata"):
        check_equal(heard.get(key), said[key], f"{kind}: {key}")
    for key, value in payload.items():
        expected = {**value, **heard["payload"][key]} if key == "trends" else value
        check_equal(heard["payload"].get(key), expected, f"{kind}: payload.{key}")
    check(isinstance(heard.get("sequence"), int), f"{kind}: sequence {heard.get('sequence')!r}")
    return heard


async def events(server):
    """events of agents and the system: passed on whole, not to who said them"""
    speaker, listener = await pair(server, "events")
    for kind, payload in EVENTS.items():
        heard = await passed_on(speaker, listener, kind, payload)
        own = speaker.take(lambda item: isinstance(item, dict) and item.get("id") == heard["id"])
        check(own is None, f"{kind} came back to who said it")
    return ", ".join(EVENTS)


async def critical(server):
    """critical events have a log and a sequence of their own"""
    speaker, listener = await pair(server, "critical")
    for number in (1, 2):
        said = event("agent.state.changed", EVENTS["agent.state.changed"], priority="critical")
        await speaker.say(said)
        heard = await listener.expect_text("event", lambda text: text.get("id") == said["id"])
        check_equal((heard.get("log"), heard.get("sequence")), ("critical", number), "log, sequence")


async def messages(server):
    """message.sent: passed on, counted in message.flow.stats; with an expiry in the past refused"""
    speaker, listener = await pair(server, "messages")
    payload = {
        "messageId": "msg-789",
        "from": {"id": "agent-001", "namespace": "research"},
        "to": [{"id": "agent-002", "namespace": "analysis"}],
        "messageType": "REQUEST",
        "priority": "HIGH",
        "content": {"action": "analyze_data"},
        "expiry": moment(300),
    }
    await passed_on(speaker, listener, "message.sent", payload)
    told = await listener.expect_type("message.flow.stats")
    check_equal(told["payload"]["flowId"], "agent-001-agent-002", "flowId")
    check_equal(told["payload"]["statistics"]["messageCount"], 1, "messageCount")
    late = event("message.sent", {**payload, "expiry": moment(-1)})
    await speaker.say(late)
    refused = await speaker.expect_error("INVALID_MESSAGE", late["id"])
    check("expiry" in refused["message"], f"the error names the field: {refused['message']}")


async def system_metrics(server):
    """system.metrics: unasked, with document C's keys"""
    session = await Session.open(server.url(stream="system"), "json")
    payload = (await session.expect_type("system.metrics"))["payload"]
    for key in ("activeAgents", "totalAgents", "networkHealth", "coordinationEfficiency"):
        check(isinstance(payload.get(key), (int, float)), f"{key}: {payload.get(key)!r}")
    for key in ("rate", "queueDepth", "averageLatency", "errorRate"):
        check(key in payload["messageMetrics"], f"messageMetrics.{key}")
    check({"cpu", "memory"} <= set(payload["systemLoad"]), f"systemLoad: {payload['systemLoad']}")
    check(isinstance(payload["alerts"], list), f"alerts: {payload['alerts']}")


async def votes(server):
    """coordination: initiated, voted, decided by the server"""
    first, second = await pair(server, "votes")
    begun = event(
        "coordination.initiated",
        {
            "coordinationId": "coord-123",
            "pattern": "CONSENSUS",
            "initiator": {"id": "agent-001"},
            "participants": [{"id": "agent-002", "role": "voter"}, {"id": "x", "role": "observer"}],
            "parameters": {"consensusThreshold": 0.66, "timeout": 30000, "proposal": {"cpu": 4}},
        },
    )
    await first.say(begun)
    await second.expect_text("coordination.initiated", lambda text: text.get("id") == begun["id"])

    async def vote(session, name, word):
        votes = {name: {"vote": word, "timestamp": moment()}}
        progress = {"coordinationId": "coord-123", "pattern": "CONSENSUS", "votes": votes}
        await session.say(event("coordination.progress", progress))
        told = [(await each.expect_type("coordination.progress"))["payload"] for each in (first, second)]
        check_equal(told[0], told[1], "what both are told")
        return told[0]

    open_still = await vote(first, "agent-001", "approve")
    check_equal((open_still["status"], open_still["progress"]), ("VOTING", 0.5), "after one vote")
    check_equal(open_still["votes"]["agent-002"], {"vote": "pending"}, "who hasn't voted")
    decided = await vote(second, "agent-002", "approve")
    check_equal((decided["status"], decided["progress"]), ("APPROVED", 1.0), "after both votes")


def command(target, timeout=5000, **more):
    parameters = {"tool": "web_search", "query": "latest AI research papers", "maxResults": 10}
    payload = {"targetAgent": target, "command": "execute_tool", "parameters": parameters}
    return event("control.execute", {**payload, "timeout": timeout, **more})


async def commands(server):
    """control.execute: a command reaches its agent, the result comes back"""
    asker, agent = await pair(server, "commands", "/api/control/ws")
    asked = command("agent-002")
    await asker.say(asked)
    got = await agent.expect_type("control.execute")
    check_equal(got["payload"]["parameters"], asked["payload"]["parameters"], "parameters")
    check_equal(got["payload"]["commandId"], asked["id"], "commandId")
    result = {"commandId": asked["id"], "status": "completed", "result": {"papers": 10}}
    await agent.say(event("control.result", result))
    answer = await asker.expect_type("control.result")
    check_equal(answer["payload"], result, "result")
    check_equal(answer["metadata"]["correlationId"], asked["id"], "correlationId")


async def failing_commands(server):
    """control.execute: timeout, failure, unknown agent, a webhook that nobody will call"""
    asker, agent = await pair(server, "failing-commands", "/api/control/ws")
    asked = command("agent-002", timeout=200)
    await asker.say(asked)
    refused = await asker.expect_error("COMMAND_FAILED", asked["id"])
    check_equal(refused["details"].get("reason"), "timeout", "details.reason")
    asked = command("agent-002")
    await asker.say(asked)
    await agent.expect_text("command", lambda text: text.get("id") == asked["id"])
    problem = {"code": "COMMAND_FAILED", "message": "no such tool", "details": {"requestId": asked["id"]}}
    await agent.say(event("error", problem))
    await asker.expect_error("COMMAND_FAILED", asked["id"])
    asked = command("agent-999")
    await asker.say(asked)
    refused = await asker.expect_error("AGENT_NOT_FOUND", asked["id"])
    check_equal(refused["message"], "Agent with ID 'agent-999' not found", "message")
    check_equal(refused["suggestedAction"], "verify_agent_id", "suggestedAction")
    callback = {"type": "webhook", "url": "https://api.example.com/callbacks/cmd-131"}
    asked = command("agent-002", callback=callback)
    await asker.say(asked)
    refused = await asker.expect_error("COMMAND_FAILED", asked["id"])
    check("callback.type" in refused["message"], f"names the field: {refused['message']}")


async def configuration(server):
    """control.multi-agent.configure: answered, told to everybody"""
    asker, other = await pair(server, "configuration", "/api/control/ws")
    targets = {"maxLatency": 100, "minThroughput": 1000, "targetSuccessRate": 0.99}
    tolerance = {"enabled": True, "redundancy": 2, "heartbeatInterval": 5000}
    payload = {
        "multi-agentId": "multi-agent-001",
        "configuration": {
            "topology": "HIERARCHICAL",
            "coordinationStrategy": "consensus",
            "faultTolerance": tolerance,
            "performanceTargets": targets,
        },
    }
    answer = await asker.ask(
        event("control.multi-agent.configure", payload), "control.multi-agent.configured"
    )
    check_equal(answer["payload"].get("multi-agentId"), "multi-agent-001", "multi-agentId")
    check_equal(answer["payload"].get("status"), "applied", "status")
    told = await other.expect_type("control.multi-agent.configure")
    check_equal(told["payload"], payload, "payload")


async def signalling(server):
    """rtc.offer, rtc.answer, rtc.ice: relayed, with who they are from"""
    first, second = await pair(server, "signalling", "/api/control/ws")
    for speaker, listener, kind, target, source in (
        (first, second, "rtc.offer", "agent-002", "agent-001"),
        (second, first, "rtc.answer", "agent-001", "agent-002"),
        (first, second, "rtc.ice", "agent-002", "agent-001"),
    ):
        await speaker.say(event(kind, {"targetAgent": target, "sdp": "v=0"}))
        told = await listener.expect_type(kind)
        check_equal((told["payload"]["from"], told["payload"]["sdp"]), (source, "v=0"), kind)


async def acknowledgement(server):
    """metadata.ack: answered; the same id again isn't applied again"""
    speaker, listener = await pair(server, "acknowledgement")
    said = event("agent.state.changed", EVENTS["agent.state.changed"], ack=True)
    first = await speaker.ask(said, "ack")
    check_equal((first.get("id"), "duplicate" in first), (said["id"], False), "first ack")
    second = await speaker.ask(said, "ack")
    check_equal((second.get("id"), second.get("duplicate")), (said["id"], True), "second ack")
    await listener.expect_text("the event", lambda text: text.get("id") == said["id"])
    await listener.expect_none("the event a second time", lambda text: text.get("id") == said["id"])


async def redelivery(server):
    """metadata.ack in a command: it comes again until it is acknowledged"""
    asker, agent = await pair(server, "redelivery", "/api/control/ws")
    asked = command("agent-002", timeout=20000)
    asked["metadata"] = {"ack": True}
    await asker.say(asked)
    await agent.expect_type("control.execute")
    again = await agent.expect_type("control.execute")
    check_equal(again["id"], asked["id"], "id of what came again")
    await agent.say({"type": "ack", "id": asked["id"]})
    await agent.pause()
    await agent.expect_end("the command after its ack", lambda text: text.get("id") == asked["id"], 2.5)


async def time_to_live(server):
    """metadata.ttl: what is older isn't sent again to who comes later"""
    asker, agent = await pair(server, "ttl", "/api/control/ws")
    asked = command("agent-002", timeout=20000)
    asked["metadata"] = {"ack": True, "ttl": 2000}
    await asker.say(asked)
    await agent.expect_type("control.execute")
    await agent.close()
    await asyncio.sleep(2.2)
    later = await Session.open(server.url("/api/control/ws", stream="ttl"), "json", clientId="agent-002")
    await later.expect_none("the command", lambda text: text.get("type") == "control.execute", 2.5)


STEPS = [
    events, critical, messages, system_metrics, votes, commands, failing_commands, configuration,
    signalling, acknowledgement, redelivery, time_to_live,
]  # fmt: skip
