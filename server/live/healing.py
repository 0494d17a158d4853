"""Following the heads in SQL: what the bus lost is noticed within a second, in quiet rooms too.

While the bus is away this is the only way that news of other nodes come, so it looks more often.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.history import Heads, read_heads
from rooms.people import read_seqs
from rooms.shop.coupons.store import read_left
from rooms.shop.shelf import read_stocks
from server.bus.port import Bus
from server.live.rooms import LiveRooms
from server.live.users import UserChannels
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
LOOK_EVERY_AWAY_S = 0.25
STOCK_EVERY = 5
"""Looks between two at the stock, whose news may be lost like others and which has no number to tell."""
USERS_AT_ONCE = 2000

Left = dict[str, dict[str, int]]
Found = tuple[dict[str, Heads], dict[str, int], tuple[Left, Left] | None]


class Healer:
    """Compares what is shown here with SQL: one read for all rooms and a share of the users."""

    def __init__(
        self, store: Store, bus: Bus, live: LiveRooms, users: UserChannels, registry: CollectorRegistry
    ) -> None:
        self._store = store
        self._bus = bus
        self._live = live
        self._users = users
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._next_users: list[str] = []
        self._looks = Counter("danmart_heads_looks_total", "Looks at the heads in SQL", registry=registry)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="healer")

    async def close(self) -> None:
        """Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def nudge(self) -> None:
        """Look now: the bus came back, or went away."""
        self._nudged.set()

    async def _run(self) -> None:
        for number in count():
            try:
                await self._look(with_stock=number % STOCK_EVERY == 0)
            except Refused:
                pass  # the database is away as well: there is nothing to follow
            except Exception:
                log.exception("healer_failed")
            every_s = LOOK_EVERY_S if self._bus.healthy else LOOK_EVERY_AWAY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._nudged.wait()
            self._nudged.clear()

    async def _look(self, *, with_stock: bool) -> None:
        rooms = [room.row.id for room in self._live.open_rooms()]
        users = self._some_users()
        if not rooms and not users:
            return
        self._looks.inc()

        def read(conn: Connection) -> Found:
            left = (read_stocks(conn, rooms), read_left(conn, rooms)) if with_stock and rooms else None
            return read_heads(conn, rooms), read_seqs(conn, users), left

        found: Any = await self._store.read(read)
        heads, seqs, left = found
        self._live.follow(heads)
        self._users.follow(seqs)
        if left is not None:
            stocks, coupons = left
            self._live.follow_stock(stocks)
            self._live.follow_coupons({room: coupons.get(room, {}) for room in rooms})

    def _some_users(self) -> list[str]:
        """The next ones in turn, so that a look stays cheap with many thousands of them."""
        if not self._next_users:
            self._next_users = self._users.users()
        some, self._next_users = self._next_users[:USERS_AT_ONCE], self._next_users[USERS_AT_ONCE:]
        return some
