#!/usr/bin/env python3
"""Hostile clients of every kind at one address, each kind bounded; ends with its input.

    hostile_clients.py HOST:PORT [--from ADDRESS] [--each N] [--kinds NAME,...]

A client that is cut off comes again a moment later. What came back is counted and printed as JSON at the
end. KINDS are the methods below that begin with `attack_`.
"""

import argparse
import asyncio
import base64
import collections
import json
import logging
import os
import random
import signal
import socket
import struct
import sys

PAUSE_S = 1.0
FLOOD_PER_S = 200
SOCKET_PATH = "/api/visualisation/agents/ws"
MESSAGE_BYTES = 1 << 20


def upgrade(path):
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def head_of_frame(opcode, length):
    head = bytes([0x80 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += bytes([0xFE]) + struct.pack(">H", length)
    else:
        head += bytes([0xFF]) + struct.pack(">Q", length)
    # A mask of zeros leaves the payload as it is.
    return head + bytes(4)


def frame(opcode, payload):
    return head_of_frame(opcode, len(payload)) + payload


def positions(first, count, more):
    records = b"".join(
        struct.pack("<I6f", first + at, random.random(), 0, 0, 0, 0, 0) for at in range(count)
    )
    payload = struct.pack("<I", count) + records
    flags = 0x08 if more else 0
    return b"AGNT" + struct.pack("<BBH", 1, flags, len(payload)) + payload


class Hostile:
    """The clients; `heard` counts what came back by kind."""

    def __init__(self, address, source, each):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.source = source
        self.each = each
        self.heard = collections.Counter()

    async def connect(self, kind):
        reader, writer = await asyncio.open_connection(
            self.host, self.port, local_addr=(self.source, 0), limit=4096
        )
        self.heard[f"{kind}: connections"] += 1
        return reader, writer

    async def again_and_again(self, kind, attack):
        while True:
            writer = None
            try:
                reader, writer = await self.connect(kind)
                await attack(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                self.heard[f"{kind}: cut off"] += 1
            finally:
                if writer:
                    writer.transport.abort()
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))

    async def note(self, kind, reader):
        """Reads an answer's first line; an end without one counts too."""
        line = await reader.readline()
        status = line.split(b" ")[1].decode() if line.count(b" ") > 1 else "none"
        self.heard[f"{kind}: {status}"] += 1
        return status

    async def trickle(self, kind, reader, writer, begin, endless):
        """Sends a byte a second until it is cut off, and hears why."""
        answer = asyncio.create_task(self.note(kind, reader))
        writer.write(begin)
        while not answer.done():
            writer.write(endless)
            await asyncio.wait([answer], timeout=1)
        answer.result()

    async def session(self, kind, reader, writer, query="protocols=json"):
        writer.write(upgrade(f"{SOCKET_PATH}?{query}"))
        status = await self.note(kind, reader)
        if status != "101":
            raise OSError(status)
        await reader.readuntil(b"\r\n\r\n")

    async def flood(self, kind, reader, writer, make, per_s):
        """Sends what `make` makes, and reads what comes, until it is cut off."""

        async def read_on():
            while await reader.read(65536):
                pass

        reading = asyncio.create_task(read_on())
        while not reading.done():
            for _ in range(max(per_s // 20, 1)):
                writer.write(make())
            await asyncio.wait_for(writer.drain(), 10)
            await asyncio.wait([reading], timeout=0.05)
        self.heard[f"{kind}: cut off"] += 1

    async def attack_slow_heads(self, reader, writer):
        begin = b"GET /v1/agents HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
        await self.trickle("slow_heads", reader, writer, begin, b"x")

    async def attack_slow_bodies(self, reader, writer):
        begin = b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
        await self.trickle("slow_bodies", reader, writer, begin, b" ")

    async def attack_idle(self, reader, _):
        await self.note("idle", reader)

    async def attack_half_closed(self, reader, writer):
        writer.write(b"GET /v1/agents HTTP/1.1\r\nHost: host")
        writer.write_eof()
        await self.note("half_closed", reader)

    async def attack_half_open(self, reader, writer):
        """A session that says nothing and reads nothing."""
        await self.session("half_open", reader, writer, "stream=hostile")
        await asyncio.sleep(60)

    async def attack_connections(self, _, writer):
        """Connections without a word, reset at once."""
        packed = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, packed)
        for _ in range(FLOOD_PER_S // 10):
            _, other = await self.connect("connections")
            other.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, packed)
            other.transport.abort()

    async def attack_large_bodies(self, reader, writer):
        size = 64 << 20
        writer.write(
            f"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode()
        )
        for _ in range(32):
            writer.write(b" " * 65536)
            await asyncio.wait_for(writer.drain(), 10)
        await self.note("large_bodies", reader)

    async def attack_half_messages(self, reader, writer):
        """All of a large message but its last byte."""
        await self.session("half_messages", reader, writer)
        writer.write(head_of_frame(2, MESSAGE_BYTES))
        writer.write(bytes(MESSAGE_BYTES - 1))
        while await reader.read(65536):
            pass

    async def attack_open_ticks(self, reader, writer):
        """A tick that never ends."""
        query = f"protocols=binary&stream=ticks-{random.randrange(50)}"
        await self.session("open_ticks", reader, writer, query)
        tick = frame(2, positions(random.randrange(1 << 20), 2000, True))
        await self.flood("open_ticks", reader, writer, lambda: tick, 20)

    async def attack_many_agents(self, reader, writer):
        """Ever new agents in ever new streams."""
        query = f"protocols=binary&stream=agents-{random.randrange(500)}"
        await self.session("many_agents", reader, writer, query)

        def make():
            return frame(2, positions(random.randrange(1 << 27), 1000, False))

        await self.flood("many_agents", reader, writer, make, 20)

    async def attack_text_flood(self, reader, writer):
        await self.session("text_flood", reader, writer, "protocols=json&stream=hostile")
        text = frame(1, b'{"type":"heartbeat","timestamp":1}')
        await self.flood("text_flood", reader, writer, lambda: text, 2000)

    async def attack_no_reading(self, reader, writer):
        """Answers that nobody reads."""
        await self.session("no_reading", reader, writer, "protocols=json&stream=hostile")
        text = frame(1, b'{"type":"connection.metrics","id":"a"}') * 200
        for _ in range(200):
            writer.write(text)
            await asyncio.wait_for(writer.drain(), 10)
            await asyncio.sleep(0.05)

    async def attack_unread_answers(self, _, writer):
        """The largest pages there are, of which nothing is read."""
        target = random.choice(("/api/v1/events?after=0&limit=1000", "/v1/tasks?limit=50"))
        writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await asyncio.sleep(60)

    async def attack_unread_events(self, _, writer):
        """All events there are as a stream, of which nothing is read."""
        writer.write(
            b"GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        )
        await asyncio.sleep(60)

    async def attack_garbage(self, reader, writer):
        await self.session("garbage", reader, writer)
        await self.flood("garbage", reader, writer, lambda: os.urandom(512), 200)

    async def attack_many_tasks(self, reader, writer):
        """New tasks with all that one may hold."""
        filler = "x" * 200_000
        while True:
            body = json.dumps({"type": "analysis", "task_data": {"a": filler}}).encode()
            writer.write(
                f"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            )
            status = await self.note("many_tasks", reader)
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
            await reader.readexactly(int(length[0].split(b":")[1]))
            await asyncio.sleep(0.05 if status == "201" else 0.5)


async def main(options):
    # It warns of every write to a connection that was cut off, which here is the rule.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    hostile = Hostile(options.address, options.source, options.each)
    known = [name.removeprefix("attack_") for name in dir(hostile) if name.startswith("attack_")]
    kinds = options.kinds.split(",") if options.kinds else known
    for kind in kinds:
        if kind not in known:
            sys.exit(f"{kind}: allowed are {', '.join(known)}")
    # Held, for the loop itself holds tasks loosely.
    attacks = [
        asyncio.create_task(hostile.again_and_again(kind, getattr(hostile, f"attack_{kind}")))
        for kind in kinds
        for _ in range(options.each)
    ]
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_reader(sys.stdin, over.set)
    await over.wait()
    print(json.dumps(dict(sorted(hostile.heard.items()))), flush=True)
    # Nobody asks hundreds of clients to come to an end in order.
    os._exit(0 if attacks else 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hostile clients of every kind.")
    parser.add_argument("address")
    parser.add_argument("--from", dest="source", default="127.0.0.1")
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--kinds", default="")
    asyncio.run(main(parser.parse_args()))
