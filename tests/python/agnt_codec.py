"""The AGNT wire format in plain Python: a second implementation, written from docs/protocol.md.

It shares no code with the Rust codec and is its oracle: the golden vectors in tests/golden are made
by it. It needs the standard library only and favours being read over being fast.

    fields, used = decode(data)     one frame at an offset, as a dictionary; raises DecodeError
    data = encode(fields)           the same dictionary back to bytes
    frames, error = walk(data)      all frames of a buffer; the error that ended the walk, or None

Every dictionary can be written as JSON. Finite floats are numbers; the others, which JSON can't
say, are {"bits": "7fc00000", "decimal": "nan"}, where the bits decide. A u64 beyond 2**53 - 1 is a
string of decimal digits. Bytes are a string of hex digits.

As a program it reads buffers as lines of hex digits from standard input and writes for each a line
of JSON: {"frames": [...], "error": {...} or null}.
"""

import json
import math
import struct
import sys

MAGIC = b"AGNT"
HEADER_BYTES = 8
COMPRESSED_HEAD_BYTES = 9

POSITION_UPDATE = 0x01
STATE_BATCH = 0x02
PERFORMANCE_METRICS = 0x03
COORDINATION_EVENT = 0x04
COMPRESSED_BATCH = 0x05
HEARTBEAT = 0x06
TICK_INFO = 0x10
EDGE_BATCH = 0x11
ERROR = 0xFF

COMPRESSED, MORE, KEYFRAME, HAS_CHANNEL, CODEC, EXT_LENGTH = 1, 8, 16, 32, 64, 128
ENCODED = COMPRESSED | HAS_CHANNEL | CODEC

POSITION_KEYS = ("x", "y", "z", "vx", "vy", "vz")
STAMP_KEYS = (
    "client_send_us",
    "server_receive_us",
    "server_send_us",
    "displayed_tick",
    "client_flags",
)


class DecodeError(Exception):
    """Why bytes aren't a frame; the kinds are those of docs/protocol.md, "Errors of decoding"."""

    def __init__(self, kind, offset, need, have):
        super().__init__(f"{kind} at byte {offset}: need {need}, have {have}")
        self.kind, self.offset, self.need, self.have = kind, offset, need, have

    def as_fields(self):
        return {"kind": self.kind, "offset": self.offset, "need": self.need, "have": self.have}


def walk(data):
    """All frames of a buffer, and the error that ended the walk, or None."""
    frames, offset = [], 0
    while offset < len(data):
        try:
            fields, used = decode(data, offset)
        except DecodeError as error:
            return frames, error
        frames.append(fields)
        offset += used
    return frames, None


def decode(data, start=0):
    """The frame at `start` as fields, and how many bytes it takes."""
    have = len(data) - start
    magic = data[start : start + 4]
    if magic != MAGIC[: len(magic)]:
        if magic == MAGIC[::-1]:
            raise DecodeError("ReversedMagic", start, 4, 4)
        agreeing = next(i for i in range(len(magic)) if magic[i] != MAGIC[i])
        raise DecodeError("BadMagic", start, 4, agreeing)
    if have > 4 and data[start + 4] == COMPRESSED_BATCH:
        if have < COMPRESSED_HEAD_BYTES:
            raise DecodeError("Partial", start, COMPRESSED_HEAD_BYTES, have)
        (original_bytes,) = struct.unpack_from("<I", data, start + 5)
        payload = {"original_bytes": original_bytes, "data": data[start + 9 :].hex()}
        return {"type": COMPRESSED_BATCH, "payload": payload}, have
    if have < HEADER_BYTES:
        raise DecodeError("Partial", start, HEADER_BYTES, have)
    kind, flags, length = struct.unpack_from("<BBH", data, start + 4)
    if flags & EXT_LENGTH:
        raise DecodeError("LengthExtended", start + 5, flags & ~EXT_LENGTH, flags)
    if have < HEADER_BYTES + length:
        raise DecodeError("Partial", start, HEADER_BYTES + length, have)
    body = start + HEADER_BYTES
    raw = data[body : body + length]
    if flags & ENCODED:
        payload = {"encoded": raw.hex()}
    elif kind in READERS:
        payload = READERS[kind](raw, body)
    else:
        payload = {"unknown": raw.hex()}
    fields = {"type": kind, "flags": flags, "length": length, "payload": payload}
    return fields, HEADER_BYTES + length


def encode(fields):
    """The bytes of a frame; `length` is not read but counted."""
    kind, payload = fields["type"], fields["payload"]
    if kind == COMPRESSED_BATCH:
        head = struct.pack("<4sBI", MAGIC, kind, payload["original_bytes"])
        return head + bytes.fromhex(payload["data"])
    if "encoded" in payload:
        raw = bytes.fromhex(payload["encoded"])
    elif "unknown" in payload:
        raw = bytes.fromhex(payload["unknown"])
    else:
        raw = WRITERS[kind](payload)
    return struct.pack("<4sBBH", MAGIC, kind, fields["flags"], len(raw)) + raw


