"""S091-S104: endpoints, headers, handshake, negotiations, channels."""

import gzip
import json
import time
from datetime import datetime
from uuid import UUID

import agnt_frame as agnt
from trial import CONTROL, DOCUMENT, GRAPH, VISUALISATION, check, check_equal, event, example, written

HEADERS = DOCUMENT["headers"]


async def state_of(session):
    return await session.expect_frame(agnt.POSITION_UPDATE, "as state", lambda frame: frame.is_key)


async def shake(trial, path=VISUALISATION, headers=None):
    """Document C's own handshake; the session and its answer."""
    session = await trial.connect(path, additional_headers=headers)
    await session.say(written("handshake"))
    session.ack = await session.expect_type("handshake_ack")
    return session


async def primary_stream(trial):
    """The path gives the swarm's state, binary, without being asked, and then what is new."""
    publisher = await trial.open("binary")
    agents = [(7, 1.0, -2.5, 0.5, 0.25, 0.0, -1.0)]
    await publisher.send(agnt.write_positions(agents))
    await publisher.pause()
    viewer = await trial.open("binary")
    check_equal(agnt.read_positions(await state_of(viewer)), agents, "state")
    await publisher.send(agnt.write_positions(agents))
    await viewer.expect_frame(agnt.POSITION_UPDATE, "live", lambda frame: not frame.is_key)
    american = await trial.open("binary", path="/api/visualization/agents/ws")
    check_equal(agnt.read_positions(await state_of(american)), agents, "state, in American")


async def graph_stream(trial):
    """The path gives the graph, whole, and then what changes in it; no positions."""
    viewer = await trial.open("binary", path=GRAPH)
    snapshot = await viewer.expect_type("graph.snapshot")
    check_equal((snapshot["payload"]["nodes"], snapshot["payload"]["edges"]), ([], []), "snapshot")
    speaker = await trial.open("binary")
    await speaker.send(agnt.write_positions([(7,) + (0.0,) * 6]))
    sent = example("message.sent")["payload"]
    await speaker.say(event("message.sent", {key: sent[key] for key in ("messageId", "from", "to", "messageType")}))
    delta = await viewer.expect_type("graph.delta")
    nodes = {node["id"] for node in delta["payload"]["nodes"]}
    check_equal(nodes, {"agent-001", "agent-002"}, "nodes of a message that was sent")
    frame = viewer.take(lambda item: isinstance(item, agnt.Frame))
    check(frame is None, f"positions came on the graph path: {frame}")


async def control_channel(trial):
    """The path gives what is addressed to the session, and nothing else."""
    agent = await trial.open("json", path=CONTROL, clientId="agent-001")
    speaker = await trial.open("json")
    await speaker.say(written("agent.state.changed"))
    command = example("control.execute")
    del command["payload"]["callback"]
    await speaker.say(command)
    got = await agent.expect_type("control.execute")
    check_equal(got["payload"]["command"], "execute_tool", "command")
    check_equal(agent.inbox, [], "else came")


async def fourth_path(trial):
    """The path of the example of authentication is the primary stream."""
    publisher = await trial.open("binary")
    agents = [(7, 1.0, -2.5, 0.5, 0.25, 0.0, -1.0)]
    await publisher.send(agnt.write_positions(agents))
    await publisher.pause()
    viewer = await trial.open("binary", path="/agents/ws")
    check_equal(agnt.read_positions(await state_of(viewer)), agents, "state")


async def authorization(trial):
    """A bearer token in the header does no harm where no credentials are asked for."""
    session = await shake(trial, headers={"Authorization": "Bearer abc.def.ghi"})
    await state_of(session)
    text = json.dumps(session.ack)
    check("abc.def.ghi" not in text, "the token is shown in the answer")


async def client_version(trial):
    """The header is the client's software's version; the protocol's is another."""
    session = await shake(trial, headers={"X-Client-Version": HEADERS["X-Client-Version"]})
    await state_of(session)
    check_equal(session.ack.get("protocolVersion"), "2.0", "protocolVersion, by the capabilities")
    check(session.ack.get("version") not in (None, ""), f"version: {session.ack.get('version')!r}")


async def requested_protocols(trial):
    """The header says what may be used, where the handshake says nothing; the query wins over it."""
    bare = {"type": "handshake", "version": "1.0.0"}
    for requested, query, expected in (
        (HEADERS["X-Requested-Protocols"], {}, {"binary", "json"}),
        ("json", {}, {"json"}),
        ("json", {"protocols": "json,binary"}, {"binary", "json"}),
    ):
        headers = {"X-Requested-Protocols": requested}
        session = await trial.connect(url=trial.url(**query), additional_headers=headers)
        if not query:
            await session.say(bare)
            ack = await session.expect_type("handshake_ack")
            check_equal(set(ack["protocols"]), expected, f"protocols for {requested}")
        if "binary" in expected:
            await state_of(session)
        else:
            await session.expect_type("agent.position.batch")


async def handshake(trial):
    """Document C's example is taken as it is written, once."""
    session = await shake(trial)
    check_equal(set(session.ack["capabilities"]), {"binary", "compression", "multiplexing"}, "granted")
    await session.say(written("handshake"))
    await session.expect_error("INVALID_MESSAGE")
    await session.pause()
    unknown = await trial.open("binary", "telepathy", clientId="x")
    check_equal(unknown.ack["capabilities"], ["binary"], "what isn't known is left out")


