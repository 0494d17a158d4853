"""A stream from real packets through the packager into a recorder, with a book that a test can read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from media.hls import HlsConfig, HlsHub
from media.ports import Period
from media.recording.archive import Archive
from media.recording.metrics import RecordingMetrics
from media.recording.recorder import Assignment, Recorder, Segment, Trouble
from tests.media.hls.studio import ROOM, Studio

REC = "0199-rec"


@dataclass
class Notes:
    """Implements ``Book``."""

    periods: dict[int, Period] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    troubles: list[Trouble | None] = field(default_factory=list)
    stirs: int = 0

    def began_period(self, recording: str, number: int, period: Period) -> None:
        self.periods[number] = period

    def made_segment(self, segment: Segment) -> None:
        self.segments.append(segment)

    def in_trouble(self, stream: str, recording: str, trouble: Trouble | None) -> None:
        self.troubles.append(trouble)

    def stirred(self, stream: str) -> None:
        self.stirs += 1


class RecordedStudio(Studio):
    """A studio whose stream has a recorder; ``clock_s`` is the recorder's."""

    def __init__(self, archive: Archive, *, assign: bool = True, **more: Any) -> None:
        super().__init__()
        self.archive, self.book, self.clock_s = archive, Notes(), 0.0
        self.metrics = RecordingMetrics(self.registry)
        self.recorder = Recorder(ROOM, archive, self.book, self.metrics, clock=lambda: self.clock_s, **more)
        self.hub = HlsHub(
            HlsConfig(), CollectorRegistry(), clock=lambda: self.now_ms, taps=lambda room: [self.recorder]
        )
        self.sink = self.hub.sink(ROOM)
        if assign:
            self.recorder.assign(Assignment(REC, 1, 1))

    async def written(self) -> None:
        """Returns when nothing waits to be written."""
        await until(lambda: self.metrics.queued._value.get() == 0)

    async def close(self) -> None:
        await self.sink.close()
        await self.hub.close()


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not ready():  # noqa: ASYNC110  what changes can't tell
            await asyncio.sleep(0.002)
