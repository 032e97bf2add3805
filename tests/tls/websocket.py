"""A WebSocket client by hand over any socket, plain or under TLS by OpenSSL."""

import base64
import os
import socket
import ssl
import struct

from server import PATIENCE_S

PATH = "/api/visualisation/agents/ws"


def trusting(authority, client=None, protocols=("http/1.1",)):
    """A context that trusts an authority, and shows a certificate if there is one."""
    context = ssl.create_default_context(cafile=authority)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if client:
        context.load_cert_chain(*client)
    return context


def connect(address, context=None, receive_bytes=None):
    """A connection, under TLS if there is a context."""
    plain = socket.socket()
    if receive_bytes:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.settimeout(PATIENCE_S)
    plain.connect(address)
    if context is None:
        return plain
    return context.wrap_socket(plain, server_hostname="localhost")


class WebSocket:
    """A session."""

    def __init__(self, connection, query, path=PATH, behind=b""):
        self.connection = connection
        self.bytes = bytearray()
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        connection.sendall(request.encode() + behind)
        while b"\r\n\r\n" not in self.bytes:
            self.receive()
        head, _, rest = bytes(self.bytes).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.bytes = bytearray(rest)

    def receive(self):
        part = self.connection.recv(65536)
        if not part:
            raise EOFError("the connection has ended")
        self.bytes += part

    def send(self, opcode, payload):
        self.connection.sendall(frame(opcode, payload))

    def message(self):
        """The next message: its opcode, and its bytes."""
        while (found := unframe(self.bytes)) is None:
            self.receive()
        opcode, payload, length = found
        del self.bytes[:length]
        return opcode, payload

    def binary(self):
        """The next binary message; pings are answered on the way."""
        while True:
            opcode, payload = self.message()
            if opcode == 2:
                return payload
            assert opcode in (1, 9, 10), (opcode, payload)
            if opcode == 9:
                self.send(10, payload)


def frame(opcode, payload):
    """A message of a client: masked, by a mask of zeros, which changes nothing."""
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        length = bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    else:
        length = bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def unframe(held):
    """A message of a server, if it is there whole: opcode, payload, bytes of both."""
    if len(held) < 2:
        return None
    assert held[0] & 0xF0 == 0x80 and held[1] & 0x80 == 0, bytes(held[:2])
    length, at = held[1], 2
    if length == 126:
        if len(held) < 4:
            return None
        length, at = struct.unpack(">H", held[2:4])[0], 4
    elif length == 127:
        if len(held) < 10:
            return None
        length, at = struct.unpack(">Q", held[2:10])[0], 10
    if len(held) < at + length:
        return None
    return held[0] & 0x0F, bytes(held[at : at + length]), at + length


def positions(records):
    """A frame of positions; records are pairs of an id and x."""
    payload = struct.pack("<I", len(records)) + b"".join(
        struct.pack("<I6f", number, x, 0, 0, 0, 0, 0) for number, x in records
    )
    return struct.pack("<4sBBH", b"AGNT", 1, 0, len(payload)) + payload


def frames(message):
    """The frames of a message: type, flags, payload."""
    at = 0
    while at < len(message):
        magic, kind, flags, length = struct.unpack_from("<4sBBH", message, at)
        assert magic == b"AGNT", message[at : at + 8]
        yield kind, flags, message[at + 8 : at + 8 + length]
        at += 8 + length


def records(payload):
    """The pairs of a payload of positions."""
    (count,) = struct.unpack_from("<I", payload)
    for index in range(count):
        yield struct.unpack_from("<If", payload, 4 + 28 * index)
