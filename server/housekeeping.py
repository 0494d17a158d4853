"""What is tidied up while nobody waits for it, in bounded steps: checkpoints, old keys, old paces,
and who bought how much in sales of long ago."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.paces import PaceKey, drop_over, is_over, read_paces
from rooms.rows import Steps
from rooms.shop.sale_store import drop_buyers, read_counted, read_over
from rooms.unit import Unit
from server.checkpoints import Checkpoints
from server.store.group import Work
from server.store.keys import KEPT_MS, prune
from server.store.store import Store

log = structlog.get_logger(__name__)

STEP_EVERY_S = 1.0
REST_S = 60.0
"""Between two rounds of a chore that is done with everything there was."""
KEYS_AT_ONCE = 2000
PACES_AT_ONCE = 500
BUYERS_AT_ONCE = 1000
SALES_AT_ONCE = 50
BUYERS_KEPT_MS = KEPT_MS
"""After a sale's end, which is when the limits were needed for the last time. A purchase can be repeated by
its key for as long, and whoever looks into one finds what its buyer had."""

Chore = Callable[[], Awaitable[bool]]
"""Takes one step; whether there is more to do at once."""


class Housekeeping:
    """One task; ``more`` are chores of others. Each node has its own: what another has tidied up already is
    simply not there any more."""

    def __init__(
        self,
        store: Store,
        checkpoints: Checkpoints,
        clock_ms: Callable[[], int],
        *,
        pace_window_ms: int,
        more: Sequence[Chore] = (),
    ) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._clock_ms = clock_ms
        self._pace_window_ms = pace_window_ms
        self._more = more
        self._at: PaceKey = ("", "")
        self._sale_at = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def close(self) -> None:
        """Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        rests_until: dict[Chore, float] = dict.fromkeys(
            (self.prune_keys, self.prune_paces, self.prune_buyers), now() + REST_S
        )
        rests_until |= dict.fromkeys(self._more, 0.0)
        while True:
            await self._try(self._save_checkpoints)
            for chore, until in rests_until.items():
                if now() >= until and not await self._try(chore):
                    rests_until[chore] = now() + REST_S
            await asyncio.sleep(STEP_EVERY_S)

    async def _try(self, chore: Chore) -> bool:
        try:
            return await chore()
        except Refused:
            return False  # the database is away, and there is no hurry
        except Exception:
            log.exception("housekeeping_failed")
            return False

    async def _save_checkpoints(self) -> bool:
        for room_id in self._checkpoints.due():
            await self._store.write(
                Work("checkpoint", lambda tx, r=room_id: self._checkpoints.save(tx, r))  # type: ignore[misc]
            )
        return False

    async def prune_keys(self) -> bool:
        """Drop commands' keys that are older than seven days; whether there may be more of them."""
        counts: list[int] = []

        def drop(tx: Unit) -> Steps[None]:
            yield ROOMS.rows()
            tx.at_flush(lambda conn: counts.append(prune(conn, tx.now_ms, limit=KEYS_AT_ONCE)))

        await self._store.write(Work("keys.prune", drop))
        return bool(counts) and counts[-1] == KEYS_AT_ONCE

    async def prune_paces(self) -> bool:
        """Go on through the table of paces and drop those that are over; False: that was the end of it."""
        rows = await self._store.read(lambda conn: read_paces(conn, self._at, PACES_AT_ONCE))
        now_ms, window_ms = self._clock_ms(), self._pace_window_ms
        over = [(row.room_id, row.user_id) for row in rows if is_over(row, window_ms, now_ms)]
        if over:
            await self._store.write(Work("paces.prune", lambda tx: drop_over(tx, over, window_ms)))
        more = len(rows) == PACES_AT_ONCE
        self._at = (rows[-1].room_id, rows[-1].user_id) if more else ("", "")
        return more

    async def prune_buyers(self) -> bool:
        """Go on through the sales of which it is kept who bought how much, and drop that of those that ended
        long ago; False: that was the end of it."""
        counted = await self._store.read(lambda conn: read_counted(conn, self._sale_at, SALES_AT_ONCE))
        before_ms = self._clock_ms() - BUYERS_KEPT_MS
        for sale_id in await self._store.read(lambda conn: read_over(conn, counted, before_ms)):
            if await self._drop_buyers(sale_id) == BUYERS_AT_ONCE:
                return True  # and on with the same sale
            self._sale_at = sale_id
        more = len(counted) == SALES_AT_ONCE
        self._sale_at = counted[-1] if more else ""
        return more

    async def _drop_buyers(self, sale_id: str) -> int:
        counts = [0]

        def drop(tx: Unit) -> Steps[None]:
            yield ROOMS.rows()
            tx.at_flush(lambda conn: counts.append(drop_buyers(conn, sale_id, BUYERS_AT_ONCE)))

        await self._store.write(Work("buyers.prune", drop))
        return counts[-1]
