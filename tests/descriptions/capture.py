"""A capture file of WebSocket connections, written by hand: pcap, Ethernet, IPv4, TCP, HTTP upgrade.

    write_capture(path, [[Message(b"..."), Message(b"...", masked=True)], [...]])

Each inner list is a connection of its own, with its upgrade and then one WebSocket message after
the other. What is too long for a TCP segment goes on in the next.
"""

import dataclasses
import itertools
import struct

TEXT, BINARY = 1, 2

SERVER_PORT = 8080
SEGMENT_BYTES_MAX = 1460
MASK = b"\x37\xfa\x21\x3d"

REQUEST = (
    b"GET /api/visualisation/agents/ws HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


@dataclasses.dataclass
class Message:
    """A WebSocket message: from the client if masked, in so many fragments."""

    payload: bytes
    opcode: int = BINARY
    masked: bool = False
    fragments: int = 1


def websocket_frames(message):
    """The RFC 6455 frames of a message."""
    size = -(-len(message.payload) // message.fragments) or 1
    pieces = [message.payload[at : at + size] for at in range(0, len(message.payload), size)] or [
        b""
    ]
    frames = []
    for index, piece in enumerate(pieces):
        first = (0x80 if index == len(pieces) - 1 else 0) | (message.opcode if index == 0 else 0)
        masked = 0x80 if message.masked else 0
        if len(piece) < 126:
            head = struct.pack(">BB", first, masked | len(piece))
        elif len(piece) < 1 << 16:
            head = struct.pack(">BBH", first, masked | 126, len(piece))
        else:
            head = struct.pack(">BBQ", first, masked | 127, len(piece))
        if message.masked:
            piece = bytes(byte ^ key for byte, key in zip(piece, itertools.cycle(MASK)))
            head += MASK
        frames.append(head + piece)
    return frames


class Connection:
    """One TCP connection's packets, with sequence numbers that fit."""

    def __init__(self, client_port):
        self.client_port = client_port
        self.sent = {True: 1000, False: 5000}
        self.packets = []
        self.segment(True, b"", 0x02)
        self.segment(False, b"", 0x12)
        self.segment(True, b"", 0x10)
        self.send(True, REQUEST)
        self.send(False, RESPONSE)

    def send(self, by_client, data):
        for at in range(0, len(data), SEGMENT_BYTES_MAX):
            self.segment(by_client, data[at : at + SEGMENT_BYTES_MAX], 0x18)

    def segment(self, by_client, data, flags):
        ports = (self.client_port, SERVER_PORT) if by_client else (SERVER_PORT, self.client_port)
        addresses = (b"\x0a\0\0\1", b"\x0a\0\0\2") if by_client else (b"\x0a\0\0\2", b"\x0a\0\0\1")
        acknowledged = self.sent[not by_client] if flags & 0x10 else 0
        tcp = struct.pack(
            ">HHIIBBHHH", *ports, self.sent[by_client], acknowledged, 0x50, flags, 0xFFFF, 0, 0
        )
        total = 20 + len(tcp) + len(data)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, 6, 0) + b"".join(addresses)
        ethernet = bytes(range(12)) + b"\x08\x00"
        self.packets.append(ethernet + ip + tcp + data)
        self.sent[by_client] += len(data) + (1 if flags & 0x02 else 0)


def write_capture(path, connections):
    """Writes the connections, one behind the other, as a pcap file."""
    packets = []
    for index, messages in enumerate(connections):
        connection = Connection(40000 + index)
        for message in messages:
            for frame in websocket_frames(message):
                connection.send(message.masked, frame)
        packets += connection.packets
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        for number, packet in enumerate(packets):
            file.write(struct.pack("<IIII", 1_700_000_000, number, len(packet), len(packet)))
            file.write(packet)
