#!/usr/bin/env python3
"""What a running server says in JSON, against docs/schemas.

    check_server.py AGNT

A client sends document C's messages and the schemas' own examples, while others watch, act as the
agent and read the graph. Every text that the server sends must be valid by its type's schema, in the
server's stricter envelope where it has one, and nearly every type that it can send must be seen.
"""

import asyncio
import collections
import json
import subprocess
import sys
import tempfile
import time

from websockets.asyncio.client import connect

from catalogue import CLIENT_SENDS, SERVER_SENDS
from check_schemas import ROOT, messages, schemas, validators

KEY = str(ROOT / "credentials" / "tests" / "vectors" / "es.pem")
AGENTS, GRAPH, CONTROL = "/api/visualisation/agents/ws", "/api/graph/ws", "/api/control/ws"
# Beyond what one short talk brings about: a log that overflowed, an agent that fell silent.
RARE = {"gap", "agent.removed"}
# What only another server, with tokens, is asked for.
LATER = {"auth.renewed"}
# How long to wait at most until all has been seen, also what the server tells by itself.
PATIENCE_S = 60


class Judge:
    """Holds each message against its schema, and counts the types."""

    def __init__(self):
        self.found = schemas()
        self.validators = validators(self.found)
        self.seen = collections.Counter()
        self.problems = []

    def take(self, text):
        message = json.loads(text)
        self.hold(message)
        if "channel" in message and "type" not in message:
            self.hold(message["message"])
        return message

    def hold(self, message):
        name = message.get("type", "channel.message")
        self.seen[name] += 1
        if name not in SERVER_SENDS:
            self.problems.append(f"{name} isn't what a server sends: {json.dumps(message)}")
            return
        judges = [self.validators[f"{name}.json"]]
        if {"$ref": "envelope.json"} in self.found[f"{name}.json"].get("allOf", []):
            judges.append(self.validators["envelope.server.json"])
        errors = {
            f"{error.json_path}: {error.message}"
            for judge in judges
            for error in judge.iter_errors(message)
        }
        if errors:
            self.problems.append(f"{sorted(errors)} in {json.dumps(message)}")

    def unseen(self):
        return set(SERVER_SENDS) - set(self.seen) - RARE

    async def wait(self, heartbeats):
        """Until everything has been seen that a server without tokens sends, and so many answers to
        heartbeats, and with them all other answers; not for ever."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and (
            self.unseen() - LATER or self.seen["heartbeat_ack"] < heartbeats
        ):
            await asyncio.sleep(0.1)

    def to_send(self):
        """Every example that a client may send once it has shaken hands."""
        for name, message in messages(self.found):
            kind = name.removesuffix(".json")
            if kind in CLIENT_SENDS and kind not in ("handshake", "ack", "control.result"):
                yield message


def handshake(client, *capabilities):
    return json.dumps(
        {
            "type": "handshake",
            "version": "1.0.0",
            "clientId": client,
            "capabilities": list(capabilities),
        }
    )


async def watch(url, judge, greeting, is_there, answer=None):
    """Reads all that a session is told, from its greeting's answer on; `answer` may make replies of it."""
    async with connect(url, max_size=None) as socket:
        await socket.send(greeting)
        async for text in socket:
            if isinstance(text, bytes):
                continue
            message = judge.take(text)
            if message.get("type") == "handshake_ack":
                is_there.set()
            for reply in answer(message) if answer else ():
                await socket.send(json.dumps(reply))


def act(message):
    """The agent's part: it acknowledges what it is told and carries out every command."""
    if message["type"] == "control.execute":
        yield {"type": "ack", "id": message["id"]}
        for status in ("accepted", "completed"):
            payload = {"commandId": message["payload"]["commandId"], "status": status}
            yield {"type": "control.result", "payload": payload}


