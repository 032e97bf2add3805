#!/usr/bin/env python3
"""A server that serves nothing: what the tests of run.py must all find out.

    stub.py [--polite] ... --listen ADDRESS:PORT ...

It upgrades every path and answers every text with {}, every binary message with an empty one, every
HTTP request with {}. With --polite a handshake is answered as document C's example stands there.
"""

import asyncio
import contextlib
import http
import json
import sys
from pathlib import Path

import websockets

EXAMPLES = json.loads((Path(__file__).parent / "examples.json").read_text())
ACK = next(each["text"] for each in EXAMPLES["messages"] if each["name"] == "handshake_ack")


def answer_http(connection, request):
    if "Upgrade" in request.headers:
        return None
    answer = connection.respond(http.HTTPStatus.OK, "{}")
    answer.headers["Content-Type"] = "application/json"
    return answer


async def answer_messages(socket):
    is_polite = "--polite" in sys.argv
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in socket:
            if isinstance(message, bytes):
                await socket.send(b"")
            elif is_polite and '"handshake"' in message:
                await socket.send(ACK)
            else:
                await socket.send("{}")


async def main():
    host, port = sys.argv[sys.argv.index("--listen") + 1].rsplit(":", 1)
    options = {"process_request": answer_http, "compression": None, "max_size": None}
    async with websockets.serve(answer_messages, host, int(port), **options) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on http://{host}:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
