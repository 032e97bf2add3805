#!/usr/bin/env python3
"""docs/agnt.lua in tshark against the golden vectors.

    check_dissector.py [TSHARK]

Every vector goes over a WebSocket in a capture made by hand; what tshark shows of it, as numbers and
as the bytes that it took them from, must be what the vector says. Malformed vectors must give the
expert error of their kind with its numbers. Then buffers that were changed at random must be walked
as tests/python/agnt_codec.py walks them. The script may nowhere run into an error of its own.
"""

import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib

from capture import TEXT, Message, write_capture

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import agnt_codec  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
MALFORMED_VECTORS = "malformed.json"
OPENING = Message(bytes.fromhex("41474e5406000000"))
CHANGED_BUFFERS = 1500
SEED = 20240110
SECONDS_MAX = 120

CODEC, ENCODED_FLAGS = 0x40, 0x61
BOX_KEYS = (
    "codec count minimum_x minimum_y minimum_z"
    " position_step velocity_step position_error velocity_error"
).split()
RESIDUAL_KEYS = "codec bits runs sequence count assignments a b position_step velocity_step".split()
RECORD_ITEMS = {1: "position", 2: "state", 3: "metrics", 17: "edge"}
RECORD_KEYS = {
    "position": ("id", "x", "y", "z", "vx", "vy", "vz"),
    "metrics": ("id", "tasks", "success", "average_ms", "cpu_percent", "memory_bytes"),
    "edge": ("source", "target", "weight", "rate"),
}
FLOATS = set(
    "x y z vx vy vz success average_ms cpu_percent progress weight rate a b minimum_x minimum_y"
    " minimum_z position_step velocity_step position_error velocity_error".split()
)


class Tree:
    """What tshark shows below one item: names, in order, with a value, bytes or a tree of its own."""

    def __init__(self, pairs):
        self.pairs = pairs

    def all(self, name):
        return [value for key, value in self.pairs if key == name]

    def one(self, name):
        found = self.all(name)
        assert len(found) == 1, f"{name}: {len(found)} times"
        return found[0]

    def trees(self, name):
        return [value for value in self.all(name) if isinstance(value, Tree)]

    def raw(self, name):
        """The bytes of a field; tshark leaves them out where there are none."""
        if not self.all(f"{name}_raw"):
            assert self.one(name) == "", name
            return b""
        return bytes.fromhex(self.one(f"{name}_raw")[0])

    def number(self, name):
        """A number as golden vectors write it, once from its bytes and once as it is shown."""
        shown, little = self.one(name), int.from_bytes(self.raw(name), "little")
        if name.rpartition(".")[2] in FLOATS:
            exact = agnt_codec.float_out(little)
            value = float(exact["decimal"]) if isinstance(exact, dict) else exact
            assert is_near(value, float(shown)), f"{name}: {shown} is not {value}"
            return exact
        assert int(shown, 0) == little, f"{name}: {shown} is not {little}"
        return agnt_codec.u64_out(little)

    def numbers(self, prefix, keys):
        return {key: self.number(f"agnt.{prefix}.{key}") for key in keys}


def is_near(value, shown):
    """Whether a float is shown right; it is shown with six digits."""
    if value != value:
        return shown != shown
    return value == shown or abs(value - shown) <= max(1e-5 * abs(value), 1e-45)


def fields_of(item):
    """A frame's item as the `fields` of a golden vector."""
    kind = item.number("agnt.type")
    if kind == agnt_codec.COMPRESSED_BATCH:
        data = item.raw("agnt.data").hex() if item.all("agnt.data") else ""
        payload = {"original_bytes": item.number("agnt.original_bytes"), "data": data}
        return {"type": kind, "payload": payload}
    flags, length = item.number("agnt.flags"), item.number("agnt.length")
    if flags & ENCODED_FLAGS:
        payload = {"encoded": item.raw("agnt.encoded").hex() if length else ""}
    else:
        payload = payload_of(item, kind)
    return {"type": kind, "flags": flags, "length": length, "payload": payload}


