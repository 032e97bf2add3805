#!/usr/bin/env python3
"""Makes the golden vectors in tests/golden by the Python implementation of the wire format.

    make_golden.py           writes the files
    make_golden.py --check   changes nothing; exit 1 and a line for each file that would change

Each file is a JSON array. A vector of a valid frame has name, hex and fields; one of a buffer of
several has name, hex, frames and error; one of a malformed frame has name, hex and error; one of an
encoding of positions is a buffer of several with the records that come out of them beside.
tests/golden/README.md describes the fields.
"""

import json
import pathlib
import struct
import sys
import zlib

import agnt_codec as agnt
import golden_encodings

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"

NAN = {"bits": "7fc00000", "decimal": "nan"}
INFINITY = {"bits": "7f800000", "decimal": "inf"}
MINUS_INFINITY = {"bits": "ff800000", "decimal": "-inf"}
SIGNALLING_NAN = {"bits": "7f800001", "decimal": "nan"}


def frame(kind, payload, flags=0):
    return {"type": kind, "flags": flags, "payload": payload}


def position(agent, place, velocity=(0.0, 0.0, 0.0)):
    return {"id": agent, **dict(zip(agnt.POSITION_KEYS, (*place, *velocity)))}


def positions(*records, flags=0):
    return frame(agnt.POSITION_UPDATE, {"records": list(records)}, flags)


def state(agent, code, metadata=None):
    return {"id": agent, "state": code, "metadata": metadata}


def states(*records, flags=0):
    return frame(agnt.STATE_BATCH, {"records": list(records)}, flags)


def metrics(*records, counted=False, flags=0):
    keys = ("id", "tasks", "success", "average_ms", "cpu_percent", "memory_bytes")
    listed = [dict(zip(keys, record)) for record in records]
    return frame(agnt.PERFORMANCE_METRICS, {"counted": counted, "records": listed}, flags)


def coordination(*participants, status, progress, pattern=1, flags=0):
    listed = [dict(zip(("id", "role", "vote"), one)) for one in participants]
    payload = {
        "id": 123,
        "pattern": pattern,
        "status": status,
        "progress": progress,
        "initiator": 1,
        "participants": listed,
    }
    return frame(agnt.COORDINATION_EVENT, payload, flags)


def heartbeat(*stamps, flags=0):
    payload = {"stamps": dict(zip(agnt.STAMP_KEYS, stamps)) if stamps else None}
    return frame(agnt.HEARTBEAT, payload, flags)


def tick_info(tick, epoch, server_us, flags=0):
    return frame(agnt.TICK_INFO, {"tick": tick, "epoch": epoch, "server_us": server_us}, flags)


def edges(*records, flags=0):
    listed = [dict(zip(("source", "target", "weight", "rate"), record)) for record in records]
    return frame(agnt.EDGE_BATCH, {"records": listed}, flags)


def error(code, text, recoverable=True, reference=0, flags=0):
    payload = {"code": code, "recoverable": recoverable, "reference": reference, "text": text}
    return frame(agnt.ERROR, payload, flags)


def compressed(original):
    """A COMPRESSED_BATCH whose zlib stream is a stored block, the same from every zlib."""
    stored = struct.pack("<BHH", 1, len(original), len(original) ^ 0xFFFF) + original
    data = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(original))
    assert zlib.decompress(data) == original
    payload = {"original_bytes": len(original), "data": data.hex()}
    return {"type": agnt.COMPRESSED_BATCH, "payload": payload}


def encoded(kind, flags, data):
    return frame(kind, {"encoded": data.hex()}, flags)


def unknown(kind, data, flags=0):
    return frame(kind, {"unknown": data.hex()}, flags)


ONE = positions(position(7, (1.0, -2.5, 0.5), (0.25, 0.0, -1.0)))
IDLE = states(state(1, 2))

