#!/usr/bin/env python3
"""Hostile clients of every kind at once: the server stays below --memory-max and serves the good ones.

    under_memory.py --program AGNT --load AGNT_LOAD --results FOLDER [--seconds S] [--each N]
                    [--memory-mib N]

Good viewers and their publisher are there before the hostile clients come and after they have gone, and
lose nothing. Health and metrics answer all the time. Afterwards there is room again: a new session and a
new task are taken.
"""

import argparse
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "document_ab"))

from arena import Ended, peak_bytes
from program import Program

HERE = pathlib.Path(__file__).parent
HOSTILE_ADDRESS = "127.0.0.66"
SETTLE_S = 3
CALM_S = 60
VIEWERS = 50


def status(address, method, path, body=None):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def watched(program, seconds, complaints):
    """Looks after health for so long; returns how often it looked."""
    looks, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        if program.process.poll() is not None:
            complaints.append(f"the server ended: exit {program.process.returncode}")
            return looks
        for path in ("/healthz", "/metrics"):
            try:
                code = status(program.address, "GET", path)
            except OSError as error:
                code = error
            if code != 200:
                complaints.append(f"{path}: {code}")
        looks += 1
        time.sleep(0.5)
    return looks


def has_room_again(program):
    until = time.monotonic() + CALM_S
    while time.monotonic() < until:
        task = json.dumps({"type": "analysis"})
        if status(program.address, "POST", "/v1/tasks", task) == 201:
            return True
        time.sleep(0.5)
    return False


def main():
    parser = argparse.ArgumentParser(description="Every kind of hostile client under --memory-max.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--each", type=int, default=30)
    parser.add_argument("--memory-mib", type=int, default=400)
    options = parser.parse_args()
    complaints = []
    result = pathlib.Path(options.results) / "hostile-all.json"
    with tempfile.TemporaryDirectory() as data:
        flags = ["--memory-max", str(options.memory_mib << 20), "--rate-limit", "0"]
        program = Program(data, *flags, command=[options.program])
        program.start()
        good = subprocess.Popen(
            [
                options.load, "fanout", "--url", f"ws://{program.address}",
                "--pid", str(program.process.pid), "--agents", "500", "--hz", "20",
                "--viewers", str(VIEWERS), "--seconds", str(options.seconds + 2 * SETTLE_S),
                "--json", str(result),
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        hostile = None
        try:
            time.sleep(SETTLE_S)
            hostile = Ended(
                HERE / "hostile_clients.py", program.address, "--from", HOSTILE_ADDRESS,
                "--each", options.each,
            )  # fmt: skip
            looks = watched(program, options.seconds, complaints)
            print(f"what the hostile heard: {hostile.end()}", end="")
            code = good.wait(timeout=options.seconds + 120)
            is_alive = program.process.poll() is None
            peak = peak_bytes(program.process.pid) if is_alive else 0
            if is_alive and not has_room_again(program):
                complaints.append(f"no new task was taken {CALM_S} s after the last hostile client")
        finally:
            for process in (good, hostile and hostile.process):
                if process and process.poll() is None:
                    process.kill()
            program.stop()
    if code != 0:
        complaints.append(f"agnt-load fanout: exit {code}")
    else:
        heard = json.loads(result.read_text())
        print(f"good viewers: {heard['delivered']} of {heard['expected']}, lost {heard['lost']}")
        if heard["lost"]:
            complaints.append(f"the good viewers lost {heard['lost']} messages")
    print(f"memory at most {peak >> 20} MiB of {options.memory_mib} MiB; {looks} looks at health")
    if peak > options.memory_mib << 20:
        complaints.append(f"memory: {peak >> 20} MiB, allowed are {options.memory_mib} MiB")
    for complaint in sorted(set(complaints)):
        print(f"FAILED: {complaint}")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
