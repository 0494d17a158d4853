"""What moderation comes to in all rooms: days that are over are worked out once, and kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from moderation.audit.days import (
    DAY_MS,
    Day,
    Sort,
    Summary,
    forget,
    keep,
    next_day,
    read_sorts,
    read_summaries,
    sum_up,
)
from moderation.audit.transparency import day_name, tally_days, tally_sorts
from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from server.store.store import Store

PERIOD_MAX = 366
ROOMS_MAX = 100
KEPT_DAYS = PERIOD_MAX + 34
"""Somebody may ask for a year that ended a month ago."""
SETTLED_MS = 3_600_000
"""After its end a day is over: until then a node whose clock is behind may still write into it."""
SLICE_S = 0.05
FRESH_MS = 10_000
REMEMBERED_MAX = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """From one day to another, both included, in days since 1970 (UTC); so many rooms by themselves."""

    first: int
    last: int
    rooms: int


class PlatformNumbers:
    """One question is answered at a time; an answer of the last seconds is given again."""

    def __init__(self, store: Store, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._told: OrderedDict[Asked, tuple[int, dict[str, Any]]] = OrderedDict()
        self._asking = asyncio.Lock()

    async def told(self, asked: Asked) -> dict[str, Any]:
        """The shape of ``GET /api/v1/moderation/transparency``. Raises ``Refused``:
        ``temporarily_unavailable``."""
        async with self._asking:
            at_ms, known = self._told.get(asked, (-FRESH_MS, {}))
            if not 0 <= self._clock_ms() - at_ms < FRESH_MS:
                known = await self._work_out(asked)
                self._told[asked] = (self._clock_ms(), known)
                self._told.move_to_end(asked)
                while len(self._told) > REMEMBERED_MAX:
                    self._told.popitem(last=False)
        return known

    async def settle(self) -> bool:
        """For the housekeeping: keep the next day that is over; whether there may be more of them."""
        now_ms = self._clock_ms()
        oldest = now_ms // DAY_MS - KEPT_DAYS
        day = await self._store.read(lambda conn: next_day(conn, oldest))
        if day is None or (day + 1) * DAY_MS + SETTLED_MS > now_ms:
            return False
        summed = await self._store.read(lambda conn: sum_up(conn, day))

        def write(tx: Unit) -> Steps[Any]:
            yield ROOMS.rows()
            tx.at_flush(lambda conn: _replace(conn, summed, oldest))
            return {}

        return (await self._store.write(Work("audit.days", write))).ok

    async def _work_out(self, asked: Asked) -> dict[str, Any]:
        now_ms = self._clock_ms()
        last = min(asked.last, now_ms // DAY_MS)
        kept = await self._store.read(lambda conn: read_summaries(conn, asked.first, last))
        there = {summary.day for summary in kept}
        # In slices: after an upgrade none may be kept yet.
        missing = [day for day in range(asked.first, last + 1) if day not in there]
        fresh: list[Day] = []
        while len(fresh) < len(missing):
            rest = missing[len(fresh) :]
            fresh += await self._store.read(lambda conn, rest=rest: _some(conn, rest))  # type: ignore[misc]
        summaries = [*kept, *(day.summary() for day in fresh)]
        rooms, moderated = busiest(summaries, asked.rooms)
        sums = await self._store.read(lambda conn: _sums_of(conn, rooms, asked.first, last))
        for day in fresh:
            for room in rooms:
                if room in day.trails:
                    sums[room].update(day.trails[room].counts)
        titles = await self._store.read(lambda conn: _titles(conn, rooms))
        return {
            "from_ms": asked.first * DAY_MS,
            "to_ms": min(now_ms, (asked.last + 1) * DAY_MS),
            "first_day": day_name(asked.first),
            "last_day": day_name(asked.last),
            **await asyncio.to_thread(tally_days, summaries, asked.first, asked.last),
            "rooms_moderated": moderated,
            "rooms": [
                {"room": room, "title": titles.get(room, ""), **tally_sorts(sums[room])} for room in rooms
            ],
        }


def busiest(summaries: Iterable[Summary], limit: int) -> tuple[list[str], int]:
    """The rooms in which most was done, those with the most first; and in how many anything was."""
    totals: Counter[str] = Counter()
    for summary in summaries:
        totals.update(summary.totals)
    # What is done everywhere, and what sellers do beyond rooms, is no room's.
    rooms = [trail for trail in totals if trail and not trail.startswith("@")]
    return sorted(rooms, key=lambda room: (-totals[room], room))[:limit], len(rooms)


def _some(conn: Connection, days: list[int]) -> list[Day]:
    """The first of these days, one at least, as many as can be worked out in a moment."""
    until = time.perf_counter() + SLICE_S
    found: list[Day] = []
    for day in days:
        found.append(sum_up(conn, day))
        if time.perf_counter() > until:
            break
    return found


def _sums_of(conn: Connection, rooms: list[str], first: int, last: int) -> dict[str, Counter[Sort]]:
    sums: dict[str, Counter[Sort]] = {room: Counter() for room in rooms}
    for room, sorts in read_sorts(conn, rooms, first, last):
        for action, facts, count in sorts:
            sums[room][action, facts] += count
    return sums


def _titles(conn: Connection, rooms: list[str]) -> dict[str, str]:
    c = ROOMS.table.c
    return {row.id: row.title for row in conn.execute(select(c.id, c.title).where(c.id.in_(rooms)))}


def _replace(conn: Connection, summed: Day, oldest: int) -> None:
    keep(conn, summed)
    forget(conn, oldest)
