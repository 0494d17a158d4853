"""Verifying all trails in the background, so that a change to them is found though nobody asks."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Gauge

from moderation.audit.verify import Problem
from moderation.audit.watch import NOTHING, Going, Pass, State, claim, read_state, release, save
from rooms.errors import Refused
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 30.0
"""Between two looks at whether a pass is due, and at what other nodes have found."""
SAVE_EVERY_S = 5.0
RESTS = 9.0
"""A slice is followed by a rest this many times as long: at most a tenth of a core is used."""
REST_MIN_S = 0.02
LOGGED_MAX = 10
"""Problems that a node logs of one pass."""
ADVICE = (
    "somebody has changed the audit trail past Danmart, or the disk has: keep a copy of the database as it "
    "is, run `danmart audit verify` with --trail and with --against a file of heads that was kept elsewhere, "
    "and compare with a backup"
)


class WatchMetrics:
    """What the last full pass came to, as every node knows it."""

    def __init__(self, registry: CollectorRegistry, age_s: Callable[[], float]) -> None:
        self.broken = Gauge(
            "danmart_audit_broken", "1: an audit trail isn't what was written", registry=registry
        )
        self.entries = Gauge(
            "danmart_audit_verified_entries",
            "Entries that the last full verification went through",
            registry=registry,
        )
        age = Gauge(
            "danmart_audit_verified_age_seconds",
            "How long ago the last full verification ended; NaN: there was none",
            registry=registry,
        )
        age.set_function(age_s)


class AuditWatch:
    """One task; of all nodes, one at a time goes on with a pass. A slice is read on a reader's thread and the
    place is kept, so that a pass goes on where it was after a restart, or at another node.

    ``every_s`` is the time from the end of a pass to the next one's beginning; 0: this node verifies nothing,
    and still tells what others find. ``alone``: there is no other node.
    """

    def __init__(
        self,
        store: Store,
        clock_ms: Callable[[], int],
        registry: CollectorRegistry,
        node: str,
        *,
        every_s: int,
        alone: bool,
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._node = node
        self._every_s = every_s
        self._alone = alone
        self._state = NOTHING
        self._metrics = WatchMetrics(registry, self._age_s)
        self._logged: tuple[int, int] = (0, 0)
        self._holds = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_broken(self) -> bool:
        """As far as this node knows."""
        return bool(self._state.broken)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="audit watch")

    async def close(self) -> None:
        """Let another node go on at once. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if self._holds:
            await self._store.write(Work("audit.release", lambda tx: release(tx, self._node)))

    async def told(self) -> dict[str, Any]:
        """The shape of ``GET /api/v1/audit/watch``. Raises ``Refused``: ``temporarily_unavailable``."""
        state = await self.look()
        return {
            "every_s": self._every_s,
            "broken": bool(state.broken),
            "last": None if state.last is None else state.last.told(),
            "going": None if state.going is None else state.going.told(),
        }

    async def look(self) -> State:
        """What is known by now, at whichever node it was found. Raises ``Refused``."""
        self._state = await self._store.read(read_state)
        self._metrics.broken.set(self.is_broken)
        self._metrics.entries.set(self._state.last.entries if self._state.last else 0)
        return self._state

    async def verify(self) -> bool:
        """Go through all trails, or through what is left of them, if it is time and no other node does;
        whether that was so. Raises ``Refused``; cancelled or refused, it goes on there the next time."""
        at = await self._claim()
        if at is None:
            return False
        going, saved_s = Going(at), time.monotonic()
        while True:
            began_s = time.monotonic()
            found = await self._store.read(going.step)
            if found is None:
                at.done_ms = self._clock_ms()
            self._log(at, found or [])
            if found is None or found or time.monotonic() - saved_s >= SAVE_EVERY_S:
                if not await self._save(at):
                    return False  # this node was away for so long that another one has taken over
                saved_s = time.monotonic()
            if found is None:
                return True
            await asyncio.sleep(max(REST_MIN_S, RESTS * (time.monotonic() - began_s)))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                state = await self.look()
                if self._every_s and state.is_due(self._clock_ms(), self._every_s * 1000):
                    await self.verify()
            except Refused:
                continue  # the database is away
            except Exception:
                log.exception("audit_watch_failed")

    async def _claim(self) -> Pass | None:
        every_ms = self._every_s * 1000
        work = Work("audit.claim", lambda tx: claim(tx, self._node, every_ms, alone=self._alone))
        answer = await self._store.write(work)
        self._holds = answer.ok
        return Pass(**orjson.loads(answer.body)["going"]) if answer.ok else None

    async def _save(self, at: Pass) -> bool:
        answer = await self._store.write(Work("audit.save", lambda tx: save(tx, self._node, at)))
        self._holds = answer.ok and at.done_ms is None
        await self.look()
        return answer.ok

    def _log(self, at: Pass, found: list[Problem]) -> None:
        """A line for each of the first problems, and one at the end."""
        began_ms, lines = self._logged if self._logged[0] == at.began_ms else (at.began_ms, 0)
        for problem in found[: LOGGED_MAX - lines]:
            log.error("audit_trail_broken", **problem.wire(), advice=ADVICE)
        self._logged = began_ms, min(LOGGED_MAX, lines + len(found))
        if at.done_ms is not None:
            say = log.error if at.problems else log.info
            say("audit_verified", trails=at.trails, entries=at.entries, problems=at.problems)

    def _age_s(self) -> float:
        last = self._state.last
        if last is None or last.done_ms is None:
            return math.nan
        return (self._clock_ms() - last.done_ms) / 1000
