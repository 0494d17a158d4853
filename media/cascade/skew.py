"""How far another node's wall clock is from ours, by asking it (as NTP does, RFC 5905, 8). Pure."""

from __future__ import annotations

from collections import deque

_KEPT = 16


class Skew:
    """The answer that came fastest says most: its error is half of its round trip at the worst."""

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def add(self, asked_ms: float, theirs_ms: float, now_ms: float) -> None:
        """Asked at ``asked_ms`` by our clock; the answer, with their clock in it, is here at ``now_ms``."""
        round_trip_ms = now_ms - asked_ms
        if round_trip_ms >= 0:
            self._answers.append((round_trip_ms, (asked_ms + now_ms) / 2 - theirs_ms))

    @property
    def round_trip_ms(self) -> float | None:
        """Of the fastest answer; ``None`` before the first one."""
        return min(self._answers)[0] if self._answers else None

    @property
    def ms(self) -> float | None:
        """What to add to their clock to have ours; ``None`` before the first answer."""
        return min(self._answers)[1] if self._answers else None
