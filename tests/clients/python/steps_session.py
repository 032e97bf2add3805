"""What a session agrees on with the server, and how it ends and begins again."""

import asyncio
import json

import agnt_frame as agnt
from reconnect import reconnect
from server import Server
from session import HANDSHAKE, Session, check, check_equal, event

DOCUMENT_KEYS = {
    "type": str,
    "sessionId": str,
    "protocols": list,
    "heartbeatInterval": int,
    "compression": str,
    "serverTime": str,
}
PATHS = (
    "/api/visualisation/agents/ws",
    "/api/visualization/agents/ws",
    "/agents/ws",
    "/api/graph/ws",
    "/api/control/ws",
)


async def handshake(server):
    """handshake: document C's own is answered by document C's six keys, on every path"""
    for path in PATHS:
        session = await Session.open(
            server.url(path),
            "binary",
            "compression",
            "multiplexing",
            clientId="client-uuid",
            headers={"X-Client-Version": "1.0.0", "X-Requested-Protocols": "binary,json"},
        )
        for key, kind in DOCUMENT_KEYS.items():
            check(isinstance(session.ack.get(key), kind), f"{path}: {key}: {session.ack.get(key)!r}")
        check_equal(session.ack["protocols"], ["binary", "json"], f"{path}: protocols")
        check_equal(session.ack["compression"], "zlib", f"{path}: compression")
        await session.close()
    return f"{len(PATHS)} paths"


async def requested_protocols(server):
    """X-Requested-Protocols says what a handshake leaves out"""
    headers = {"X-Requested-Protocols": "json"}
    session = await Session.connect(server.url(stream="requested"), additional_headers=headers)
    await session.say({key: value for key, value in HANDSHAKE.items() if key != "capabilities"})
    ack = await session.expect_type("handshake_ack")
    check_equal(ack["protocols"], ["json"], "protocols")


async def versions(server):
    """version.negotiate: what is preferred if it is known, else the highest; features add up"""
    features = {"1.0": ["basic"]}
    features["1.1"] = features["1.0"] + ["compression", "binary"]
    features["2.0"] = features["1.1"] + ["multiplexing", "streaming"]
    session = await Session.open(server.url(stream="versions"), "binary")
    for supported, preferred, selected in (
        (["1.0", "1.1", "2.0"], "2.0", "2.0"),
        (["1.0", "1.1"], "1.0", "1.0"),
        (["1.0", "1.1"], "7.0", "1.1"),
        (["2.1"], "2.1", "2.0"),
    ):
        asked = {"type": "version.negotiate", "supported": supported, "preferred": preferred}
        answer = await session.ask(asked, "version.selected")
        check_equal(answer.get("version"), selected, f"of {supported}, {preferred} preferred")
        check_equal(sorted(answer["features"]), sorted(features[selected]), f"features of {selected}")
    await session.say({"type": "version.negotiate", "supported": ["9.0"], "preferred": "9.0"})
    await session.expect_error("INVALID_MESSAGE")


async def no_compression(server):
    """compression.negotiate: nothing in common is none; a level out of bounds is an error"""
    session = await Session.open(server.url(stream="none"), "binary", "compression")
    for algorithms in ([], ["lzma"]):
        asked = {"type": "compression.negotiate", "algorithms": algorithms, "preferredLevel": 6}
        answer = await session.ask(asked, "compression.selected")
        check_equal(answer.get("algorithm"), "none", f"of {algorithms}")
    asked = {"type": "compression.negotiate", "algorithms": ["gzip"], "preferredLevel": 12}
    await session.say(asked)
    await session.expect_error("INVALID_MESSAGE")


async def channels(server):
    """channel.create as in document C; what a member says goes to the others, counted"""
    created = {
        "type": "channel.create",
        "channelId": "perf-metrics",
        "priority": "high",
        "dedicated": True,
        "bufferSize": 1000,
    }
    url = server.url(stream="channels")
    members = [await Session.open(url, "multiplexing", clientId=name) for name in ("a", "b")]
    for member in members:
        answer = await member.ask(created, "channel.created")
        for key in ("channelId", "priority", "dedicated", "bufferSize"):
            check_equal(answer.get(key), created[key], key)
        check(isinstance(answer.get("numericId"), int), f"numericId: {answer.get('numericId')!r}")
    for number in (1, 2, 3):
        actual = event("custom.measure", {"value": number})
        await members[0].say({"channel": "perf-metrics", "message": actual})
        heard = await members[1].expect_text("a channel message", lambda text: "channel" in text)
        check_equal(heard["channel"], "perf-metrics", "channel")
        check_equal(heard["sequence"], number, "sequence")
        check_equal(heard["message"], actual, "message")
    await members[0].say(created)
    again = await members[0].expect_type("channel.error")
    check_equal(again.get("channelId"), "perf-metrics", "channelId of the error")
    closed = await members[0].ask({"type": "channel.close", "channelId": "perf-metrics"}, "channel.closed")
    check_equal(closed.get("channelId"), "perf-metrics", "channelId")


