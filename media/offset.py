"""How far a publisher's clock is from ours, by the reports that come from it. Pure."""

from __future__ import annotations

from collections import deque

_REPORTS_KEPT = 30  # clocks drift apart by a few ms while as many come
_LONGEST_MS = 60_000.0  # more is no delay but a clock that was set


class ClockOffset:
    """A report that was held up on its way makes a clock look slow: the quickest of the last ones counts."""

    def __init__(self) -> None:
        self._apart: deque[float] = deque(maxlen=_REPORTS_KEPT)

    @property
    def ms(self) -> float | None:
        """What to add to the publisher's clock to get ours; ``None`` before its first report."""
        return min(self._apart) if self._apart else None

    def add(self, apart_ms: float) -> float:
        """A report came when our clock was ``apart_ms`` ahead of what it says; returns ``ms``."""
        if self._apart and abs(apart_ms - self._apart[-1]) > _LONGEST_MS:
            self._apart.clear()  # somebody has set a clock
        self._apart.append(apart_ms)
        return min(self._apart)
