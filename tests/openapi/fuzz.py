#!/usr/bin/env python3
"""Schemathesis against a running server, by both documents as it serves them.

    AGNT_BIN=... fuzz.py [--examples-max N] [--cases-min N] [DOCUMENT...]

All checks, all phases (examples, coverage, fuzzing, stateful), a fixed seed, with an API key. The
tool is run twice a document: templates last, since once there is one, other template_ids are
unknown. What is expected beyond the tool's own expectations stands in expected.toml. Fewer cases
than asked for are a failure as well.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from server import Server

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENTS = {"v1.json": "/v1", "api-v1.json": "/api/v1"}
SEED = "20261122"
TEMPLATES = "templates"
# Which operations a run is about, and the share of the time and the cases that it gets.
RUNS = {"--exclude-tag": 1, "--include-tag": 8}
# How many times as long a run may take, if there were too few requests in the time before.
PATIENCE = (1, 3)
PHASES = "examples,coverage,fuzzing,stateful"
# All checks are on where none is named. Naming them here would turn on those, too, that
# expected.toml turns off for an operation.


def command(server, document, report, arguments, seconds_max, run):
    """One run of the tool, with a report of every request that it sends."""
    selection, share = run
    return [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(HERE / "expected.toml"),
        "run",
        str(document),
        f"--url={server.url}{DOCUMENTS[document.name]}",
        f"--phases={PHASES}",
        f"--seed={SEED}",
        f"--max-examples={max(1, arguments.examples_max // share)}",
        f"--max-time={max(1, seconds_max // share)}",
        "--continue-on-failure",
        "--no-color",
        f"--report-ndjson-path={report}",
        selection,
        TEMPLATES,
    ]


def cases(report):
    """How many requests the report tells of."""
    with report.open() as lines:
        events = [json.loads(line) for line in lines]
    return sum(count_requests(event) for event in events)


def count_requests(value):
    """The interactions anywhere in an event."""
    if isinstance(value, dict):
        if "interactions" in value and isinstance(value["interactions"], dict):
            return len(value["interactions"])
        return sum(count_requests(one) for one in value.values())
    if isinstance(value, list):
        return sum(count_requests(one) for one in value)
    return 0


def fuzz(name, arguments, seconds_max, folder):
    """Both runs of one document; returns what went wrong, and how many requests were sent."""
    problems, sent = [], 0
    with Server() as server:
        document = folder / name
        document.write_text(json.dumps(server.document(name)))
        for run in RUNS.items():
            report = folder / f"{name}{run[0]}.ndjson"
            # The tool keeps its own notes where it runs.
            done = subprocess.run(
                command(server, document, report, arguments, seconds_max, run),
                cwd=folder,
                env=os.environ | {"API_KEY": server.key},
                check=False,
            )
            if done.returncode != 0:
                problems.append(f"{name}: schemathesis ended with {done.returncode}")
            sent += cases(report) if report.exists() else 0
    print(f"{name}: {sent} requests sent", flush=True)
    return problems, sent


def fuzz_enough(name, arguments, folder):
    """Gives a machine that is too slow for so many requests more time; returns what went wrong."""
    for patience in PATIENCE:
        problems, sent = fuzz(name, arguments, patience * arguments.seconds_max, folder)
        if problems or sent >= arguments.cases_min:
            return problems
    return [f"{name}: {sent} requests are less than {arguments.cases_min}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", nargs="*", metavar="DOCUMENT", help="v1.json, api-v1.json")
    parser.add_argument("--examples-max", type=int, default=25, help="generated cases an operation")
    parser.add_argument("--cases-min", type=int, default=2000, help="requests a document at least")
    parser.add_argument("--seconds-max", type=int, default=300, help="a run of the tool at most")
    arguments = parser.parse_args()
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.documents or DOCUMENTS:
            problems += fuzz_enough(name, arguments, pathlib.Path(folder))
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