async def content_channels(server):
    """channels with content: events come wrapped, positions with the channel's number"""
    url = server.url(stream="content-channels")
    viewer = await Session.open(url, "binary", "multiplexing")
    speaker = await Session.open(url, "binary")
    for content, binary in (("events", False), ("positions", True)):
        asked = {"type": "channel.create", "channelId": f"my-{content}", "content": content, "binary": binary}
        answer = await viewer.ask(asked, "channel.created")
        check_equal(answer.get("content"), content, "content")
    said = event("agent.state.changed", {"agentId": "agent-001", "newState": "IDLE"})
    await speaker.say(said)
    heard = await viewer.expect_text("a channel message", lambda text: text.get("channel") == "my-events")
    check_equal(heard["message"].get("id"), said["id"], "id of the event in it")
    agents = [(1, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0)]
    await speaker.send(agnt.write_positions(agents))
    frame = await viewer.expect_frame(
        agnt.POSITION_UPDATE,
        "in a channel",
        lambda frame: frame.channel == answer["numericId"] and not frame.is_key and frame.body[:4] != bytes(4),
    )
    check_equal(agnt.read_positions(frame), agents, "records")


async def credit(server):
    """stream.open: messages come while there is credit"""
    url = server.url(stream="credit")
    viewer = await Session.open(url, "multiplexing")
    speaker = await Session.open(url, "json")
    await viewer.ask({"type": "stream.open", "streamId": "s", "content": "events", "credit": 1}, "stream.opened")
    said = [event("agent.state.changed", {"agentId": "a", "newState": word}) for word in ("IDLE", "BUSY")]
    for each in said:
        await speaker.say(each)

    def holds(number):
        return lambda text: text.get("message", {}).get("id") == said[number]["id"]

    await viewer.expect_text("the first event", holds(0))
    await viewer.expect_none("the second event, without credit", holds(1))
    await viewer.say({"type": "stream.credit", "streamId": "s", "credit": 1})
    await viewer.expect_text("the second event", holds(1))
    await viewer.ask({"type": "stream.close", "streamId": "s"}, "stream.closed")


async def graph(server):
    """graph path: a snapshot, then deltas, also as EDGE_BATCH"""
    url = server.url("/api/graph/ws", stream="graph")
    viewer = await Session.open(url, "binary", "edge-batch")
    await viewer.expect_type("graph.snapshot")
    speaker = await Session.open(server.url(stream="graph"), "json")
    edges = [{"from": "7", "to": "8", "weight": 0.5}]
    await speaker.say(event("graph.update", {"nodes": [{"id": "7"}, {"id": "8"}], "edges": edges}))
    delta = await viewer.expect_type("graph.delta")
    nodes = {node["id"] for node in delta["payload"]["nodes"]}
    check_equal(nodes, {"7", "8"}, "nodes")
    edge = delta["payload"]["edges"][0]
    check(edge.get("weight") == 0.5, f"edge: {edge}")
    frame = await viewer.expect_frame(agnt.EDGE_BATCH, "", lambda frame: len(frame.payload) > 4)
    check_equal(agnt.read_edges(frame)[0][:3], (7, 8, 0.5), "edge in binary")
    later = await Session.open(url, "json")
    known = (await later.expect_type("graph.snapshot"))["payload"]
    check_equal((len(known["nodes"]), len(known["edges"])), (2, 1), "nodes and edges of a later one")