def payload_of(item, kind):
    if kind in RECORD_ITEMS:
        return records_of(item, kind, RECORD_ITEMS[kind])
    if kind == agnt_codec.COORDINATION_EVENT:
        head = item.numbers("coordination", ("id", "pattern", "status", "progress", "initiator"))
        voters = [
            one.numbers("participant", ("id", "role", "vote"))
            for one in item.trees("agnt.participant")
        ]
        assert item.number("agnt.coordination.participants") == len(voters)
        return {**head, "participants": voters}
    if kind == agnt_codec.HEARTBEAT:
        is_empty = item.number("agnt.length") == 0
        return {"stamps": None if is_empty else item.numbers("heartbeat", agnt_codec.STAMP_KEYS)}
    if kind == agnt_codec.TICK_INFO:
        shown = item.numbers("tick", ("number", "epoch", "server_us"))
        return {"tick": shown.pop("number"), **shown}
    if kind == agnt_codec.ERROR:
        shown = item.numbers("error", ("code", "recoverable", "reference"))
        text = item.raw("agnt.error.text").decode()
        assert item.one("agnt.error.text") == text
        return {**shown, "recoverable": shown["recoverable"] == 1, "text": text}
    return {"unknown": item.raw("agnt.unknown").hex() if item.number("agnt.length") else ""}


def records_of(item, kind, name):
    trees = item.trees(f"agnt.{name}")
    counts = item.all("agnt.count")
    assert not counts or item.number("agnt.count") == len(trees)
    if name == "state":
        return {"records": [state_of(tree) for tree in trees]}
    records = [tree.numbers(name, RECORD_KEYS[name]) for tree in trees]
    return {"counted": bool(counts), "records": records} if kind == 3 else {"records": records}


def state_of(tree):
    metadata = None
    if tree.number("agnt.state.flags") == 1:
        metadata = {"json": tree.raw("agnt.state.json").decode()}
        assert tree.one("agnt.state.json") == metadata["json"]
    elif tree.number("agnt.state.flags") == 3:
        metadata = {"cbor": tree.raw("agnt.state.cbor").hex()}
    numbers = tree.numbers("state", ("id", "code"))
    return {"id": numbers["id"], "state": numbers["code"], "metadata": metadata}


def experts_of(item, prefix):
    """The expert items of one frame as (name, message)."""
    found = []
    for key, value in item.pairs:
        if not isinstance(value, Tree):
            continue
        if key == "_ws.expert":
            names = [name for name, _ in value.pairs if name.startswith(prefix)]
            found += [(name, value.one("_ws.expert.message")) for name in names]
        elif key == "agnt.encoded_tree":
            found += experts_of(value, prefix)
    return found


def error_of(items):
    """The expert error of a message as golden vectors write one, or None."""
    found = [one for item in items for one in experts_of(item, "agnt.malformed")]
    if not found:
        return None
    assert len(found) == 1, found
    name, message = found[0]
    kind, *numbers = re.fullmatch(
        r"(\w+) at byte (\d+): need (\d+), have (\d+).*", message
    ).groups()
    assert name == "agnt.malformed" + re.sub("([A-Z])", r"_\1", kind).lower().replace(
        "_", ".", 1
    ), name
    offset, need, have = map(int, numbers)
    return {"kind": kind, "offset": offset, "need": need, "have": have}


def walked(items):
    """A message as agnt_codec.walk tells it: the fields of its frames, and its error."""
    error = error_of(items)
    whole = items[:-1] if error else items
    return [fields_of(item) for item in whole], error


