"""One time line for a track whatever publishers come and go: numbers go on, time never jumps back."""

from __future__ import annotations

from media.rtp.sequence import distance32

# A source that jumps further than this has started anew (RFC 3550, A.1: MAX_DROPOUT).
MAX_JUMP = 3000


class Timeline:
    """Maps a publisher's sequence numbers and timestamps onto the room's.

    Sequence numbers are integers that never wrap (16 low bits go on the wire), timestamps 32 bits. A new
    source begins one after the highest number sent, and its first timestamp is later than the last one by
    the time that has passed, at least one tick.
    """

    __slots__ = (
        "_clock_rate",
        "_floor",
        "_last_arrival_ms",
        "_sequence_offset",
        "_source_highest",
        "_timestamp_offset",
        "highest",
        "timestamp",
    )

    def __init__(self, clock_rate: int, first_sequence: int, first_timestamp: int) -> None:
        self._clock_rate = clock_rate
        self._sequence_offset = 0
        self._floor = first_sequence
        self._timestamp_offset = 0
        self._source_highest: int | None = None
        self._last_arrival_ms: float | None = None
        self.highest = first_sequence - 1
        self.timestamp = first_timestamp & 0xFFFFFFFF

    def switch(self) -> None:
        """The next packet comes from another source."""
        self._source_highest = None

    def map(self, sequence: int, timestamp: int, now_ms: float) -> tuple[int, int] | None:
        """Room numbers of a packet; ``None`` if it is from before its source's beginning here.

        ``sequence`` is unwrapped per source, ``timestamp`` as on the wire, ``now_ms`` monotonic.
        """
        if self._source_highest is None or abs(sequence - self._source_highest) > MAX_JUMP:
            self._rebase(sequence, timestamp, now_ms)
        mapped = sequence + self._sequence_offset
        if mapped < self._floor:
            return None
        room_timestamp = (timestamp + self._timestamp_offset) & 0xFFFFFFFF
        if mapped > self.highest:
            self.highest = mapped
            self._source_highest = sequence
            if distance32(room_timestamp, self.timestamp) > 0:
                self.timestamp = room_timestamp
            self._last_arrival_ms = now_ms
        return mapped, room_timestamp

    def map_timestamp(self, timestamp: int) -> int:
        """The room's timestamp for the present source's ``timestamp``."""
        return (timestamp + self._timestamp_offset) & 0xFFFFFFFF

    def source_sequence(self, sequence: int) -> int:
        """The present source's number for one of the room's."""
        return sequence - self._sequence_offset

    @property
    def started(self) -> bool:
        """True when the present source has sent something."""
        return self._source_highest is not None

    def _rebase(self, sequence: int, timestamp: int, now_ms: float) -> None:
        ahead = 0
        if self._last_arrival_ms is not None:
            ahead = max(1, round((now_ms - self._last_arrival_ms) * self._clock_rate / 1000))
        self._floor = self.highest + 1
        self._sequence_offset = self._floor - sequence
        self._timestamp_offset = (self.timestamp + ahead - timestamp) & 0xFFFFFFFF
        self._source_highest = sequence
