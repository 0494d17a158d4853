"""A load from its first connect to its verdict."""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import aiohttp

from clients.load.audit import RoomLog, Verdict, audit
from clients.load.crowd import Crowd
from clients.load.history import read_log
from clients.load.plan import Plan
from clients.load.report import Report
from clients.load.talk import Talkers, anybody, at_rate
from clients.load.tokens import User, spread
from clients.load.viewer import Manner, Viewer

AWAY_S = (0.2, 1.5)
PROGRESS_S = 0.5

Progress = Callable[[str, float, Crowd], None]


class LoadError(Exception):
    """The load could not be put on, and why."""


def raise_file_limit() -> int:
    """Each connection takes an open file: as many as the system lets us have. Returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


async def run_load(
    plan: Plan,
    users: Sequence[User],
    progress: Progress | None = None,
    measuring: AbstractContextManager[object] | None = None,
) -> Report:
    """Carry out a plan. Raises ``LoadError``. When cancelled, closes every connection first.

    ``measuring`` is entered when everybody is in, and left when the plan's time is over.
    """
    crowd = Crowd(plan.urls, plan.room)
    load = _Load(plan, users, crowd, progress or (lambda what, done, crowd: None))
    try:
        return await load.run(measuring or nullcontext())
    finally:
        await crowd.close()


class _Load:
    def __init__(self, plan: Plan, users: Sequence[User], crowd: Crowd, progress: Progress) -> None:
        self._plan = plan
        self._crowd = crowd
        self._progress = progress
        self._users = users
        self._newcomers = self._faces()
        self._talkers: frozenset[Viewer] = frozenset()

    def _faces(self) -> Iterator[Viewer]:
        n = self._plan.viewers
        while True:
            user = self._users[n % len(self._users)]
            yield Viewer(user.token, user.id)
            n += 1

    async def run(self, measuring: AbstractContextManager[object]) -> Report:
        plan, crowd = self._plan, self._crowd
        connects_per_s = await self._bring_in()
        crowd.book.settle()
        crowd.book.clear()
        # What is there now stays: collecting it again and again would stop the receivers for too long.
        gc.collect()
        gc.freeze()
        cpu, started = time.process_time(), time.monotonic()
        with measuring:
            await self._act()
        seconds = time.monotonic() - started
        share = (time.process_time() - cpu) / seconds
        log, settled = await self._settle()
        stranded, per_url = crowd.stranded, crowd.per_url()
        await crowd.close()
        verdict: Verdict = audit(crowd.viewers, crowd.book.facts, log)
        return Report(plan, crowd, connects_per_s, seconds, share, verdict, log, settled, stranded, per_url)

    async def _bring_in(self) -> float:
        plan, crowd = self._plan, self._crowd
        people = [Viewer(u.token, u.id) for u in spread(self._users, plan.viewers)]
        slow = [Viewer(u.token, u.id, Manner.SLOW) for u in spread(self._users, plan.slow)]
        ticker = asyncio.create_task(self._tell("connecting", lambda: len(crowd.links) / len(people)))
        try:
            per_s = await crowd.connect(people, at_once=plan.at_once, per_s=plan.connects)
            await crowd.connect(slow, at_once=plan.at_once, per_s=plan.connects)
        finally:
            ticker.cancel()
        if not crowd.links:
            reasons = ", ".join(f"{reason} ({n} ×)" for reason, n in crowd.counts.connects_failed.items())
            raise LoadError(f"nobody could connect: {reasons}")
        able = [viewer for viewer in crowd.steady() if viewer.token]
        self._talkers = frozenset(random.sample(able, min(plan.talkers, len(able))))
        if (plan.comments or plan.buys) and not able:
            raise LoadError("nobody can talk or buy without a token")
        return per_s

    async def _act(self) -> None:
        """Everything at its rate, for the plan's time."""
        plan, crowd = self._plan, self._crowd
        talkers = Talkers(crowd, list(self._talkers), plan.text_bytes)
        started = time.monotonic()
        works = [
            at_rate(plan.comments, talkers.comment, crowd.counts),
            at_rate(plan.joins, lambda _: self._swap()),
            at_rate(plan.reconnects, lambda _: self._cut_somebody_off()),
            self._tell("running", lambda: (time.monotonic() - started) / plan.seconds),
        ]
        if plan.buys:
            sku = plan.sku or self._first_sku()
            works.append(at_rate(plan.buys, lambda _: talkers.buy(sku)))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.sleep(plan.seconds)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _first_sku(self) -> str:
        for product in self._crowd.snapshot.get("products", []):
            for sku in product["skus"]:
                return str(sku["id"])
        raise LoadError("there is nothing to buy in this room: put a product on the shelf, or give --sku")

    def _swap(self) -> None:
        if (viewer := anybody(self._crowd, self._talkers)) is not None:
            self._crowd.leave(viewer)
            self._crowd.join(next(self._newcomers))

    def _cut_somebody_off(self) -> None:
        if (viewer := anybody(self._crowd, self._talkers)) is not None:
            self._crowd.cut_off(viewer, random.uniform(*AWAY_S))

    async def _settle(self) -> tuple[RoomLog | None, bool]:
        """Wait until everything said has been answered and has arrived; the log to hold it against."""
        plan, crowd = self._plan, self._crowd
        deadline = time.monotonic() + plan.settle_s
        counts = crowd.counts
        while counts.comments.unanswered + counts.buys.unanswered and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a look now and then costs less than an event each
        token = next((user.token for user in self._users if user.token), None)
        start = min((v.entered_at for v in crowd.viewers if v.has_entered), default=0)
        log = await self._read_log(token, start)
        return log, await crowd.reach(log.head, plan.settle_s)

    async def _read_log(self, token: str | None, start: int) -> RoomLog:
        """From whichever node answers."""
        reasons = []
        for url in self._plan.urls:
            try:
                return await read_log(url, self._plan.room, token, start)
            except (aiohttp.ClientError, KeyError, ValueError) as error:
                reasons.append(str(error))
        raise LoadError(f"the room's log can't be read: {'; '.join(reasons)}")

    async def _tell(self, what: str, done: Callable[[], float]) -> None:
        while True:
            self._progress(what, min(1.0, done()), self._crowd)
            await asyncio.sleep(PROGRESS_S)
