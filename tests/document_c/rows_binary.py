"""S105-S116: AGNT frames."""

import struct
import zlib

import agnt_frame as agnt
from trial import check, check_equal

AGENTS = [(7, 1.0, -2.5, 0.5, 0.25, 0.0, -1.0), (8,) + (3.0,) * 6]


async def frames_pair(trial, *capabilities):
    publisher = await trial.open("binary", clientId="publisher")
    viewer = await trial.open("binary", *capabilities, clientId="viewer")
    # From here on it is there, and gets what comes as ticks.
    await viewer.expect_frame(agnt.POSITION_UPDATE, "as state", lambda frame: frame.is_key)
    return publisher, viewer


def is_live(frame):
    return not frame.is_key and len(frame.body) > 4


async def live(viewer, kind=agnt.POSITION_UPDATE):
    return await viewer.expect_frame(kind, "live", is_live)


async def magic(trial):
    """The four letters, in this order; the other order is told apart."""
    publisher, viewer = await frames_pair(trial)
    whole = agnt.write_positions(AGENTS)
    check_equal(whole[:4].hex(), "41474e54", "document C's number, as bytes")
    await publisher.send(whole)
    await live(viewer)
    for wrong, said in ((b"TNGA", "41 47 4e 54"), (b"AGNX", "AGNT")):
        await publisher.send(wrong + whole[4:])
        refused = await publisher.expect_error("INVALID_MESSAGE")
        check(said in refused["message"], f"the error says what the magic is: {refused['message']}")


async def header(trial):
    """Eight bytes, several frames one behind the other; a partial one is refused, the rest counts."""
    publisher, viewer = await frames_pair(trial)
    one, two = agnt.write_positions(AGENTS[:1]), agnt.write_positions(AGENTS[1:])
    await publisher.send(one + two)
    check_equal(agnt.read_positions(await live(viewer)), AGENTS[:1], "first frame")
    check_equal(agnt.read_positions(await live(viewer)), AGENTS[1:], "second frame")
    await publisher.send(one + two[:5])
    check_equal(agnt.read_positions(await live(viewer)), AGENTS[:1], "frame before the partial one")
    await publisher.expect_error("INVALID_MESSAGE")


async def flags(trial):
    """MORE and the priority come through; what wasn't negotiated is refused."""
    publisher, viewer = await frames_pair(trial)
    await publisher.send(agnt.write_positions(AGENTS[:1], flags=agnt.MORE))
    await publisher.send(agnt.write_positions(AGENTS[1:], flags=0x06))
    first, second = await live(viewer), await live(viewer)
    check_equal((first.flags & agnt.MORE, second.flags & agnt.MORE), (agnt.MORE, 0), "MORE")
    check_equal(second.flags & 0x06, 0x06, "priority critical")
    for flag in (0x01, 0x20, 0x40, 0x80):
        await publisher.send(agnt.write_positions(AGENTS, flags=flag))
        await publisher.expect_error("INVALID_MESSAGE")


async def length(trial):
    """Up to 65,535 bytes: 2,340 agents fit, and the length must be that of the count."""
    publisher, viewer = await frames_pair(trial)
    many = [(agent,) + (1.0,) * 6 for agent in range(2340)]
    await publisher.send(agnt.write_positions(many))
    frame = await live(viewer)
    check_equal(len(frame.payload), 4 + 28 * 2340, "length")
    check_equal(agnt.read_positions(frame), many, "records")
    await publisher.send(agnt.write(agnt.POSITION_UPDATE, bytes(65535)))
    await publisher.expect_error("INVALID_MESSAGE")


async def position_update(trial):
    """Records of 28 bytes behind a count, bit for bit, infinities and -0 too; NaN removes."""
    publisher, viewer = await frames_pair(trial)
    infinite = (9, float("inf"), -0.0, 1e-45, float("-inf"), 3.4e38, 0.1)
    whole = agnt.write_positions([*AGENTS, infinite])
    await publisher.send(whole)
    frame = await live(viewer)
    check_equal(frame.payload.hex(), whole[8:].hex(), "payload")
    await publisher.send(agnt.write_positions([(7, float("nan")) + (0.0,) * 5]))
    await live(viewer)
    later = await trial.open("binary")
    key = await later.expect_frame(agnt.POSITION_UPDATE, "as state", lambda frame: frame.is_key)
    check_equal({record[0] for record in agnt.read_positions(key)}, {8, 9}, "ids that are left")


async def state_batch(trial):
    """Records of 6 bytes; metadata comes to those who asked for it."""
    publisher, viewer = await frames_pair(trial)
    wise = await trial.open("binary", "state-metadata")
    states = [(7, 3, '{"name":"agent-007"}'), (8, 0x85, None)]
    await publisher.send(agnt.write_states(states))
    frame = await live(viewer, agnt.STATE_BATCH)
    check_equal(agnt.read_states(frame), [(7, 3, None), (8, 0x85, None)], "states without metadata")
    frame = await live(wise, agnt.STATE_BATCH)
    check_equal(agnt.read_states(frame), states, "states with metadata")
    await publisher.send(agnt.write(agnt.STATE_BATCH, struct.pack("<IIBB", 1, 7, 3, 4)))
    await publisher.expect_error("INVALID_MESSAGE")


