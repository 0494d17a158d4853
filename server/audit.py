"""The node's side of the audit trails: verifying a trail in portions, erasing a person, ageing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from moderation.audit.chain import START
from moderation.audit.erasure import Count, Erasures, Found, Place, find_of_person, find_older
from moderation.audit.reading import read_head
from moderation.audit.walk import Walk
from rooms.errors import CATALOGUE, Refused
from rooms.ports import SYSTEM, Caller
from server.store.group import Work
from server.store.store import Store

FRESH_MS = 60_000
REMEMBERED_MAX = 200
DAY_MS = 86_400_000

Finder = Callable[[Connection, Place | None], Found]


class AuditKeeper:
    """``details_days`` is how long is kept what entries say of people; None: for good."""

    def __init__(self, store: Store, clock_ms: Callable[[], int], *, details_days: int | None = None) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._details_days = details_days
        self._erasures = Erasures()
        self._verified: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._verifying = asyncio.Semaphore(1)
        self._erasing = asyncio.Semaphore(1)
        self._at: Place | None = None

    async def verify(self, trail: str) -> dict[str, Any]:
        """What a trail comes to, from its first link to its head; an answer of the last minute is given
        again while the head is the same. One at a time. Raises ``Refused``: ``busy``,
        ``temporarily_unavailable``."""
        known = self._verified.get(trail)
        if known is not None and self._clock_ms() - known["checked_at_ms"] < FRESH_MS:
            head = await self._store.read(lambda conn: read_head(conn, trail))
            seq, last = head or (0, START)
            if (seq, last.hex()) == (known["seq"], known["hash"]):
                return known
        if self._verifying.locked():
            raise Refused("busy", retry_after_ms=1000)
        async with self._verifying:
            walk = Walk(trail)
            while await self._store.read(walk.step):
                pass
        result = _verified(walk, self._clock_ms())
        self._verified[trail] = result
        self._verified.move_to_end(trail)
        while len(self._verified) > REMEMBERED_MAX:
            self._verified.popitem(last=False)
        return result

    async def erase_person(self, user_id: str, caller: Caller) -> Count:
        """Erase what all trails say of somebody. Raises ``Refused``: ``forbidden``, ``busy``,
        ``temporarily_unavailable``; what was erased by then stays so, and the rest is found the next time.
        Cancelling likewise."""
        if self._erasing.locked():
            raise Refused("busy", retry_after_ms=1000)
        async with self._erasing:
            count, after, more = Count(), None, True
            while more:
                after = await self._erase(
                    lambda conn, at: find_of_person(conn, user_id, at), after, caller, "request", count
                )
                more = after is not None
            self._verified.clear()
            return count

    async def age(self) -> bool:
        """For the housekeeping: erase what is older than is kept, a portion at a time; whether there is more
        to look at."""
        if self._details_days is None:
            return False
        before_ms = self._clock_ms() - self._details_days * DAY_MS
        self._at = await self._erase(
            lambda conn, at: find_older(conn, before_ms, at), self._at, SYSTEM, "age", Count()
        )
        return self._at is not None

    async def _erase(
        self, find: Finder, after: Place | None, caller: Caller, reason: str, count: Count
    ) -> Place | None:
        """One portion; gives where the next begins."""
        found = await self._store.read(lambda conn: find(conn, after))
        if found.who or found.what:
            work = Work("audit.erase", lambda tx: self._erasures.erase(tx, found, caller, reason, count))
            answer = await self._store.write(work)
            if answer.code is not None:
                raise Refused(answer.code, retry_after_ms=1000 if CATALOGUE[answer.code].temporary else None)
        return found.after


def _verified(walk: Walk, now_ms: int) -> dict[str, Any]:
    seq, last = walk.head or (0, START)
    tally = walk.checker.tally if walk.checker else None
    return {
        "ok": walk.count == 0,
        "seq": seq,
        "hash": last.hex(),
        "entries": tally.entries if tally else 0,
        "who_erased": tally.who_erased if tally else 0,
        "what_erased": tally.what_erased if tally else 0,
        "problems": walk.count,
        "found": [problem.wire() for problem in walk.problems],
        "checked_at_ms": now_ms,
    }