def read_positions(raw, at):
    count = read_count(raw, at)
    expect_count(count * 28 + 4, raw, at)
    records = []
    for index in range(count):
        (agent,) = struct.unpack_from("<I", raw, 4 + 28 * index)
        bits = struct.unpack_from("<6I", raw, 8 + 28 * index)
        records.append({"id": agent, **dict(zip(POSITION_KEYS, map(float_out, bits)))})
    return {"records": records}


def write_positions(payload):
    parts = [struct.pack("<I", len(payload["records"]))]
    for record in payload["records"]:
        bits = [float_in(record[key]) for key in POSITION_KEYS]
        parts.append(struct.pack("<7I", record["id"], *bits))
    return b"".join(parts)


def read_states(raw, at):
    count = read_count(raw, at)
    if count * 6 + 4 > len(raw):
        raise DecodeError("CountMismatch", at, count * 6 + 4, len(raw))
    records, where = [], 4
    for _ in range(count):
        left = len(raw) - where
        if left < 6:
            raise DecodeError("RecordCutShort", at + where, 6, left)
        agent, state, flags = struct.unpack_from("<IBB", raw, where)
        metadata, used = None, 6
        if flags not in (0, 1, 3):
            known = 0 if flags & 3 == 2 else flags & 3
            raise DecodeError("RecordFlagsUnknown", at + where + 5, known, flags)
        if flags:
            if left < 8:
                raise DecodeError("RecordCutShort", at + where, 8, left)
            (length,) = struct.unpack_from("<H", raw, where + 6)
            used = 8 + length
            if left < used:
                raise DecodeError("RecordCutShort", at + where, used, left)
            content = raw[where + 8 : where + used]
            if flags == 3:
                metadata = {"cbor": content.hex()}
            else:
                metadata = {"json": text_out(content, "MetadataNotUtf8", at + where + 8)}
        records.append({"id": agent, "state": state, "metadata": metadata})
        where += used
    if where < len(raw):
        raise DecodeError("TrailingBytes", at + where, 0, len(raw) - where)
    return {"records": records}


def write_states(payload):
    parts = [struct.pack("<I", len(payload["records"]))]
    for record in payload["records"]:
        flags, content = 0, b""
        if record["metadata"] is not None:
            if "json" in record["metadata"]:
                flags, content = 1, record["metadata"]["json"].encode()
            else:
                flags, content = 3, bytes.fromhex(record["metadata"]["cbor"])
            content = struct.pack("<H", len(content)) + content
        parts.append(struct.pack("<IBB", record["id"], record["state"], flags) + content)
    return b"".join(parts)


