"""Carrying on with purges: portion after portion, with rests in between, until nothing is left of them."""

from __future__ import annotations

import asyncio

import orjson

from moderation.purges import Purges, span_of
from rooms.errors import Refused
from rooms.heads import TimerRow
from server.portions import REST_MAX_S, Size
from server.store.group import Work
from server.store.store import Store


class Purging:
    """What comes after ``moderate.purge``. How many comments make a portion is learnt from how long the last
    ones held the writer."""

    def __init__(self, store: Store, purges: Purges) -> None:
        self._store = store
        self._purges = purges
        self._size = Size(200, 20, 1000)

    async def carry_on(self, timer: TimerRow) -> None:
        """Handler of the timers ``PURGE_TIMER``. Cancelled, or when the database is away, it begins anew at
        the next look: what is done is skipped."""
        to: int | None = span_of(timer).to
        while to is not None:
            limit, held_s = self._size.now, list[float]()
            work = Work(
                "purge",
                lambda tx, to=to, limit=limit: self._purges.portion(tx, timer, to, limit),  # type: ignore[misc]
                held=held_s.append,
            )
            answer = await self._store.write(work)
            if not answer.ok:
                raise Refused(answer.code or "internal")
            to = orjson.loads(answer.body)["to"]
            if held_s:
                self._size.learn(limit, held_s[-1] * 1000)
                await asyncio.sleep(min(held_s[-1], REST_MAX_S))
