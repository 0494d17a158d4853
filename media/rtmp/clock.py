"""A publisher's timestamps without wraps, and when by our clock they happened. Pure."""

from __future__ import annotations

from media.rtp.sequence import distance32

# How fast its clock may run away from ours before it is followed: one part in a thousand.
_DRIFT = 0.001
# What is further from the tag before is another time line: an encoder that has counted anew.
_JUMP_MS = 10_000


class ArrivalClock:
    """Both tracks go by one: whatever it says, lips and sound stay together.

    The quickest tag tells the most, as others waited on their way; so the distance between the clocks is the
    least that was seen, and grows slowly in case theirs is the slower one.
    """

    def __init__(self) -> None:
        self._latest: int | None = None
        self._latest_wall_ms = 0.0
        self._shift = 0
        self._offset_ms = 0.0
        self._followed_ms = 0

    def arrived(self, timestamp: int, wall_ms: float) -> int:
        """``timestamp`` (32 bits of ms) without wraps; the first one as it is. After a jump time goes on."""
        if self._latest is None:
            self._latest = self._followed_ms = timestamp
            self._latest_wall_ms, self._offset_ms = wall_ms, wall_ms - timestamp
            return timestamp
        distance = distance32((timestamp + self._shift) & 0xFFFFFFFF, self._latest & 0xFFFFFFFF)
        if abs(distance) > _JUMP_MS:
            passed = max(1, round(wall_ms - self._latest_wall_ms))
            self._shift += passed - distance
            distance = passed
        self._latest_wall_ms = wall_ms
        ms = self._latest + distance
        grown = max(0, ms - self._followed_ms) * _DRIFT
        self._followed_ms = max(ms, self._followed_ms)
        self._offset_ms = min(self._offset_ms + grown, wall_ms - ms)
        self._latest = max(self._latest, ms)
        return ms

    def wall_ms(self, ms: int) -> float:
        """Unix time in ms of a timestamp."""
        return ms + self._offset_ms
