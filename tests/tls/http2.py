"""HTTP/2 by ALPN: requests and streams of events at once, and what a hostile client may not do.

The client stands on the library h2, which shares nothing with the server's.
"""

import json
import struct
import subprocess
import time

import h2.config
import h2.connection
import h2.events
import h2.settings

from server import PATIENCE_S, Server, eventually
from websocket import connect, trusting

HEADERS = 0x1
RST_STREAM = 0x3
PING = 0x6
GOAWAY = 0x7
CONTINUATION = 0x9


def run(_folder, authority):
    certificate, key = authority.server("http2")
    context = trusting(authority.certificate, protocols=("h2", "http/1.1"))
    flags = ["--tls-cert", certificate, "--tls-key", key]
    with Server(*flags) as server:
        requests(server, context)
        events(server, context)
        sockets(server, context)
        by_curl(server, authority)
        before = server.resident_bytes()
        resets(server, context)
        endless_heads(server, context)
        large_heads(server, context)
        many_streams(server, context)
        nothing_taken(server, context)
        idle(server, context)
        requests(server, context)
        grown = server.resident_bytes() - before
        assert grown < 64 << 20, f"{grown} bytes grown"
        # A drain lets what is under way finish, and says that nothing more is taken.
        client = Client(server, context)
        client.answer(client.ask("GET", "/healthz"))
        server.signal("SIGTERM")
        client.until(lambda: client.is_over)
        assert client.has_goaway


class Client:
    """A connection."""

    def __init__(self, server, context, **settings):
        self.authority = f"localhost:{server.port}"
        self.connection = connect(server.address, context)
        assert self.connection.selected_alpn_protocol() == "h2"
        config = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        if settings:
            self.h2.local_settings.update(settings["settings"])
        self.h2.initiate_connection()
        self.flush()
        self.heads, self.bodies, self.ended, self.resets = {}, {}, set(), {}
        self.is_over = self.has_goaway = False
        self.takes = True
        self.cut = b""

    def flush(self):
        self.connection.sendall(self.h2.data_to_send())

    def head(self, method, path, more=()):
        return [
            (":method", method), (":scheme", "https"), (":authority", self.authority),
            (":path", path), *more,
        ]

    def ask(self, method, path, body=None, more=()):
        stream = self.h2.get_next_available_stream_id()
        if body is not None:
            more = [("content-type", "application/json"), *more]
        self.h2.send_headers(stream, self.head(method, path, more), end_stream=body is None)
        if body is not None:
            self.h2.send_data(stream, json.dumps(body).encode(), end_stream=True)
        self.flush()
        return stream

    def step(self):
        try:
            part = self.connection.recv(65536)
        except OSError:
            part = b""
        if not part:
            self.is_over = True
            return
        for event in self.h2.receive_data(self.until_goaway(part)):
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = {
                    text(name): text(value) for name, value in event.headers
                }
            elif isinstance(event, h2.events.DataReceived):
                self.bodies.setdefault(event.stream_id, bytearray()).extend(event.data)
                if self.takes:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = event.error_code
                self.ended.add(event.stream_id)
        self.send(self.h2.data_to_send())

    def send(self, frames):
        try:
            self.connection.sendall(frames)
        except OSError:
            self.is_over = True

    def until_goaway(self, part):
        """The frames before GOAWAY. The library takes that for the end, where the server still asks by a
        PING whether it was seen."""
        self.cut += part
        fed = b""
        while len(self.cut) >= 9 and len(self.cut) >= 9 + int.from_bytes(self.cut[:3], "big"):
            length = 9 + int.from_bytes(self.cut[:3], "big")
            frame, self.cut = self.cut[:length], self.cut[length:]
            self.has_goaway |= frame[3] == GOAWAY
            if not self.has_goaway:
                fed += frame
            elif frame[3] == PING and frame[4] == 0:
                self.send(raw(PING, 0x1, 0, frame[9:]))
        return fed

    def until(self, is_done):
        until = time.monotonic() + PATIENCE_S
        while not is_done():
            assert not self.is_over or is_done(), "the connection has ended"
            assert time.monotonic() < until, "this never came"
            self.step()

    def answer(self, stream):
        self.until(lambda: stream in self.ended)
        head = self.heads.get(stream, {})
        return int(head.get(":status", 0)), head, bytes(self.bodies.get(stream, b""))


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def requests(server, context):
    """Many at once over one connection, with bodies both ways; each gets its own answer."""
    client = Client(server, context)
    ids = [f"h2-{number}-{time.monotonic_ns()}" for number in range(40)]
    asked = {
        agent: client.ask("POST", "/api/v1/agents/register",
                          {"id": agent, "type": "code_generation", "capabilities": ["python"]})
        for agent in ids
    }
    for agent, stream in asked.items():
        status, head, body = client.answer(stream)
        assert status == 201, (status, body)
        assert json.loads(body)["id"] == agent
        assert "connection" not in head and "transfer-encoding" not in head, head
    asked = {agent: client.ask("GET", f"/api/v1/agents/{agent}") for agent in ids}
    for agent, stream in asked.items():
        status, _, body = client.answer(stream)
        assert status == 200 and json.loads(body)["id"] == agent, (status, body)
    # The page, which is larger than the window of a stream.
    status, head, body = client.answer(client.ask("GET", "/docs/"))
    assert status == 200 and head["content-type"].startswith("text/html"), head
    status, _, body = client.answer(client.ask("HEAD", "/healthz"))
    assert status == 200 and body == b""
    status, _, body = client.answer(client.ask("GET", "/healthz", more=[("host", "elsewhere")]))
    assert status == 400 and b"differs" in body, (status, body)
    status, _, _ = client.answer(client.ask("TRACE", "/healthz"))
    assert status == 405, status