VALID = {
    "position_update": {
        "empty": positions(),
        "one agent": ONE,
        "two agents of a tick with more frames to come": positions(
            position(0, (0.0, 0.0, 0.0)),
            position(0xFFFFFFFF, (0.1, 1e-3, 123456.789), (-0.1, 3.4028234663852886e38, -0.0)),
            flags=agnt.MORE,
        ),
        "last frame of a state tick, high priority": positions(
            position(0x10000001, (10.0, 20.0, 30.0), (1.0, 2.0, 3.0)), flags=agnt.KEYFRAME | 4
        ),
        "more of a state tick to come": positions(
            position(5, (1.0, 1.0, 1.0)), flags=agnt.KEYFRAME | agnt.MORE
        ),
        "an agent is gone": positions(position(42, (NAN, 0.0, 0.0))),
        "infinities, a signalling NaN and the smallest subnormal": positions(
            position(
                43,
                (INFINITY, MINUS_INFINITY, SIGNALLING_NAN),
                (1.401298464324817e-45, -1.401298464324817e-45, NAN),
            )
        ),
    },
    "state_batch": {
        "empty": states(),
        "idle, without metadata": IDLE,
        "all states that are named": states(*(state(10 + code, code) for code in range(7))),
        "JSON metadata between plain records": states(
            state(1, 3),
            state(2, 2, {"json": '{"name":"Grüße 🛫","type":"scout"}'}),
            state(3, 0x80),
            flags=6,
        ),
        "CBOR metadata": states(state(9, 3, {"cbor": "a1646e616d656161"})),
        "metadata of no bytes": states(state(4, 6, {"json": ""}), state(5, 255, {"cbor": ""})),
    },
    "performance_metrics": {
        "empty": metrics(),
        "one agent": metrics((1, 42, 0.95, 234.0, 67.0, 104857600)),
        "two agents, with the count that is accepted too": metrics(
            (1, 42, 0.5, 234.0, 12.5, 104857600), (2, 0, NAN, INFINITY, 0.0, 0), counted=True
        ),
        "a count of none": metrics(counted=True),
        "the greatest numbers": metrics(
            (0xFFFFFFFF, 0xFFFFFFFF, 1.0, 0.0, 100.0, str(2**64 - 1)), flags=2
        ),
    },
    "coordination_event": {
        "initiated, nobody takes part": coordination(status=0, progress=0.0),
        "voting": coordination(
            (2, 1, 1), (3, 1, 0), (4, 0, 0), status=1, progress=0.66, flags=4
        ),
        "codes of an application": coordination(
            (0xFFFFFFFF, 0x81, 0xFF), pattern=0x80, status=0x90, progress=NAN
        ),
    },
    "compressed_batch": {
        "one frame, zlib": compressed(agnt.encode(ONE)),
        "two frames, zlib": compressed(agnt.encode(ONE) + agnt.encode(IDLE)),
        "no data": {
            "type": agnt.COMPRESSED_BATCH,
            "payload": {"original_bytes": 0xFFFFFFFF, "data": ""},
        },
    },
    "heartbeat": {
        "empty": heartbeat(),
        "from a client": heartbeat(1_700_000_000_000_000, 0, 0, 77, 60),
        "answered by the server": heartbeat(
            1_700_000_000_000_000, 1_700_000_000_020_000, str(2**64 - 1), 77, 60
        ),
    },
    "tick_info": {
        "the first tick": tick_info(0, 1, 1_700_000_000_000_000),
        "the last tick before the count begins anew": tick_info(
            0xFFFFFFFF, 0xFFFFFFFF, str(2**64 - 1), flags=agnt.KEYFRAME | 4
        ),
    },
    "edge_batch": {
        "empty": edges(),
        "one edge": edges((1, 2, 0.5, 12.25)),
        "both ways, to itself, and without a rate": edges(
            (1, 2, 1.0, 60.0),
            (2, 1, -0.0, 0.0),
            (0xFFFFFFFF, 0xFFFFFFFF, 3.4028234663852886e38, NAN),
            (0, 0x10000000, MINUS_INFINITY, SIGNALLING_NAN),
            flags=agnt.MORE | 2,
        ),
    },
    "error": {
        "no text": error(7, "", recoverable=False),
        "a malformed frame": error(3, "no frame starts at byte 0", reference=1),
        "text beyond ASCII, critical": error(0xFFFF, "Größe ≤ 64 kB ✈", flags=6),
    },
    "unknown": {
        "no payload": unknown(0x7E, b""),
        "a payload to skip": unknown(0x7E, b"\x00\x01AGNT\xff", flags=agnt.MORE | agnt.KEYFRAME),
        "type 0": unknown(0x00, b"\x01"),
    },
    "encoded": {
        "compressed positions": encoded(
            agnt.POSITION_UPDATE, agnt.COMPRESSED, bytes.fromhex("04000000") + b"\x00\x00"
        ),
        "states on channel 258": encoded(
            agnt.STATE_BATCH, agnt.HAS_CHANNEL, struct.pack("<HI", 258, 0)
        ),
        "a codec's positions with more to come": encoded(
            agnt.POSITION_UPDATE, agnt.CODEC | agnt.MORE, b"\x01\x02\x03"
        ),
        "an unknown type on a channel": encoded(0x7E, agnt.HAS_CHANNEL, b""),
    },
}

