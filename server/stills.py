"""What is kept of hits, stills and sounds, is kept for a while, and then dropped."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Table

from moderation.pictures.store import drop_older, stills_table
from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from server.store.store import Store

AT_ONCE = 100


class Stills:
    """A chore of ``server.housekeeping``."""

    def __init__(
        self, store: Store, kept_ms: int, clock_ms: Callable[[], int], table: Table = stills_table
    ) -> None:
        self._store, self._kept_ms, self._clock_ms = store, kept_ms, clock_ms
        self._table = table

    async def prune(self) -> bool:
        """Drop those that are too old; whether there may be more of them."""
        before_ms = self._clock_ms() - self._kept_ms
        counts: list[int] = []

        def drop(tx: Unit) -> Steps[None]:
            yield ROOMS.rows()
            tx.at_flush(lambda conn: counts.append(drop_older(conn, before_ms, AT_ONCE, self._table)))

        await self._store.write(Work("stills.prune", drop))
        return bool(counts) and counts[-1] == AT_ONCE
