#!/usr/bin/env python3
"""What hostile clients change for 200 good viewers, in interleaved rounds.

    beside_viewers.py --program AGNT --load AGNT_LOAD --results FOLDER [--pairs N] [--viewers N]
                      [--seconds S] [--each N] [--no-verdict]

Slow heads, slow bodies, idle, half-open and half-closed connections and floods of connections: each
round runs the same good traffic twice, with the hostile clients aimed at the server and at a sink on
another port, so that what they cost the machine is the same. The ratio of the 99th percentiles is a
median with a 95 % bootstrap interval; it holds if the interval reaches down to 1.20. The server's memory
must stay below its limit.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "document_ab"))

from arena import Ended, peak_bytes
from program import Program

HERE = pathlib.Path(__file__).parent
P99_RATIO_MAX = 1.20
MEMORY_MAX = 512 << 20
RESAMPLES = 2000
KINDS = "slow_heads,slow_bodies,idle,half_closed,half_open,connections"
HOSTILE_ADDRESS = "127.0.0.66"


def interval(values):
    """The median with its 95 % bootstrap interval."""
    draw = random.Random(1)
    medians = sorted(
        statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    return statistics.median(values), medians[RESAMPLES // 40], medians[-RESAMPLES // 40]


def run(options, name, is_aimed_at_server):
    """One run of the good traffic; returns the result of the load generator and the most memory."""
    result = pathlib.Path(options.results) / f"{name}.json"
    with tempfile.TemporaryDirectory() as data:
        flags = ["--memory-max", str(MEMORY_MAX), "--connections-per-address", "1000"]
        program = Program(data, *flags, "--request-timeout-ms", "5000", command=[options.program])
        program.start()
        sink = Ended(HERE / "sink.py")
        port = sink.process.stdout.readline().strip()
        target = program.address if is_aimed_at_server else f"127.0.0.1:{port}"
        hostile = Ended(
            HERE / "hostile_clients.py", target, "--from", HOSTILE_ADDRESS, "--each", options.each,
            "--kinds", KINDS,
        )  # fmt: skip
        try:
            outcome = subprocess.run(
                [
                    options.load, "fanout", "--url", f"ws://{program.address}",
                    "--pid", str(program.process.pid), "--agents", "500", "--hz", "30",
                    "--viewers", str(options.viewers), "--seconds", str(options.seconds),
                    "--json", str(result),
                ],
                stdout=subprocess.DEVNULL,
                timeout=options.seconds + 120,
                check=False,
            )  # fmt: skip
        finally:
            heard = hostile.end()
            sink.end()
            most = peak_bytes(program.process.pid)
            program.stop()
    if outcome.returncode != 0:
        sys.exit(f"{name}: agnt-load fanout: exit {outcome.returncode}")
    return json.loads(result.read_text()), most, json.loads(heard)


def main():
    parser = argparse.ArgumentParser(description="Good viewers beside hostile clients.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--no-verdict", action="store_true", help="report, but judge no times")
    options = parser.parse_args()
    ratios, complaints = [], []
    for number in range(options.pairs):
        p99s = {}
        for is_aimed in [True, False] if number % 2 == 0 else [False, True]:
            kind = "server" if is_aimed else "sink"
            result, most, heard = run(options, f"hostile-{kind}-{number}", is_aimed)
            p99s[kind] = result["latency_us"]["p99"]
            lost = result["lost"]
            print(
                f"round {number}: at the {kind}: p99 {p99s[kind]} us, lost {lost}, "
                f"memory at most {most >> 20} MiB",
                flush=True,
            )
            if is_aimed:
                print(f"  what the hostile heard: {heard}", flush=True)
                if heard.get("slow_heads: none", 0) and not heard.get("slow_heads: 408", 0):
                    complaints.append("slow heads were cut off without 408")
            if most > MEMORY_MAX:
                complaints.append(f"memory: {most >> 20} MiB, allowed are {MEMORY_MAX >> 20}")
            if lost:
                complaints.append(f"a good viewer lost {lost} messages")
        ratios.append(p99s["server"] / p99s["sink"])
    median, low, high = interval(ratios)
    print(f"p99 with the hostile at the server to at the sink: {median:.3f} [{low:.3f}, {high:.3f}]")
    if low > P99_RATIO_MAX and not options.no_verdict:
        complaints.append(f"p99: {low:.3f} and more, allowed is {P99_RATIO_MAX}")
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
