#!/usr/bin/env python3
"""What a running server says in frames, by docs/agnt.lua in tshark and by docs/agnt.ksy.

    check_frames.py AGNT

Viewers that negotiated each codec and compression listen to the demo's flock for a moment. Neither
description may find anything wrong in what they got, and each kind of it must have come.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from capture import Message
from check_dissector import Tshark, experts_of, frames_shown
from check_kaitai import code, compiled, walk

PATH = "/api/visualisation/agents/ws"
# A moment, and on a slow machine until so much has come; not for ever.
SECONDS, MESSAGES_MIN = 1.5, 10
PATIENCE_S = 60
TICK_INFO, COMPRESSED_BATCH = 0x10, 5
CODECS = {"shuffle": 1, "predict": 2, "box": 3, "fixed": 4}
INFLATABLE = ("zlib", "gzip", "deflate")


def wishes():
    """What the viewers ask for, by name."""
    yield "plain", {"capabilities": ["binary", "state-metadata"]}
    yield "ticks", {"capabilities": ["binary", "tick-info", "frame-concat"]}
    for codec in CODECS:
        yield codec, {"capabilities": ["binary"], "encodings": [codec]}
    for algorithm in ("zlib", "gzip", "deflate", "brotli", "zstd"):
        compression = {"algorithms": [algorithm], "level": 6}
        yield algorithm, {"capabilities": ["binary", "compression"], "compression": compression}


async def listen(url, wish):
    """The binary messages of a viewer."""
    got = []

    async def read(socket):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until or len(got) < MESSAGES_MIN:
            message = await socket.recv()
            if isinstance(message, bytes):
                got.append(message)

    async with connect(url + PATH, max_size=None) as socket:
        greeting = {
            "type": "handshake",
            "version": "1.0.0",
            "role": "viewer",
            "clientId": "x",
            **wish,
        }
        await socket.send(json.dumps(greeting))
        try:
            await asyncio.wait_for(read(socket), PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"{len(got)} messages in {PATIENCE_S} s: {wish}") from None
        except ConnectionClosed:
            raise AssertionError(f"the server closed: {wish}") from None
    return got


async def listen_all(url):
    return {name: await listen(url, wish) for name, wish in wishes()}


def check_kaitai(agnt, name, messages):
    """Parses everything, what lies in codecs as well; returns the types and codecs that came."""
    came = set()
    for data in messages:
        frames, refused = walk(agnt, data)
        assert not refused, f"{name}: {data[:64].hex()}"
        for frame in frames:
            came.add(("type", code(frame.kind)))
            if code(frame.kind) == 1 and frame.body.flags.has_codec:
                came.add(("codec", code(frame.body.payload.inner.codec)))
    return came


def check_dissector(shown, name, messages):
    assert len(shown) == len(messages), f"{name}: {len(shown)} of {len(messages)} shown"
    for layers in shown:
        for item in frames_shown(layers):
            assert not experts_of(item, "agnt."), f"{name}: {experts_of(item, 'agnt.')}"
            if name in INFLATABLE and item.number("agnt.type") == COMPRESSED_BATCH:
                inner = item.trees("agnt")
                assert inner and not any(experts_of(one, "agnt.") for one in inner), name


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    command = [sys.argv[1], "demo", "--listen", "127.0.0.1:0", "--agents", "200", "--hz", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            told = server.stdout.readline().strip().removeprefix("listening on ")
            got = asyncio.run(listen_all(told.replace("http", "ws", 1)))
        finally:
            server.terminate()
    with tempfile.TemporaryDirectory() as folder:
        agnt = compiled("node", folder)
        captured = [[Message(data) for data in messages] for messages in got.values()]
        shown = Tshark("tshark", folder).messages(captured)
        for (name, messages), layers in zip(got.items(), shown):
            came = check_kaitai(agnt, name, messages)
            check_dissector([one for one in layers if frames_shown(one)], name, messages)
            if name == "ticks":
                assert ("type", TICK_INFO) in came, came
            elif name in CODECS:
                assert ("codec", CODECS[name]) in came, came
            elif name != "plain":
                assert ("type", COMPRESSED_BATCH) in came, (name, came)
            print(f"{name}: {len(messages)} messages, {sum(map(len, messages))} bytes")


if __name__ == "__main__":
    main()
