"""Long lists for the writer, in portions: as much in one transaction as nobody notices, no more.

How much that is depends on the disk, the database and what else is going on, so it is learnt from how long
the last portions held the writer. After each, the writer is left to others for as long.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from rooms.errors import Refused
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Answer, Work
from server.store.keys import CommandKey
from server.store.store import Store

HELD_MS = 10.0
"""What a portion aims at: nothing may hold the writer for longer than 20 ms, and one in a hundred takes twice
as long as most."""
REST_MAX_S = 0.25

T = TypeVar("T")
Line = dict[str, Any]


class Size:
    """How much goes into the next portion. Pure: the time comes in as an argument."""

    def __init__(self, start: int, least: int, most: int) -> None:
        self.now = start
        self._least = least
        self._most = most

    def learn(self, weight: int, took_ms: float) -> None:
        """A portion of this weight held the writer for so long. Too long counts at once; a short time lets
        the next be at most twice as large, and only if the portion was a full one: every transaction takes
        some time, whatever is in it."""
        if weight < self.now and took_ms <= HELD_MS:
            return
        fitting = int(weight * HELD_MS / max(took_ms, 0.001))
        self.now = max(self._least, min(self._most, 2 * self.now, fitting))


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A list to be written.

    ``weigh`` says how many lines an item makes in the answer, at least one. ``steps`` writes some items, the
    first ones of the list if its second argument is true; it answers ``{lines: […]}``, as many as its items
    weigh. ``undone`` are the lines of items that nobody got to, with the error that says why. ``digest`` is
    of the whole request, and ``key`` what its client chose, None: nothing.
    """

    name: str
    items: Sequence[T]
    weigh: Callable[[T], int]
    steps: Callable[[Sequence[T], bool], Callable[[Unit], Steps[Any]]]
    undone: Callable[[Sequence[T], Line], list[Line]]
    user_id: str
    key: str | None
    digest: bytes

    def some(self, start: int, weight: int) -> Sequence[T]:
        """Items from a place on that weigh no more than this together, but one at least."""
        end, total = start, 0
        while end < len(self.items) and (end == start or total + self.weigh(self.items[end]) <= weight):
            total += self.weigh(self.items[end])
            end += 1
        return self.items[start:end]

    def after(self, start: int, lines: int) -> int:
        """The place behind the items that made so many lines, from ``start`` on."""
        while lines > 0 and start < len(self.items):
            lines -= self.weigh(self.items[start])
            start += 1
        return start


def portion_key(user_id: str, name: str, key: str | None, place: str) -> CommandKey | None:
    """A request's key makes one for each of its transactions: for a portion, by where it begins."""
    if key is None:
        return None
    return CommandKey(user_id, name, hashlib.sha256(f"{key}:{place}".encode()).hexdigest()[:48])


class Portions:
    """One sort of job. Of several at once, one portion at a time is on its way to the writer."""

    def __init__(self, store: Store, size: Size) -> None:
        self._store = store
        self._size = size
        self._turn = asyncio.Lock()

    async def write(self, job: Job[T]) -> list[Line]:
        """All lines. With a key, a repeat goes on where the first time ended, in whatever portions that was:
        what a remembered answer says is skipped.

        When the writer refuses (``busy``, or the database is away), what isn't done yet is in the lines with
        that error. The first portion's refusal, a ``key_conflict`` too, is the whole job's and is raised as
        ``Refused``. Cancelling leaves what is committed, and at most one portion more.
        """
        lines: list[Line] = []
        start = 0
        while start < len(job.items):
            async with self._turn:
                answer, rest_s = await self._portion(job, start)
                await asyncio.sleep(rest_s)
            told = orjson.loads(answer.body)
            if answer.ok:
                lines += told["lines"]
                start = job.after(start, len(told["lines"]))
            elif start == 0:
                raise _refusal(told["error"])
            else:
                error = {"code": told["error"]["code"], "message": told["error"]["message"]}
                return lines + job.undone(job.items[start:], error)
        return lines

    async def _portion(self, job: Job[T], start: int) -> tuple[Answer, float]:
        """The answer, and for how long the writer is owed rest: nothing for an answer that was remembered."""
        some = job.some(start, self._size.now)
        steps = job.steps(some, start == 0)
        key = portion_key(job.user_id, job.name, job.key, str(start))
        held_s: list[float] = []
        done: list[bool] = []

        def carry_out(tx: Unit) -> Steps[Any]:
            done.append(True)
            return (yield from steps(tx))

        answer = await self._store.write(Work(job.name, carry_out, key, job.digest[:16], held=held_s.append))
        if not (done and held_s):
            return answer, 0.0
        self._size.learn(sum(map(job.weigh, some)), held_s[-1] * 1000)
        return answer, min(held_s[-1], REST_MAX_S)


def _refusal(error: Line) -> Refused:
    return Refused(
        error["code"],
        error["message"],
        retry_after_ms=error.get("retry_after_ms"),
        details=error.get("details"),
    )
