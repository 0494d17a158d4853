"""A stream's parts into files: the tap that the packager writes to, and the task behind it.

Parts go through a queue of bounded size to a task that appends them to the archive. When the archive is
slower than the stream, or refuses, parts are left out up to the next keyframe segment: the recording gets a
hole, and the stream never waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from media.ports import CmafPart, Period
from media.recording.archive import Archive, ArchiveError
from media.recording.fragments import clock_box
from media.recording.metrics import RecordingMetrics
from media.recording.names import init_name, segment_name

log = logging.getLogger(__name__)

QUEUE_BYTES = 16 * 1024 * 1024
RETRY_S = 2.0
CLOSE_WITHIN_S = 5.0

Trouble = Literal["slow", "full", "failed"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The recording that is to be written, and the first numbers that are free in it."""

    recording: str
    period: int
    number: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that is complete. ``ticks``: its first decoding time; ``duration`` in 90 kHz ticks too."""

    recording: str
    number: int
    period: int
    ticks: int
    duration: int
    started_ms: int
    bytes: int
    discontinuity: bool
    independent: bool


class Book(Protocol):
    """Where it is written down what there is. Called on the event loop, in order; returns at once."""

    def began_period(self, recording: str, number: int, period: Period) -> None:
        """Its init section is in the archive."""
        ...

    def made_segment(self, segment: Segment) -> None: ...

    def in_trouble(self, stream: str, recording: str, trouble: Trouble | None) -> None:
        """Something is being left out of the recording; None: it goes on."""
        ...

    def stirred(self, stream: str) -> None:
        """The stream has begun, or has ended: look whether it is to be recorded."""
        ...


@dataclass(frozen=True, slots=True)
class _Assign:
    assignment: Assignment | None


class _Gap:
    """Something is missing here."""


_Item = Period | CmafPart | _Assign | _Gap


class Recorder:
    """Implements ``PartTap`` for one stream. Until :meth:`assign` is called for the first time parts are
    held, so that nothing of the beginning is lost while it is looked up whether to record. Owned by the loop.
    """

    def __init__(
        self,
        stream: str,
        archive: Archive,
        book: Book,
        metrics: RecordingMetrics,
        *,
        queue_bytes: int = QUEUE_BYTES,
        retry_s: float = RETRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream
        self.closed = False
        self._archive, self._book, self._metrics = archive, book, metrics
        self._queue: deque[_Item] = deque()
        self._queued = 0
        self._max = queue_bytes
        self._retry_s, self._clock = retry_s, clock
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._decided = False
        self._wanted: Assignment | None = None
        self._skipping = False
        self._trouble: Trouble | None = None
        # What follows belongs to the task.
        self._at: Assignment | None = None
        self._period: Period | None = None
        self._period_written = False
        self._needs_start = True
        self._first = True
        self._open: Segment | None = None
        self._not_before = 0.0

    # from the packager

    def period(self, period: Period) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"recorder {self.stream}")
        self._put(period)
        self._book.stirred(self.stream)

    def part(self, part: CmafPart) -> None:
        if self._decided and self._wanted is None:
            return
        if self._skipping and (not part.first or self._queued > self._max // 2):
            self._lose(part, "slow")
            return
        if self._queued + len(part.data) > self._max:
            self._skipping = True
            self._put(_Gap())
            self._lose(part, "slow")
            if self._wanted is not None:
                self._tell("slow", self._wanted.recording)
            return
        self._skipping = False
        self._put(part)

    def interrupted(self) -> None:
        self._put(_Gap())

    async def close(self) -> None:
        """What is queued is written (once it is known whether to), for ``CLOSE_WITHIN_S`` at most."""
        if not self.closed:
            self.closed = True
            self._put(_Gap())
            self._book.stirred(self.stream)
            self._news.set()
        if self._task is None:
            return
        _, late = await asyncio.wait((self._task,), timeout=CLOSE_WITHIN_S)
        for task in late:  # what it has written is found when the recording is finished
            task.cancel()
            await asyncio.wait((task,))

    # from who decides what is recorded

    @property
    def recording(self) -> str | None:
        """What is being recorded."""
        return self._wanted.recording if self._wanted else None

    @property
    def decided(self) -> bool:
        return self._decided

    @property
    def trouble(self) -> Trouble | None:
        return self._trouble

    @property
    def busy_with(self) -> set[str]:
        """All recordings that something may still be written to: what is queued for them included."""
        if self._task is None or self._task.done():
            return set()
        queued = [item.assignment for item in self._queue if isinstance(item, _Assign)]
        return {each.recording for each in (self._wanted, self._at, *queued) if each is not None}

    def assign(self, assignment: Assignment | None) -> None:
        """Record this from now on, or nothing; what came before still goes to the recording before."""
        first, self._decided, self._wanted = not self._decided, True, assignment
        if first and self._queue:  # what was held is its beginning
            self._queue.appendleft(_Assign(assignment))
            self._news.set()
        else:
            self._put(_Assign(assignment))

    def _put(self, item: _Item) -> None:
        if self._task is not None and self._task.done():
            return
        self._queue.append(item)
        if isinstance(item, CmafPart):
            self._queued += len(item.data)
            self._metrics.queued.inc(len(item.data))
        self._news.set()

    def _lose(self, part: CmafPart, why: Trouble) -> None:
        self._metrics.lost.labels(why).inc(len(part.data))

    def _tell(self, trouble: Trouble | None, recording: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._book.in_trouble(self.stream, recording, trouble)

    # the task

    async def _run(self) -> None:
        try:
            while not (self.closed and not self._queue):
                await self._news.wait()
                self._news.clear()
                while self._queue and self._decided:
                    await self._take(self._queue.popleft())
        except Exception:
            log.exception("a recorder failed", extra={"room": self.stream})
            if self._wanted is not None:
                self._tell("failed", self._wanted.recording)
        finally:
            self._drop_queue()

    def _drop_queue(self) -> None:
        self._queue.clear()
        self._metrics.queued.dec(self._queued)
        self._queued = 0

    async def _take(self, item: _Item) -> None:
        if isinstance(item, CmafPart):
            self._queued -= len(item.data)
            self._metrics.queued.dec(len(item.data))
            await self._take_part(item)
            return
        await self._end_segment()
        self._needs_start = True
        if isinstance(item, Period):
            self._period, self._period_written = item, False
            if self._at is not None and not self._first:
                self._at = replace(self._at, period=self._at.period + 1)
        elif isinstance(item, _Assign):
            self._at, self._first = item.assignment, True
            self._period_written, self._not_before = False, 0.0

    async def _take_part(self, part: CmafPart) -> None:
        if self._at is None or self._period is None:
            return
        if part.first:
            await self._end_segment()
        if self._open is None and not self._may_begin(part):
            return
        try:
            if self._open is None:
                await self._begin_segment(part, self._at, self._period)
            await self._append(part)
        except ArchiveError as error:
            await self._fail(part, error)
            return
        if not self._skipping:
            self._tell(None, self._at.recording)
        if part.last:
            await self._end_segment()

    def _may_begin(self, part: CmafPart) -> bool:
        """After anything is missing only a keyframe makes sense; and the archive isn't asked all the time."""
        if self._clock() < self._not_before:
            self._lose(part, self._trouble or "failed")
            return False
        return part.first and (part.independent or not self._needs_start)

    async def _begin_segment(self, part: CmafPart, at: Assignment, period: Period) -> None:
        if not self._period_written:
            await self._archive.write(at.recording, init_name(at.period), period.init)
            self._period_written = True
            self._book.began_period(at.recording, at.period, period)
        clock = clock_box(part.started_ms, part.start)
        await self._archive.append(at.recording, segment_name(at.period, at.number), clock)
        self._metrics.written.inc(len(clock))
        self._open = Segment(
            recording=at.recording,
            number=at.number,
            period=at.period,
            ticks=part.start,
            duration=0,
            started_ms=part.started_ms,
            bytes=len(clock),
            discontinuity=self._needs_start and not (self._first and at.number == 1),
            independent=part.independent,
        )
        self._at = replace(at, number=at.number + 1)
        self._needs_start = self._first = False

    async def _append(self, part: CmafPart) -> None:
        if self._open is None:
            return
        name = segment_name(self._open.period, self._open.number)
        await self._archive.append(self._open.recording, name, part.data)
        self._metrics.written.inc(len(part.data))
        self._open = replace(
            self._open,
            bytes=self._open.bytes + len(part.data),
            duration=self._open.duration + part.duration,
        )

    async def _fail(self, part: CmafPart, error: ArchiveError) -> None:
        """The segment ends with its last whole part; another one is tried a little later."""
        self._lose(part, "full" if error.full else "failed")
        if self._trouble is None:
            log.warning("a recording can't be written", extra={"room": self.stream, "error": str(error)})
        if self._at is not None:
            self._tell("full" if error.full else "failed", self._at.recording)
        self._not_before = self._clock() + self._retry_s
        await self._end_segment()
        self._needs_start = True

    async def _end_segment(self) -> None:
        segment, self._open = self._open, None
        if segment is None:
            return
        name = segment_name(segment.period, segment.number)
        try:
            if segment.duration == 0:
                await self._archive.cut(segment.recording, name, 0)
                return
            await self._archive.complete(segment.recording, name)
        except ArchiveError as error:
            log.warning("a segment can't be completed", extra={"room": self.stream, "error": str(error)})
        self._metrics.segments.inc()
        self._book.made_segment(segment)