def extra():
    """What the examples don't bring about: an answer in time, an ack, a message in a channel."""
    now = {"ack": True, "correlationId": "own"}
    yield {"type": "channel.create", "channelId": "everything", "content": "events"}
    yield {"type": "channel.close", "channelId": "perf-metrics"}
    yield {"type": "channel.close", "channelId": "nowhere"}
    yield {"type": "stream.open", "streamId": "flow", "content": "metrics", "credit": 5}
    yield {"type": "stream.close", "streamId": "flow"}
    yield {"type": "stream.close", "streamId": "nowhere"}
    yield {
        "type": "control.execute",
        "id": "own-1",
        "payload": {"targetAgent": "agent-001", "command": "x"},
    }
    yield {
        "type": "control.execute",
        "id": "own-2",
        "payload": {"targetAgent": "agent-404", "command": "x"},
    }
    yield {
        "type": "agent.state.changed",
        "id": "own-3",
        "payload": {"agentId": "7", "newState": "BUSY"},
        "metadata": now,
    }
    for kind in ("offer", "answer", "ice"):
        yield {"type": f"rtc.{kind}", "payload": {"targetAgent": "agent-001"}}


async def talk(url, judge):
    """Sends everything, and reads what comes back."""
    everything = [*judge.to_send(), *extra()]
    greeting = handshake("agent-002", "multiplexing")
    async with connect(url + AGENTS, max_size=None) as socket:
        await socket.send(json.dumps({"type": "version.negotiate", "supported": ["2.0"]}))
        await socket.send(greeting)

        async def read():
            async for text in socket:
                judge.take(text)

        reader = asyncio.ensure_future(read())
        for message in everything:
            await socket.send(json.dumps(message))
            # A good message between bad ones: ten bad ones in a row would end the connection.
            await socket.send('{"type":"heartbeat"}')
        await judge.wait(len(everything))
        assert not reader.done(), f"the server closed: {reader}"
        reader.cancel()
    return len(everything)


async def converse(url, judge):
    there = [asyncio.Event() for _ in range(3)]
    watchers = [
        watch(url + AGENTS, judge, handshake("watcher", "agent-index", "resume"), there[0]),
        watch(url + CONTROL, judge, handshake("agent-001"), there[1], act),
        watch(url + GRAPH, judge, handshake("cartographer"), there[2]),
    ]
    watching = [asyncio.ensure_future(one) for one in watchers]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(each.wait() for each in there))
    sent = await talk(url, judge)
    for one in watching:
        if one.done():
            one.result()
        one.cancel()
    return sent


async def renew(url, judge, token):
    """A session by a token puts another in its place, after a bad one."""
    async with connect(
        url + CONTROL, additional_headers={"Authorization": f"Bearer {token()}"}
    ) as socket:
        await socket.send(handshake("renewer"))
        judge.take(await socket.recv())
        for given in ("nonsense", token()):
            await socket.send(
                json.dumps({"type": "auth.renew", "id": "r", "payload": {"token": given}})
            )
            judge.take(await socket.recv())


def serving(arguments, talk_to):
    """What `talk_to` makes of the address of a server that runs meanwhile."""
    command = [sys.argv[1], *arguments, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline().strip()
            return asyncio.run(talk_to(line.removeprefix("listening on ").replace("http", "ws", 1)))
        finally:
            server.terminate()


def new_token():
    """A token by the key that the second server signs its own with."""
    command = [sys.argv[1], "token", "--key", KEY, "--sub", "renewer", "--scope", "control",
               "--issuer", "agnt"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    judge = Judge()
    sent = serving(["demo", "--agents", "20"], lambda url: converse(url, judge))
    with tempfile.TemporaryDirectory() as data:
        closed = ["serve", "--token-key", KEY, "--data-dir", data]
        serving(closed, lambda url: renew(url, judge, new_token))
    assert not judge.problems, "\n".join(judge.problems)
    assert not judge.unseen(), f"never seen: {sorted(judge.unseen())}"
    received = sum(judge.seen.values())
    print(f"{sent} messages sent; {received} of {len(judge.seen)} types received, all valid")


if __name__ == "__main__":
    main()