class Tshark:
    """The program under a home of its own, with the dissector and nothing else."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments):
        script = f"lua_script:{ROOT / 'docs' / 'agnt.lua'}"
        home = {
            **os.environ,
            "HOME": self.folder,
            "XDG_CONFIG_HOME": self.folder,
            "LC_ALL": "C.UTF-8",
        }
        command = [self.program, "-X", script, *arguments]
        done = subprocess.run(
            command, capture_output=True, env=home, check=True, timeout=SECONDS_MAX
        )
        told = done.stderr.decode()
        assert "Lua" not in told and "lua" not in told, told
        return done.stdout.decode()

    def messages(self, connections):
        """For each connection the items of AGNT frames that each packet shows."""
        path = os.path.join(self.folder, "capture.pcap")
        write_capture(path, connections)
        shown = self.run("-r", path, "-T", "json", "-x", "-Y", "websocket")
        assert "_ws.lua.error" not in shown and "Lua Error" not in shown, shown[:2000]
        packets = json.loads(shown, object_pairs_hook=Tree)
        by_stream = [[] for _ in connections]
        for packet in packets:
            layers = packet.one("_source").one("layers")
            stream = int(layers.one("tcp").one("tcp.stream"))
            by_stream[stream].append(layers)
        return by_stream


def frames_shown(layers):
    return layers.trees("agnt")


def check_golden(tshark):
    """All vectors, each in a message of its own."""
    vectors = []
    for path in sorted(GOLDEN.glob("*.json")):
        vectors += [(path.name, vector) for vector in json.loads(path.read_text())]
    # Wireshark shows no payload of a message without bytes.
    vectors = [(name, vector) for name, vector in vectors if vector["hex"]]
    messages = [OPENING]
    for index, (_, vector) in enumerate(vectors):
        fragments = 3 if index % 5 == 0 and len(vector["hex"]) > 64 else 1
        messages.append(
            Message(bytes.fromhex(vector["hex"]), masked=index % 2 == 1, fragments=fragments)
        )
    # The packets of a message's first fragments show no AGNT.
    shown = [frames_shown(layers) for layers in tshark.messages([messages])[0]]
    shown = [items for items in shown if items][1:]
    assert len(shown) == len(vectors), f"{len(shown)} messages shown, {len(vectors)} sent"
    for (file, vector), items in zip(vectors, shown):
        frames, error = walked(items)
        if file == MALFORMED_VECTORS:
            assert (frames, error) == ([], vector["error"]), (vector, frames, error)
        else:
            expected = vector["frames"] if "frames" in vector else [vector["fields"]]
            assert repr(frames) == repr(expected), (file, vector["name"], frames)
            assert error == vector.get("error"), (file, vector["name"], error)
    print(f"{len(vectors)} golden vectors")
    return list(zip(vectors, shown))


HEAD_KEYS = {
    1: ("shuffle", ("codec", "count")),
    2: ("residual", RESIDUAL_KEYS),
    3: ("box", BOX_KEYS),
    4: ("residual", RESIDUAL_KEYS),
}


def head_of(payload):
    """The head of a payload in a codec as docs/protocol.md has it, or None if it isn't whole."""
    codec = payload[0] if payload else 0
    form = {1: "<BxxxI", 2: "<BBHIII4f", 3: "<BxxxI7f", 4: "<BBHIII4f"}.get(codec)
    if not form or len(payload) < struct.calcsize(form):
        return None
    return dict(zip(HEAD_KEYS[codec][1], struct.unpack_from(form, payload)))


def fits(payload, head):
    """Whether a payload has the bytes that its head makes; with residuals, those that it says at once."""
    if payload[0] == 1:
        return len(payload) == 8 + 28 * head["count"]
    if payload[0] == 3:
        return len(payload) == 36 + 16 * head["count"]
    return len(payload) >= 32 + 8 * (head["runs"] + head["assignments"])


def same(value, shown):
    if isinstance(shown, dict):
        (value,) = struct.unpack("<I", struct.pack("<f", value))
        return f"{value:08x}" == shown["bits"]
    return value == shown


