"""A session of document C: what it says, and what it hears, over the package `websockets`."""

import asyncio
import json
import time
import uuid
from datetime import datetime, timedelta, timezone

import websockets

import agnt_frame

HANDSHAKE = {
    "type": "handshake",
    "version": "1.0.0",
    "capabilities": ["binary"],
    "timestamp": "2024-01-10T12:00:00Z",
}


class Failed(Exception):
    """What was expected didn't come true."""


def check(holds, what):
    if not holds:
        raise Failed(what)


def check_equal(found, expected, what):
    check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


def moment(seconds_ahead=0.0):
    """A timestamp of now, or so many seconds from it."""
    then = datetime.now(timezone.utc) + timedelta(seconds=seconds_ahead)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(kind, payload, **metadata):
    """A message in document C's envelope."""
    message = {"id": str(uuid.uuid4()), "type": kind, "timestamp": moment(), "payload": payload}
    if metadata:
        message["metadata"] = metadata
    return message


def short(item):
    text = json.dumps(item) if isinstance(item, dict) else repr(item)
    return text if len(text) <= 160 else f"{text[:160]}..."


# In how many windows, one after another, what is to end may still come.
WINDOWS = 5


class Session:
    """One connection. What comes in waits in `inbox`, in order, until a test takes it."""

    # How long `expect` waits; the runner shortens it where nothing is going to come.
    patience_s = 30.0

    def __init__(self, socket):
        self.socket = socket
        self.inbox = []
        self.ack = None
        self.inflate = None
        self.heard = asyncio.Condition()
        self.reader = asyncio.create_task(self.listen())

    @classmethod
    async def connect(cls, url, **options):
        """Opens the socket and says nothing."""
        return cls(await websockets.connect(url, max_size=None, compression=None, **options))

    @classmethod
    async def open(cls, url, *capabilities, headers=None, **fields):
        """Opens the socket, shakes hands with these capabilities and fields, awaits the answer."""
        session = await cls.connect(url, additional_headers=headers)
        try:
            await session.say({**HANDSHAKE, "capabilities": list(capabilities), **fields})
            session.ack = await session.expect_type("handshake_ack")
        except Failed:
            await session.close()
            raise
        return session

    async def listen(self):
        try:
            async for message in self.socket:
                items = [json.loads(message)] if isinstance(message, str) else self.frames(message)
                async with self.heard:
                    self.inbox.extend(items)
                    self.heard.notify_all()
        except (websockets.ConnectionClosed, agnt_frame.Malformed, ValueError) as problem:
            self.inbox.append(problem)
        async with self.heard:
            self.heard.notify_all()

    def frames(self, message):
        frames = []
        for frame in agnt_frame.read(message):
            if frame.kind != agnt_frame.COMPRESSED_BATCH or self.inflate is None:
                frames.append(frame)
                continue
            whole = self.inflate(frame.payload)
            if len(whole) != frame.original_bytes:
                raise agnt_frame.Malformed(f"original {frame.original_bytes}, found {len(whole)}")
            for inner in agnt_frame.read(whole):
                inner.was_compressed = True
                frames.append(inner)
        return frames

    async def say(self, message):
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def send(self, frame):
        await self.socket.send(frame)

    def take(self, matches):
        for at, item in enumerate(self.inbox):
            if matches(item):
                return self.inbox.pop(at)
        return None

    async def expect(self, what, matches, patience_s=None):
        """Takes the first item that matches, waiting for it if need be."""
        deadline = time.monotonic() + (patience_s or self.patience_s)
        async with self.heard:
            while True:
                item = self.take(matches)
                if item is not None:
                    return item
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self.reader.done():
                    came = "; ".join(short(item) for item in self.inbox[-6:]) or "nothing"
                    closed = f"; closed with {self.socket.close_code}" if self.reader.done() else ""
                    raise Failed(f"{what} didn't come; there was {came}{closed}")
                try:
                    await asyncio.wait_for(self.heard.wait(), left_s)
                except TimeoutError:
                    pass

    async def expect_text(self, what, matches=lambda text: True, patience_s=None):
        return await self.expect(
            what, lambda item: isinstance(item, dict) and matches(item), patience_s
        )

    async def expect_type(self, kind, matches=lambda text: True, patience_s=None):
        return await self.expect_text(
            kind, lambda text: text.get("type") == kind and matches(text), patience_s
        )

    async def expect_frame(self, kind, what="", matches=lambda frame: True, patience_s=None):
        return await self.expect(
            f"a frame of type 0x{kind:02x} {what}",
            lambda item: isinstance(item, agnt_frame.Frame) and item.kind == kind and matches(item),
            patience_s,
        )

    async def expect_error(self, code, request_id=None):
        error = await self.expect_type("error")
        payload = error.get("payload", {})
        check_equal(payload.get("code"), code, f"code of the error {payload}")
        if request_id is not None:
            check_equal(payload.get("details", {}).get("requestId"), request_id, "details.requestId")
        return payload

    async def ask(self, message, kind):
        """Says a message and takes the answer, an error being a failure that shows it."""
        await self.say(message)
        answer = await self.expect_text(kind, lambda text: text.get("type") in (kind, "error"))
        check(answer["type"] == kind, f"{kind} was expected, there came {short(answer)}")
        return answer

    async def pause(self):
        """Until everything said before has been worked off: a heartbeat there and back."""
        stamp = moment()
        await self.say({"type": "heartbeat", "timestamp": stamp})
        await self.expect_type("heartbeat_ack", lambda text: text.get("timestamp") == stamp)

    async def expect_none(self, what, matches, seconds=0.3):
        """Nothing that matches comes within so many seconds."""
        await asyncio.sleep(seconds)
        item = self.take(lambda item: isinstance(item, dict) and matches(item))
        check(item is None, f"{what} came: {short(item)}")

    async def silent_end(self, server):
        """The code with which this session, taking nothing, is closed for its silence by the server."""
        self.socket.transport.pause_reading()
        sample = 'agnt_disconnects_total{reason="no_life"}'
        deadline = time.monotonic() + self.patience_s
        # What answers a ping is read here only when the server has seen enough.
        while await asyncio.to_thread(server.metric, sample) < 1 and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        self.socket.transport.resume_reading()
        return await self.close_code()

    async def expect_end(self, what, matches, seconds):
        """What matches comes no more: so many seconds bring none, once what was under way is here."""
        for _ in range(WINDOWS):
            while self.take(lambda item: isinstance(item, dict) and matches(item)):
                pass
            await asyncio.sleep(seconds)
            item = self.take(lambda item: isinstance(item, dict) and matches(item))
            if item is None:
                return
        raise Failed(f"{what} goes on coming: {short(item)}")

    async def close_code(self, patience_s=None):
        try:
            await asyncio.wait_for(self.reader, patience_s or self.patience_s)
        except TimeoutError:
            raise Failed("the server didn't close the connection") from None
        return self.socket.close_code

    async def close(self):
        await self.socket.close()
        await self.reader
