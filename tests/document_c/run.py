#!/usr/bin/env python3
"""Tries document C's rows of the coverage list, each by the document's own examples.

    AGNT_BIN=... run.py [ROW...]    every row, or those named, against the server; all must pass
    run.py --stub [ROW...]          against stub.py, once plain and once polite; all must fail

`rows.json` names each row's test. One line for each row.
"""

import asyncio
import importlib
import json
import sys

from trial import HERE, Failed, Server, Session, Trial

ROWS = json.loads((HERE / "rows.json").read_text())
# Nobody is to be taken for late on a machine that stalls: who is gets a state in place of a tick.
FLAGS = ("--system-metrics-ms", "500", "--redelivery-ms", "500", "--staleness-max-ms", "60000")
SECONDS_MAX = 150
STUB_ROWS_AT_ONCE = 8

# Document C's rows: the protocol, and the best practices.
COVERED = [f"S{number:03}" for number in (*range(91, 136), *range(167, 179))]


def test_of(row):
    module, name = row["test"].split(".")
    return getattr(importlib.import_module(module), name)


async def try_row(row, server, program):
    """Why the row's test failed, or None."""
    trial = Trial(row["row"], server, program)
    try:
        await asyncio.wait_for(test_of(row)(trial), SECONDS_MAX)
    except Failed as failure:
        return str(failure)
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"
    finally:
        await trial.close()
    return None


async def try_rows(rows, program, expect_failure):
    """How many rows didn't come out as they should."""
    # On the stub nothing but waiting happens, and that can be done together.
    places = asyncio.Semaphore(STUB_ROWS_AT_ONCE if expect_failure else 1)

    async def try_in_turn(row):
        async with places:
            why = await try_row(row, server, program)
        is_right = (why is not None) == expect_failure
        word = "ok    " if is_right else "FAILED"
        detail = f": {why}" if why and (expect_failure or not is_right) else ""
        print(f"{word} {row['row']} {row['name']}{detail}", flush=True)
        return is_right

    with Server(*FLAGS, program=program) as server:
        outcomes = await asyncio.gather(*(try_in_turn(row) for row in rows))
    return outcomes.count(False)


async def main():
    if [row["row"] for row in ROWS] != COVERED:
        sys.exit("rows.json doesn't have each of document C's rows once, in order")
    is_stub = "--stub" in sys.argv
    named = {word for word in sys.argv[1:] if word != "--stub"}
    rows = [row for row in ROWS if not named or row["row"] in named]
    wrong = 0
    if is_stub:
        Session.patience_s = 0.5
        for manners in ([], ["--polite"]):
            print(f"against the stub {' '.join(manners)}: every row must fail")
            program = [sys.executable, str(HERE / "stub.py"), *manners]
            wrong += await try_rows(rows, program, expect_failure=True)
    else:
        wrong = await try_rows(rows, None, expect_failure=False)
    total = len(rows) * (2 if is_stub else 1)
    print(f"{total - wrong} passed, {wrong} failed")
    return 0 if rows and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
