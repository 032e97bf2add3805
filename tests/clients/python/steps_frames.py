"""What goes as binary frames: positions, events, heartbeats, errors, compression."""

import asyncio
import gzip
import struct
import time
import zlib

import brotli

import agnt_frame as agnt
from session import Session, check, check_equal

AGENTS = [(7, 1.0, -2.5, 0.5, 0.25, 0.0, -1.0), (8, 0.0, 4.0, 16.0, 0.5, 0.5, 0.5), (9, 3.0) + (0.0,) * 5]

INFLATE = {"gzip": gzip.decompress, "deflate": zlib.decompress, "brotli": brotli.decompress}
DEFLATE = {"gzip": gzip.compress, "deflate": zlib.compress, "brotli": brotli.compress}


def has_agents(agents):
    ids = {agent[0] for agent in agents}
    return lambda frame: ids <= {record[0] for record in agnt.read_positions(frame)}


async def pair(server, stream, *capabilities):
    """A publisher and a viewer of a stream, the viewer's state tick taken."""
    url = server.url(stream=stream)
    publisher = await Session.open(url, "binary", clientId="publisher")
    viewer = await Session.open(url, "binary", *capabilities, clientId="viewer")
    await viewer.expect_frame(agnt.POSITION_UPDATE, "as state", lambda frame: frame.is_key)
    return publisher, viewer


async def positions(server):
    """POSITION_UPDATE: records come bit for bit, and to who joins later as a key"""
    publisher, viewer = await pair(server, "positions")
    await publisher.send(agnt.write_positions(AGENTS))
    frame = await viewer.expect_frame(agnt.POSITION_UPDATE, "live", has_agents(AGENTS))
    check_equal(agnt.read_positions(frame), AGENTS, "records")
    check(not frame.is_key, "a live frame has no KEYFRAME")
    late = await Session.open(server.url(stream="positions"), "binary")
    key = await late.expect_frame(agnt.POSITION_UPDATE, "as state", has_agents(AGENTS))
    check(key.is_key, "the state of who joins later is a key")
    check_equal(sorted(agnt.read_positions(key)), AGENTS, "records of the key")
    return f"{len(AGENTS)} agents"


async def states(server):
    """STATE_BATCH: states with metadata, to binary viewers as frames, to JSON viewers as events"""
    publisher, viewer = await pair(server, "states", "state-metadata")
    reader = await Session.open(server.url(stream="states"), "json")
    await publisher.send(agnt.write_states([(7, 3, '{"name":"agent-007","type":"scout"}')]))
    frame = await viewer.expect_frame(agnt.STATE_BATCH)
    (agent, state, metadata), = agnt.read_states(frame)
    check_equal((agent, state), (7, 3), "state")
    check("agent-007" in (metadata or ""), f"metadata: {metadata!r}")
    told = await reader.expect_type("agent.state.changed")
    check_equal(told["payload"].get("agentId"), "agent-007", "agentId")
    check_equal(told["payload"].get("numericId"), 7, "numericId")
    return f"agent 7 is {told['payload']['newState']}"


async def metrics(server):
    """PERFORMANCE_METRICS: 28 bytes an agent, with a count before them and without"""
    publisher, viewer = await pair(server, "metrics")
    record = (7, 42, 0.5, 234.0, 67.0, 104857600)
    await publisher.send(agnt.write_metrics([record]))
    frame = await viewer.expect_frame(agnt.PERFORMANCE_METRICS)
    check_equal(agnt.read_metrics(frame), [record], "metrics")
    counted = struct.pack("<I", 1) + agnt.METRICS.pack(*record)
    await publisher.send(agnt.write(agnt.PERFORMANCE_METRICS, counted))
    frame = await viewer.expect_frame(agnt.PERFORMANCE_METRICS)
    check_equal(agnt.read_metrics(frame), [record], "metrics with a count")


async def coordination(server):
    """COORDINATION_EVENT: comes as it was sent"""
    publisher, viewer = await pair(server, "coordination")
    payload = agnt.COORDINATION.pack(5, 1, 1, 2, 0.5, 7)
    payload += agnt.PARTICIPANT.pack(7, 1, 1, 0) + agnt.PARTICIPANT.pack(8, 1, 0, 0)
    await publisher.send(agnt.write(agnt.COORDINATION_EVENT, payload))
    frame = await viewer.expect_frame(agnt.COORDINATION_EVENT)
    check_equal(
        agnt.read_coordination(frame), (5, 1, 1, 0.5, 7, [(7, 1, 1, 0), (8, 1, 0, 0)]), "event"
    )


