"""Who says and buys something, at a rate."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from clients.load.counts import Commands, Counts
from clients.load.crowd import Crowd
from clients.load.viewer import Manner, Viewer
from clients.load.wire import stamped


async def at_rate(rate: float, act: Callable[[int], None], counts: Counts | None = None) -> None:
    """Calls ``act`` ``rate`` times a second with the time it was due (Unix ns), until cancelled.

    What a busy loop made late is made up for at once, with the time at which it was due: the wait counts.
    """
    if rate <= 0:
        return
    started, started_ns = time.monotonic(), time.time_ns()
    for n in itertools.count():
        due = n / rate
        while (left := started + due - time.monotonic()) > 0:  # noqa: ASYNC110  a clock, not a condition
            await asyncio.sleep(left)
        due_ns = started_ns + int(due * 1e9)
        if counts is not None:
            counts.send_lag.add_ns(time.time_ns() - due_ns)
        act(due_ns)
        if n % 64 == 63:
            await asyncio.sleep(0)


class Talkers:
    """Viewers who comment and buy, in turns."""

    def __init__(self, crowd: Crowd, talkers: Sequence[Viewer], text_bytes: int) -> None:
        self._crowd = crowd
        self._talkers = itertools.cycle(talkers)
        self._count = len(talkers)
        self._text_bytes = text_bytes

    def comment(self, due_ns: int) -> None:
        """Somebody comments. The stamp is when the comment was due."""
        payload = {"room": self._crowd.room, "text": stamped(self._text_bytes, due_ns)}
        self._say("comment", payload, self._crowd.counts.comments)

    def buy(self, sku: str) -> None:
        self._say("buy", {"room": self._crowd.room, "sku": sku, "qty": 1}, self._crowd.counts.buys)

    def _say(self, name: str, payload: dict[str, Any], counts: Commands) -> None:
        started_ns = time.monotonic_ns()
        payload["key"] = uuid.uuid4().hex
        for viewer in itertools.islice(self._talkers, self._count):
            link = self._crowd.links.get(viewer)
            if link is not None and link.command(
                name, payload, lambda answer: counts.answered(answer, time.monotonic_ns() - started_ns)
            ):
                counts.sent += 1
                return
        counts.refused["nobody_connected"] += 1
        counts.sent += 1


def anybody(crowd: Crowd, but: frozenset[Viewer]) -> Viewer | None:
    """A random viewer who is in and reads, none of those excepted; None if chance found none."""
    crowded = list(crowd.links)
    for _ in range(20):
        if not crowded:
            return None
        viewer = random.choice(crowded)
        if viewer.manner is Manner.STEADY and viewer not in but:
            return viewer
    return None
