"""The group-commit writer: one a node, on a thread of its own.

While one group commits, what arrives waits in a bounded queue and makes the next group: an idle node commits
at once, a busy one in groups, and no timer adds latency. An answer is given after the COMMIT.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import BigInteger, Column, Connection, Engine, RootTransaction, String, Table, select
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from rooms.errors import Refused
from rooms.schema import metadata
from rooms.unit import News, Unit
from server.store.group import Answer, GroupSpoiledError, Work, refused, run_group

log = structlog.get_logger(__name__)

TRIES = 6
ANSWER_WITHIN_S = 5.0
"""A database that is stopped, not dead, keeps its writer waiting; people are told so after this long."""

# Tells after a lost connection whether the COMMIT that was under way went through. One row a node.
writer_marks = Table(
    "writer_marks",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("mark", BigInteger, nullable=False),
)


URGENT_MAX = 1000
"""Places kept in the queue for what is urgent: a node that is overrun by buyers still ends their holds."""

TOLD_EVERY_S = 1.0
TOLD_AT_ONCE = 64
"""People who wait are told their places in small portions, between groups."""


@dataclass(slots=True)
class _Waiting:
    work: Work
    future: asyncio.Future[Answer]
    number: int
    """Counts everything that was ever queued."""
    due_s: float
    """When it is answered for want of an answer."""
    told_s: float = 0.0
    given_up: bool = False


class _Queue(asyncio.Queue[_Waiting]):
    """In the order of arrival, what is urgent first."""

    def _init(self, maxsize: int) -> None:
        self._urgent: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()

    def _put(self, item: _Waiting) -> None:
        (self._urgent if item.work.urgent else self._others).append(item)

    def _get(self) -> _Waiting:
        return (self._urgent or self._others).popleft()

    def qsize(self) -> int:
        return len(self._urgent) + len(self._others)

    def empty(self) -> bool:
        return not self._urgent and not self._others


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.size = Histogram(
            "danmart_writer_group_commands",
            "Commands in a committed group",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
            registry=registry,
        )
        self.seconds = Histogram(
            "danmart_writer_group_seconds",
            "Time from begin to commit of a group",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
            registry=registry,
        )
        self.spoiled = Counter(
            "danmart_writer_groups_replayed_total",
            "Groups that were rolled back and replayed",
            registry=registry,
        )
        self.refused_busy = Counter(
            "danmart_writer_busy_total", "Commands refused because the queue was full", registry=registry
        )


class Writer:
    """Takes commands from the loop, commits them in groups, tells ``published`` what is new.

    ``published`` is called on the loop, in order of commit, before the group's answers are given.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        published: Callable[[News], None],
        registry: CollectorRegistry,
        node: str = "node",
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        media_ms: Callable[[str], int | None] = lambda room_id: None,
        group_max: int = 256,
        queue_max: int = 10_000,
    ) -> None:
        self._engine = engine
        self._published = published
        self._clock_ms = clock_ms
        self._media_ms = media_ms
        self._group_max = group_max
        self.gather_s = 0.0
        """Between the beginnings of two groups in which nobody is in a hurry. Whoever shows what they commit
        sets it to a little more than the time between two frames: then each such commit is a frame at once,
        and nobody waits first for the one and then for the other."""
        self._gathered_until = 0.0
        self._hurry = asyncio.Event()
        self._node = node
        self._queue = _Queue(queue_max + URGENT_MAX)
        self._queue_max = queue_max
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="danmart-writer")
        self._task: asyncio.Task[None] | None = None
        self._metrics = _Metrics(registry)
        self._mark = 0
        self._marked = engine.dialect.name == "postgresql"
        self._closing = False
        self._queued = self._taken = 0
        self._late: deque[_Waiting] = deque()
        """Those with a key, in order; who was answered leaves when it has come to the front."""
        self._late_timer: asyncio.TimerHandle | None = None
        self._told: deque[_Waiting] = deque()
        """Those who want to know their place, whoever was told longest ago first."""

    async def start(self) -> None:
        if self._marked:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._read_mark)
        self._task = asyncio.create_task(self._pump(), name="writer")

    async def submit(self, work: Work) -> Answer:
        """Carry out a command; returns after its transaction is on disk.

        Raises nothing: refusals, ``busy`` and ``temporarily_unavailable`` are answers. Cancelling gives up
        the answer, not the command.
        """
        if self._closing:
            return refused(Refused("temporarily_unavailable"))
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.create_future(), self._queued + 1, loop.time() + ANSWER_WITHIN_S)
        try:
            if self._queue.qsize() >= self._queue_max and not work.urgent:
                raise asyncio.QueueFull
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            self._metrics.refused_busy.inc()
            return refused(Refused("busy", retry_after_ms=1000))
        self._queued += 1
        if not work.patient or self._queue.qsize() >= self._group_max:
            self._hurry.set()
        if work.key is not None:
            self._watch(waiting)
        if work.waits is not None and waiting.number - self._taken > self._group_max:
            self._tell_place(waiting, loop.time())
        return await waiting.future

    def _watch(self, waiting: _Waiting) -> None:
        """See to it that there is an answer in time. One timer for all: they fall due in the order in which
        they came."""
        while self._late and self._late[0].future.done():
            self._late.popleft()
        self._late.append(waiting)
        if self._late_timer is None:
            self._late_timer = asyncio.get_running_loop().call_later(ANSWER_WITHIN_S, self._give_up)

    def _give_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._late_timer = None
        while self._late:
            waiting = self._late[0]
            if not waiting.future.done():
                if waiting.due_s > loop.time():
                    self._late_timer = loop.call_at(waiting.due_s, self._give_up)
                    return
                # It may still be done if it has begun. Its key gives the same answer again, whatever it was.
                waiting.given_up = True
                waiting.future.set_result(refused(Refused("temporarily_unavailable", retry_after_ms=1000)))
            self._late.popleft()

    def _tell_places(self, now_s: float) -> None:
        """Tell some of those who wait for more than a group how many are before them."""
        for _ in range(min(TOLD_AT_ONCE, len(self._told))):
            if now_s - self._told[0].told_s < TOLD_EVERY_S:
                return
            waiting = self._told.popleft()
            if waiting.number - self._taken > self._group_max and not waiting.future.done():
                self._tell_place(waiting, now_s)

    def _tell_place(self, waiting: _Waiting, now_s: float) -> None:
        waiting.told_s = now_s
        self._told.append(waiting)
        if waiting.work.waits is not None:
            waiting.work.waits(waiting.number - self._taken - 1)

    async def close(self) -> None:
        """Commit what is queued, then stop. Idempotent."""
        self._closing = True
        self._hurry.set()
        if self._task is not None:
            queued = asyncio.ensure_future(self._queue.join())
            # Without the pump, as when the loop is being torn down, nobody would ever empty the queue.
            await asyncio.wait((queued, self._task), return_when=asyncio.FIRST_COMPLETED)
            queued.cancel()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._late_timer is not None:
            self._late_timer.cancel()
        await asyncio.to_thread(self._thread.shutdown)

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            group = self._still_wanted(await self._gather())
            self._tell_places(loop.time())
            if not group:
                continue
            try:
                answers = await loop.run_in_executor(self._thread, self._commit, [w.work for w in group])
            except Exception:
                log.exception("writer_failed", commands=[w.work.name for w in group][:20])
                answers = [refused(Refused("internal"))] * len(group), []
            for news in answers[1]:
                self._publish(news)
            for waiting, answer in zip(group, answers[0], strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(answer)
                self._queue.task_done()

    async def _gather(self) -> list[_Waiting]:
        """The next group. Work that is patient waits for company while others were committed just now: one
        alone never waits, many share the disk."""
        group = [await self._queue.get()]
        loop = asyncio.get_running_loop()
        if loop.time() < self._gathered_until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._gathered_until):
                    await self._hurry.wait()
        while len(group) < self._group_max and not self._queue.empty():
            group.append(self._queue.get_nowait())
        self._taken += len(group)
        if self._queue.empty() and not self._closing:
            self._hurry.clear()
        self._gathered_until = loop.time() + self.gather_s
        return group

    def _publish(self, news: News) -> None:
        try:
            self._published(news)
        except Exception:
            # It is committed all the same, and whoever missed it finds the hole and fills it from SQL.
            log.exception("publishing_failed")

    def _still_wanted(self, group: list[_Waiting]) -> list[_Waiting]:
        """Without the commands that were answered while they waited: nobody expects them to be done."""
        wanted = [waiting for waiting in group if not waiting.given_up]
        for _ in range(len(group) - len(wanted)):
            self._queue.task_done()
        return wanted

    # on the writer's thread

    def _commit(self, group: Sequence[Work]) -> tuple[list[Answer], list[News]]:
        for attempt in range(TRIES):
            started = time.perf_counter()
            try:
                answers, news = self._transaction(group)
            except GroupSpoiledError as spoiled:
                return self._apart(group, spoiled.__cause__)
            except (OperationalError, InterfaceError) as error:
                log.warning("writer_retry", attempt=attempt, error=str(error.orig)[:300])
                self._engine.dispose()
                time.sleep(0.02 * 2**attempt)
            except Exception as error:
                # An IntegrityError mostly means: another node inserted what this group thought to be new,
                # and that is visible now.
                if not isinstance(error, IntegrityError) or attempt >= 2:
                    return self._apart(group, error)
            else:
                self._metrics.size.observe(len(group))
                held_s = time.perf_counter() - started
                self._metrics.seconds.observe(held_s)
                for work in group:
                    if work.held is not None:
                        work.held(held_s)
                return answers, [news]
        return [refused(Refused("temporarily_unavailable", retry_after_ms=1000))] * len(group), []

    def _apart(self, group: Sequence[Work], cause: BaseException | None) -> tuple[list[Answer], list[News]]:
        """The group could not be committed and nothing of it stays: one by one, then, to find the culprit."""
        if len(group) == 1:
            if isinstance(cause, Refused):
                return [refused(cause)], []
            log.error("command_failed", command=group[0].name, exc_info=cause)
            return [refused(Refused("internal"))], []
        self._metrics.spoiled.inc()
        answers, news = [], []
        for work in group:
            one, told = self._commit([work])
            answers += one
            news += told
        return answers, news

    def _transaction(self, group: Sequence[Work]) -> tuple[list[Answer], News]:
        self._mark += 1
        with self._engine.connect() as conn, conn.begin() as transaction:
            unit = Unit(conn, self._clock_ms(), media_ms=self._media_ms)
            try:
                answers, news = run_group(conn, group, unit)
                if self._marked:
                    self._set_mark(conn)
                self._finish(conn, transaction)
            except BaseException:
                unit.rolled_back()
                raise
        return answers, news

    def _finish(self, conn: Connection, transaction: RootTransaction) -> None:
        try:
            transaction.commit()
        except DBAPIError:
            conn.invalidate()  # whatever it still holds must not be waited for by the next try
            if not self._went_through():
                raise

    def _read_mark(self) -> None:
        with self._engine.begin() as conn:
            mark = conn.scalar(select(writer_marks.c.mark).where(writer_marks.c.node == self._node))
            if mark is None:
                conn.execute(writer_marks.insert().values(node=self._node, mark=0))
            self._mark = mark or 0

    def _set_mark(self, conn: Connection) -> None:
        conn.execute(writer_marks.update().where(writer_marks.c.node == self._node).values(mark=self._mark))

    def _went_through(self) -> bool:
        """After a COMMIT whose answer was lost: ask, on a new connection, whether it happened."""
        if not self._marked:
            return False
        self._engine.dispose()
        for attempt in range(TRIES):
            try:
                with self._engine.connect() as conn:
                    mark = conn.scalar(select(writer_marks.c.mark).where(writer_marks.c.node == self._node))
                return bool(mark == self._mark)
            except DBAPIError:
                time.sleep(0.1 * 2**attempt)
        return False