def events(server, context):
    """A stream of events beside requests on the same connection."""
    client = Client(server, context)
    listening = client.ask("GET", "/api/v1/events", more=[("accept", "text/event-stream")])
    client.until(lambda: listening in client.heads)
    assert client.heads[listening][":status"] == "200", client.heads
    agent = f"heard-{time.monotonic_ns()}"
    made = client.ask("POST", "/api/v1/agents/register",
                      {"id": agent, "type": "code_generation", "capabilities": ["python"]})
    assert client.answer(made)[0] == 201
    client.until(lambda: agent.encode() in client.bodies.get(listening, b""))


def sockets(server, context):
    """WebSocket is not spoken here, and that is said; extended CONNECT is not offered."""
    client = Client(server, context)
    for path in ["/agents/ws", "/api/v1/ws", "/v1/ws"]:
        status, _, body = client.answer(client.ask("GET", path))
        assert status == 426 and b"HTTP/1.1" in body, (path, status, body)
    client.until(lambda: client.h2.remote_settings is not None)
    assert not client.h2.remote_settings.enable_connect_protocol
    stream = client.h2.get_next_available_stream_id()
    head = [*client.head("CONNECT", "/agents/ws"), (":protocol", "websocket")]
    client.h2.send_headers(stream, head)
    client.flush()
    client.until(lambda: stream in client.ended or client.is_over)
    assert client.heads.get(stream, {}).get(":status", "refused") != "200"


def by_curl(server, authority):
    """Another client still; also one that prefers HTTP/1.1."""
    url = f"https://localhost:{server.port}/healthz"
    for flag, version in [("--http2", "2"), ("--http1.1", "1.1")]:
        done = subprocess.run(
            ["curl", "-sS", flag, "--cacert", authority.certificate, "-w", "%{http_version}", url],
            capture_output=True, text=True, timeout=150, check=True,
        )
        assert done.stdout == f"alive\n{version}", done.stdout


def resets(server, context):
    """Requests that are taken back at once, again and again: the client is cut off."""
    client = Client(server, context)
    try:
        for _ in range(200):
            for _ in range(100):
                stream = client.h2.get_next_available_stream_id()
                client.h2.send_headers(stream, client.head("GET", "/healthz"), end_stream=True)
                client.h2.reset_stream(stream)
            client.flush()
        client.until(lambda: client.is_over)
    except OSError:
        pass
    alive(server, context)


def endless_heads(server, context):
    """A head whose continuation never ends."""
    client = Client(server, context)
    first = raw(HEADERS, 0x1, 1, client.h2.encoder.encode(client.head("GET", "/healthz")))
    filler = raw(CONTINUATION, 0, 1, b"\x40\x01x\x7f\x81\x7f" + b"y" * 256)
    try:
        client.connection.sendall(first)
        for _ in range(20_000):
            client.connection.sendall(filler)
        client.until(lambda: client.is_over)
    except OSError:
        pass
    alive(server, context)


def large_heads(server, context):
    """A head that is larger than allowed is refused, the connection or the stream with it."""
    client = Client(server, context)
    more = [(f"x-{number}", "y" * 1000) for number in range(40)]
    try:
        stream = client.ask("GET", "/healthz", more=more)
        client.until(lambda: stream in client.ended or client.is_over)
        assert client.heads.get(stream, {}).get(":status", "431") == "431", client.heads
    except OSError:
        pass
    alive(server, context)


def many_streams(server, context):
    """More requests at once than are allowed are not served at once, and those that are allowed are."""
    client = Client(server, context)
    client.until(lambda: client.h2.remote_settings.max_concurrent_streams < 1000)
    allowed = client.h2.remote_settings.max_concurrent_streams
    # Streams of events, since they don't end: none makes room for another.
    head = client.head("GET", "/api/v1/events", [("accept", "text/event-stream")])
    for number in range(allowed + 50):
        # h2 itself would hold to what the server allows, so the frames are written by hand.
        encoded = client.h2.encoder.encode(head)
        client.connection.sendall(raw(HEADERS, 0x5, 1 + 2 * number, encoded))
    answered, refused = count_answers(client, allowed + 50)
    assert (answered, refused) == (allowed, 50), (answered, refused)
    client.connection.close()
    alive(server, context)


def count_answers(client, enough):
    """How many streams are answered and how many reset, until these are `enough` together."""
    answered, refused, held = 0, 0, b""
    while answered + refused < enough:
        part = client.connection.recv(65536)
        assert part, f"ended after {answered} answers and {refused} resets"
        held += part
        while len(held) >= 9 and len(held) >= 9 + int.from_bytes(held[:3], "big"):
            answered += held[3] == HEADERS
            refused += held[3] == RST_STREAM
            held = held[9 + int.from_bytes(held[:3], "big") :]
    return answered, refused


def nothing_taken(server, context):
    """Who asks and takes nothing holds its own connection only, and not for ever."""
    client = Client(server, context)
    client.takes = False
    for _ in range(100):
        client.ask("GET", "/openapi/v1.json")
    for _ in range(10):
        client.step()
    alive(server, context)
    client.connection.close()


def idle(server, context):
    """Who asks nothing is told to go, also if no request ever came."""
    silent = Client(server, context)
    # TLS alone, and then nothing.
    mute = connect(server.address, context)
    mute.settimeout(PATIENCE_S)
    while mute.recv(4096):
        pass
    silent.until(lambda: silent.is_over)
    assert silent.has_goaway


def raw(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def alive(server, context):
    """The server goes on."""

    def look():
        client = Client(server, context)
        return client.answer(client.ask("GET", "/healthz"))[0] == 200

    eventually("the server answers", look)