async def heartbeats(server):
    """heartbeats: JSON, AGNT empty, AGNT with stamps, WebSocket ping"""
    session = await Session.open(server.url(stream="heartbeats"), "binary")
    await session.pause()
    await session.send(agnt.write(agnt.HEARTBEAT))
    frame = await session.expect_frame(agnt.HEARTBEAT)
    check_equal(frame.payload, b"", "answer to an empty heartbeat")
    await session.send(agnt.write(agnt.HEARTBEAT, agnt.STAMPS.pack(123456, 0, 0, 9, 60)))
    stamps = agnt.STAMPS.unpack((await session.expect_frame(agnt.HEARTBEAT)).payload)
    check_equal((stamps[0], stamps[3], stamps[4]), (123456, 9, 60), "own stamps")
    check(0 < stamps[1] <= stamps[2], f"server's stamps: {stamps}")
    check(abs(stamps[1] / 1e6 - time.time()) < 60, f"server's clock: {stamps[1]}")
    await asyncio.wait_for(await session.socket.ping(), 5)


async def malformed_frames(server):
    """malformed frames: an ERROR frame to who speaks no JSON, the connection is kept"""
    session = await Session.connect(server.url(stream="malformed", protocols="binary"))
    await session.expect_frame(agnt.POSITION_UPDATE, "as state", lambda frame: frame.is_key)
    for name, message in (
        ("reversed magic", b"TNGA" + agnt.write(agnt.HEARTBEAT)[4:]),
        ("cut short", agnt.write_positions(AGENTS)[:-1]),
        ("wrong count", agnt.write(agnt.POSITION_UPDATE, struct.pack("<I", 5))),
    ):
        await session.send(message)
        code, recoverable, _, text = agnt.read_error(await session.expect_frame(agnt.ERROR, name))
        check_equal((code, recoverable), (3, True), f"{name}: {text}")
    await session.send(agnt.write(0x77, b"of the future") + agnt.write(agnt.HEARTBEAT))
    await session.expect_frame(agnt.HEARTBEAT, "behind a type that nobody knows")


async def fragments(server):
    """a message in WebSocket fragments is one message"""
    publisher, viewer = await pair(server, "fragments")
    whole = agnt.write_positions(AGENTS)
    await publisher.socket.send([whole[:3], whole[3:20], whole[20:]])
    frame = await viewer.expect_frame(agnt.POSITION_UPDATE, "in fragments", has_agents(AGENTS))
    check_equal(agnt.read_positions(frame), AGENTS, "records")


async def compression(server, algorithm):
    """compression.negotiate: batches of the algorithm, opened and made by Python's own libraries"""
    publisher, viewer = await pair(server, f"compression-{algorithm}", "compression")
    many = [(agent, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0) for agent in range(1, 501)]
    for session in (publisher, viewer):
        session.inflate = INFLATE[algorithm]
        answer = await session.ask(
            {"type": "compression.negotiate", "algorithms": [algorithm], "preferredLevel": 5},
            "compression.selected",
        )
        check_equal(answer.get("algorithm"), algorithm, "algorithm")
        check(answer.get("level") in range(1, 10), f"level: {answer}")
    plain = agnt.write_positions(many)
    await publisher.send(agnt.write_compressed(len(plain), DEFLATE[algorithm](plain)))
    frame = await viewer.expect_frame(
        agnt.POSITION_UPDATE,
        "compressed",
        lambda frame: frame.was_compressed and has_agents(many)(frame),
    )
    check_equal(sorted(agnt.read_positions(frame)), many, "records")
    await publisher.send(agnt.write_compressed(len(plain) + 1, DEFLATE[algorithm](plain)))
    await publisher.expect_error("INVALID_MESSAGE")
    return f"{len(plain)} bytes in both directions"


async def gzip_batches(server):
    """compression with gzip, opened and made by Python's gzip"""
    return await compression(server, "gzip")


async def deflate_batches(server):
    """compression with deflate, opened and made by Python's zlib"""
    return await compression(server, "deflate")


async def brotli_batches(server):
    """compression with brotli, opened and made by the package brotli"""
    return await compression(server, "brotli")


STEPS = [
    positions, states, metrics, coordination, heartbeats, malformed_frames, fragments,
    gzip_batches, deflate_batches, brotli_batches,
]  # fmt: skip
