#!/usr/bin/env python3
"""Speaks all of document C's protocol with a server, as a stranger would.

    AGNT_BIN=... client.py [WORD...]

One line for each thing shown; with words, only those whose name has one. The exit code is 0 only
if all came true.
"""

import asyncio
import sys

import steps_agents
import steps_frames
import steps_session
from server import Server
from session import Failed

STEPS = steps_session.STEPS + steps_frames.STEPS + steps_agents.STEPS
SECONDS_MAX = 150
# Nobody is to be taken for late on a machine that stalls: who is gets a state in place of a tick.
FLAGS = ("--system-metrics-ms", "500", "--staleness-max-ms", "60000")


async def run(step, server):
    """Whether the step's promise, the first line of its description, came true."""
    promise = step.__doc__.splitlines()[0]
    try:
        detail = await asyncio.wait_for(step(server), SECONDS_MAX)
    except Failed as failure:
        print(f"FAILED {step.__name__}: {promise}: {failure}")
    except Exception as failure:
        print(f"FAILED {step.__name__}: {promise}: {type(failure).__name__}: {failure}")
    else:
        print(f"ok     {promise}" + (f" ({detail})" if detail else ""))
        return True
    return False


async def main():
    wanted = [
        step
        for step in STEPS
        if len(sys.argv) == 1 or any(word in step.__name__ for word in sys.argv[1:])
    ]
    failures = 0
    with Server(*FLAGS) as server:
        for step in wanted:
            failures += not await run(step, server)
            sys.stdout.flush()
    print(f"{len(wanted) - failures} passed, {failures} failed")
    return 0 if wanted and failures == 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
