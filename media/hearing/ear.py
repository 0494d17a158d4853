"""Listens to a node's streams in windows, and hands on what was heard."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from media.checks.keeper import Away
from media.checks.mailbox import Mailbox
from media.checks.turns import Pace, Turns
from media.hearing.metrics import HearingMetrics
from media.hearing.process import Heard, NoSound
from media.hearing.windows import RATE, Sampling, Window, Windows
from media.hls.clock import TimestampUnwrapper
from media.hls.reorder import Reorder
from media.ports import MediaKind, TrackInfo
from media.rtp import packet as rtp_packet

log = logging.getLogger(__name__)

_REORDER_MS = 500
_LOOK_AGAIN_MS = 1_000
"""Whether a stream is listened to is looked up so often, not for each packet."""


class Judge(Protocol):
    """What listens: the worker, or somebody outside who gets a WAV from the worker."""

    async def judge(self, window: Window) -> Heard:
        """Raises ``Away`` and ``NoSound``. Safe to cancel."""
        ...


class Book(Protocol):
    """Who makes something of it."""

    async def heard(self, stream: str, window: Window, heard: Heard, *, live: bool) -> None:
        """May raise anything: the window is then lost. Not called for quiet ones. Not ``live``: the stream
        has ended meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class EarRules:
    """``cpu_share`` of a core for all streams together; ``at_once``: windows that are judged at a time."""

    sampling: Sampling
    cpu_share: float = 0.5
    at_once: int = 1


class Ear:
    """Belongs to the event loop; nothing is decoded in it. ``wanted`` says whether a stream is listened to
    now: quick, without I/O. Which window is left out when that takes long is decided by ``Mailbox``."""

    def __init__(
        self,
        judge: Judge,
        book: Book,
        rules: EarRules,
        metrics: HearingMetrics,
        wanted: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.sampling, self.wanted, self.wall_ms = rules.sampling, wanted, wall_ms
        self._judge, self._book, self._metrics, self._clock = judge, book, metrics, clock
        self._mailbox: Mailbox[Window] = Mailbox()
        self._sinks: dict[str, SoundSink] = {}
        self._pace = Pace(rules.cpu_share)
        self._turns = Turns(
            "hearing", self._mailbox, self._pace, self._listen, at_once=rules.at_once, clock=clock
        )
        metrics.waiting.set_function(lambda: len(self._mailbox))

    def sink(self, stream: str) -> SoundSink:
        """A reader of a new stream's packets."""
        return SoundSink(self, stream)

    async def start(self) -> None:
        await self._turns.start()

    async def close(self) -> None:
        """What waits is let go. Idempotent."""
        await self._turns.close()

    # what sinks call

    def begun(self, sink: SoundSink) -> None:
        self._sinks[sink.stream] = sink

    def offer(self, stream: str, window: Window) -> None:
        if not self._turns.is_running:
            return
        if not self._mailbox.put(stream, window):
            self._metrics.windows.labels("skipped").inc()
        self._turns.filled()

    def ended(self, sink: SoundSink) -> None:
        """Unless another stream of that name has begun. What was said last is listened to all the same."""
        if self._sinks.get(sink.stream) is sink:
            del self._sinks[sink.stream]

    # listening

    async def _listen(self, stream: str, window: Window) -> None:
        began = self._clock()
        try:
            heard = await self._judge.judge(window)
        except (Away, NoSound) as error:
            outcome = "undecodable" if isinstance(error, NoSound) else "failed"
            self._metrics.windows.labels(outcome).inc()
            log.debug("a window was not checked", extra={"stream": stream, "why": str(error)})
            return
        self._pace.spent(began, heard.cpu_s)
        self._metrics.windows.labels("quiet" if heard.quiet else "checked").inc()
        if not heard.quiet:
            await self._book.heard(stream, window, heard, live=stream in self._sinks)


class SoundSink:
    """An ``RtpSink`` that takes the sound only, as it was sent: Opus."""

    def __init__(self, ear: Ear, stream: str) -> None:
        self.stream = stream
        self._ear = ear
        self._has_sound = False
        self._reorder = Reorder(_REORDER_MS)
        self._times = TimestampUnwrapper()
        self._windows = Windows(ear.sampling)
        self._is_wanted = False
        self._look_at_ms: int | None = None

    def start(self, tracks: Sequence[TrackInfo], request_keyframe: Callable[[], None]) -> None:
        self._has_sound = any(track.codec == "opus" for track in tracks)
        if self._has_sound:
            self._ear.begun(self)

    def rtp(self, kind: MediaKind, packet: bytes, arrival_ms: int) -> None:
        if kind != "audio" or not self._has_sound or not self._wanted(arrival_ms):
            return
        try:
            parsed = rtp_packet.parse(packet)
        except ValueError:
            return
        for rtp, _ in self._reorder.push(parsed, arrival_ms):
            if not rtp.payload:
                continue
            time = self._times.unwrap(rtp.timestamp)
            self._offer(self._windows.push(time, rtp.payload), time)

    def _wanted(self, arrival_ms: int) -> bool:
        if self._look_at_ms is None or arrival_ms >= self._look_at_ms:
            self._look_at_ms = arrival_ms + _LOOK_AGAIN_MS
            self._is_wanted = self._ear.wanted(self.stream)
            if not self._is_wanted:
                self._windows.rest()
        return self._is_wanted

    def _offer(self, window: Window | None, now: int) -> None:
        if window is not None:
            ago_ms = (now - window.start) * 1000 // RATE
            self._ear.offer(self.stream, window.at(self._ear.wall_ms() - ago_ms))

    def sender_report(self, kind: MediaKind, ntp_ms: float, rtp_timestamp: int) -> None:
        """Of no use here."""

    def interrupted(self) -> None:
        """What was said right before is listened to."""
        rest = self._windows.rest()
        self._offer(rest, rest.end if rest is not None else 0)

    async def close(self) -> None:
        self.interrupted()
        self._ear.ended(self)
