"""The node's part in gifts: a first catalogue, writing down what fans do, and reading boards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from rooms.commands import GiftTop
from rooms.gifts.boards import read_top
from rooms.gifts.catalogue import seed
from rooms.gifts.defaults import DEFAULT_GIFTS
from rooms.gifts.fans import Counts, Fans
from rooms.ports import Caller
from server.store.group import Work
from server.store.store import Store

EVERY_S = 20.0
AT_ONCE = 200
"""Fans written in one transaction: buyers and givers come in between."""


class GiftKeeper:
    """One task, which writes what the node's ``fans`` have done every 20 s. A crash loses at most that."""

    def __init__(self, store: Store, fans: Fans, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._fans = fans
        self._clock_ms = clock_ms
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fill an empty catalogue, and begin. The store must have been started."""
        await self._store.write(Work("gifts.seed", lambda tx: seed(tx, DEFAULT_GIFTS)))
        self._task = asyncio.create_task(self._run(), name="fans")

    async def close(self) -> None:
        """Write what is left. Idempotent; before the store is closed."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.write_fans()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write_fans()

    async def write_fans(self) -> None:
        """Write what was counted, some fans at a time; what can't be written is counted again."""
        counts = list(self._fans.take().items())
        for start in range(0, len(counts), AT_ONCE):
            some: Counts = dict(counts[start : start + AT_ONCE])
            work = Work("fans.add", lambda tx, some=some: self._fans.add_up(tx, some), patient=True)  # type: ignore[misc]
            if not (await self._store.write(work)).ok:
                self._fans.give_back(some)

    async def top(self, cmd: GiftTop, caller: Caller) -> dict[str, Any]:
        """The command ``gift.top``; see :func:`rooms.gifts.boards.read_top`."""
        now_ms = self._clock_ms()
        return await self._store.read(
            lambda conn: read_top(conn, self._fans, cmd.room, cmd.span, caller.id, now_ms)
        )
