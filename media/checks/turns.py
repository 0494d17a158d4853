"""Takes streams' pieces out of their mailbox, a few at a time, and no faster than its share of a core."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic

from media.checks.mailbox import Mailbox, P

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pace:
    """How much of a core may go into checks: after a piece there is a pause, the longer the more it cost."""

    share: float
    not_before: float = 0.0

    def spent(self, began: float, cpu_s: float) -> None:
        """A piece that was begun then cost so much: the next begins when that is no more than the share."""
        self.not_before = max(self.not_before, began + cpu_s / self.share)


class Turns(Generic[P]):
    """Belongs to the event loop. ``work`` is called with a stream and its piece, ``at_once`` of them at the
    same time; what it raises is logged."""

    def __init__(
        self,
        name: str,
        mailbox: Mailbox[P],
        pace: Pace,
        work: Callable[[str, P], Awaitable[None]],
        *,
        at_once: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._mailbox, self._pace, self._work = name, mailbox, pace, work
        self._at_once, self._clock = at_once, clock
        self._filled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_running(self) -> bool:
        return bool(self._tasks)

    def filled(self) -> None:
        """There is something in the mailbox."""
        self._filled.set()

    async def start(self) -> None:
        names = (self._name for _ in range(self._at_once))
        self._tasks = [asyncio.create_task(self._run(), name=name) for name in names]

    async def close(self) -> None:
        """Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            taken = self._mailbox.take()
            if taken is None:
                self._filled.clear()
                continue
            began = self._clock()
            try:
                await self._work(*taken)
            except Exception:
                log.exception("a piece of a stream could not be checked", extra={"check": self._name})
            # At least one turn of the loop, whatever the clock and the share say.
            await asyncio.sleep(max(0.0, self._pace.not_before - max(began, self._clock())))
