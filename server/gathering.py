"""What many ask in the same moment, answered together: one trip to a database instead of one for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from rooms.errors import Refused

log = structlog.get_logger(__name__)

Q = TypeVar("Q")
A = TypeVar("A")

AT_ONCE = 128
"""More in one trip saves next to nothing, and holds the interpreter's lock against the loop for longer."""
EVERY_S = 0.005
"""What a trip costs is mostly the same for one as for twenty: while many come, it is made this often."""
WAITING_MAX = 10_000


class Gathering(Generic[Q, A]):
    """One trip at a time: who asks while it is under way goes with the next one, in order.

    So an answer is never older than its question. The first one goes at once; the next trip begins
    ``EVERY_S`` after the last one began, or when that is over. ``answer`` gets the questions of a trip and
    gives an answer for each; an answer that is a ``Refused`` is raised where it was asked for. If ``answer``
    raises something else, the questions go apart until it shows which one it was. Owned by one event loop.
    """

    def __init__(
        self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A | Refused]]], *, at_once: int = AT_ONCE
    ) -> None:
        self._answer = answer
        self._at_once = at_once
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._travelling: asyncio.Task[None] | None = None
        self._not_before_s = 0.0

    async def ask(self, question: Q) -> A:
        """The answer, from a trip that begins after this call. Cancelling gives up the answer alone.

        Raises ``Refused``: what the trip refused with, or ``busy`` when too many wait.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise Refused("busy", retry_after_ms=1000)
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._travelling is None:
            # A task begins when what the loop has to do now is done: who comes in the same turn goes along.
            self._travelling = asyncio.create_task(self._travel(), name="gathering")
        return await future

    async def _travel(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if (left_s := self._not_before_s - loop.time()) > 0:
                    await asyncio.sleep(left_s)
                self._not_before_s = loop.time() + EVERY_S
                if group := self._next():
                    await self._go(group)
        finally:
            self._travelling = None

    def _next(self) -> list[tuple[Q, asyncio.Future[A]]]:
        group: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(group) < self._at_once:
            one = self._waiting.popleft()
            if not one[1].done():  # else it was cancelled
                group.append(one)
        return group

    async def _go(self, group: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in group])
        except Refused as refusal:
            self._refuse(group, refusal)
        except Exception as error:
            if len(group) == 1:
                _settle(group[0][1], error)
                return
            # One of them can't be answered; the others must not suffer for it.
            log.warning("asked_in_halves", count=len(group), error=repr(error)[:300])
            half = len(group) // 2
            await self._go(group[:half])
            await self._go(group[half:])
        except BaseException:
            for _, future in group:
                future.cancel()
            raise
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                _settle(future, answer)

    def _refuse(self, group: Sequence[tuple[Q, asyncio.Future[A]]], refusal: Refused) -> None:
        """Nobody could be answered, and those who wait have asked the same database while it was away. Sent
        after the others, the last would hear of it after as many timeouts as there are trips."""
        late, self._waiting = self._waiting, deque()
        for _, future in (*group, *late):
            _settle(future, Refused(refusal.code, refusal.message, retry_after_ms=refusal.retry_after_ms))


def _settle(future: asyncio.Future[A], answer: A | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
