#!/usr/bin/env python3
"""docs/agnt.ksy, compiled to Python by Kaitai's compiler, against the golden vectors.

    check_kaitai.py [NODE]

Needs the package kaitaistruct and node_modules beside this file. Every valid vector must parse to what
it says, every malformed one must be refused where it says. Positions in codecs 1 and 3, which need no
frame before them, are computed from what was parsed and compared with the vectors' records.
"""

import importlib.util
import io
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

from kaitaistruct import KaitaiStream, KaitaiStructError

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"
MASK = 1 << 31
BIG = 1 << 53
REFUSALS = (EOFError, UnicodeDecodeError, KaitaiStructError)
# Reasons for which a frame in a codec is refused that need no frame before it.
REFUSED_HERE = (
    "half a head",
    "a reserved byte is used",
    "a count beyond",
    "one byte too",
    "unknown bits",
    "more assignments than bytes",
    "no codec",
)
POSITION_KEYS = ("x", "y", "z", "vx", "vy", "vz")
METRICS_KEYS = ("tasks", "success", "average_ms", "cpu_percent", "memory_bytes")
STAMP_KEYS = (
    "client_send_us",
    "server_receive_us",
    "server_send_us",
    "displayed_tick",
    "client_flags",
)


def compiled(node, folder):
    """The module that Kaitai's compiler makes."""
    subprocess.run([node, HERE / "compile_kaitai.mjs", "python", folder], check=True)
    specification = importlib.util.spec_from_file_location("agnt", pathlib.Path(folder) / "agnt.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.Agnt


def code(value):
    """The number of an enum's value; one without a name is a number already."""
    return getattr(value, "value", value)


def number(value):
    """A number as golden vectors write it. The bits of a NaN don't outlive a Python float."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"decimal": str(value)}
    return str(value) if isinstance(value, int) and value >= BIG else value


def without_bits(value):
    """A vector's fields without what a Python float can't hold."""
    if isinstance(value, dict):
        return {key: without_bits(one) for key, one in value.items() if key != "bits"}
    return [without_bits(one) for one in value] if isinstance(value, list) else value


def numbers(record, keys):
    return {key: number(getattr(record, key)) for key in keys}


def metadata_of(metadata):
    if metadata is None:
        return None
    return {"json": metadata.json} if metadata.flags == 1 else {"cbor": metadata.cbor.hex()}


def positions(payload):
    return {
        "records": [{"id": one.agent, **numbers(one, POSITION_KEYS)} for one in payload.records]
    }


def states(payload):
    return {
        "records": [
            {
                "id": one.agent,
                "state": code(one.code),
                "metadata": metadata_of(getattr(one, "metadata", None)),
            }
            for one in payload.records
        ]
    }


def metrics(payload):
    records = [{"id": one.agent, **numbers(one, METRICS_KEYS)} for one in payload.records]
    return {"counted": payload.is_counted, "records": records}


def coordination(payload):
    return {
        "id": payload.coordination,
        "pattern": code(payload.pattern),
        "status": code(payload.status),
        "progress": number(payload.progress),
        "initiator": payload.initiator,
        "participants": [
            {"id": one.agent, "role": code(one.role), "vote": code(one.vote)}
            for one in payload.participants
        ],
    }


def heartbeat(payload):
    stamps = getattr(payload, "stamps", None)
    return {"stamps": numbers(stamps, STAMP_KEYS) if stamps else None}


def tick_info(payload):
    return numbers(payload, ("tick", "epoch", "server_us"))


def edges(payload):
    return {
        "records": [numbers(one, ("source", "target", "weight", "rate")) for one in payload.records]
    }


def error(payload):
    return {
        "code": code(payload.code),
        "recoverable": payload.recoverable == 1,
        "reference": payload.reference,
        "text": payload.text,
    }


READERS = {
    1: positions,
    2: states,
    3: metrics,
    4: coordination,
    6: heartbeat,
    16: tick_info,
    17: edges,
    255: error,
}


def fields_of(frame):
    """A parsed frame as the `fields` of a golden vector."""
    kind, body = code(frame.kind), frame.body
    if kind == 5:
        return {
            "type": 5,
            "payload": {"original_bytes": body.original_bytes, "data": body.data.hex()},
        }
    flags, payload = body.flags, body.payload
    if flags.is_encoded:
        told = {"encoded": payload.bytes.hex()}
    elif kind in READERS:
        told = READERS[kind](payload)
    else:
        told = {"unknown": payload.bytes.hex()}
    bits = (
        (1 if flags.is_compressed else 0)
        | code(flags.priority) << 1
        | (8 if flags.has_more else 0)
        | (16 if flags.is_keyframe else 0)
        | (32 if flags.has_channel else 0)
        | (64 if flags.has_codec else 0)
    )
    assert bits == flags.bits
    return {"type": kind, "flags": bits, "length": body.len_payload, "payload": told}


def walk(agnt, data):
    """The frames of a message, and whether one was refused; where the message has none it is refused."""
    stream, frames = KaitaiStream(io.BytesIO(data)), []
    if not data:
        return [], False
    try:
        while not stream.is_eof():
            frames.append(agnt.Frame(stream))
    except REFUSALS:
        return frames, True
    return frames, False


def unshuffled(shuffle):
    rows = [bytes(plane[index] for plane in shuffle.planes) for index in range(shuffle.num_records)]
    return [struct.unpack("<I6f", row) for row in rows]


def unboxed(box):
    low = (box.minimum_x, box.minimum_y, box.minimum_z)
    rows = []
    for index, agent in enumerate(box.agents):
        steps = (column[index] * box.position_step for column in (box.x, box.y, box.z))
        speeds = (column[index] * box.velocity_step for column in (box.vx, box.vy, box.vz))
        values = [least + step for least, step in zip(low, steps)] + list(speeds)
        rows.append((agent, *struct.unpack("<6f", struct.pack("<6f", *values))))
    return rows


def is_refused(call):
    try:
        call()
    except REFUSALS:
        return True
    return False


def check_residuals(residuals, expected):
    """What can be said of residuals without the frames before them."""
    assert residuals.num_records == len(expected)
    slots = [run.slots.bit_count() - 1 if run.slots & MASK else run.slots for run in residuals.runs]
    assert sum(slots) == len(expected)
    blocks, words = -(-len(expected) // 32), 0
    for index, width in enumerate(residuals.widths):
        held = min(32, len(expected) - 32 * (index % blocks))
        words += -(-width * held // 32)
    assert len(residuals.words) == words and not any(residuals.padding)


def check_coded(frame, outcome, name):
    """A frame in a codec against the records that the vector says come out of it."""
    if "refused" in outcome:
        if any(reason in name for reason in REFUSED_HERE):
            assert is_refused(lambda: frame.body.payload.inner), name
        return
    coded = frame.body.payload.inner
    if code(coded.codec) in (1, 3):
        rows = (unshuffled if code(coded.codec) == 1 else unboxed)(coded.records)
        records = [
            {"id": agent, **dict(zip(POSITION_KEYS, map(number, values)))}
            for agent, *values in rows
        ]
        assert repr(records) == repr(without_bits(outcome["records"]))
    else:
        check_residuals(coded.records, outcome["records"])


def check_golden(agnt):
    checked, coded, malformed = 0, 0, 0
    for path in sorted(GOLDEN.glob("*.json")):
        for vector in json.loads(path.read_text()):
            data = bytes.fromhex(vector["hex"])
            frames, refused = walk(agnt, data)
            expected = vector.get("frames", [vector["fields"]] if "fields" in vector else [])
            told = [fields_of(frame) for frame in frames]
            assert repr(told) == repr(without_bits(expected)), (path.name, vector["name"], told)
            # A message without a frame is refused by who reads it; nothing in it is malformed.
            assert refused == (bool(vector.get("error")) and data != b""), (
                path.name,
                vector["name"],
            )
            for frame, outcome in zip(frames, vector.get("decoded", [])):
                if code(frame.kind) == 1 and frame.body.flags.has_codec:
                    check_coded(frame, outcome, vector["name"])
                    coded += 1
                if "refused" in outcome:
                    break
            checked, malformed = checked + 1, malformed + refused
    assert malformed > 50 and coded > 100
    print(f"{checked} golden vectors, {malformed} of them refused; {coded} frames in a codec")


def check_channel(agnt):
    """A payload on a channel is that of its type behind the channel's number."""
    position = struct.pack("<II6f", 1, 7, 1, -2.5, 0.5, 0.25, 0, -1)
    data = struct.pack("<4sBBHH", b"AGNT", 1, 0x20, 2 + len(position), 258) + position
    (frame,), refused = walk(agnt, data)
    payload = frame.body.payload
    assert (payload.channel, payload.inner.records[0].agent, refused) == (258, 7, False)
    codec = struct.pack("<BxxxI", 1, 1) + bytes(28)
    data = struct.pack("<4sBBHH", b"AGNT", 1, 0x60, 2 + len(codec), 258) + codec
    (frame,), refused = walk(agnt, data)
    payload = frame.body.payload
    assert (payload.channel, payload.inner.records.num_records, refused) == (258, 1, False)
    print("channels")


def check_reasons(agnt):
    """Refused for one reason alone: with that byte mended, the frame is fine."""
    for name, wrong, mended in (
        ("extended length", "41474e5406800000", "41474e5406000000"),
        (
            "record flags",
            "41474e5402000c0001000000010000000204",
            "41474e5402000c0001000000010000000201",
        ),
    ):
        rest = "0000" if name == "record flags" else ""
        assert walk(agnt, bytes.fromhex(wrong + rest))[1], name
        assert not walk(agnt, bytes.fromhex(mended + rest))[1], name
    print("reasons")


def main():
    node = sys.argv[1] if len(sys.argv) > 1 else "node"
    with tempfile.TemporaryDirectory() as folder:
        agnt = compiled(node, folder)
        check_golden(agnt)
        check_channel(agnt)
        check_reasons(agnt)
    print("the Kaitai description agrees with the golden vectors")


if __name__ == "__main__":
    main()
