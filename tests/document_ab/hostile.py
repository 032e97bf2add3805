#!/usr/bin/env python3
"""Hostile clients: clear refusals, bounded memory, and others are served as before.

    AGNT_BIN=... hostile.py [--ids N] [ATTACK...]

Each attack runs while one client goes on asking for an agent, whose answers and times are watched;
memory is measured behind each. ATTACK is one of those that are listed at the end of this file.
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time

from failed import Failed, check, check_equal
from program import Program
from rest import Rest

# The limit is on, so that it must remember clients, and too high to be reached.
FLAGS = ("--rate-limit", "1000000000", "--request-timeout-ms", "6000")
BODY_BYTES = 100 << 20
FILTER_BYTES = 1 << 20
DEPTH = 10_000
SLOW_CLIENTS = 200
PIPELINED = 250
GROWTH_BYTES_MAX = 96 << 20
# Far from what they wait on a quiet machine: a stall shows, a busy machine does not.
OTHERS_MS_MAX = 10_000
OTHERS_MEDIAN_MS_MAX = 2_000
PATIENCE_S = 60
# So many answers of the other client are enough to judge by.
ANSWERS_MIN = 6


class Others:
    """A client like any other: each of its requests must be answered, and soon."""

    def __init__(self, address):
        self.rest = Rest(address)
        self.took_ms = []
        self.failure = None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.go_on)

    def go_on(self):
        try:
            while not self.is_over.is_set():
                began = time.monotonic()
                self.rest.expect(200, "GET /v1/agents/steady")
                self.took_ms.append(1000 * (time.monotonic() - began))
                time.sleep(0.01)
        except (Failed, OSError) as failure:
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def wait(self):
        """Until it has had enough answers."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.took_ms) < ANSWERS_MIN and self.failure is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def verdict(self):
        check(self.failure is None, f"another client: {self.failure}")
        check(len(self.took_ms) >= ANSWERS_MIN, f"another client had {len(self.took_ms)} answers only")
        median, most = statistics.median(self.took_ms), max(self.took_ms)
        check(
            median <= OTHERS_MEDIAN_MS_MAX, f"another client waited {median:.1f} ms in the median"
        )
        check(most <= OTHERS_MS_MAX, f"another client waited {most:.0f} ms")
        return f"others: {len(self.took_ms)} answers, at most {most:.0f} ms"


def connect(program):
    host, port = program.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def head(words, *fields):
    return "\r\n".join((f"{words} HTTP/1.1", "Host: localhost", *fields, "", "")).encode()


def status_of(connection):
    """The status of the answer; None if the connection ended without one."""
    answer = b""
    try:
        while b"\r\n" not in answer:
            data = connection.recv(65536)
            if not data:
                return None
            answer += data
    except ConnectionError:
        return None
    return int(answer.split(b" ", 2)[1])


def send_all(connection, blocks):
    """Sends until all is sent or the server has enough."""
    try:
        for block in blocks:
            connection.sendall(block)
    except (ConnectionError, TimeoutError):
        pass


