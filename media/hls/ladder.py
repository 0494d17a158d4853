"""A stream in several sizes: hands its parts to a worker and publishes what comes back, part for part."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from media.hls.boxes import fragment, init_section
from media.hls.cutter import Cut
from media.hls.h264 import VideoConfig
from media.hls.metrics import HlsMetrics
from media.hls.rungs import CannotFollow, Encoded, Rung, Transcoder
from media.hls.stream import Stream

log = logging.getLogger(__name__)

_MOST_BEHIND = 4  # parts, a second: a viewer who is sent to a rung is no further behind than that
_GIVE_UP_AFTER = 3  # times within
_GIVE_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class _Begin:
    video: VideoConfig


@dataclass(frozen=True, slots=True)
class _Part:
    cut: Cut
    started_ms: int


class _End:
    """The period is over."""


_Work = _Begin | _Part | _End


class Ladder:
    """One stream's rungs, by the source's height those below it. Belongs to the event loop.

    A part at a time is with the worker; what comes meanwhile waits. When a second has come together, all
    until the next keyframe is left out (a gap in the rungs' playlists); if that happens again and again they
    are given up for the rest of the stream: ``gave_up`` says why. Players then go on with the source.
    """

    def __init__(
        self,
        rungs: Sequence[Rung],
        make: Callable[[], Stream],
        pool: Executor,
        metrics: HlsMetrics,
        preset: str = "veryfast",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._all, self._make, self._pool, self._metrics = rungs, make, pool, metrics
        self._preset, self._clock = preset, clock
        self.streams: dict[Rung, Stream] = {}
        self.gave_up: str | None = None
        self._begun = False
        self._with_audio = False
        self._work: deque[_Work] = deque()
        self._job: asyncio.Future[dict[Rung, Encoded]] | None = None
        self._transcoder: Transcoder | None = None
        self._behind: deque[float] = deque(maxlen=_GIVE_UP_AFTER)
        self._fragments = 0
        self._fresh = False  # the next part is the first of a period
        self._skipping = False

    @property
    def is_ready(self) -> bool:
        """Whether the multivariant playlist can name all rungs that there will be."""
        if self.gave_up is not None:
            return True
        return self._begun and all(stream.video is not None for stream in self.streams.values())

    def begin(self, video: VideoConfig, *, with_audio: bool) -> None:
        """A period. The first one decides which rungs there are."""
        self._with_audio = with_audio
        if not self._begun:
            self._begun = True
            self.streams = {rung: self._make() for rung in self._all if rung.height < video.size[1]}
        self._take(_Begin(video))

    def part(self, cut: Cut, started_ms: int) -> None:
        """A part of the source was published."""
        self._take(_Part(cut, started_ms))
        if not self._skipping and sum(isinstance(work, _Part) for work in self._work) > _MOST_BEHIND:
            self._leave_out()

    def end_period(self) -> None:
        """The source's period is over."""
        self._take(_End())

    def close(self, *, ended: bool) -> None:
        """No more comes; ``ended``: the playlists end, as the source's does. Else they are gone."""
        self._work.clear()
        for stream in self.streams.values():
            if ended and self.gave_up is None:
                stream.window.end()
                stream.changed()
            else:
                stream.close()

    async def drain(self) -> None:
        """Waits until all parts so far are published."""
        while self._job is not None:
            await asyncio.wait([self._job])
            await asyncio.sleep(0)

    def _take(self, work: _Work) -> None:
        if self.gave_up is None and self.streams:
            self._work.append(work)
            self._go_on()

    def _go_on(self) -> None:
        """Does what needs no worker, and gives the next part to one."""
        while self._work and self._job is None and self.gave_up is None:
            work = self._work.popleft()
            if isinstance(work, _Begin):
                self._transcoder = Transcoder(work.video, list(self.streams), self._preset)
                self._fresh, self._skipping = True, False
            elif isinstance(work, _End):
                for stream in self.streams.values():
                    stream.window.end_segment()
                    stream.changed()
            elif self._skipping and not work.cut.independent:
                for stream in self.streams.values():
                    self._add(stream, work, b"")
            elif self._transcoder is not None:
                if self._skipping:
                    self._skipping = False
                    self._transcoder.restart()
                loop = asyncio.get_running_loop()
                self._job = loop.run_in_executor(self._pool, self._transcoder.part, work.cut.video)
                self._job.add_done_callback(partial(self._done, work))

    def _done(self, part: _Part, job: asyncio.Future[dict[Rung, Encoded]]) -> None:
        self._job = None
        if job.cancelled() or self._transcoder is None or self.gave_up is not None:
            return
        self._metrics.ladder_cpu.inc(self._transcoder.cpu_s)
        self._transcoder.cpu_s = 0.0
        error = job.exception()
        if error is not None:
            if not isinstance(error, CannotFollow):
                log.error("the ladder failed", exc_info=error)
            self._give_up(str(error))
            return
        made = job.result()
        if any(encoded.config is None for encoded in made.values()):
            self._give_up("nothing of it could be decoded")
            return
        for rung, encoded in made.items():
            self._publish(self.streams[rung], encoded, part)
        self._fresh = False
        self._go_on()

    def _publish(self, stream: Stream, encoded: Encoded, part: _Part) -> None:
        cut = part.cut
        if encoded.config is not None and (self._fresh or stream.video is None):
            stream.window.begin_period(init_section(encoded.config, audio=self._with_audio))
            stream.video, stream.has_audio = encoded.config, self._with_audio
        self._fragments += 1
        whole = len(encoded.video) == len(cut.video)
        data = fragment(self._fragments, cut.start, encoded.video, cut.audio) if whole else b""
        self._add(stream, part, data)

    def _add(self, stream: Stream, part: _Part, data: bytes) -> None:
        cut = part.cut
        stream.window.add(
            data,
            cut.duration,
            independent=cut.independent and bool(data),
            first=cut.first,
            started_ms=part.started_ms,
            gap=not data,
        )
        if cut.last:
            stream.window.end_segment()
        stream.changed()

    def _leave_out(self) -> None:
        """Too far behind: whatever waits before the next keyframe becomes a gap."""
        self._metrics.dropped.labels("rung").inc()
        self._behind.append(self._clock())
        if len(self._behind) == _GIVE_UP_AFTER and self._behind[-1] - self._behind[0] < _GIVE_UP_S:
            self._give_up("this machine is too slow for it")
            return
        self._skipping = True

    def _give_up(self, why: str) -> None:
        self.gave_up, self._transcoder = why, None
        log.warning("the ladder is given up", extra={"why": why})
        self._metrics.ladder_given_up.inc()
        self.close(ended=False)
