"""S167-S178: best practices."""

import asyncio
import json
import socket

import agnt_frame as agnt
from reconnect import reconnect
from trial import CONTROL, check, check_equal, event, example, written

FILLER = "x" * 2000
FILLERS = 900


def state(word, **metadata):
    return event("agent.state.changed", {"agentId": "agent-001", "newState": word}, **metadata)


async def small_payloads(trial):
    """Many updates in one binary message, a third at most of what JSON takes."""
    publisher = await trial.open("binary", clientId="publisher")
    viewer = await trial.open("binary", clientId="binary")
    reader = await trial.open("json", clientId="json")
    agents = [(agent, 0.1 * agent, -0.2 * agent, 0.3 * agent, 0.1, 0.2, 0.3) for agent in range(1, 2001)]
    await publisher.send(agnt.write_positions(agents))
    frame = await viewer.expect_frame(agnt.POSITION_UPDATE, "live", lambda frame: not frame.is_key)
    check_equal(len(agnt.read_positions(frame)), len(agents), "agents in one message")
    ids, json_bytes = set(), 0
    while len(ids) < len(agents):
        batch = await reader.expect_type("agent.position.batch")
        ids |= {agent["numericId"] for agent in batch["payload"]["agents"]}
        json_bytes += len(json.dumps(batch, separators=(",", ":")))
    share = (8 + len(frame.payload)) / json_bytes
    check(share < 0.35, f"binary takes {share:.0%} of JSON")


async def slow_viewer(trial):
    """A viewer that takes little at a time, and doesn't read yet."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = trial.server.address.rsplit(":", 1)
    narrow.connect((host, int(port)))
    viewer = await trial.connect(sock=narrow)
    await viewer.say({"type": "handshake", "version": "1.0.0", "capabilities": ["json"]})
    await viewer.expect_type("handshake_ack")
    viewer.socket.transport.pause_reading()
    return viewer


async def fill(speaker):
    for number in range(FILLERS):
        await speaker.say(event("system.metrics", {"activeAgents": number, "filler": FILLER}))


def is_filler(number):
    return lambda item: isinstance(item, dict) and item.get("payload", {}).get("activeAgents") == number


async def priorities(trial):
    """What is critical overtakes what waits for a slow viewer."""
    viewer = await slow_viewer(trial)
    speaker = await trial.open("json")
    await fill(speaker)
    urgent = state("ERROR", priority="critical")
    await speaker.say(urgent)
    await speaker.pause()
    viewer.socket.transport.resume_reading()
    await viewer.expect("the last of what waited", lambda item: is_filler(FILLERS - 1)(item), 50)
    order = [item.get("id") for item in viewer.inbox if isinstance(item, dict)]
    check(urgent["id"] in order, "what is critical came after what waited")
    behind = len(order) - order.index(urgent["id"])
    check(behind > FILLERS // 3, f"what is critical overtook only {behind} messages")


async def correlation(trial):
    """Replies and errors name what they answer: its correlationId, or else its id."""
    session = await trial.open("json")
    for metadata, expected in (({}, "msg-1"), ({"correlationId": "thread-1"}, "thread-1")):
        asked = {"id": "msg-1", "type": "connection.metrics", "payload": {}, "metadata": metadata}
        answer = await session.ask(asked, "connection.metrics")
        check_equal(answer["metadata"]["correlationId"], expected, "correlationId of a reply")
        wrong = {"id": "msg-1", "type": "no.such", "payload": {}, "metadata": metadata}
        await session.say(wrong)
        error = await session.expect_type("error")
        check_equal(error["metadata"]["correlationId"], expected, "correlationId of an error")
        check_equal(error["payload"]["details"]["requestId"], "msg-1", "details.requestId")


async def time_to_live(trial):
    """What waited longer than its ttl isn't delivered."""
    viewer = await slow_viewer(trial)
    speaker = await trial.open("json")
    await fill(speaker)
    stale, fresh = state("BUSY", ttl=100), state("IDLE", ttl=60000)
    for said in (stale, fresh):
        await speaker.say(said)
    await speaker.pause()
    await asyncio.sleep(0.4)
    viewer.socket.transport.resume_reading()
    await viewer.expect_text("the fresh event", lambda text: text.get("id") == fresh["id"], 50)
    await viewer.expect_none("the stale event", lambda text: text.get("id") == stale["id"])


async def back_off(trial):
    """The server says that it goes; who backs off, growing, is back soon after it is."""
    # Much time for what is under way, so that a slow machine closes the session in order too.
    with trial.start("--drain-ms", "5000", "--drain-window-ms", "100") as first:
        address, url = first.address, first.url()
        session = await trial.open("json", url=url)
        first.process.terminate()
        check_equal(await session.close_code(), 1001, "close code")
        check(session.socket.close_reason, "the reason has a hint")
    back = asyncio.create_task(reconnect(url, "json"))
    await asyncio.sleep(0.5)
    with trial.start(address=address):
        again, pauses_s = await back
        check(pauses_s, "no try failed")
        check(again.ack["sessionId"] != session.ack["sessionId"], "a session of its own")
        await again.close()