async def handshake_ack(trial):
    """The answer has document C's six keys, with its values, and ours beside them."""
    session = await shake(trial)
    ack, shown = session.ack, example("handshake_ack")
    for key in ("type", "protocols", "heartbeatInterval", "compression"):
        check_equal(ack.get(key), shown[key], key)
    other = await shake(trial)
    check(UUID(ack["sessionId"]) != UUID(other.ack["sessionId"]), "two sessions have one sessionId")
    said = datetime.fromisoformat(ack["serverTime"].replace("Z", "+00:00")).timestamp()
    check(abs(said - time.time()) < 60, f"serverTime: {ack['serverTime']}")
    check_equal(ack.get("byteOrder"), "little", "byteOrder")
    check_equal(ack["stateCodes"]["3"], "busy", "stateCodes.3")
    check("messageBytes" in ack["limits"], f"limits: {ack['limits']}")
    check(isinstance(ack.get("epoch"), str), f"epoch: {ack.get('epoch')!r}")


async def compression_negotiate(trial):
    """Document C's example selects gzip, level 6, and batches are gzip from then on."""
    viewer = await trial.open("binary", "compression")
    await viewer.say(written("compression.negotiate"))
    answer = await viewer.expect_type("compression.selected")
    check_equal((answer.get("algorithm"), answer.get("level")), ("gzip", 6), "algorithm, level")
    viewer.inflate = gzip.decompress
    agents = [(agent,) + (1.0,) * 6 for agent in range(200)]
    publisher = await trial.open("binary")
    await publisher.send(agnt.write_positions(agents))
    frame = await viewer.expect_frame(
        agnt.POSITION_UPDATE, "out of gzip", lambda frame: frame.was_compressed and len(frame.body) > 4
    )
    check_equal(sorted(agnt.read_positions(frame)), agents, "records")


FEATURES = example("version.negotiate")["features"]


def features_up_to(version):
    return {word for each, words in FEATURES.items() if each <= version for word in words}


async def version_negotiate(trial):
    """Document C's example selects 2.0, whose features hold those of the lower versions."""
    session = await trial.open("binary", "json")
    await session.say(written("version.negotiate"))
    answer = await session.expect_type("version.selected")
    check_equal(answer.get("version"), "2.0", "version")
    check_equal(set(answer["features"]), features_up_to("2.0"), "features")


async def compatibility(trial):
    """Version by version: what each has, and what it hasn't got yet."""
    for version in ("1.0", "1.1", "2.0"):
        session = await trial.connect()
        asked = {"type": "version.negotiate", "supported": [version], "preferred": version}
        answer = await session.ask(asked, "version.selected")
        check_equal(answer.get("version"), version, "version")
        check_equal(set(answer["features"]), features_up_to(version), f"features of {version}")
        await session.say({"type": "handshake", "version": "1.0.0", "clientId": f"of-{version}"})
        ack = await session.expect_type("handshake_ack")
        check_equal(ack.get("protocolVersion"), version, "protocolVersion")
        await session.say(written("channel.create"))
        kind = "channel.created" if version >= "2.0" else "channel.error"
        await session.expect_type(kind)
    newer = await trial.connect()
    asked = {"type": "version.negotiate", "supported": ["2.3"], "preferred": "2.3"}
    answer = await newer.ask(asked, "version.selected")
    check_equal(answer.get("version"), "2.0", "version for a 2.3 client")
    for capabilities, version in ((["json"], "1.0"), (["binary"], "1.1"), (["multiplexing"], "2.0")):
        session = await trial.open(*capabilities)
        check_equal(session.ack.get("protocolVersion"), version, f"inferred from {capabilities}")


async def channel_create(trial):
    """Document C's example opens a channel with what it asks for."""
    session = await trial.open("binary", "multiplexing")
    await session.say(written("channel.create"))
    answer, asked = await session.expect_type("channel.created"), example("channel.create")
    for key in ("channelId", "priority", "dedicated", "bufferSize"):
        check_equal(answer.get(key), asked[key], key)
    await session.say({**asked, "channelId": "other", "bufferSize": 0})
    refused = await session.expect_type("channel.error")
    check("bufferSize" in refused["message"], f"the field is named: {refused}")


async def channel_message(trial):
    """What a member says reaches the others, numbered from 1 without a gap; document C's own too."""
    speaker, listener = [await trial.open("multiplexing", clientId=name) for name in "ab"]
    for session in (speaker, listener):
        await session.say(written("channel.create"))
        await session.expect_type("channel.created")
    for number in (1, 2, 3):
        said = example("channel message")
        del said["sequence"]
        said["message"] = example("agent.performance.update")
        await speaker.say(said)
        heard = await listener.expect_text("a channel message", lambda text: "channel" in text)
        check_equal(heard, {**said, "sequence": number}, "channel message")
    as_written = written("channel message").replace("/* actual message */", '"id": "x"')
    await speaker.say(as_written)
    heard = await listener.expect_text("a channel message", lambda text: "channel" in text)
    check_equal((heard["sequence"], heard["message"]), (4, {"id": "x"}), "document C's own")
    await speaker.say(as_written)
    refused = await speaker.expect_type("channel.error")
    check_equal((refused["channelId"], refused["code"]), ("perf-metrics", "SEQUENCE"), "12345 again")