def large_bodies(program, _):
    """100 MB, announced and in chunks: 413 or the end, before it is all there."""
    block = b"x" * 65536
    count = BODY_BYTES // len(block)
    json_type = "Content-Type: application/json"
    with connect(program) as announced:
        announced.sendall(head("POST /v1/tasks", json_type, f"Content-Length: {BODY_BYTES}"))
        check_equal(status_of(announced), 413, "status of an announced body")
    with connect(program) as pushed:
        pushed.sendall(head("POST /v1/tasks", json_type, f"Content-Length: {BODY_BYTES}"))
        send_all(pushed, (block for _ in range(count)))
        check(status_of(pushed) in (413, None), "a pushed body was taken")
    with connect(program) as chunked:
        chunked.sendall(head("POST /v1/tasks", json_type, "Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + block + b"\r\n"
        # A little more than is allowed, so that the answer can be read.
        send_all(chunked, (chunk for _ in range(18)))
        check_equal(status_of(chunked), 413, "status of a body in chunks")
    with connect(program) as chunked:
        chunked.sendall(head("POST /v1/tasks", json_type, "Transfer-Encoding: chunked"))
        send_all(chunked, (chunk for _ in range(count)))
        check(status_of(chunked) in (413, None), "a chunked body was taken")


def deep_bodies(program, _):
    """10,000 levels, wherever free JSON may stand."""
    rest = Rest(program.address)
    rest.expect(201, "POST /api/v1/tasks", {"id": "deep", "type": "nobodys"})
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        deep = opening * DEPTH + "1" + closing * DEPTH
        for words, body in (
            ("POST /v1/tasks", f'{{"type":"analysis","task_data":{{"a":{deep}}}}}'),
            (
                "POST /v1/agents",
                f'{{"agent_id":"d","capabilities":["x"],"metadata":{{"a":{deep}}}}}',
            ),
            ("POST /api/v1/events", f'{{"topic":"a.b","data":{deep}}}'),
            ("POST /api/v1/callbacks/deep", deep),
            ("POST /api/v1/workflows", deep),
            ("PATCH /api/v1/tasks/deep", deep),
        ):
            answer = rest.ask(words, body)
            check_equal(answer.status, 400, f"status of {words}")


def wrong_types(program, _):
    """Every field of every body with values of every other type: refused, or taken as free JSON."""
    rest = Rest(program.address)
    values = (None, True, -1, 1e308, 0.5, "", "\u0000", "x" * 5000, [], [[]], {}, {"": None})
    stage = {"name": "a", "agent_type": "b", "dependencies": [], "timeout": 1}
    bodies = {
        "POST /v1/agents": {"agent_id": "w", "capabilities": ["x"], "max_tasks": 1, "metadata": {}},
        "POST /v1/tasks": {"type": "analysis", "priority": 1, "deadline": "x", "task_data": {}},
        "POST /api/v1/tasks": {"id": "w", "type": "x", "dependencies": [], "retry_policy": {}},
        "POST /api/v1/workflows": {"stages": [stage], "configuration": {}, "name": "n"},
        "PATCH /api/v1/tasks/none": {"status": "failed", "progress": 1, "output_data": {}},
        "POST /v1/agents/steady/commands": {"command_type": "stop", "priority": 1, "payload": {}},
        "POST /v1/agents/steady/heartbeat": {"status": "idle", "performance_metrics": {}},
        "POST /api/v1/events": {"topic": "a.b", "data": {}},
    }
    asked = 0
    for words, body in bodies.items():
        whole = [*values, *(json.dumps(value) for value in values)]
        changed = [{**body, field: value} for field in body for value in values]
        for each in [*whole, *changed]:
            answer = rest.ask(words, each if isinstance(each, str) else json.dumps(each))
            allowed = (200, 201, 202, 400, 404, 409, 422)
            check(answer.status in allowed, f"{words} {str(each)[:200]}: {answer}")
            asked += 1
    print(f"  {asked} bodies")


def bad_ids(program, _):
    """Control characters, slashes, dots, too long: in paths and in bodies."""
    rest = Rest(program.address)
    parts = ["%00", "a%0Ab", "%7F", "a%2Fb", "..", "%2e%2e", "%C3%A9", "%FF", "x" * 129, "x" * 9000]
    for part in parts:
        for path in (f"agents/{part}", f"tasks/{part}", f"workflows/{part}", f"templates/{part}"):
            answer = rest.ask(f"GET /v1/{path}")
            check(400 <= answer.status < 500, f"GET {path[:60]}: {answer}")
    for part in ("\u0000", "a\nb", "\u007f", "a/b", "\u00e9", "x" * 129, "\ud800"):
        agent = {"agent_id": part, "capabilities": ["x"]}
        for words, body in (
            ("POST /v1/agents", agent),
            ("POST /api/v1/tasks", {"id": part, "type": "x"}),
            ("POST /api/v1/tasks", {"type": "x", "dependencies": [part]}),
        ):
            answer = rest.ask(words, body)
            check_equal(answer.status, 400, f"status of {words} with {part!r}")


def pipelined(program, requests, count):
    """Sends requests many at a time over one connection; the statuses of the answers."""
    statuses = set()
    with connect(program) as connection:
        left = b""
        for first in range(0, count, PIPELINED):
            wanted = min(PIPELINED, count - first)
            connection.sendall(b"".join(requests(first + each) for each in range(wanted)))
            while wanted:
                end = left.find(b"\r\n\r\n")
                if end < 0:
                    data = connection.recv(1 << 18)
                    check(data, "the server ended a connection")
                    left += data
                    continue
                lines = left[:end].decode("latin-1").lower().split("\r\n")
                sizes = [line.split(":")[1] for line in lines if line.startswith("content-length")]
                end += 4 + int(sizes[0])
                if len(left) < end:
                    left += connection.recv(1 << 18)
                    continue
                statuses.add(int(lines[0].split(" ")[1]))
                left = left[end:]
                wanted -= 1
    return statuses


def distinct_ids(program, arguments):
    """Ids, idempotency keys and credentials that nobody has seen: nothing is kept of them."""
    count = arguments.ids // 5
    body = b'{"agent_id":"","capabilities":["x"]}'
    size = f"Content-Length: {len(body)}"
    json_type = "Content-Type: application/json"
    kinds = {
        "agents": lambda n: head(f"GET /v1/agents/nobody-{n}"),
        "tasks": lambda n: head(f"GET /api/v1/tasks?agent_id=nobody-{n}&page={n + 1}"),
        "credentials": lambda n: head("GET /v1/agents", f"X-API-Key: agnt_nobodys-{n}"),
        "topics": lambda n: head(f"GET /api/v1/events?topic=no.such{n}.*&limit=1"),
        "idempotency keys": lambda n: (
            head("POST /v1/agents", json_type, size, f"Idempotency-Key: key-{n}") + body
        ),
    }
    for kind, requests in kinds.items():
        statuses = pipelined(program, requests, count)
        check(statuses <= {200, 400, 401, 404}, f"statuses of {kind}: {statuses}")
        grown = program.resident_bytes()
        print(f"  {count} {kind}: statuses {sorted(statuses)}, {grown >> 20} MiB resident")


def large_filters(program, _):
    """A megabyte in a query, and in a topic."""
    filler = "x" * FILTER_BYTES
    for query in ("agents?capability=", "tasks?status=", "events?topic=", "tasks?type="):
        with connect(program) as connection:
            send_all(connection, [head(f"GET /v1/{query}{filler}")])
            status = status_of(connection)
            check(status in (400, 414, 431, None), f"status of {query}: {status}")
    rest = Rest(program.address)
    answer = rest.ask("POST /api/v1/events", {"topic": filler[:900_000], "data": {}})
    check_equal(answer.status, 400, "status of a topic")
    for query in ("x" * 9000, ",".join(["idle"] * 1500), "&".join(["status=idle"] * 700)):
        answer = Rest(program.address).ask(f"GET /v1/agents?status={query}")
        check(answer.status in (200, 400, 414), f"status of a filter of 9 kB: {answer}")


def slow_bodies(program, _):
    """Many who send a byte now and then: 408 or the end, soon after the time that is given."""
    began = time.monotonic()
    slow = [connect(program) for _ in range(SLOW_CLIENTS)]
    for connection in slow:
        fields = ("Content-Type: application/json", "Content-Length: 1000")
        connection.sendall(head("POST /v1/tasks", *fields))
    open_ones = set(slow)
    statuses = set()
    while open_ones and time.monotonic() - began < PATIENCE_S:
        for connection in list(open_ones):
            send_all(connection, [b" "])
            connection.settimeout(0.001)
            try:
                statuses.add(status_of(connection))
                open_ones.discard(connection)
            except TimeoutError:
                pass
            connection.settimeout(PATIENCE_S)
        time.sleep(0.2)
    for connection in slow:
        connection.close()
    check_equal(len(open_ones), 0, "slow ones that go on")
    check(statuses <= {408, None}, f"statuses: {statuses}")


ATTACKS = {
    each.__name__: each
    for each in (
        large_bodies,
        deep_bodies,
        wrong_types,
        bad_ids,
        large_filters,
        slow_bodies,
        distinct_ids,
    )
}


def run(program, arguments):
    rest = Rest(program.address)
    rest.expect(201, "POST /v1/agents", {"agent_id": "steady", "capabilities": ["x"]})
    before = program.resident_bytes()
    wrong = 0
    for name in arguments.attacks or ATTACKS:
        with Others(program.address) as others:
            try:
                ATTACKS[name](program, arguments)
                others.wait()
                told = others.verdict()
                grown = program.resident_bytes() - before
                check(grown <= GROWTH_BYTES_MAX, f"memory grew by {grown >> 20} MiB")
                print(f"ok     {name}: {told}, memory {grown / (1 << 20):+.1f} MiB", flush=True)
            except Failed as failure:
                wrong += 1
                print(f"FAILED {name}: {failure}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("attacks", nargs="*", choices=[[], *ATTACKS])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(f"{folder}/data", *FLAGS).start()
        try:
            wrong = run(program, arguments)
        finally:
            program.stop()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
