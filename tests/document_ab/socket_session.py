"""A session over WebSocket: what it says, and what it hears, in order."""

import json
import time

import websockets
import websockets.sync.client

from failed import Failed, check, check_equal
from rest import check_moment, check_uuid


class Session:
    """One connection. What comes in waits in `inbox` until a test takes it."""

    def __init__(self, url, patience_s, headers=None, subprotocols=None):
        self.patience_s = patience_s
        self.inbox = []
        self.socket = websockets.sync.client.connect(
            url,
            additional_headers=headers,
            subprotocols=subprotocols,
            compression=None,
            max_size=None,
        )
        # An upgrade is answered before the session begins; who has it answered a ping is there.
        check(self.socket.ping().wait(patience_s), "no pong")

    def say(self, message):
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def read(self, until):
        """Takes in what comes until then, or the next message; whether there was one."""
        left_s = until - time.monotonic()
        if left_s <= 0:
            return False
        try:
            message = self.socket.recv(timeout=left_s)
        except TimeoutError:
            return False
        self.inbox.append(json.loads(message) if isinstance(message, str) else message)
        return True

    def take(self, matches):
        for at, item in enumerate(self.inbox):
            if matches(item):
                return self.inbox.pop(at)
        return None

    def expect(self, what, matches):
        """The first message that matches, as soon as it is there."""
        until = time.monotonic() + self.patience_s
        while (item := self.take(matches)) is None:
            try:
                is_read = self.read(until)
            except websockets.ConnectionClosed as closed:
                raise Failed(f"{what} didn't come: {closed}") from None
            if not is_read:
                raise Failed(f"{what} didn't come; there was {str(self.inbox[-5:])[:400]}")
        return item

    def expect_type(self, kind, **fields):
        """A message of document A's envelope of this type, with these fields."""

        def matches(item):
            return is_part({"type": kind, **fields}, item)

        return self.expect(f"{kind} {fields}", matches)

    def expect_event(self, kind, **payload):
        """An event of either envelope of this type, with these fields in its payload."""

        def matches(item):
            return is_part({"event_type": kind, "payload": payload}, item)

        return self.expect(f"{kind} {payload}", matches)

    def expect_none(self, what, matches, seconds=0.5):
        until = time.monotonic() + seconds
        while self.read(until):
            pass
        item = self.take(matches)
        check(item is None, f"{what} came: {str(item)[:300]}")

    def subscribe(self, *topics, **fields):
        """Document B's subscription; what it was answered."""
        self.say({"subscription": {"id": "s-1", "topics": list(topics), **fields}})
        return self.expect("subscribed", lambda item: "subscribed" in str(item))

    def close_code(self):
        until = time.monotonic() + self.patience_s
        try:
            while self.read(until):
                pass
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        raise Failed("the server didn't close the connection")

    def close(self):
        self.socket.close()


def is_part(expected, item):
    """Whether the message has these fields, and objects in them theirs."""
    if isinstance(expected, dict):
        return isinstance(item, dict) and all(
            key in item and is_part(value, item[key]) for key, value in expected.items()
        )
    return expected == item


def refused_upgrade(url, headers=None):
    """The status of an upgrade that is refused."""
    try:
        Session(url, 5, headers).close()
    except websockets.InvalidStatus as refused:
        return refused.response.status_code
    raise Failed(f"{url} was upgraded")


def check_envelope_a(message):
    """Document A's message format: what is required, and of which form."""
    kinds = ("event", "command", "response", "heartbeat", "error")
    check(message.get("type") in kinds, f"type of {message}")
    check_uuid(message.get("id"), "id")
    check_moment(message.get("timestamp"), "timestamp")
    check_equal(type(message.get("payload")), dict, f"payload of {message}")
