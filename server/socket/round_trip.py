"""The round trip to one client, by the server's own pings. No I/O, no clock."""

from __future__ import annotations

KEPT = 3


class RoundTrip:
    """The shortest of the last ``KEPT``: one ping that waited behind other frames doesn't make it long, and a
    client that holds its answers back must do so each time. Times are in seconds, of any steady clock."""

    __slots__ = ("_kept_ms", "_sent_s")

    def __init__(self) -> None:
        self._sent_s: float | None = None
        self._kept_ms: tuple[int, ...] = ()

    def sent(self, now_s: float) -> None:
        """A ping goes out."""
        self._sent_s = now_s

    def answered(self, now_s: float) -> None:
        """Its answer has come; one that answers no ping measures nothing."""
        if self._sent_s is not None:
            self._kept_ms = (*self._kept_ms, int((now_s - self._sent_s) * 1000))[-KEPT:]
            self._sent_s = None

    @property
    def ms(self) -> int:
        """In whole milliseconds, rounded down; 0 until there was an answer."""
        return min(self._kept_ms, default=0)