async def performance_metrics(trial):
    """28 bytes an agent and no count."""
    publisher, viewer = await frames_pair(trial)
    records = [(7, 42, 0.5, 234.0, 67.0, 104857600), (8, 1, 1.0, 0.5, 0.0, 2**40)]
    whole = agnt.write_metrics(records)
    check_equal(len(whole), 8 + 56, "bytes of the frame")
    await publisher.send(whole)
    check_equal(agnt.read_metrics(await live(viewer, agnt.PERFORMANCE_METRICS)), records, "metrics")
    await publisher.send(agnt.write(agnt.PERFORMANCE_METRICS, bytes(29)))
    await publisher.expect_error("INVALID_MESSAGE")


async def coordination_event(trial):
    """The layout of docs/protocol.md, 16 + 8 n bytes."""
    publisher, viewer = await frames_pair(trial)
    payload = agnt.COORDINATION.pack(123, 1, 1, 2, 0.5, 7)
    payload += agnt.PARTICIPANT.pack(7, 1, 1, 0) + agnt.PARTICIPANT.pack(8, 0, 0, 0)
    await publisher.send(agnt.write(agnt.COORDINATION_EVENT, payload))
    frame = await live(viewer, agnt.COORDINATION_EVENT)
    check_equal(frame.payload.hex(), payload.hex(), "payload")
    await publisher.send(agnt.write(agnt.COORDINATION_EVENT, payload[:-1]))
    await publisher.expect_error("INVALID_MESSAGE")


async def compressed_batch(trial):
    """Nine bytes of head, then zlib where nothing else was chosen; both ways."""
    publisher = await trial.open("binary", "compression", clientId="publisher")
    viewer = await trial.open("binary", "compression", clientId="viewer")
    viewer.inflate = zlib.decompress
    many = [(agent,) + (1.0,) * 6 for agent in range(300)]
    whole = agnt.write_positions(many[:100]) + agnt.write_positions(many[100:])
    await publisher.send(agnt.write_compressed(len(whole), zlib.compress(whole)))
    found = []
    while len(found) < len(many):
        frame = await viewer.expect_frame(
            agnt.POSITION_UPDATE, "out of a batch", lambda frame: frame.was_compressed and len(frame.body) > 4
        )
        found += agnt.read_positions(frame)
    check_equal(sorted(found), many, "records")
    for wrong in (
        agnt.write_compressed(len(whole) - 1, zlib.compress(whole)),
        agnt.write_compressed(len(whole), b"no zlib at all"),
        agnt.write_compressed(2**31, zlib.compress(whole)),
    ):
        await publisher.send(wrong)
        await publisher.expect_error("INVALID_MESSAGE")
    plain = await trial.open("binary")
    await plain.send(agnt.write_compressed(len(whole), zlib.compress(whole)))
    await plain.expect_error("INVALID_MESSAGE")


async def heartbeat(trial):
    """Empty, or with stamps that are sent back beside the server's own."""
    session = await trial.open("binary")
    await session.send(agnt.write(agnt.HEARTBEAT))
    check_equal((await session.expect_frame(agnt.HEARTBEAT)).payload, b"", "empty heartbeat")
    await session.send(agnt.write(agnt.HEARTBEAT, agnt.STAMPS.pack(5, 0, 0, 6, 7)))
    stamps = agnt.STAMPS.unpack((await session.expect_frame(agnt.HEARTBEAT)).payload)
    check_equal((stamps[0], stamps[3:]), (5, (6, 7)), "the client's stamps")
    check(0 < stamps[1] <= stamps[2], f"the server's stamps: {stamps}")
    await session.send(agnt.write(agnt.HEARTBEAT, bytes(31)))
    await session.expect_error("INVALID_MESSAGE")


async def error_frame(trial):
    """A session without JSON is told by an ERROR frame, and kept."""
    session = await trial.connect(url=trial.url(protocols="binary"))
    await session.send(agnt.write(agnt.POSITION_UPDATE, bytes(5)))
    code, recoverable, _, text = agnt.read_error(await session.expect_frame(agnt.ERROR))
    check_equal((code, recoverable), (3, True), "code, recoverable")
    check(text, "the error has a text")
    await session.send(agnt.write(agnt.HEARTBEAT))
    await session.expect_frame(agnt.HEARTBEAT)
    check_equal(session.take(lambda item: isinstance(item, dict)), None, "a text to a binary session")


async def unassigned_types(trial):
    """Types that nobody knows are skipped by their length."""
    publisher, viewer = await frames_pair(trial)
    for kind in (0x07, 0x0F, 0x20, 0x77, 0xFE):
        await publisher.send(agnt.write(kind, b"of the future") + agnt.write_positions(AGENTS))
        check_equal(agnt.read_positions(await live(viewer)), AGENTS, f"frame behind type {kind:#x}")
    await publisher.pause()
    error = publisher.take(lambda item: isinstance(item, dict) and item.get("type") == "error")
    check(error is None, f"an error came: {error}")
