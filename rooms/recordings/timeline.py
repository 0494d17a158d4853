"""From the clock to a place in a recording. Pure.

A recording's time (``media_ms``) is what a player shows: the lengths of its segments one after the other.
While nothing was recorded (an interruption, a full disk) it stands still, the clock doesn't.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol


class Span(Protocol):
    """What is needed to know of a segment: the clock at its first picture (Unix ms), its place and length."""

    @property
    def started_ms(self) -> int: ...

    @property
    def media_ms(self) -> int: ...

    @property
    def duration_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Timeline:
    """The same for many questions: the segments are looked through once. ``starts`` never fall;
    ``ended_ms`` is the clock at the end, 0 if there is nothing."""

    segments: tuple[Span, ...]
    starts: tuple[int, ...]
    ended_ms: int

    @classmethod
    def of(cls, segments: Iterable[Span]) -> Timeline:
        """``segments`` in the order in which they are played."""
        spans = tuple(segments)
        # A publisher's clock is followed, and may be set back: what is played later is never before.
        starts = tuple(accumulate((span.started_ms for span in spans), max))
        ends = (start + span.duration_ms for start, span in zip(starts, spans, strict=True))
        return cls(spans, starts, max(ends, default=0))

    def media_ms_at(self, at_ms: int) -> int | None:
        """Where the recording is at ``at_ms`` (Unix ms); None before its beginning and after its end.

        What happened while nothing was recorded is where the recording goes on. Never falls as ``at_ms``
        rises.
        """
        index = bisect_right(self.starts, at_ms) - 1
        if index < 0:
            return None
        span = self.segments[index]
        gone = at_ms - self.starts[index]
        if index == len(self.segments) - 1 and at_ms > self.ended_ms:
            return None
        return span.media_ms + min(gone, span.duration_ms)

    def at_ms_of(self, media_ms: int) -> int | None:
        """The clock at a place in the recording; None outside of it. At a seam, the later segment's."""
        if not self.segments or not 0 <= media_ms <= self.duration_ms:
            return None
        index = bisect_right(self.segments, media_ms, key=lambda span: span.media_ms) - 1
        return self.starts[index] + media_ms - self.segments[index].media_ms

    @property
    def duration_ms(self) -> int:
        last = self.segments[-1] if self.segments else None
        return last.media_ms + last.duration_ms if last else 0


def media_ms_at(segments: Sequence[Span], at_ms: int) -> int | None:
    """:meth:`Timeline.media_ms_at` for a single question."""
    return Timeline.of(segments).media_ms_at(at_ms)