async def bad_messages(server):
    """errors: document C's form, the field named, the connection kept"""
    session = await Session.open(server.url(stream="errors"), "json")
    for name, message in (
        ("type", {"id": "x-1", "type": "no.such.type", "payload": {}}),
        ("agentId", {"id": "x-2", "type": "agent.state.changed", "payload": {"newState": "IDLE"}}),
        ("newState", {"id": "x-3", "type": "agent.state.changed", "payload": {"agentId": "a", "newState": "ILL"}}),
        ("timestamp", {"id": "x-4", "type": "system.metrics", "timestamp": "noon", "payload": {}}),
    ):
        await session.say(message)
        payload = await session.expect_error("INVALID_MESSAGE", message["id"])
        check(name in payload["message"], f"{name} isn't named in {payload['message']!r}")
        check_equal(payload["recoverable"], True, "recoverable")
        check("stackTrace" not in payload["details"], "a stack trace was sent")
    await session.say("{ no JSON")
    await session.expect_error("INVALID_MESSAGE")
    await session.pause()


async def viewers_say_nothing(server):
    """role viewer: what it says is answered AUTH_FAILED"""
    session = await Session.open(server.url(stream="roles"), "binary", role="viewer")
    await session.say(event("agent.state.changed", {"agentId": "a", "newState": "IDLE"}))
    refused = await session.expect_error("AUTH_FAILED")
    check_equal(refused["details"].get("reason"), "role", "details.reason")


async def connection_metrics(server):
    """connection.metrics: what went through this connection"""
    session = await Session.open(server.url(stream="connection-metrics"), "json")
    asked = event("connection.metrics", {})
    answer = await session.ask(asked, "connection.metrics")
    payload = answer["payload"]
    check_equal(payload["sessionId"], session.ack["sessionId"], "sessionId")
    following = (await session.ask(event("connection.metrics", {}), "connection.metrics"))["payload"]
    grown = {key: following[key] - payload[key] for key in ("messagesIn", "bytesIn")}
    check_equal(grown["messagesIn"], 1, "messages from one to the next")
    check(grown["bytesIn"] > len(json.dumps(asked)), f"bytes from one to the next: {grown}")
    check_equal(answer["metadata"]["correlationId"], asked["id"], "correlationId")


async def ends(server):
    """liveness: no handshake, and silence, are closed with 4408"""
    del server
    with Server("--handshake-ms", "300") as hasty:
        mute = await Session.connect(hasty.url())
        check_equal(await mute.close_code(), 4408, "without a handshake")
    with Server("--heartbeat-ms", "2000") as hasty:
        silent = await Session.open(hasty.url(), "json")
        check_equal(await silent.silent_end(hasty), 4408, "silent for 2.5 heartbeats")


async def reconnects(server):
    """reconnecting: 1001 at the server's end, back-off that grows, the missed events by resume"""
    del server
    # Much time for what is under way, so that a slow machine closes the session in order too.
    with Server("--drain-ms", "5000", "--drain-window-ms", "100") as first:
        address, url = first.address, first.url()
        viewer = await Session.open(url, "json", "resume", clientId="viewer")
        first.process.terminate()
        check_equal(await viewer.close_code(), 1001, "close code")
    back = asyncio.create_task(reconnect(url, "json", "resume", clientId="viewer"))
    await asyncio.sleep(0.8)
    with Server(address=address):
        session, pauses_s = await back
        check(pauses_s, "it was back before the server was")
        await session.close()
    return f"{len(pauses_s)} tries failed, {sum(pauses_s):.2f} s waited"


async def resume(server):
    """resume: what came while away follows, in order, once"""
    url = server.url(stream="resume")
    speaker = await Session.open(url, "json", clientId="speaker")
    viewer = await Session.open(url, "json", "resume", clientId="viewer")
    last = viewer.ack["resume"]["events"]["sequence"]
    await viewer.close()
    said = [event("agent.state.changed", {"agentId": "a", "newState": "IDLE"}) for _ in range(3)]
    for each in said:
        await speaker.say(each)
    await speaker.pause()
    place = {"sessionId": viewer.ack["sessionId"], "epoch": viewer.ack["epoch"], "channels": {"events": last}}
    again = await Session.open(url, "json", "resume", clientId="viewer", resume=place)
    resumed = again.ack["resumed"]["events"]
    check_equal((resumed["from"], resumed["to"] >= last + 3), (last + 1, True), f"resumed {resumed}")
    ids = {each["id"] for each in said}
    heard = [await again.expect_text("an event", lambda text: text.get("id") in ids) for _ in said]
    check_equal([each["id"] for each in heard], [each["id"] for each in said], "order")


STEPS = [
    handshake, requested_protocols, versions, no_compression, channels, content_channels, credit,
    graph, bad_messages, viewers_say_nothing, connection_metrics, ends, reconnects, resume,
]  # fmt: skip
