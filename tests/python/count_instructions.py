#!/usr/bin/env python3
"""How many instructions the server runs for a delivered message, open and behind a guard.

    count_instructions.py --program AGNT --load AGNT_LOAD [--seconds S] [--viewers N] [--hz N]

Each server runs under valgrind twice, for S seconds and for three times as many; what the longer run has
more, divided by what it delivered more, is the message's own cost without start, sessions and stop. The
guarded server has a key that every session shows and all its limits. Valgrind counts, it does not time,
so other work on the machine changes little.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

RATIO_MAX = 1.03
TOTAL = re.compile(r"^summary: (\d+)", re.MULTILINE)


def counted(options, folder, name, seconds, extra):
    """Instructions of one run and the messages that it delivered."""
    profile = folder / f"{name}.counted"
    program = folder / "agnt"
    program.write_text(
        f"#!/bin/sh\ncase $1 in serve) ;; *) exec {options.program} \"$@\" ;; esac\n"
        f"exec valgrind --quiet --tool=cachegrind --cache-sim=no --cachegrind-out-file='{profile}' "
        f'{options.program} "$@"\n'
    )
    program.chmod(0o755)
    result = folder / f"{name}.json"
    command = [
        options.load, "fanout", "--spawn", program, "--spawn-arg=--loops", "--spawn-arg=1",
        "--spawn-arg=--staleness-max-ms", "--spawn-arg=60000", "--agents", "1000",
        "--hz", str(options.hz), "--viewers", str(options.viewers), "--seconds", str(seconds),
        "--json", result, *extra,
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=seconds + 180)
    told = json.loads(result.read_text())
    if told["delivered"] != told["expected"] or told["conflated"]:
        sys.exit(f"{name}: {told['delivered']} of {told['expected']}, not a run that counts")
    instructions = sum(int(total) for total in TOTAL.findall(profile.read_text()))
    return instructions, told["delivered"]


def cost(options, folder, name, extra):
    """Instructions of one more delivered message."""
    short = counted(options, folder, f"{name}-short", options.seconds, extra)
    long = counted(options, folder, f"{name}-long", 3 * options.seconds, extra)
    each = (long[0] - short[0]) / (long[1] - short[1])
    print(f"{name}: {each:.1f} instructions a delivered message", flush=True)
    return each


def main():
    parser = argparse.ArgumentParser(description="Counts instructions, open and guarded.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--hz", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        without = cost(options, place, "open", [])
        behind = cost(options, place, "guarded", ["--guarded"])
        control = cost(options, place, "open once more", [])
    print(f"guarded to open: {behind / without:.4f}, control {control / without:.4f}")
    return behind / without > RATIO_MAX


if __name__ == "__main__":
    sys.exit(main())
