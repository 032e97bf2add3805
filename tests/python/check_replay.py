#!/usr/bin/env python3
"""Replays a recording to viewers and compares what each of them received with the publisher's log.

    check_replay.py --program AGNT --recording FILE [--viewers N] [--speed X] [--hz N]
                    [--staleness-max-ms MS]

Exit 0 if no viewer was conflated and every one received every record bit for bit and in order per
agent. The viewers read the wire by its description alone (docs/protocol.md), with a WebSocket
library of their own. All join before the replay begins, so that each must receive the same records
in the same order: one is compared with the log agent by agent, the others with that one. How late a
viewer may be before it is conflated is the server's own measure, or MS on a machine that is busy with
other things.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import pathlib
import struct
import sys
import tempfile

from websockets.asyncio.client import connect

HEADER = struct.Struct("<4sBBHI")
RECORD_BYTES = 28
POSITION_UPDATE = 1
KEYFRAME = 0x10
CATCH_UP_S = 90
FNV_OFFSET_BASIS, FNV_PRIME, U64 = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


class Viewer:
    """What one connection received: how many live records, and a hash over them."""

    def __init__(self, keeps_records):
        self.records = 0
        self.state_ticks = 0
        self.hash = hashlib.sha256()
        self.kept = bytearray() if keeps_records else None
        self.joined = asyncio.Event()

    async def watch(self, url):
        async with connect(url, max_size=None, compression=None) as socket:
            async for message in socket:
                self.take(message)

    def take(self, message):
        magic, kind, flags, length, count = HEADER.unpack_from(message.ljust(HEADER.size, b"\0"))
        if magic != b"AGNT" or len(message) != 8 + length:
            sys.exit(f"not one AGNT frame: {message[:16].hex()}")
        if kind != POSITION_UPDATE:
            return
        records = message[HEADER.size :]
        if len(records) != count * RECORD_BYTES:
            sys.exit(f"{count} records in {len(records)} bytes")
        if flags & KEYFRAME:
            self.state_ticks += 1
            self.joined.set()
            return
        self.records += count
        self.hash.update(records)
        if self.kept is not None:
            self.kept += records


def by_agent(records):
    """Number of records and FNV-1a over their bytes, of each agent."""
    bytes_of = {}
    for at in range(0, len(records), RECORD_BYTES):
        record = records[at : at + RECORD_BYTES]
        bytes_of.setdefault(str(int.from_bytes(record[:4], "little")), bytearray()).extend(record)
    agents = {}
    for agent, data in bytes_of.items():
        value = FNV_OFFSET_BASIS
        for byte in data:
            value = (value ^ byte) * FNV_PRIME & U64
        agents[agent] = {"records": len(data) // RECORD_BYTES, "fnv1a_64": f"{value:016x}"}
    return agents


async def replay(options, address, log_path):
    process = await asyncio.create_subprocess_exec(
        options.program, "replay", options.recording, "--url", address, "--align",
        "--speed", str(options.speed), "--hz", str(options.hz), "--log", str(log_path),
    )  # fmt: skip
    if await process.wait() != 0:
        sys.exit(f"replay: exit {process.returncode}")
    return json.loads(log_path.read_text())


async def until_all_have(viewers, records):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_S):
            while any(viewer.records < records for viewer in viewers):
                await asyncio.sleep(0.1)


def complaints(viewers, log):
    for number, viewer in enumerate(viewers):
        if viewer.state_ticks != 1:
            yield f"viewer {number}: conflated, {viewer.state_ticks - 1} times"
        if viewer.records != log["records"]:
            yield f"viewer {number}: {viewer.records} records, published were {log['records']}"
        if viewer.hash.digest() != viewers[0].hash.digest():
            yield f"viewer {number}: other records or another order than viewer 0"
    received = by_agent(viewers[0].kept)
    for agent in sorted(received.keys() | log["agents"].keys(), key=int):
        if received.get(agent) != log["agents"].get(agent):
            yield f"agent {agent}: {received.get(agent)}, published {log['agents'].get(agent)}"


async def run(options, log_path):
    lateness = ["--staleness-max-ms", str(options.staleness_max_ms)] if options.staleness_max_ms else []
    server = await asyncio.create_subprocess_exec(
        options.program, "serve", "--listen", "127.0.0.1:0", "--agent-ttl-s", "0",
        "--publisher-linger-s", "3600", "--data-dir", str(log_path.parent / "data"),
        *lateness, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    watching = []
    try:
        ready = (await server.stdout.readline()).decode().strip()
        address = ready.removeprefix("listening on ").replace("http://", "ws://")
        url = f"{address}/api/visualisation/agents/ws?protocols=binary&role=viewer"
        viewers = [Viewer(keeps_records=number == 0) for number in range(options.viewers)]
        watching = [asyncio.create_task(viewer.watch(url)) for viewer in viewers]
        async with asyncio.timeout(CATCH_UP_S):
            await asyncio.gather(*(viewer.joined.wait() for viewer in viewers))
        log = await replay(options, address, log_path)
        await until_all_have(viewers, log["records"])
    finally:
        for task in watching:
            task.cancel()
        server.terminate()
        await server.wait()
    return viewers, log


def main():
    parser = argparse.ArgumentParser(description="Compares a replay's viewers with its log.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--recording", required=True)
    parser.add_argument("--viewers", type=int, default=10)
    parser.add_argument("--speed", type=float, default=20)
    parser.add_argument("--hz", type=int, default=60)
    parser.add_argument("--staleness-max-ms", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        viewers, log = asyncio.run(run(options, pathlib.Path(folder) / "published.json"))
    found = list(complaints(viewers, log))
    for complaint in found[:20]:
        print(f"FAILED: {complaint}")
    print(
        f"{len(viewers)} viewers, {len(log['agents'])} agents, {log['ticks']} ticks, "
        f"{log['records']} records published: {len(found)} differences, "
        f"conflated {sum(viewer.state_ticks - 1 for viewer in viewers)}"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
