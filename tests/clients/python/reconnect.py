"""Reconnecting with exponential back-off and full jitter, as document C's best practices ask."""

import asyncio
import random

import websockets

from session import Session

FIRST_S = 0.1
LONGEST_S = 2.0


async def reconnect(url, *capabilities, tries_max=40, **fields):
    """The session, and the pauses that it took: each drawn from 0 to a bound that doubles."""
    pauses_s = []
    for attempt in range(tries_max):
        try:
            return await Session.open(url, *capabilities, **fields), pauses_s
        except OSError:
            pass
        except websockets.InvalidStatus as refused:
            # A server that has only just started, or is full, says that it will be there.
            if refused.response.status_code != 503:
                raise
        pauses_s.append(random.uniform(0, min(LONGEST_S, FIRST_S * 2**attempt)))
        await asyncio.sleep(pauses_s[-1])
    raise ConnectionError(f"no server after {tries_max} tries")