async def heartbeats(trial):
    """The server pings and answers pings; who is silent for 2.5 intervals is closed with 4408."""
    session = await trial.open("json", "binary")
    await session.pause()
    await session.send(agnt.write(agnt.HEARTBEAT))
    await session.expect_frame(agnt.HEARTBEAT)
    # Long enough that only who means it is silent for 2.5 of them.
    with trial.start("--heartbeat-ms", "3000") as hasty:
        living, silent = [await trial.open("json", url=hasty.url()) for _ in range(2)]
        check_equal(await silent.silent_end(hasty), 4408, "close code of the silent one")
        await living.pause()


async def partial_messages(trial):
    """WebSocket fragments are one message, texts too; a frame never goes on in the next message."""
    speaker, listener = await trial.pair("binary", "json")
    text = written("agent.state.changed")
    await speaker.socket.send([text[:5], text[5:60], text[60:]])
    await listener.expect_type("agent.state.changed", lambda text: text.get("id") == "msg-123")
    agents = [(7,) + (1.0,) * 6]
    whole = agnt.write_positions(agents)
    await speaker.socket.send([whole[:1], whole[1:9], whole[9:]])
    frame = await listener.expect_frame(agnt.POSITION_UPDATE, "live", lambda frame: not frame.is_key)
    check_equal(agnt.read_positions(frame), agents, "records")
    for part in (whole[:9], whole[9:]):
        await speaker.send(part)
        await speaker.expect_error("INVALID_MESSAGE")
    await speaker.pause()


async def acknowledgment(trial):
    """metadata.ack is answered; a command that isn't acknowledged comes again until it is."""
    asker, agent = [await trial.open("json", path=CONTROL, clientId=name) for name in ("asker", "agent-001")]
    command = example("control.execute") | {"metadata": {"ack": True}}
    del command["payload"]["callback"]
    answer = await asker.ask(command, "ack")
    check_equal(answer["id"], "msg-131", "id of the ack")
    await agent.expect_type("control.execute")
    again = await agent.expect_type("control.execute")
    check_equal(again["id"], "msg-131", "id of what came again")
    await agent.say({"type": "ack", "id": "msg-131"})
    await agent.pause()
    await agent.expect_end("what was acknowledged", lambda text: text.get("id") == "msg-131", 1)


async def connection_metrics(trial):
    """A client may ask what went through its connection, and how fast."""
    session = await trial.open("json")
    before = (await session.ask(event("connection.metrics", {}), "connection.metrics"))["payload"]
    await session.say(written("agent.state.changed"))
    after = (await session.ask(event("connection.metrics", {}), "connection.metrics"))["payload"]
    check_equal(after["sessionId"], session.ack["sessionId"], "sessionId")
    check_equal(after["messagesIn"] - before["messagesIn"], 2, "messages in between")
    grown = after["bytesIn"] - before["bytesIn"]
    check(grown > len(written("agent.state.changed")), f"bytes in between: {grown}")
    check(after["throughputBytesPerSecond"] > 0, f"throughput: {after}")
    check("roundTripMs" in after, f"latency: {after}")


async def deduplication(trial):
    """Document C's example sent twice is applied once; another client's of the same id counts."""
    speaker, listener = await trial.pair()
    said = example("agent.state.changed") | {"metadata": {"ack": True}}
    check("duplicate" not in await speaker.ask(said, "ack"), "the first is no duplicate")
    check_equal((await speaker.ask(said, "ack")).get("duplicate"), True, "duplicate")
    other = await trial.open("json", clientId="another")
    check("duplicate" not in await other.ask(said, "ack"), "another client's is no duplicate")
    for _ in range(2):
        await listener.expect_text("the event", lambda text: text.get("id") == "msg-123")
    await listener.expect_none("it a third time", lambda text: text.get("id") == "msg-123")


async def connection_pooling(trial):
    """One client may hold several connections, each a session of its own, and say one id once."""
    first, second = [await trial.open("json", clientId="pool") for _ in range(2)]
    listener = await trial.open("json", clientId="listener")
    check(first.ack["sessionId"] != second.ack["sessionId"], "one sessionId for two connections")
    said = example("agent.state.changed") | {"metadata": {"ack": True}}
    check("duplicate" not in await first.ask(said, "ack"), "the first is no duplicate")
    check_equal((await second.ask(said, "ack")).get("duplicate"), True, "duplicate by the other")
    for session, word in ((first, "PAUSED"), (second, "IDLE")):
        change = state(word)
        await session.say(change)
        await listener.expect_text("the event", lambda text: text.get("id") == change["id"])


async def webrtc(trial):
    """Offer, answer and candidates are relayed between agents, with who they are from."""
    first, second = [await trial.open("json", path=CONTROL, clientId=name) for name in ("a-1", "a-2")]
    description = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"
    for speaker, listener, kind, target, source in (
        (first, second, "rtc.offer", "a-2", "a-1"),
        (second, first, "rtc.answer", "a-1", "a-2"),
        (first, second, "rtc.ice", "a-2", "a-1"),
    ):
        await speaker.say(event(kind, {"targetAgent": target, "sdp": description}))
        told = await listener.expect_type(kind)
        check_equal((told["payload"]["from"], told["payload"]["sdp"]), (source, description), kind)
    lost = event("rtc.offer", {"targetAgent": "nobody", "sdp": description})
    await first.say(lost)
    await first.expect_error("AGENT_NOT_FOUND", lost["id"])
