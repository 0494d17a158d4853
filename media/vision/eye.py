"""Looks at a node's streams now and then, and says when there is something to act on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from media.checks.findings import Finding, findings
from media.checks.keeper import Away
from media.checks.mailbox import Mailbox
from media.checks.turns import Pace, Turns
from media.ports import CmafPart, Period
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics
from media.vision.process import NoPicture, Seen
from media.vision.rules import Steadiness, Turn, Watch

log = logging.getLogger(__name__)

_EAGER_S = 0.5
"""After a hit that hasn't led to anything, the next keyframe is wanted."""


class Tap(Protocol):
    """Reads a stream, and offers frames of it."""

    stream: str


class Judge(Protocol):
    """What looks at pictures: the worker, or somebody outside who gets them from the worker."""

    async def judge(self, frame: Frame, *, stills: bool = False) -> Seen:
        """Raises ``Away`` and ``NoPicture``. Safe to cancel."""
        ...


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is to be acted on, or no longer: ``findings`` is empty at its end. ``since_ms``: since when it may
    have been there."""

    stream: str
    turn: Turn
    at_ms: int
    findings: tuple[Finding, ...] = ()
    still: bytes = b""
    blurred: bytes = b""
    since_ms: int = 0


class Book(Protocol):
    """Who acts on it. Both may raise anything: the next frame that speaks for it comes again with it."""

    async def is_on(self, stream: str) -> bool:
        """Whether the stream was being acted on before it was looked at here."""
        ...

    async def turned(self, sighting: Sighting) -> None: ...

    def ended(self, stream: str) -> None:
        """The stream is over. Returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class EyeRules:
    """``every_s`` between looks at one stream; ``cpu_share`` of a core for all of them together."""

    every_s: float
    thresholds: Mapping[str, float]
    steadiness: Steadiness = field(default_factory=Steadiness)
    cpu_share: float = 0.5


class Eye:
    """Belongs to the event loop; nothing is decoded in it. ``wanted`` says whether a stream is looked at now:
    quick, without I/O. One picture is looked at at a time; which is left out when that takes long is decided
    by ``Mailbox``."""

    def __init__(
        self,
        judge: Judge,
        book: Book,
        rules: EyeRules,
        metrics: VisionMetrics,
        wanted: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.wall_ms = wall_ms
        self._judge, self._book, self._rules = judge, book, rules
        self._metrics, self._wanted, self._clock = metrics, wanted, clock
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._watches: dict[str, Watch] = {}
        self._due: dict[str, float] = {}
        self._taps: dict[str, Tap] = {}
        self._pace = Pace(rules.cpu_share)
        self._turns = Turns("vision", self._mailbox, self._pace, self._look, clock=clock)
        metrics.waiting.set_function(lambda: len(self._mailbox))

    def tap(self, stream: str) -> VisionTap:
        """A reader of a new stream's parts."""
        return VisionTap(self, stream)

    async def start(self) -> None:
        await self._turns.start()

    async def close(self) -> None:
        """Idempotent."""
        await self._turns.close()

    # what taps call

    def begun(self, tap: Tap) -> None:
        self._taps[tap.stream] = tap

    def is_due(self, stream: str) -> bool:
        """Whether a frame of the stream is wanted now."""
        running = self._turns.is_running
        return running and self._clock() >= self._due.get(stream, 0.0) and self._wanted(stream)

    def offer(self, stream: str, frame: Frame) -> None:
        if not self._mailbox.put(stream, frame):
            self._metrics.frames.labels("skipped").inc()
        self._turns.filled()

    def ended(self, tap: Tap) -> None:
        """Unless another stream of that name has begun."""
        if self._taps.get(tap.stream) is tap:
            del self._taps[tap.stream]
            self._watches.pop(tap.stream, None)
            self._due.pop(tap.stream, None)
            self._mailbox.drop(tap.stream)
            self._book.ended(tap.stream)

    # looking

    async def _look(self, stream: str, frame: Frame) -> None:
        began = self._clock()
        self._due[stream] = began + self._rules.every_s
        try:
            seen = await self._judge.judge(frame)
        except (Away, NoPicture) as error:
            outcome = "undecodable" if isinstance(error, NoPicture) else "failed"
            self._metrics.frames.labels(outcome).inc()
            log.debug("a frame was not checked", extra={"stream": stream, "why": str(error)})
            if stream not in self._taps:
                self._due.pop(stream, None)
            return
        self._pace.spent(began, seen.cpu_s)
        self._metrics.frames.labels("checked").inc()
        if stream in self._taps:
            await self._weigh(stream, frame, seen)
        else:
            self._due.pop(stream, None)  # it has ended meanwhile

    async def _weigh(self, stream: str, frame: Frame, seen: Seen) -> None:
        watch = self._watches.get(stream)
        if watch is None:
            watch = Watch(self._rules.steadiness, on=await self._book.is_on(stream))
            self._watches[stream] = watch
        hits = findings(seen.scores, self._rules.thresholds)
        turn = watch.see(bool(hits), self._clock(), frame.at_ms)
        if watch.uneasy:
            self._due[stream] = self._clock() + min(_EAGER_S, self._rules.every_s)
        if turn is None:
            return
        since_ms = watch.since_ms if turn == "begin" else frame.at_ms
        sighting = Sighting(stream, turn, frame.at_ms, hits, seen.still, seen.blurred, since_ms)
        try:
            await self._book.turned(sighting)
        except Exception:
            watch.undo(turn)
            raise


class VisionTap:
    """A ``PartTap`` that hands on a keyframe now and then."""

    def __init__(self, eye: Eye, stream: str) -> None:
        self.stream = stream
        self._eye = eye
        self._init = b""

    def period(self, period: Period) -> None:
        self._init = period.init
        self._eye.begun(self)

    def part(self, part: CmafPart) -> None:
        if part.independent and self._eye.is_due(self.stream):
            self._eye.offer(self.stream, Frame("part", part.data, self._init, part.started_ms))

    def interrupted(self) -> None:
        pass

    async def close(self) -> None:
        self._eye.ended(self)
