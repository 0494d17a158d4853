"""Timed work: rows with a time, done by whichever node is alive, in a transaction that can't run twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
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

InTransaction = Callable[[Unit, TimerRow], Steps[Any]]
Outside = Callable[[TimerRow], Awaitable[None]]


# Made once: it is asked for four times a second, also of a node that has nothing else to do.
_DUE = (
    select(timers_table)
    .where(timers_table.c.due_at_ms <= bindparam("now_ms"))
    .order_by(timers_table.c.due_at_ms)
    .limit(AT_ONCE)
)


def read_due(conn: Connection, now_ms: int) -> list[TimerRow]:
    """Timers whose time has come, the oldest first, a bounded number."""
    return [TimerRow(*record) for record in conn.execute(_DUE, {"now_ms": now_ms})]


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
            try:
                due = await self._store.read(lambda conn: read_due(conn, self._clock_ms()))
                await asyncio.gather(*(self._begin(timer) for timer in due))
            except Refused:
                due = []
            except Exception:
                log.exception("timers_failed")
                due = []
            if len(due) < AT_ONCE:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _begin(self, timer: TimerRow) -> None:
        if handler := self._inside.get(timer.kind):
            await self._store.write(Work(f"timer:{timer.kind}"[:32], lambda tx: handler(tx, timer)))
        elif (action := self._outside.get(timer.kind)) and timer.id not in self._under_way:
            task = asyncio.create_task(self._act(action, timer))
            self._under_way[timer.id] = task
            task.add_done_callback(lambda _: self._under_way.pop(timer.id, None))

    async def _act(self, action: Outside, timer: TimerRow) -> None:
        try:
            await action(timer)
        except Exception:
            log.warning("timer_failed", kind=timer.kind, ref=timer.ref, exc_info=True)
            await asyncio.sleep(5)