def read_metrics(raw, at):
    counted = len(raw) % 28 == 4
    if counted:
        expect_count(read_count(raw, at) * 28 + 4, raw, at)
    elif len(raw) % 28:
        raise DecodeError("LengthMismatch", at, -(-len(raw) // 28) * 28, len(raw))
    records = []
    for where in range(4 if counted else 0, len(raw), 28):
        agent, tasks, success, average, cpu, memory = struct.unpack_from("<IIIIIQ", raw, where)
        records.append(
            {
                "id": agent,
                "tasks": tasks,
                "success": float_out(success),
                "average_ms": float_out(average),
                "cpu_percent": float_out(cpu),
                "memory_bytes": u64_out(memory),
            }
        )
    return {"counted": counted, "records": records}


def write_metrics(payload):
    parts = [struct.pack("<I", len(payload["records"]))] if payload["counted"] else []
    for record in payload["records"]:
        floats = [float_in(record[key]) for key in ("success", "average_ms", "cpu_percent")]
        memory = int(record["memory_bytes"])
        parts.append(struct.pack("<IIIIIQ", record["id"], record["tasks"], *floats, memory))
    return b"".join(parts)


def read_coordination(raw, at):
    if len(raw) < 16:
        raise DecodeError("LengthMismatch", at, 16, len(raw))
    event, pattern, status, count, progress, initiator = struct.unpack_from("<IBBHII", raw)
    if len(raw) != 16 + 8 * count:
        raise DecodeError("CountMismatch", at + 6, 16 + 8 * count, len(raw))
    participants = []
    for index in range(count):
        agent, role, vote, reserved = struct.unpack_from("<IBBH", raw, 16 + 8 * index)
        if reserved:
            raise DecodeError("ReservedNotZero", at + 22 + 8 * index, 0, reserved)
        participants.append({"id": agent, "role": role, "vote": vote})
    return {
        "id": event,
        "pattern": pattern,
        "status": status,
        "progress": float_out(progress),
        "initiator": initiator,
        "participants": participants,
    }


def write_coordination(payload):
    progress = float_in(payload["progress"])
    head = (payload["id"], payload["pattern"], payload["status"], len(payload["participants"]))
    parts = [struct.pack("<IBBHII", *head, progress, payload["initiator"])]
    for one in payload["participants"]:
        parts.append(struct.pack("<IBBH", one["id"], one["role"], one["vote"], 0))
    return b"".join(parts)


def read_heartbeat(raw, at):
    if not raw:
        return {"stamps": None}
    if len(raw) != 32:
        raise DecodeError("LengthMismatch", at, 32, len(raw))
    values = struct.unpack("<QQQII", raw)
    return {"stamps": {key: u64_out(value) for key, value in zip(STAMP_KEYS, values)}}


def write_heartbeat(payload):
    if payload["stamps"] is None:
        return b""
    return struct.pack("<QQQII", *(int(payload["stamps"][key]) for key in STAMP_KEYS))


def read_tick_info(raw, at):
    if len(raw) != 16:
        raise DecodeError("LengthMismatch", at, 16, len(raw))
    tick, epoch, server_us = struct.unpack("<IIQ", raw)
    return {"tick": tick, "epoch": epoch, "server_us": u64_out(server_us)}


def write_tick_info(payload):
    return struct.pack("<IIQ", payload["tick"], payload["epoch"], int(payload["server_us"]))


def read_edges(raw, at):
    count = read_count(raw, at)
    expect_count(count * 16 + 4, raw, at)
    records = []
    for where in range(4, len(raw), 16):
        source, target, weight, rate = struct.unpack_from("<4I", raw, where)
        edge = {"source": source, "target": target}
        records.append({**edge, "weight": float_out(weight), "rate": float_out(rate)})
    return {"records": records}


def write_edges(payload):
    parts = [struct.pack("<I", len(payload["records"]))]
    for record in payload["records"]:
        floats = [float_in(record[key]) for key in ("weight", "rate")]
        parts.append(struct.pack("<4I", record["source"], record["target"], *floats))
    return b"".join(parts)


def read_error(raw, at):
    if len(raw) < 10:
        raise DecodeError("LengthMismatch", at, 10, len(raw))
    code, recoverable, reserved, reference, length = struct.unpack_from("<HBBIH", raw)
    if len(raw) != 10 + length:
        raise DecodeError("LengthMismatch", at, 10 + length, len(raw))
    if recoverable > 1:
        raise DecodeError("ValueUnknown", at + 2, 1, recoverable)
    if reserved:
        raise DecodeError("ReservedNotZero", at + 3, 0, reserved)
    text = text_out(raw[10:], "TextNotUtf8", at + 10)
    return {
        "code": code,
        "recoverable": recoverable == 1,
        "reference": reference,
        "text": text,
    }


def write_error(payload):
    text = payload["text"].encode()
    head = (payload["code"], payload["recoverable"], 0, payload["reference"], len(text))
    return struct.pack("<HBBIH", *head) + text


def read_count(raw, at):
    if len(raw) < 4:
        raise DecodeError("LengthMismatch", at, 4, len(raw))
    return struct.unpack_from("<I", raw)[0]


def expect_count(need, raw, at):
    if need != len(raw):
        raise DecodeError("CountMismatch", at, need, len(raw))


def text_out(raw, kind, at):
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(kind, at, len(raw), error.start) from None


def float_out(bits):
    (value,) = struct.unpack("<f", struct.pack("<I", bits))
    if math.isfinite(value):
        return value
    return {"bits": f"{bits:08x}", "decimal": str(value)}


def float_in(value):
    """The bits of a float. They never pass through a Python float if they were given as bits."""
    if isinstance(value, dict):
        return int(value["bits"], 16)
    return struct.unpack("<I", struct.pack("<f", value))[0]


def u64_out(value):
    return value if value < 2**53 else str(value)


READERS = {
    POSITION_UPDATE: read_positions,
    STATE_BATCH: read_states,
    PERFORMANCE_METRICS: read_metrics,
    COORDINATION_EVENT: read_coordination,
    HEARTBEAT: read_heartbeat,
    TICK_INFO: read_tick_info,
    EDGE_BATCH: read_edges,
    ERROR: read_error,
}

WRITERS = {
    POSITION_UPDATE: write_positions,
    STATE_BATCH: write_states,
    PERFORMANCE_METRICS: write_metrics,
    COORDINATION_EVENT: write_coordination,
    HEARTBEAT: write_heartbeat,
    TICK_INFO: write_tick_info,
    EDGE_BATCH: write_edges,
    ERROR: write_error,
}


def main():
    for line in sys.stdin:
        frames, error = walk(bytes.fromhex(line))
        print(json.dumps({"frames": frames, "error": error and error.as_fields()}))


if __name__ == "__main__":
    main()
