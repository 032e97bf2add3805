#!/usr/bin/env python3
"""A server that is changed under load: run.py PROGRAM LOAD [--rounds N].

While viewers, publishers, requests over HTTP/1.1 and HTTP/2, streams of events and visitors go on over TLS, and agnt-load
verifies every frame of a swarm of its own, its certificate is replaced, its settings are changed (by the file alone and
by signal; once by a file that is wrong), and keys and tokens are revoked. Proves that what was changed holds, that no
connection ends and no request fails but those of the revoked; and that those are refused and get nothing any more: a
request that begins after the answer of the revocation is 401, sockets are closed with 4401, streams of events end.
Prints how long each of these took; `--within-ms` is what the revoked may still get.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from clients import Asker, Listener, Publisher, Subscriber, Viewer, Visitor
from server import PATIENCE_S, Server, eventually

REFUSED = 'agnt_reloads_total{result="refused"}'
VIEWERS = 20
SCOPES = ("read", "publish", "tasks", "agents")


class Findings:
    """Durations in milliseconds, by what took them."""

    def __init__(self):
        self.taken = {}

    def note(self, what, seconds):
        self.taken.setdefault(what, []).append(max(0.0, seconds) * 1000)

    def show(self):
        print(f"{'milliseconds':58}{'count':>7}{'median':>9}{'p90':>9}{'most':>9}")
        for what, taken in sorted(self.taken.items()):
            tenths = statistics.quantiles(taken, n=10, method="inclusive") if len(taken) > 1 else taken * 9
            print(f"{what:58}{len(taken):7}{statistics.median(taken):9.1f}{tenths[8]:9.1f}{max(taken):9.1f}")


class Good:
    """Those whom no change concerns."""

    def __init__(self, clients):
        self.clients = clients
        self.tasks = [asyncio.create_task(client.run()) for client in clients]

    async def wait_for_life(self):
        for client in self.clients:
            async def lives(client=client):
                self.check()
                return client.count > 3
            await eventually(f"{client.name} gets something", lives)

    def check(self):
        ended = [(client.name, client.end) for client in self.clients if client.ended_at is not None]
        assert not ended, f"ended, though nothing concerned them: {ended}"
        again = [client.name for client in self.clients if getattr(client, "connections", 1) > 1]
        assert not again, f"connected again: {again}"
        holes = sum(getattr(client, "holes", 0) for client in self.clients)
        assert holes == 0, f"{holes} holes in streams of events"

    async def end(self):
        """Looks once more whether each gets something, and lets each end its work."""
        for client, before in [(client, client.count) for client in self.clients]:
            async def goes_on(client=client, before=before):
                return client.count > before
            await eventually(f"{client.name} still gets something", goes_on)
        self.check()
        for client in self.clients:
            client.is_over = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def show(self):
        print(f"{'whom no change concerns':58}{'clients':>9}{'got':>9}{'ended':>9}{'failed':>9}")
        for name in dict.fromkeys(client.name for client in self.clients):
            of_kind = [client for client in self.clients if client.name == name]
            got, ended = sum(client.count for client in of_kind), sum(client.ended_at is not None for client in of_kind)
            failed = sum(status >= 400 for client in of_kind for _, status in getattr(client, "asked", []))
            print(f"{name:58}{len(of_kind):9}{got:9}{ended:9}{failed:9}")


async def change_certificate(server, number, findings):
    server.put_certificate(number)
    by_signal = number % 2 == 0
    if by_signal:
        server.hang_up()

    async def is_shown():
        return await server.shown_certificate() == server.shown[number]

    taken = await eventually(f"certificate {number} is shown", is_shown)
    findings.note(f"certificate shown after {'SIGHUP' if by_signal else 'its file changed'}", taken)


async def change_settings(server, number, findings):
    wished = 1_000_000 + number
    server.put_settings(rate_limit=wished)
    by_signal = number % 2 == 1
    if by_signal:
        server.hang_up()

    async def holds():
        return await server.rate_limit() == wished

    taken = await eventually(f"the limit on requests is {wished}", holds)
    findings.note(f"setting holds after {'SIGHUP' if by_signal else 'its file changed'}", taken)


async def refuse_settings(server):
    """A file that is wrong changes nothing, though the rest of it is right."""
    limit, refused = await server.rate_limit(), await server.counted(REFUSED)
    server.put_settings(behind="no_such_setting = 1", rate_limit=7)

    async def is_refused():
        return await server.counted(REFUSED) > refused

    await eventually("the file that is wrong is refused", is_refused)
    assert await server.rate_limit() == limit
    server.put_settings(rate_limit=limit)


async def narrow(server, credential):
    """Fewer sessions of a credential than there are: those that are there stay, no other is let in."""
    for bound, expected in ((2, 429), (1000, None)):
        server.put_settings(connections_per_credential=bound)
        server.hang_up()

        async def is_so(expected=expected):
            visitor = Viewer(server, credential)
            try:
                async with visitor.socket("/v1/ws"):
                    return expected is None
            except Exception as error:  # noqa: BLE001 - the status is looked for
                return expected is not None and str(expected) in str(error)

        await eventually(f"connections_per_credential = {bound} holds", is_so)


async def revoke(server, credential, findings):
    """Whoever came in by a credential, in every way there is, before and after it is revoked."""
    revoked = [Asker(server, credential, pause_s=0), Asker(server, credential, is_newer=True, pause_s=0),
               Viewer(server, credential), Subscriber(server, credential), Listener(server, credential),
               Listener(server, credential, is_newer=True)]
    tasks = [asyncio.create_task(client.run()) for client in revoked]
    for client in revoked:
        async def lives(client=client):
            assert client.ended_at is None, (client.name, client.end)
            return client.count > 3
        await eventually(f"{client.name} gets something by a {credential.kind}", lives)
    at = await server.revoke(credential)

    async def are_out():
        return all(client.ended_at is not None for client in revoked)

    try:
        await eventually(f"whoever had the {credential.kind} is out", are_out)
    except AssertionError as error:
        raise AssertionError([client.name for client in revoked if client.ended_at is None]) from error
    for client in revoked:
        judge(client, at)
        findings.note(f"revoked {credential.kind}: {client.name}: last got something", client.last_at - at)
        findings.note(f"revoked {credential.kind}: {client.name}: out", client.ended_at - at)
    await asyncio.gather(*tasks)


def judge(client, at):
    if isinstance(client, Asker):
        later = [status for began, status in client.asked if began > at]
        assert client.end == 401 and set(later) <= {401}, (client.name, client.end, later)
    elif not isinstance(client, Listener):
        assert client.end == 4401, (client.name, client.end)


def start_load(load, server, seconds, token):
    """agnt-load: a publisher, and viewers that verify every frame."""
    environment = dict(server.environment, AGNT_TOKEN=token.text)
    command = [load, "fanout", "--url", f"wss://{server.authorities}", "--ca", str(server.authority.certificate),
               "--agents", "200", "--hz", "30", "--viewers", "5", "--seconds", str(seconds), "--json",
               str(server.folder / "load.json")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def end_load(process, server):
    said, _ = await asyncio.to_thread(process.communicate, timeout=300)
    assert process.returncode == 0, said
    result = json.loads((server.folder / "load.json").read_text())
    assert result["expected"] == result["delivered"] + result["conflated"] and result["delivered"] > 0, result
    assert all(result[name] == 0 for name in ("lost", "violations", "closed")), result
    print(f"agnt-load: {result['delivered']} of {result['expected']} frames delivered, {result['conflated']} conflated, "
          "0 lost, 0 connections closed")


async def story(args, folder):
    server = Server(os.path.abspath(args.program), folder, args.rounds + 1)
    load = None
    findings = Findings()
    try:
        key, other = await server.make_key(*SCOPES), await server.make_key(*SCOPES)
        token = server.make_token(*SCOPES)
        began = time.monotonic()
        load = start_load(os.path.abspath(args.load), server, args.rounds * 3, server.make_token("read", "publish"))
        clients = [Publisher(server, key), *(Viewer(server, (key, token)[at % 2]) for at in range(VIEWERS)),
                   *(Asker(server, who, is_newer) for who in (key, token) for is_newer in (False, True)),
                   *(Listener(server, who, is_newer) for who in (key, token) for is_newer in (False, True)),
                   Subscriber(server, key), Subscriber(server, token), Visitor(server, other)]
        good = Good(clients)
        await good.wait_for_life()
        for number in range(1, args.rounds + 1):
            await change_certificate(server, number, findings)
            await change_settings(server, number, findings)
            for made in (await server.make_key(*SCOPES), server.make_token(*SCOPES)):
                await revoke(server, made, findings)
            if number == 2:
                await refuse_settings(server)
                await narrow(server, key)
            good.check()
        await good.end()
        await end_load(load, server)
        print(f"{args.rounds} rounds in {time.monotonic() - began:.1f} s")
    except BaseException:
        print(server.told()[-3000:], file=sys.stderr)
        raise
    finally:
        if load is not None and load.poll() is None:
            load.kill()
            load.communicate()
        if sys.exc_info()[0] is not None:
            server.kill()
    await server.end()
    good.show()
    findings.show()
    late = {what: max(taken) for what, taken in findings.taken.items()
            if what.startswith("revoked") and max(taken) > args.within_ms}
    assert not late, f"not out within {args.within_ms} ms: {late}"
    print(f"ok: no other connection ended, no other request failed; the revoked were out within {args.within_ms} ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("load")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--within-ms", type=float, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(story(args, folder), 600 + args.rounds * PATIENCE_S))


if __name__ == "__main__":
    sys.exit(main())
