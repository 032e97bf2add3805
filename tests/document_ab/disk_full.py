#!/usr/bin/env python3
"""Fills the disk under the server: clear refusals, reads go on, and with space writes do again.

    AGNT_BIN=... disk_full.py

The data lies on a small file system in memory of its own, which only root can make; for others this
says so and passes.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from events import read_events
from failed import Failed, check_equal
from program import Program
from rest import Rest

DISK_MIB = 24
REFUSALS = {503: "SERVICE_UNAVAILABLE", 507: "INSUFFICIENT_STORAGE"}
WRITES_MAX = 20_000
RECOVERED_S = 15


@contextlib.contextmanager
def small_disk():
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder]
        made = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            print(f"skipped: no file system can be mounted here: {made.stderr.strip()}")
            sys.exit(0)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def task(name):
    return {"id": name, "type": "work", "input_data": {"of": name, "text": "x" * 4000}}


def fill(rest, acknowledged):
    """Writes until a write is refused; the answer that refuses."""
    for number in range(WRITES_MAX):
        name = f"t-{number}"
        answer = rest.ask("POST /api/v1/tasks", task(name))
        if answer.status != 201:
            return answer
        acknowledged.append(name)
    raise Failed(f"{WRITES_MAX} writes on {DISK_MIB} MiB and none was refused")


def check_all(rest, acknowledged):
    """All of it is there as it was acknowledged, by each of two ways to read."""
    for name in acknowledged:
        found = rest.expect(200, f"GET /api/v1/tasks/{name}")
        check_equal(found["input_data"], task(name)["input_data"], f"input_data of {name}")
    total = rest.expect(200, "GET /api/v1/tasks")["pagination"]["total"]
    return total


def check_refused(answer):
    code = answer.value().get("error", {}).get("code")
    check_equal(code, REFUSALS.get(answer.status), f"code of {answer}")


def check_full(rest, acknowledged):
    """While it is full: every kind of write is refused or kept whole, and everything is read."""
    check_refused(fill(rest, acknowledged))
    for number in range(20):
        name = f"full-{number}"
        answer = rest.ask("POST /api/v1/tasks", task(name))
        if answer.status == 201:
            acknowledged.append(name)
        else:
            check_refused(answer)
    check_equal(check_all(rest, acknowledged), len(acknowledged), "tasks while it is full")
    check_equal(rest.ask("GET /metrics").status, 200, "metrics while it is full")


def write_again(rest, acknowledged):
    """Space is back: how long until writes are taken."""
    began = time.monotonic()
    while time.monotonic() - began < RECOVERED_S:
        answer = rest.ask("POST /api/v1/tasks", task("again"))
        if answer.status == 201:
            acknowledged.append("again")
            return time.monotonic() - began
        check_refused(answer)
        time.sleep(0.1)
    raise Failed(f"{RECOVERED_S} s after space is back: {answer}")


def run(disk):
    ballast = disk / "ballast"
    # What is taken away later, so that there is space again.
    ballast.write_bytes(b"x" * (DISK_MIB << 19))
    program = Program(disk / "data", "--rate-limit", "0").start()
    acknowledged = []
    try:
        rest = Rest(program.address)
        check_full(rest, acknowledged)
        held = len(acknowledged)
        ballast.unlink()
        took_s = write_again(rest, acknowledged)
        for number in range(50):
            rest.expect(201, "POST /api/v1/tasks", task(f"more-{number}"))
            acknowledged.append(f"more-{number}")
        check_equal(check_all(rest, acknowledged), len(acknowledged), "tasks with space again")
        program.kill()
        program.start()
        rest = Rest(program.address)
        check_equal(check_all(rest, acknowledged), len(acknowledged), "tasks after a crash")
        created = [event for event in read_events(rest) if event["event_type"] == "task.created"]
        check_equal(len(created), len(acknowledged), "task.created told")
    finally:
        if program.process.poll() is None:
            program.kill()
    print(f"{held} writes until it was full, writes again after {took_s:.1f} s, nothing lost")


def main():
    if os.geteuid() != 0:
        print("skipped: only root can make a small file system")
        return
    with small_disk() as disk:
        try:
            run(disk)
        except Failed as failure:
            sys.exit(f"FAILED: {failure}")


if __name__ == "__main__":
    main()
