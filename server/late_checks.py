"""Stored pictures that nobody has looked at are looked at late, a few a minute, by one node at a time.

They came while no checker was on, or while it was away and the settings took pictures all the same. What is
known of each is in its row, so a pass goes on wherever the one before it has ended, at whichever node. A pass
goes through the stocks one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

import orjson
import structlog
from sqlalchemy import Connection

from media.vision.metrics import VisionMetrics
from media.vision.process import Away, NoPicture
from media.vision.rules import Finding
from moderation.pictures.uploads import Looked
from rooms.errors import Refused
from rooms.origins import LEASE_MS, ORIGINS, is_elsewhere, take
from rooms.rows import Steps
from rooms.unit import Unit
from server.late_stocks import LateActs, Stock
from server.pictures import Unchecked
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LEASE = "*pictures"
"""Among the leases on streams; no stream can be called so."""
PAGE, PAGES_AT_ONCE = 200, 20
READY_S = 5.0
"""Until a checker that isn't there is looked for again."""
SKIP_S = 1.0
REST_S, REST_MAX_S = 60.0, 3_600.0
"""Between two passes: the longer the more often pictures could not be looked at."""
MISSES_MAX = 3
"""So many failures one after the other are the checker's: then it is left alone for a while."""


class Looker(Protocol):
    """Who looks at pictures here."""

    checker: str

    @property
    def is_ready(self) -> bool: ...

    def wants(self, room_id: str) -> bool:
        """Whether the room's pictures are looked at now, or those that belong to none. Quick."""
        ...

    async def look_at(self, picture: bytes) -> tuple[Finding, ...]:
        """Raises ``Away``, ``NoPicture``."""
        ...


class LateChecks:
    """One task. ``per_min`` bounds what it takes from the checker that streams need as well."""

    def __init__(
        self,
        store: Store,
        stocks: Sequence[Stock],
        looker: Looker,
        metrics: VisionMetrics,
        node: str,
        per_min: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store, self._stocks, self._looker = store, tuple(stocks), looker
        self._metrics, self._node, self._per_min, self._clock_ms = metrics, node, per_min, clock_ms
        self._at, self._after = 0, ""
        self._held_until_ms = 0
        self._missed = self._in_a_row = 0
        self._pause_s = REST_S
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._per_min:
            self._task = asyncio.create_task(self._run(), name="late picture checks")

    async def close(self) -> None:
        """What is being looked at stays unchecked. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            try:
                pause_s = await self.step()
            except Refused:
                pause_s = REST_S  # the database is away, and there is no hurry
            except Exception:
                log.exception("late_picture_check_failed")
                pause_s = REST_S
            await asyncio.sleep(pause_s)

    async def step(self) -> float:
        """Look at the next picture, if there is one; gives the seconds until the next step. Raises
        ``Refused`` while the database is away. Safe to cancel."""
        if not self._looker.is_ready:
            return READY_S
        picture, is_end = await self._store.read(self._next)
        if picture is None:
            return self._end_of_pass() if is_end else SKIP_S
        if not await self._hold():
            return LEASE_MS / 1000
        self._after, stock = picture.name, self._stocks[self._at]
        try:
            looked = await self._look(stock, picture)
        except (Away, NoPicture) as error:
            return self._miss(picture, error)
        if looked is not None:
            self._in_a_row = 0
            await self._settle(stock.acts, looked)
        return 60 / self._per_min

    def _next(self, conn: Connection) -> tuple[Unchecked | None, bool]:
        """The next of a room whose pictures are looked at, in the stock that it is the turn of then, and
        whether there was nothing more. How many of other rooms are passed over at once is bounded."""
        self._metrics.unchecked.set(sum(stock.count(conn) for stock in self._stocks))
        for _ in range(PAGES_AT_ONCE):
            page = self._stocks[self._at].page(conn, self._after, PAGE)
            for picture in page:
                if self._looker.wants(picture.room_id):
                    return picture, False
            if len(page) == PAGE:
                self._after = page[-1].name
            elif self._at + 1 < len(self._stocks):
                self._at, self._after = self._at + 1, ""
            else:
                return None, True
        return None, False

    def _end_of_pass(self) -> float:
        self._at, self._after = 0, ""
        self._pause_s = min(self._pause_s * 2, REST_MAX_S) if self._missed else REST_S
        self._missed = self._in_a_row = 0
        return self._pause_s

    def _miss(self, picture: Unchecked, error: Exception) -> float:
        """It is for the next pass; one that ends the worker again and again holds up nobody else."""
        self._metrics.late.labels("failed").inc()
        log.warning("late_picture_not_checked", picture=picture.name, why=str(error))
        self._missed += 1
        self._in_a_row += 1
        if self._in_a_row < MISSES_MAX:
            return max(1.0, 60 / self._per_min)
        self._in_a_row = 0
        self._pause_s = min(self._pause_s * 2, REST_MAX_S)
        return self._pause_s

    async def _look(self, stock: Stock, picture: Unchecked) -> Looked | None:
        """None: it is gone."""
        shown = await self._store.read(lambda conn: stock.read(conn, picture))
        if shown is None:
            return None
        found = await self._looker.look_at(shown.body)
        hits = tuple((hit.name, hit.score) for hit in found)
        return Looked(picture.room_id, picture.name, picture.user_id, self._looker.checker, hits, shown.told)

    async def _settle(self, acts: LateActs, looked: Looked) -> None:
        def settle(tx: Unit) -> Steps[object]:
            yield from acts.rows(looked)
            yield ORIGINS.rows(LEASE)
            # Who has been away for long may find that another goes on: both have looked, one writes.
            if is_elsewhere(tx.get(ORIGINS, LEASE), self._node, tx.now_ms):
                return {"settled": False}
            take(tx, LEASE, self._node)
            return (yield from acts.looked(tx, looked))

        if (await self._write("pictures.looked", settle))["settled"]:
            self._metrics.late.labels("withheld" if looked.found else "clean").inc()
            if looked.found:
                log.warning("picture_withheld", picture=looked.name, room=looked.room_id)

    async def _hold(self) -> bool:
        """Whether it is this node's turn: nobody else has the lease."""
        now_ms = self._clock_ms()
        if now_ms + LEASE_MS / 2 < self._held_until_ms:
            return True

        def hold(tx: Unit) -> Steps[object]:
            yield ORIGINS.rows(LEASE)
            if is_elsewhere(tx.get(ORIGINS, LEASE), self._node, tx.now_ms):
                return {"mine": False}
            take(tx, LEASE, self._node)
            return {"mine": True}

        mine = (await self._write("pictures.lease", hold))["mine"]
        self._held_until_ms = now_ms + LEASE_MS if mine else 0
        return mine

    async def _write(self, name: str, steps: Callable[[Unit], Steps[object]]) -> dict[str, bool]:
        answer = await self._store.write(Work(name, steps))
        if not answer.ok:
            raise Refused("temporarily_unavailable", f"{name}: {answer.code}")
        wire: dict[str, bool] = orjson.loads(answer.body)
        return wire
