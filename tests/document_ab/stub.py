#!/usr/bin/env python3
"""A server that serves nothing: what the tests of run.py must all find out.

    stub.py ... --listen ADDRESS:PORT ...

It answers every request with 200 and {}, and upgrades whoever asks for it; then every message is
answered with the text {}.
"""

import asyncio
import contextlib
import sys

from websockets.frames import Opcode
from websockets.server import ServerProtocol

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    fields = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
    await reader.readexactly(int(fields.get("content-length", 0)))
    return head, "upgrade" in fields


async def answer_messages(head, reader, writer):
    protocol = ServerProtocol()
    while True:
        protocol.receive_data(head)
        for event in protocol.events_received():
            if not hasattr(event, "opcode"):
                protocol.send_response(protocol.accept(event))
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
                protocol.send_text(b"{}")
        for data in protocol.data_to_send():
            if not data:
                return
            writer.write(data)
        head = await reader.read(65536)
        if not head:
            return


async def serve(reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head, is_upgrade = await read_request(reader)
            if is_upgrade:
                await answer_messages(head, reader, writer)
                break
            writer.write(ANSWER)
    writer.close()


async def main():
    host, port = sys.argv[sys.argv.index("--listen") + 1].rsplit(":", 1)
    server = await asyncio.start_server(serve, host, int(port))
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__" and "--listen" in sys.argv:
    asyncio.run(main())
