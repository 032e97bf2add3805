"""Strangers' clients of the server: sessions by the library websockets, requests and streams of events by httpx.

Each is told what to do when something comes, and says how it ended. None connects again by itself: a connection that
ends is the end of its client.
"""

import asyncio
import json
import struct
import time

import httpx
import websockets
from websockets.asyncio.client import connect

from server import PATH, PATIENCE_S, STREAM

VIEWER = f"{PATH}?protocols=binary&role=viewer&stream={STREAM}"
PUBLISHER = f"{PATH}?protocols=binary&role=publisher&stream={STREAM}"
SUBSCRIBER = "/v1/ws"


def frame(tick):
    """A frame of ten agents whose place is the number of the tick."""
    records = b"".join(struct.pack("<I6f", agent, float(tick), 0, 0, 0, 0, 0) for agent in range(1, 11))
    return struct.pack("<4sBBHI", b"AGNT", 1, 0, 4 + len(records), 10) + records


class Client:
    """What is known of one: what it got, when it last got something, and how it ended."""

    def __init__(self, server, credential):
        self.server, self.credential = server, credential
        self.count, self.last_at, self.ended_at, self.end = 0, None, None, None
        self.is_over = False

    def got(self):
        self.count += 1
        self.last_at = time.monotonic()

    def ended(self, how):
        self.ended_at, self.end = time.monotonic(), how

    async def run(self):
        try:
            await self.work()
        except asyncio.CancelledError:
            raise
        except websockets.ConnectionClosed as closed:
            self.ended(closed.rcvd.code if closed.rcvd else repr(closed))
        except Exception as error:  # noqa: BLE001 - however it ended is the finding
            self.ended(repr(error))

    def socket(self, target):
        return connect(f"wss://{self.server.authorities}{target}", ssl=self.server.trust, compression=None, proxy=None,
                       additional_headers=self.credential.headers, max_size=None, open_timeout=PATIENCE_S)

    def requests(self, is_newer=False):
        # A connection that rests while the machine stalls is kept: another would count as one that ended.
        return httpx.AsyncClient(base_url=f"https://{self.server.authorities}", verify=self.server.trust, http1=not is_newer,
                                 http2=is_newer, headers=self.credential.headers, timeout=PATIENCE_S,
                                 limits=httpx.Limits(keepalive_expiry=None))


class Publisher(Client):
    """Publishes a tick every now and then."""

    name = "publisher"

    async def work(self):
        async with self.socket(PUBLISHER) as socket:
            while not self.is_over:
                await socket.send(frame(self.count + 1))
                self.got()
                await asyncio.sleep(0.04)


class Viewer(Client):
    """Sees every tick."""

    name = "viewer"

    async def work(self):
        async with self.socket(VIEWER) as socket:
            async for message in socket:
                if isinstance(message, bytes):
                    self.got()


class Subscriber(Client):
    """Hears every event over a socket of the agent API."""

    name = "subscriber"

    async def work(self):
        async with self.socket(SUBSCRIBER) as socket:
            async for message in socket:
                if json.loads(message).get("type") == "event":
                    self.got()


class Listener(Client):
    """Hears every event over a stream of events, in order and without a hole."""

    name = "event stream"

    def __init__(self, server, credential, is_newer=False):
        super().__init__(server, credential)
        self.is_newer, self.sequence, self.holes = is_newer, None, 0
        if is_newer:
            self.name = "event stream, HTTP/2"

    async def work(self):
        async with (self.requests(self.is_newer) as client,
                    client.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as answer):
            if answer.status_code != 200:
                return self.ended(answer.status_code)
            async for line in answer.aiter_lines():
                if line.startswith("id:"):
                    sequence = int(line.removeprefix("id:"))
                    self.holes += self.sequence is not None and sequence != self.sequence + 1
                    self.sequence = sequence
                    self.got()
        self.ended("end of the stream")


class Asker(Client):
    """Asks one thing after another over one connection. Every request counts, and so does every connection."""

    name = "requests"

    def __init__(self, server, credential, is_newer=False, pause_s=0.02):
        super().__init__(server, credential)
        self.is_newer, self.pause_s, self.connections = is_newer, pause_s, 0
        # When a request began, and how it was answered.
        self.asked = []
        if is_newer:
            self.name = "requests, HTTP/2"

    async def trace(self, event, _about):
        self.connections += event == "connection.connect_tcp.complete"

    async def work(self):
        async with self.requests(self.is_newer) as client:
            while not self.is_over:
                began = time.monotonic()
                answer = await client.post("/v1/tasks", json={"type": "execution", "task_data": {}},
                                           extensions={"trace": self.trace})
                self.asked.append((began, answer.status_code))
                if answer.status_code != 201:
                    return self.ended(answer.status_code)
                self.got()
                await asyncio.sleep(self.pause_s)


class Visitor(Client):
    """Comes, sees a tick and goes, again and again."""

    name = "visits"

    async def work(self):
        while not self.is_over:
            async with self.socket(VIEWER) as socket:
                await asyncio.wait_for(socket.recv(), PATIENCE_S)
            self.got()
            await asyncio.sleep(0.05)
