"""A plain port in front of a server under TLS, so that any plain client can try it.

TLS is OpenSSL's, so what a client finds out about the server has gone through both.
"""

import asyncio
import threading


class Proxy:
    """The proxy; to be used with `with`."""

    def __init__(self, target, context):
        self.target = target
        self.context = context
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        starting = asyncio.start_server(self.carry, "127.0.0.1", 0)
        self.server = asyncio.run_coroutine_threadsafe(starting, self.loop).result(30)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)

    async def carry(self, reader, writer):
        try:
            upstream = await asyncio.open_connection(
                *self.target, ssl=self.context, server_hostname="localhost"
            )
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))


async def pump(reader, writer):
    """Carries bytes one way, and the end."""
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            # TLS of asyncio can't end one way alone.
            await asyncio.sleep(0.2)
            writer.close()
    except OSError:
        writer.transport.abort()
