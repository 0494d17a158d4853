"""Sending a node's clients to the others before it ends: one after the other, not all at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from server.live.connection import Connection

PER_S = 500.0
"""What the others can take beside their work, with a token to check and a room to enter for each."""
TURN_S = 0.05
COME_BACK_AFTER_MS = 100
"""Another node is there already: there is nothing to wait for."""


def told_by(elapsed_s: float, count: int, within_s: float) -> int:
    """How many of ``count`` clients are to have been told ``elapsed_s`` after the first, so that all of them
    have been within ``within_s``, and no faster than need be."""
    per_s = max(PER_S, count / within_s) if within_s > 0 else float("inf")
    return min(count, int(elapsed_s * per_s) + 1)


async def hand_over(connections: Sequence[Connection], within_s: float) -> None:
    """Tell each client to come back at once, to whichever node answers. The others are served meanwhile.

    Returns when all have been told. Cancelling leaves the rest where they are.
    """
    left = list(connections)
    random.shuffle(left)  # or a room's viewers would all arrive in one moment
    loop, told = asyncio.get_running_loop(), 0
    started = loop.time()
    while told < len(left):
        until = told_by(loop.time() - started, len(left), within_s)
        for connection in left[told:until]:
            connection.outlet.close("shutting_down", reconnect=True, retry_after_ms=COME_BACK_AFTER_MS)
        told = until
        await asyncio.sleep(TURN_S)
