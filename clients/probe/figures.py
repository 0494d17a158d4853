"""What is said of a stream that was watched: percentiles, freezes, rates. Pure: times are arguments."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

By = Literal["pattern", "sender_report", "program_date_time"]

# A picture that stays for longer than three usual ones, and 150 ms longer than one, is seen to freeze
# (webrtc-stats, freezeCount).
_FREEZE_TIMES, _FREEZE_MORE_MS = 3.0, 150.0
_LEARNT = 30
# Who joins is sent the past to begin with: how late those frames are says nothing of watching.
_JOINING_MS = 500.0
_SAMPLES_MAX = 100_000  # about an hour: of more, the latest


def percentile(values: Collection[float], percent: float) -> float | None:
    """The nearest-rank percentile: the smallest value that ``percent`` of all don't exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Freezes:
    """Counts how often and for how long a picture stood still, by the rule of webrtc-stats."""

    def __init__(self) -> None:
        self.count = 0
        self.total_ms = 0.0
        self._shown_ms: float | None = None
        self._usual_ms = 0.0
        self._seen = 0

    def shown(self, at_ms: float) -> None:
        """A frame was shown; times grow. The first frames only teach what is usual."""
        if self._shown_ms is not None:
            gap = at_ms - self._shown_ms
            if self._frozen(gap):
                self.count += 1
                self.total_ms += gap - self._usual_ms
            else:
                self._seen = min(self._seen + 1, _LEARNT)
                self._usual_ms += (gap - self._usual_ms) / self._seen
        self._shown_ms = at_ms

    def ended(self, at_ms: float) -> None:
        """Watching is over: a picture that has stood still until now froze too."""
        if self._shown_ms is not None and self._frozen(at_ms - self._shown_ms):
            self.count += 1
            self.total_ms += at_ms - self._shown_ms - self._usual_ms

    def _frozen(self, gap_ms: float) -> bool:
        usual = self._usual_ms
        return self._seen >= 2 and gap_ms > max(_FREEZE_TIMES * usual, usual + _FREEZE_MORE_MS)


class Playout:
    """When a player with a buffer shows what it has: in step with media time, later after it ran dry.

    It begins at ``start_ms`` of media time with the first frame from there on; a frame that isn't there when
    it is due holds everything up, and what was lost is not caught up: the cautious reading of players that
    play faster until they are back.
    """

    def __init__(self, start_ms: float) -> None:
        self._start_ms = start_ms
        self._ahead_ms: float | None = None

    def show(self, media_ms: float, ready_ms: float) -> float | None:
        """When the frame of ``media_ms``, decoded at ``ready_ms``, is shown; ``None``: it is too old."""
        if media_ms < self._start_ms:
            return None
        if self._ahead_ms is None:
            self._ahead_ms = ready_ms - media_ms
        self._ahead_ms = max(self._ahead_ms, ready_ms - media_ms)
        return media_ms + self._ahead_ms


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen by one protocol. Times in ms; ``loss`` is 0..1 of what was sent, after repair.

    ``glass_*`` is from the frame's making to its being shown where ``by`` is ``pattern``, and from the node
    on for the other two. ``av_offset_ms``: positive when the sound comes after its picture. What could not be
    known is ``None``; ``error`` says why nothing was seen.
    """

    protocol: str
    by: By | None = None
    glass_p50_ms: float | None = None
    glass_p95_ms: float | None = None
    first_frame_ms: float | None = None
    frames: int = 0
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    stalls: int = 0
    stalled_ms: float = 0.0
    lost: int = 0
    loss: float | None = None
    av_offset_ms: float | None = None
    error: str | None = None

    def json(self) -> dict[str, Any]:
        """As an object, floats rounded to what means something."""
        return {
            name: round(value, 4 if name == "loss" else 1) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


class Watch:
    """Gathers what one reader sees. ``begun_ms`` is when it asked; wall-clock times, Unix milliseconds."""

    def __init__(self, protocol: str, begun_ms: float) -> None:
        self._protocol, self._begun_ms = protocol, begun_ms
        self._freezes = Freezes()
        self._latencies: dict[By, deque[float]] = {}
        self._size: tuple[int, int] | None = None
        self._first_ms: float | None = None
        self._last_ms = begun_ms
        self._frames = 0
        self._pictures: deque[float] = deque(maxlen=_SAMPLES_MAX)
        self._beeps: deque[float] = deque(maxlen=_SAMPLES_MAX)
        self.received = self.lost = 0

    @property
    def frames(self) -> int:
        return self._frames

    def frame(self, shown_ms: float, size: tuple[int, int], made_ms: float | None, by: By) -> None:
        """A frame is shown that was made at ``made_ms``, as ``by`` tells it."""
        if self._first_ms is None:
            self._first_ms = shown_ms
        self._frames += 1
        self._last_ms = max(self._last_ms, shown_ms)
        self._size = size
        self._freezes.shown(shown_ms)
        if made_ms is not None and shown_ms - self._first_ms >= _JOINING_MS:
            samples = self._latencies.setdefault(by, deque(maxlen=_SAMPLES_MAX))
            samples.append(shown_ms - made_ms)

    def picture_at(self, played_ms: float, made_ms: float) -> None:
        """A frame made at ``made_ms`` (by the pattern) belongs to this time of the stream's own clock."""
        self._pictures.append(played_ms - made_ms)

    def beep_at(self, played_ms: float) -> None:
        """A beep, made on a full second, begins at this time of the same clock."""
        self._beeps.append(played_ms)

    def figures(self, ended_ms: float) -> Figures:
        """What there is to say. To be called once."""
        if self._first_ms is None or self._size is None:
            return Figures(self._protocol, error="no picture came")
        self._freezes.ended(ended_ms)
        by: By | None = next(
            (one for one in ("pattern", "sender_report", "program_date_time") if self._latencies.get(one)),
            None,
        )
        samples = list(self._latencies[by]) if by is not None else []
        watched_s = (self._last_ms - self._first_ms) / 1000
        sent = self.received + self.lost
        return Figures(
            self._protocol,
            by,
            percentile(samples, 50),
            percentile(samples, 95),
            self._first_ms - self._begun_ms,
            self._frames,
            (self._frames - 1) / watched_s if watched_s > 0 else None,
            *self._size,
            self._freezes.count,
            self._freezes.total_ms,
            self.lost,
            self.lost / sent if sent else None,
            self._av_offset(),
        )

    def _av_offset(self) -> float | None:
        """Pictures tell where the wall clock is on the stream's; a beep belongs to the second next to it."""
        picture = percentile(self._pictures, 50)
        if picture is None:
            return None
        late = [beep - picture - round((beep - picture) / 1000) * 1000 for beep in self._beeps]
        return percentile(late, 50)