def check_heads(shown):
    """What is told of frames in a codec: their heads, and a warning where those don't fit."""
    count, warned = 0, 0
    for _, items in shown:
        for item in items:
            if not item.all("agnt.flags") or item.number("agnt.flags") & ENCODED_FLAGS != CODEC:
                continue
            payload = item.raw("agnt.encoded") if item.number("agnt.length") else b""
            head = head_of(payload)
            inner = item.trees("agnt.encoded_tree")[0] if payload else item
            if head:
                name, keys = HEAD_KEYS[payload[0]]
                told = inner.numbers(name, keys)
                assert all(same(head[key], told[key]) for key in keys), (head, told)
            unfit = experts_of(item, "agnt.unfit")
            assert bool(unfit) != bool(head and fits(payload, head)), (payload.hex(), unfit)
            count, warned = count + 1, warned + len(unfit)
    assert count > 100 and warned > 5
    print(f"{count} heads of frames in a codec, {warned} of them unfit")


def encoded_frame(kind, flags, payload):
    return struct.pack("<4sBBH", b"AGNT", kind, flags, len(payload)) + payload


def check_encoded(tshark):
    """Frames on a channel, in a codec on a channel, compressed, and batches of them."""
    position = bytes.fromhex("0100000007000000") + struct.pack("<6f", 1, -2.5, 0.5, 0.25, 0, -1)
    plain = encoded_frame(1, 0, position) + encoded_frame(0x10, 0, struct.pack("<IIQ", 5, 6, 7))
    shuffled = struct.pack("<BxxxI", 1, 1) + bytes(28)
    batch = struct.pack("<4sBI", b"AGNT", 5, len(plain))
    gzip = zlib.compressobj(wbits=31)
    buffers = {
        "channel": encoded_frame(1, 0x20, b"\x02\x01" + position),
        "channel and codec": encoded_frame(1, 0x60, b"\x02\x01" + shuffled),
        "channel and compressed": encoded_frame(
            1, 0x21, b"\x02\x01" + struct.pack("<I", 9) + b"data"
        ),
        "cut short on a channel": encoded_frame(1, 0x20, b"\x02\x01" + position[:-1]),
        "residuals": encoded_frame(
            1, 0x40, struct.pack("<BBHIIIffff", 4, 3, 1, 9, 0, 1, *[0] * 4) + bytes(16)
        ),
        "a run short": encoded_frame(
            1, 0x40, struct.pack("<BBHIIIffff", 4, 3, 1, 9, 0, 1, *[0] * 4) + bytes(15)
        ),
        "zlib": batch + zlib.compress(plain),
        "gzip": batch + gzip.compress(plain) + gzip.flush(),
        "a lie": struct.pack("<4sBI", b"AGNT", 5, len(plain) + 1) + zlib.compress(plain),
    }
    layers = tshark.messages([[Message(data) for data in buffers.values()]])[0]
    on_channel = [name for name in buffers if "channel" in name]
    shown = {name: frames_shown(one)[0] for name, one in zip(buffers, layers)}
    inner = {
        name: item.trees("agnt.encoded_tree")[0]
        for name, item in shown.items()
        if name in on_channel
    }
    for name, tree in inner.items():
        assert tree.number("agnt.channel") == 258, name
    (expected,), _ = agnt_codec.walk(encoded_frame(1, 0, position))
    assert records_of(inner["channel"], 1, "position") == expected["payload"]
    assert inner["channel and codec"].numbers("shuffle", ("codec", "count")) == {
        "codec": 1,
        "count": 1,
    }
    assert inner["channel and compressed"].number("agnt.original_bytes") == 9
    for name in (
        "channel",
        "channel and codec",
        "channel and compressed",
        "residuals",
        "zlib",
        "gzip",
    ):
        assert not experts_of(shown[name], "agnt"), name
    for name in ("cut short on a channel", "a run short", "a lie"):
        assert [one for one, _ in experts_of(shown[name], "agnt")] == ["agnt.unfit"], name
    for name in ("zlib", "gzip"):
        assert walked(shown[name].trees("agnt")) == (agnt_codec.walk(plain)[0], None), name
    print(f"{len(buffers)} encoded frames and batches")


