"""Handshakes that never end: they are bounded, and nobody who means it is kept out."""

import contextlib
import socket
import threading
import time

from server import PATIENCE_S, Server, eventually
from websocket import WebSocket, connect, positions, trusting

HALF_OPEN = 1000
UNDER_WAY_MAX = 200

# Of a ClientHello, the part that says how long it is.
BEGUN = bytes.fromhex("16030101fc010001f80303")


def run(_folder, authority):
    certificate, key = authority.server("half-open")
    flags = ["--tls-cert", certificate, "--tls-key", key, "--tls-handshakes-max", UNDER_WAY_MAX]
    context = trusting(authority.certificate)
    # So long that none of them ends by itself, however slowly they come.
    with Server(*flags, "--tls-handshake-ms", 120_000) as server:
        publisher = WebSocket(connect(server.address, context), "protocols=binary&role=publisher")
        viewer = WebSocket(connect(server.address, context), "protocols=binary&role=viewer")
        before = server.resident_bytes()
        held = Held(server.address)
        good_ones(server, context, 60)
        publisher.send(2, positions([(1, 7.0)]))
        while positions([(1, 7.0)])[-28:] not in viewer.binary():
            pass
        crowded = server.metric('agnt_tls_handshakes_total{result="crowded_out"}', context)
        assert crowded >= HALF_OPEN - UNDER_WAY_MAX, crowded
        grown = server.resident_bytes() - before
        assert grown < 64 << 20, f"{grown} bytes for {HALF_OPEN} handshakes"
        held.close()
        failed = server.metric('agnt_tls_handshakes_total{result="accepted"}', context)
        assert failed >= 62, failed
    with Server(*flags, "--tls-handshake-ms", 300) as server:
        held = Held(server.address, 50)
        eventually("half-open handshakes end", lambda: timed_out(server, context) >= 50)
        assert held.are_ended()
        held.close()


def timed_out(server, context):
    """How many handshakes took too long; 0 where the one that it takes to ask did so itself."""
    try:
        return server.metric('agnt_tls_handshakes_total{result="timed_out"}', context)
    except OSError:
        return 0


class Held:
    """Connections that begin a handshake, or nothing, and wait."""

    def __init__(self, address, count=HALF_OPEN):
        self.sockets = []
        for number in range(count):
            held = socket.create_connection(address, timeout=PATIENCE_S)
            if number % 2:
                # One whose time is short may be over before it begins.
                with contextlib.suppress(ConnectionError):
                    held.sendall(BEGUN)
            self.sockets.append(held)

    def are_ended(self):
        return all(ended(held) for held in self.sockets)

    def close(self):
        for held in self.sockets:
            held.close()


def ended(held):
    try:
        return held.recv(64) == b"" or ended(held)
    except ConnectionResetError:
        return True


def good_ones(server, context, count):
    """Clients that come meanwhile, some at once, all get their answer."""
    failures = []

    def ask():
        try:
            connection = connect(server.address, context)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := connection.recv(4096):
                answer += part
            assert answer.endswith(b"alive\n"), answer
        except (OSError, AssertionError) as error:
            failures.append(error)

    for _ in range(count // 6):
        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        time.sleep(0.01)
    assert not failures, failures
