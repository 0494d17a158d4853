"""Posters of streams that are made on other nodes: fetched when somebody asks, kept for a moment."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from media.hls.posters import Poster, Posters

FRESH_S, NONE_FRESH_S, KEPT_S = 5.0, 1.0, 30.0
KEPT_MAX = 500
FETCHED_AT_ONCE = 8

Fetch = Callable[[str], Awaitable[Poster | None]]
Hide = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class _Copy:
    poster: Poster | None
    at: float

    def is_fresh(self, now: float) -> bool:
        return now - self.at < (FRESH_S if self.poster is not None else NONE_FRESH_S)


async def _nobody(_room: str) -> Poster | None:
    return None


async def _nowhere(_room: str) -> bool:
    return False


class AllPosters:
    """This node's posters, and those of other nodes by ``fetch`` and ``hide_there``, which must not raise.

    What is kept of others is bounded by number; a poster is some 40 kB. Who lists rooms gets what is known
    and has the rest looked for: the next one who lists them has it.
    """

    def __init__(self, here: Posters, fetch: Fetch = _nobody, hide_there: Hide = _nowhere) -> None:
        self._here = here
        self._fetch = fetch
        self._hide_there = hide_there
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._on_the_way: dict[str, asyncio.Task[Poster | None]] = {}

    def known(self, room: str) -> Poster | None:
        """What is known of the room's poster now; what isn't is asked for, for those who come later."""
        poster = self._here.find(room)
        if poster is not None or self._fetch is _nobody:
            return poster
        copy = self._copies.get(room)
        now = self._here.clock()
        is_fresh = copy is not None and copy.is_fresh(now)
        if not is_fresh and len(self._on_the_way) < FETCHED_AT_ONCE:
            self._ask(room)
        return copy.poster if copy is not None and now - copy.at < KEPT_S else None

    async def find(self, room: str) -> Poster | None:
        """The room's poster, wherever it is made. Safe to cancel."""
        poster = self._here.find(room)
        if poster is not None or self._fetch is _nobody:
            return poster
        copy = self._copies.get(room)
        if copy is not None and copy.is_fresh(self._here.clock()):
            return copy.poster
        return await asyncio.shield(self._ask(room))

    async def hide(self, room: str) -> None:
        """Forgets it here and where it is made; the stream gets none any more."""
        self._here.hide(room)
        await self._hide_there(room)
        self._copies.pop(room, None)

    def _ask(self, room: str) -> asyncio.Task[Poster | None]:
        task = self._on_the_way.get(room)
        if task is None:
            task = self._on_the_way[room] = asyncio.create_task(self._bring(room), name=f"poster {room}")
        return task

    async def _bring(self, room: str) -> Poster | None:
        try:
            poster = await self._fetch(room)
        finally:
            del self._on_the_way[room]
        self._copies[room] = _Copy(poster, self._here.clock())
        self._copies.move_to_end(room)
        while len(self._copies) > KEPT_MAX:
            self._copies.popitem(last=False)
        return poster

    async def close(self) -> None:
        """Idempotent."""
        tasks = list(self._on_the_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
