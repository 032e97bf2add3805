#!/usr/bin/env python3
"""What one viewer that reads nothing changes for those that do, in interleaved runs.

    compare_stalled.py --program AGNT --load AGNT_LOAD --results FOLDER [--pairs N] [--viewers N]
                       [--seconds S] [--no-verdict]

Each round runs the same traffic three times, in an order that turns from round to round: without
a stalled viewer, with one, and once more without (the control, whose ratio is noise). The ratio of
the 99th percentiles is a median with a 95 % bootstrap interval; it holds if the interval reaches
down to 1.10. A last run lets the stalled viewer read again and says what it sees.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys

P99_RATIO_MAX = 1.10
OLDER_BYTES_MAX = 320_000
STATE_AGE_US_MAX = 100_000
RCVBUF_BYTES = 65_536
RESAMPLES = 2000
STALLED = ["--slow-viewers", "1", "--slow-rcvbuf", str(RCVBUF_BYTES)]
KINDS = {"without": [], "stalled": STALLED, "control": []}


def fanout(options, name, extra):
    """Runs the load generator and returns its result."""
    path = pathlib.Path(options.results) / f"{name}.json"
    command = [
        options.load, "fanout", "--spawn", options.program, "--agents", "1000", "--hz", "60",
        "--viewers", str(options.viewers), "--seconds", str(options.seconds), "--json", str(path),
    ]  # fmt: skip
    outcome = subprocess.run(
        command + extra, stdout=subprocess.DEVNULL, timeout=options.seconds + 120
    )
    if outcome.returncode != 0:
        sys.exit(f"{name}: agnt-load fanout: exit {outcome.returncode}")
    return json.loads(path.read_text())


def interval(values):
    """The median with its 95 % bootstrap interval."""
    draw = random.Random(1)
    medians = sorted(
        statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    return statistics.median(values), medians[RESAMPLES // 40], medians[-RESAMPLES // 40]


def rounds(options):
    """The results of each kind, round by round."""
    runs = {kind: [] for kind in KINDS}
    kinds = list(KINDS)
    for number in range(options.pairs):
        for turn in range(len(kinds)):
            kind = kinds[(turn + number) % len(kinds)]
            runs[kind].append(fanout(options, f"stalled-{kind}-{number}", KINDS[kind]))
            p99 = runs[kind][-1]["latency_us"]["p99"]
            print(f"round {number}: {kind}: p99 {p99} us", flush=True)
    return runs


def judge(runs, resumed):
    """Prints the ratios; yields what does not hold."""
    reference = [run["latency_us"]["p99"] for run in runs["without"]]
    for kind in ("stalled", "control"):
        p99s = [run["latency_us"]["p99"] for run in runs[kind]]
        median, low, high = interval([own / other for own, other in zip(p99s, reference)])
        print(f"p99 {kind} to without: {median:.3f} [{low:.3f}, {high:.3f}]")
        if kind == "stalled" and low > P99_RATIO_MAX:
            yield f"p99 beside a stalled viewer: {low:.3f} and more, allowed is {P99_RATIO_MAX}"
    for kind, results in runs.items():
        grown = [run["server_rss_bytes"] - run["server_rss_start_bytes"] for run in results]
        print(f"server memory in the window, {kind}: {statistics.median(grown) / 1000:+.0f} kB")
    (slow,) = resumed["slow"]
    older, age = slow["older_bytes"], slow["state_age_us"]
    print(f"the stalled viewer, once it reads: {older} older bytes, state {age} us old")
    if older is None or older > OLDER_BYTES_MAX:
        yield f"older bytes: {older}, allowed are {OLDER_BYTES_MAX}"
    if age is None or age > STATE_AGE_US_MAX:
        yield f"age of the state: {age} us, allowed are {STATE_AGE_US_MAX}"


def main():
    parser = argparse.ArgumentParser(description="Compares p99 with and without a stalled viewer.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--no-verdict", action="store_true", help="report, but judge nothing")
    options = parser.parse_args()
    runs = rounds(options)
    resume = ["--slow-resume-after", str(options.seconds * 2 // 3)]
    resumed = fanout(options, "stalled-resumed", STALLED + resume)
    found = list(judge(runs, resumed))
    for complaint in found:
        print(f"{'noted' if options.no_verdict else 'FAILED'}: {complaint}")
    return bool(found) and not options.no_verdict


if __name__ == "__main__":
    sys.exit(main())