SEVERAL = {
    "three types": agnt.encode(ONE) + agnt.encode(IDLE) + agnt.encode(heartbeat()),
    "an unknown type between known ones": agnt.encode(IDLE)
    + agnt.encode(unknown(0x7E, b"AGNT"))
    + agnt.encode(ONE),
    "a partial frame at the end": agnt.encode(IDLE) + agnt.encode(ONE)[:-1],
    "one byte of a frame at the end": agnt.encode(heartbeat()) + b"A",
    "a bad frame in the middle": agnt.encode(IDLE) + b"AGNX\x06\x00\x00\x00" + agnt.encode(IDLE),
    "a compressed batch takes the rest": agnt.encode(IDLE)
    + agnt.encode(compressed(agnt.encode(ONE)))
    + agnt.encode(IDLE),
}


def raw(kind, payload, flags=0, length=None):
    length = len(payload) if length is None else length
    return struct.pack("<4sBBH", agnt.MAGIC, kind, flags, length) + payload


def count_trap(kind, count, payload_bytes):
    return raw(kind, struct.pack("<I", count) + bytes(payload_bytes - 4))


ERROR_HEAD = struct.pack("<HBBIH", 3, 1, 0, 0, 4)

MALFORMED = {
    "no byte": b"",
    "three bytes of a magic": b"AGN",
    "header without its last byte": agnt.encode(heartbeat())[:7],
    "wrong first byte": b"BGNT\x06\x00\x00\x00",
    "wrong last byte of the magic": b"AGNU\x06\x00\x00\x00",
    "a wrong byte is wrong before the header is whole": b"AX",
    "reversed magic": b"TNGA\x06\x00\x00\x00",
    "reversed magic alone": b"TNGA",
    "text": b'{"type":"handshake"}',
    "extended length": raw(1, b"", flags=agnt.EXT_LENGTH),
    "payload missing": raw(1, b"", length=65535),
    "payload short of a byte": raw(1, bytes(31), length=32),
    "compressed head without its last byte": b"AGNT\x05\x00\x00\x00",
    "positions without a count": raw(1, b"\x00\x00\x00"),
    "positions: one counted, none there": count_trap(1, 1, 4),
    "positions: none counted, one there": count_trap(1, 0, 32),
    "positions: one byte too many": count_trap(1, 1, 33),
    "positions: one byte too few": count_trap(1, 1, 31),
    **{
        f"positions: count {count:#010x} in {length} bytes": count_trap(1, count, length)
        for count, length in (
            (0x40000001, 32),
            (0x80000001, 32),
            (0xC0000001, 32),
            (0x0924924A, 28),
            (0x49249249, 32),
            (0x49249249, 4),
            (0xFFFFFFFF, 4),
            (0xFFFFFFFF, 32),
        )
    },
    "metrics: half a record": raw(3, bytes(14)),
    "metrics: a count that lies": count_trap(3, 2, 32),
    "metrics: count 0x49249249": count_trap(3, 0x49249249, 32),
    "states without a count": raw(2, b""),
    "states: count 0xffffffff": count_trap(2, 0xFFFFFFFF, 10),
    "states: count 0x2aaaaaab, six times which wraps to 2": count_trap(2, 0x2AAAAAAB, 6),
    "states: more bytes than records": count_trap(2, 1, 11),
    "states: record flags unknown": raw(2, struct.pack("<IIBB", 1, 1, 2, 4)),
    "states: CBOR without metadata": raw(2, struct.pack("<IIBB", 1, 1, 2, 2)),
    "states: metadata without its length": raw(2, struct.pack("<IIBBB", 1, 1, 2, 1, 0)),
    "states: metadata longer than the payload": raw(2, struct.pack("<IIBBH", 1, 1, 2, 1, 1)),
    "states: metadata eats the next record": raw(
        2, struct.pack("<IIBBH", 2, 1, 2, 3, 6) + struct.pack("<IBB", 2, 2, 0)
    ),
    "states: metadata that isn't UTF-8": raw(
        2, struct.pack("<IIBBH", 1, 1, 2, 1, 3) + b"a\xff\xff"
    ),
    "coordination without its head": raw(4, bytes(15)),
    "coordination: a count that lies": raw(4, struct.pack("<IBBHII", 1, 1, 1, 2, 0, 1) + bytes(8)),
    "coordination: participants uncounted": raw(4, bytes(24)),
    "coordination: reserved field used": raw(
        4, struct.pack("<IBBHII", 1, 1, 1, 1, 0, 1) + struct.pack("<IBBH", 2, 1, 1, 256)
    ),
    "heartbeat: one byte": raw(6, b"\x00"),
    "heartbeat: 31 bytes": raw(6, bytes(31)),
    "heartbeat: 33 bytes": raw(6, bytes(33)),
    "tick info: no byte": raw(16, b""),
    "tick info: 15 bytes": raw(16, bytes(15)),
    "tick info: 17 bytes": raw(16, bytes(17)),
    "edges without a count": raw(17, bytes(3)),
    "edges: one counted, none there": count_trap(17, 1, 4),
    "edges: one byte too many": count_trap(17, 1, 21),
    "edges: count 0x10000000 in 4 bytes": count_trap(17, 0x10000000, 4),
    "edges: count 0xf0000001 in 20 bytes": count_trap(17, 0xF0000001, 20),
    "error without its head": raw(255, bytes(9)),
    "error: text shorter than it says": raw(255, ERROR_HEAD + b"abc"),
    "error: text longer than it says": raw(255, ERROR_HEAD + b"abcde"),
    "error: recoverable is 2": raw(255, struct.pack("<HBBIH", 3, 2, 0, 0, 0)),
    "error: reserved field used": raw(255, struct.pack("<HBBIH", 3, 1, 9, 0, 0)),
    "error: text that isn't UTF-8": raw(255, ERROR_HEAD + b"ab\xc3("),
}


