"""How often a publisher may be asked for a keyframe."""

from __future__ import annotations


class KeyframePacer:
    """At most one request in ``interval_ms``; a request that comes too early is remembered.

    A keyframe answers every open request. Times are monotonic milliseconds.
    """

    __slots__ = ("_interval_ms", "_last_ms", "wanted")

    def __init__(self, interval_ms: float = 1000) -> None:
        self._interval_ms = interval_ms
        self._last_ms: float | None = None
        self.wanted = False

    def want(self) -> None:
        self.wanted = True

    def due(self, now_ms: float) -> bool:
        """True when a request is to be sent now; it then counts as sent."""
        if not self.wanted or (self._last_ms is not None and now_ms - self._last_ms < self._interval_ms):
            return False
        self._last_ms = now_ms
        return True

    def satisfied(self) -> None:
        """A keyframe has begun."""
        self.wanted = False

    def reset(self) -> None:
        """Another publisher: it may be asked at once."""
        self._last_ms = None