def changed(buffers, chance):
    """A buffer of valid frames, changed at random."""
    data = bytearray(b"".join(chance.choices(buffers, k=chance.randint(1, 3))))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        what = chance.random()
        if what < 0.6:
            data[at] = chance.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif what < 0.8:
            del data[at : at + chance.randint(1, 4)]
        else:
            data[at:at] = chance.randbytes(chance.randint(1, 4))
        if not data:
            break
    return bytes(data) or b"\0"


def check_texts(tshark):
    """Texts at the edges of UTF-8, as an ERROR frame's; Python's own decoder is the judge."""
    leads = [
        0x00,
        0x7F,
        0x80,
        0xC1,
        0xC2,
        0xDF,
        0xE0,
        0xE1,
        0xEC,
        0xED,
        0xEE,
        0xEF,
        0xF0,
        0xF1,
        0xF3,
        0xF4,
        0xF5,
    ]
    seconds = [0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    texts = [
        bytes([0x61, lead, second]) + tail
        for lead in leads
        for second in seconds
        for tail in (b"", b"\x80", b"\x80\xbf", b"\x80\xbfb", b"\x80\x7f")
    ]
    sent = [
        encoded_frame(255, 0, struct.pack("<HBBIH", 3, 1, 0, 0, len(text)) + text) for text in texts
    ]
    shown = tshark.messages([[Message(data) for data in sent]])[0]
    for data, layers in zip(sent, shown, strict=True):
        error = agnt_codec.walk(data)[1]
        assert error_of(frames_shown(layers)) == (error and error.as_fields()), data.hex()
    print(f"{len(texts)} texts")


def check_changed(tshark):
    """Buffers that were changed at random, against the second implementation."""
    chance = random.Random(SEED)
    buffers = []
    for path in sorted(GOLDEN.glob("*.json")):
        if path.name not in (MALFORMED_VECTORS, "encodings.json"):
            buffers += [bytes.fromhex(vector["hex"]) for vector in json.loads(path.read_text())]
    sent = [changed(buffers, chance) for _ in range(CHANGED_BUFFERS)]
    shown = tshark.messages([[OPENING] + [Message(data) for data in sent]])[0][1:]
    assert len(shown) == len(sent)
    refused = 0
    for data, layers in zip(sent, shown):
        frames, error = agnt_codec.walk(data)
        error = error and error.as_fields()
        assert repr(walked(frames_shown(layers))) == repr((frames, error)), data.hex()
        refused += error is not None
    print(f"{len(sent)} changed buffers, {refused} of them malformed")


def check_connections(tshark):
    """Text and strangers stay what they are; a large frame comes in one piece."""
    records = [struct.pack("<I6f", agent, *[agent / 2] * 6) for agent in range(2340)]
    large = encoded_frame(1, 0, struct.pack("<I", 2340) + b"".join(records))
    text = Message(b'{"type":"heartbeat"}', opcode=TEXT)
    stranger = Message(b"a stranger's message")
    shown = tshark.messages(
        [[stranger, text], [Message(large), text, Message(large, masked=True, fragments=4)]]
    )
    assert not any(frames_shown(layers) for layers in shown[0])
    assert not any(frames_shown(layers) for layers in shown[1] if layers.trees("json"))
    messages = [items for items in map(frames_shown, shown[1]) if items]
    expected = agnt_codec.walk(large)[0]
    assert [walked(items) for items in messages] == [(expected, None)] * 2
    print("strangers, text and frames of 65,532 bytes")


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "tshark"
    with tempfile.TemporaryDirectory() as folder:
        tshark = Tshark(program, folder)
        check_heads(check_golden(tshark))
        check_encoded(tshark)
        check_texts(tshark)
        check_changed(tshark)
        check_connections(tshark)
    print("the dissector agrees with the golden vectors")


if __name__ == "__main__":
    main()
