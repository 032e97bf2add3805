"""What viewers get over TLS: the same bytes as without, and newer ones where they are slow."""

import time

from server import Server, eventually
from websocket import WebSocket, connect, frames, positions, records, trusting

AGENTS = 1000
TICKS = 300

# Small, so that what a viewer that stalls has not read stays with the server.
RECEIVE_BYTES = 16 * 1024

# What may lie encrypted and unsent, with room for what TLS adds to it.
AHEAD_BYTES_MAX = 80 * 1024

STALL_S = 2.0


def run(_folder, authority):
    certificate, key = authority.server("viewers")
    context = trusting(authority.certificate)
    flags = ["--tls-cert", certificate, "--tls-key", key]
    # Where bytes are compared nobody is late, and no agent silent, on a machine that stalls.
    patient = ["--staleness-max-ms", 60_000, "--agent-ttl-s", 0]
    with Server(*flags, *patient) as encrypted, Server(*patient) as plain:
        assert messages(encrypted, context) == messages(plain, None)
        assert with_request(encrypted, context) == with_request(plain, None)
    with Server(*flags) as encrypted, Server() as plain:
        older = {}
        for name, server, trust in [("tls", encrypted, context), ("plain", plain, None)]:
            older[name] = [stalled(server, trust) for _ in range(3)]
        allowed = max(older["plain"]) + AHEAD_BYTES_MAX
        assert min(older["tls"]) <= allowed, older
        print(f"    older bytes after a stall: {older}")


def messages(server, context):
    """What a viewer gets of ticks of many sizes, and of what goes round them."""
    publisher = WebSocket(connect(server.address, context), "protocols=binary&role=publisher")
    viewer = WebSocket(connect(server.address, context), "protocols=binary&role=viewer")
    # The state of a stream that is empty: from here on the viewer is there.
    got = [viewer.binary()]
    for tick in range(TICKS):
        size = 1 + (tick * 37) % 2000
        publisher.send(2, positions([(number, float(tick)) for number in range(1, size + 1)]))
        # In step, so that none is left out.
        got.append(viewer.binary())
    return got


def with_request(server, context):
    """Messages that come in one piece with the request for the socket are not lost."""
    viewer = WebSocket(connect(server.address, context), "stream=early&protocols=binary&role=viewer")
    from websocket import frame

    behind = b"".join(frame(2, positions([(1, float(tick))])) for tick in range(20))
    query = "stream=early&protocols=binary&role=publisher"
    publisher = WebSocket(connect(server.address, context), query, behind=behind)
    publisher.send(2, positions([(1, 20.0)]))
    seen = []
    while not seen or seen[-1] != 20.0:
        for kind, _, payload in frames(viewer.binary()):
            if kind == 1:
                seen += [x for _, x in records(payload)]
    return seen == sorted(seen)


def stalled(server, context):
    """How many bytes of old ticks a viewer gets that has not read for a while."""
    stream = f"stream=stall-{time.monotonic_ns()}"
    publisher = WebSocket(
        connect(server.address, context), f"{stream}&protocols=binary&role=publisher"
    )
    viewer = WebSocket(
        connect(server.address, context, RECEIVE_BYTES), f"{stream}&protocols=binary&role=viewer"
    )
    until = time.monotonic() + STALL_S
    tick = 0
    while time.monotonic() < until:
        tick += 1
        publisher.send(2, positions([(number, float(tick)) for number in range(1, AGENTS + 1)]))
        time.sleep(0.01)
    older_bytes, newest = 0, float(tick)
    before = 0.0
    while True:
        message = viewer.binary()
        for kind, _, payload in frames(message):
            if kind != 1 or len(payload) == 4:
                continue
            x = max(x for _, x in records(payload))
            if x == newest:
                return older_bytes
            assert x >= before, "what comes is never older than what came"
            before = x
            older_bytes += len(payload)
