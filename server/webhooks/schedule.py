"""When a delivery that failed is tried again, and how long an endpoint that can't be reached is left alone.

Pure: time and chance come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_S, _MIN, _H = 1000, 60_000, 3_600_000

RETRIES_MS = (
    5 * _S,
    5 * _MIN,
    30 * _MIN,
    2 * _H,
    5 * _H,
    10 * _H,
    14 * _H,
    20 * _H,
    24 * _H,
)
"""After the first attempt, the second, …: the specification's example, 75 h 35 min in all."""
JITTER = 0.2
"""Up to so much longer, so that what failed together doesn't come back together."""

FAILURES_BEFORE_PAUSE = 5
PAUSE_MIN_MS, PAUSE_MAX_MS = 5 * _S, 5 * _MIN
GIVE_UP_MS = 5 * 24 * _H
"""An endpoint that took nothing for so long is disabled."""

ABSENT = frozenset({429, 502, 503, 504})
"""Statuses that say that nobody is there to take anything, whatever it is."""


def retry_in_ms(attempts: int, chance: float) -> int | None:
    """How long to wait after so many failed attempts (1, 2, …); None: that was the last one.

    ``chance`` is from [0, 1).
    """
    if attempts > len(RETRIES_MS):
        return None
    return round(RETRIES_MS[attempts - 1] * (1 + JITTER * chance))


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint fares. ``absences`` counts attempts in a row that found nobody there.

    ``paused_until_ms``: before that nothing is sent; after it, while ``absences`` lasts, one thing at a time.
    ``failing_since_ms``: when the first attempt failed since the last that was taken.
    """

    absences: int = 0
    failing_since_ms: int | None = None
    paused_until_ms: int = 0
    taken_at_ms: int | None = None

    @property
    def is_absent(self) -> bool:
        return self.absences >= FAILURES_BEFORE_PAUSE

    def may_send(self, now_ms: int, under_way: int) -> bool:
        """Whether one more attempt may begin while so many are under way."""
        return not self.is_absent or (under_way == 0 and now_ms >= self.paused_until_ms)

    def taken(self, now_ms: int) -> Health:
        """After a delivery."""
        return Health(taken_at_ms=now_ms)

    def refused(self, now_ms: int) -> Health:
        """Somebody is there and didn't take this one."""
        return replace(self, absences=0, paused_until_ms=0, failing_since_ms=self.failing_since_ms or now_ms)

    def missed(self, now_ms: int, chance: float, retry_after_ms: int = 0) -> Health:
        """Nobody was there."""
        absences = self.absences + 1
        pause_ms = 0
        if absences >= FAILURES_BEFORE_PAUSE:
            doublings = min(absences - FAILURES_BEFORE_PAUSE, 10)
            pause_ms = round(min(PAUSE_MIN_MS << doublings, PAUSE_MAX_MS) * (1 + JITTER * chance))
        until = now_ms + max(pause_ms, min(retry_after_ms, PAUSE_MAX_MS)) if pause_ms else 0
        return replace(
            self,
            absences=absences,
            paused_until_ms=until,
            failing_since_ms=self.failing_since_ms or now_ms,
        )

    def is_hopeless(self, now_ms: int) -> bool:
        return self.failing_since_ms is not None and now_ms - self.failing_since_ms >= GIVE_UP_MS
