#!/usr/bin/env python3
"""Tries documents A's and B's rows of the coverage list, each by the documents' own examples.

    AGNT_BIN=... run.py [--websocket] [ROW...]    every row, or those named; all must pass
    run.py --stub [--websocket] [ROW...]          against stub.py; all must fail

`rows.json` names each row's test; those with `websocket` are tried with --websocket only, and those
that are `open`, for what they try is not served yet, only by name. Each row has a server of its own.
One line for each row.
"""

import concurrent.futures
import importlib
import json
import sys

from failed import Failed
from trial import HERE, Trial

ROWS = json.loads((HERE / "rows.json").read_text())
AT_ONCE = 6

# The examples alone and in order; what documents A and B say over REST and over WebSocket.
EXAMPLES = [f"E{number:02}" for number in range(1, 15)]
REST = [*range(12, 37), *range(38, 57), 90, *range(136, 151), 158, *range(161, 167)]
SOCKETS = [37, *range(57, 90)]


def test_of(row):
    module, name = row["test"].split(".")
    return getattr(importlib.import_module(module), name)


def try_row(row, command):
    """Why the row's test failed, or None."""
    trial = Trial(row["row"], command)
    try:
        test_of(row)(trial)
    except Failed as failure:
        return str(failure)
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"
    finally:
        trial.close()
    return None


def try_rows(rows, command, expect_failure):
    """How many rows didn't come out as they should."""
    wrong = 0
    # Most of a row is waiting for the disk, and its server is its own.
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda row: try_row(row, command), rows)
        for row, why in zip(rows, outcomes, strict=True):
            is_right = (why is not None) == expect_failure
            word = "ok    " if is_right else "FAILED"
            detail = f": {why}" if why and (expect_failure or not is_right) else ""
            print(f"{word} {row['row']} {row['name']}{detail}", flush=True)
            wrong += not is_right
    return wrong


def covered():
    numbers = sorted([*REST, *SOCKETS])
    return EXAMPLES + [f"S{number:03}" for number in numbers]


def main():
    if [row["row"] for row in ROWS] != covered():
        sys.exit("rows.json doesn't have each row of documents A and B once, in order")
    named = {word for word in sys.argv[1:] if not word.startswith("--")}
    with_sockets = "--websocket" in sys.argv
    rows = [row for row in ROWS if row["row"] in named or not (named or row.get("open"))]
    if not with_sockets:
        rows = [row for row in rows if not row.get("websocket")]
    command = None
    is_stub = "--stub" in sys.argv
    if is_stub:
        Trial.patience_s = 1.0
        command = [sys.executable, str(HERE / "stub.py")]
        print("against the stub: every row must fail")
    wrong = try_rows(rows, command, expect_failure=is_stub)
    print(f"{len(rows) - wrong} passed, {wrong} failed")
    return 0 if rows and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
