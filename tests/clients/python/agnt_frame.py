"""AGNT frames, read and written as document C shows them.

Document C leaves open the order of bytes and some layouts; docs/protocol.md says what holds: the
magic is the four letters, every number is little-endian.
"""

import struct
from dataclasses import dataclass

MAGIC = b"AGNT"

POSITION_UPDATE = 0x01
STATE_BATCH = 0x02
PERFORMANCE_METRICS = 0x03
COORDINATION_EVENT = 0x04
COMPRESSED_BATCH = 0x05
HEARTBEAT = 0x06
EDGE_BATCH = 0x11
ERROR = 0xFF

MORE = 0x08
KEYFRAME = 0x10
HAS_CHANNEL = 0x20

HEAD = struct.Struct("<4sBBH")
COMPRESSED_HEAD = struct.Struct("<4sBI")
COUNT = struct.Struct("<I")
AGENT = struct.Struct("<I6f")
STATE = struct.Struct("<IBB")
METRICS = struct.Struct("<IIfffQ")
COORDINATION = struct.Struct("<IBBHfI")
PARTICIPANT = struct.Struct("<IBBH")
EDGE = struct.Struct("<IIff")
STAMPS = struct.Struct("<QQQII")
ERROR_HEAD = struct.Struct("<HBBIH")


class Malformed(Exception):
    """Bytes that are no AGNT frame."""


@dataclass
class Frame:
    """One frame; `original_bytes` is there in a COMPRESSED_BATCH alone."""

    kind: int
    flags: int
    payload: bytes
    original_bytes: int | None = None
    was_compressed: bool = False

    @property
    def channel(self):
        return struct.unpack_from("<H", self.payload)[0] if self.flags & HAS_CHANNEL else None

    @property
    def body(self):
        """The payload without the number of its channel."""
        return self.payload[2:] if self.flags & HAS_CHANNEL else self.payload

    @property
    def is_key(self):
        return bool(self.flags & KEYFRAME)


def write(kind, payload=b"", flags=0):
    return HEAD.pack(MAGIC, kind, flags, len(payload)) + payload


def write_compressed(original_bytes, data):
    return COMPRESSED_HEAD.pack(MAGIC, COMPRESSED_BATCH, original_bytes) + data


def write_positions(agents, flags=0):
    """`agents`: (id, x, y, z, vx, vy, vz) each."""
    records = b"".join(AGENT.pack(*agent) for agent in agents)
    return write(POSITION_UPDATE, COUNT.pack(len(agents)) + records, flags)


def write_states(states):
    """`states`: (id, state, metadata as JSON text or None) each."""
    payload = COUNT.pack(len(states))
    for agent, state, metadata in states:
        payload += STATE.pack(agent, state, 0 if metadata is None else 1)
        if metadata is not None:
            text = metadata.encode()
            payload += struct.pack("<H", len(text)) + text
    return write(STATE_BATCH, payload)


def write_metrics(metrics):
    """`metrics`: (id, tasks, success, average ms, CPU percent, memory) each."""
    return write(PERFORMANCE_METRICS, b"".join(METRICS.pack(*agent) for agent in metrics))


def read(message):
    """The frames of one binary message."""
    frames, at = [], 0
    while at < len(message):
        rest = message[at:]
        if len(rest) < HEAD.size or rest[:4] != MAGIC:
            raise Malformed(f"byte {at}: no head of a frame: {rest[:16].hex()}")
        if rest[4] == COMPRESSED_BATCH:
            _, kind, original_bytes = COMPRESSED_HEAD.unpack_from(rest)
            frames.append(Frame(kind, 0, rest[COMPRESSED_HEAD.size :], original_bytes))
            break
        _, kind, flags, length = HEAD.unpack_from(rest)
        payload = rest[HEAD.size : HEAD.size + length]
        if len(payload) < length:
            raise Malformed(f"byte {at}: {length} bytes of payload said, {len(payload)} there")
        frames.append(Frame(kind, flags, payload))
        at += HEAD.size + length
    return frames


def read_array(record, payload):
    if len(payload) % record.size:
        raise Malformed(f"{len(payload)} bytes are no array of records of {record.size}")
    return list(record.iter_unpack(payload))


def read_counted(record, payload):
    count = COUNT.unpack_from(payload)[0]
    records = read_array(record, payload[COUNT.size :])
    if len(records) != count:
        raise Malformed(f"count {count}, but {len(records)} records")
    return records


def read_positions(frame):
    return read_counted(AGENT, frame.body)


def read_states(frame):
    payload = frame.body
    states, at = [], COUNT.size
    for _ in range(COUNT.unpack_from(payload)[0]):
        agent, state, flags = STATE.unpack_from(payload, at)
        at += STATE.size
        metadata = None
        if flags & 1:
            length = struct.unpack_from("<H", payload, at)[0]
            metadata = payload[at + 2 : at + 2 + length].decode()
            at += 2 + length
        states.append((agent, state, metadata))
    if at != len(payload):
        raise Malformed(f"{len(payload) - at} bytes behind the last state")
    return states


def read_metrics(frame):
    payload = frame.body
    counted = len(payload) % METRICS.size == COUNT.size
    return read_counted(METRICS, payload) if counted else read_array(METRICS, payload)


def read_coordination(frame):
    payload = frame.body
    identifier, pattern, status, count, progress, initiator = COORDINATION.unpack_from(payload)
    participants = read_array(PARTICIPANT, payload[COORDINATION.size :])
    if len(participants) != count:
        raise Malformed(f"{count} participants said, {len(participants)} there")
    return identifier, pattern, status, progress, initiator, participants


def read_edges(frame):
    return read_counted(EDGE, frame.body)


def read_error(frame):
    """(code, whether it is recoverable, what it is about, text)"""
    code, recoverable, _, reference, length = ERROR_HEAD.unpack_from(frame.payload)
    text = frame.payload[ERROR_HEAD.size :]
    if len(text) != length:
        raise Malformed(f"text of {length} bytes said, {len(text)} there")
    return code, bool(recoverable), reference, text.decode()
