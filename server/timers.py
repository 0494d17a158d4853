"""Timed work: rows with a time, done by whichever node is alive, in a transaction that can't run twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select

from rooms.errors import Refused
from rooms.heads import TimerRow, timers_table
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.25
AT_ONCE = 200
ROUNDS = 20
"""After so many full hands, those are looked at too that wait for others."""
OUTSIDE_AT_ONCE = 200
"""So many wait for others at a time, and so many of those that wait for nobody are done at a look. They are
looked for apart: a hold ends in time though a hundred payments wait for a provider that is away."""

InTransaction = Callable[[Unit, TimerRow], Steps[Any]]
Outside = Callable[[TimerRow], Awaitable[None]]


# Made once: it is asked for four times a second, also of a node that has nothing else to do.
_DUE = (
    select(timers_table)
    .where(
        timers_table.c.due_at_ms <= bindparam("now_ms"),
        timers_table.c.kind.in_(bindparam("kinds", expanding=True)),
        timers_table.c.id.not_in(bindparam("but", expanding=True)),
    )
    .order_by(timers_table.c.due_at_ms)
    .limit(bindparam("limit"))
)


def read_due(
    conn: Connection, now_ms: int, kinds: Collection[str], *, limit: int, but: Collection[str] = ()
) -> list[TimerRow]:
    """Timers of some kinds whose time has come, the oldest first, ``limit`` at most; ``but`` those ids."""
    bounds = {"now_ms": now_ms, "kinds": list(kinds), "but": list(but), "limit": limit}
    return [TimerRow(*record) for record in conn.execute(_DUE, bounds)]


class Timers:
    """Looks for due timers four times a second and does them.

    Those ``inside`` are handlers like any command's; those ``outside`` talk to others first and are tried
    again at the next look until they succeed.
    """

    def __init__(
        self,
        store: Store,
        clock_ms: Callable[[], int],
        *,
        inside: Mapping[str, InTransaction],
        outside: Mapping[str, Outside],
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._inside = inside
        self._outside = outside
        self._task: asyncio.Task[None] | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="timers")

    async def close(self) -> None:
        """Stop looking. Idempotent; what is under way is cancelled and comes again with the next start."""
        tasks = [t for t in (self._task, *self._under_way.values()) if t is not None]
        self._task = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            more = False
            try:
                more = await self._do_inside()
                for timer in await self._store.read(self._read_outside):
                    self._begin(timer)
            except Refused:
                log.debug("timers_wait_for_the_database")
            except Exception:
                log.exception("timers_failed")
            if not more:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _do_inside(self) -> bool:
        """Do what is due and waits for nobody; whether there is more of it. When a crowd's holds run out
        together, a handful is being written while the next one is read and queued behind it."""
        before: list[asyncio.Task[bool]] = []
        busy: list[str] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(ROUNDS):
                try:
                    due = await self._store.read(lambda conn, busy=busy: self._read_inside(conn, busy))  # type: ignore[misc]
                except Refused:
                    return False  # the database is away
                doing = [group.create_task(self._do(timer)) for timer in due]
                if before:
                    await asyncio.wait(before)
                failed = not all(task.result() for task in before)
                if failed or len(due) < AT_ONCE:
                    return False  # what couldn't be written comes again at the next look, not at once
                before, busy = doing, [timer.id for timer in due]
        return all(task.result() for task in before)

    def _read_inside(self, conn: Connection, busy: Collection[str]) -> list[TimerRow]:
        return read_due(conn, self._clock_ms(), self._inside.keys(), limit=AT_ONCE, but=busy)

    def _read_outside(self, conn: Connection) -> list[TimerRow]:
        busy = tuple(self._under_way)
        limit = OUTSIDE_AT_ONCE - len(busy)
        return read_due(conn, self._clock_ms(), self._outside.keys(), limit=limit, but=busy)

    async def _do(self, timer: TimerRow) -> bool:
        handler = self._inside[timer.kind]
        work = Work(f"timer:{timer.kind}"[:32], lambda tx: handler(tx, timer), urgent=True)
        return (await self._store.write(work)).ok

    def _begin(self, timer: TimerRow) -> None:
        if timer.id in self._under_way:
            return
        task = asyncio.create_task(self._act(self._outside[timer.kind], timer))
        self._under_way[timer.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(timer.id, None))

    async def _act(self, action: Outside, timer: TimerRow) -> None:
        try:
            await action(timer)
        except Exception:
            log.warning("timer_failed", kind=timer.kind, ref=timer.ref, exc_info=True)
            await asyncio.sleep(5)