def vectors():
    """The content of every golden file, by its name."""
    files = {}
    for name, frames in VALID.items():
        files[name] = [valid_vector(title, fields) for title, fields in frames.items()]
    files["several_frames"] = [several_vector(title, data) for title, data in SEVERAL.items()]
    files["encodings"] = golden_encodings.vectors()
    files["malformed"] = [malformed_vector(title, data) for title, data in MALFORMED.items()]
    return files


def valid_vector(name, fields):
    data = agnt.encode(fields)
    decoded, used = agnt.decode(data)
    assert used == len(data) and agnt.encode(decoded) == data, name
    return {"name": name, "hex": data.hex(), "fields": decoded}


def several_vector(name, data):
    frames, failure = agnt.walk(data)
    return {
        "name": name,
        "hex": data.hex(),
        "frames": frames,
        "error": failure and failure.as_fields(),
    }


def malformed_vector(name, data):
    try:
        agnt.decode(data)
    except agnt.DecodeError as failure:
        return {"name": name, "hex": data.hex(), "error": failure.as_fields()}
    raise AssertionError(f"{name}: decodes")


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    wanted = {
        f"{name}.json": json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        for name, content in vectors().items()
    }
    present = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.json")}
    if not check:
        for name, text in wanted.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    stale = sorted(
        name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name)
    )
    for name in stale:
        print(f"tests/golden/{name}: {'differs' if check else 'written'}")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
