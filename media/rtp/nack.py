"""Which packets of a publisher are missing, and when to ask for them again (RFC 4585, 6.2.1)."""

from __future__ import annotations

MAX_MISSING = 512
MAX_TRIES = 8


class MissingPackets:
    """Tracks holes in a stream of unwrapped sequence numbers. Times are monotonic milliseconds."""

    __slots__ = ("_highest", "_missing", "recovered")

    def __init__(self) -> None:
        self._highest: int | None = None
        self._missing: dict[int, tuple[int, float]] = {}
        self.recovered = 0

    def add(self, sequence: int) -> bool:
        """A packet has come. Returns true if a new hole opened before it."""
        if self._highest is None or sequence - self._highest > MAX_MISSING:
            self._highest = sequence
            self._missing.clear()
            return False
        if sequence <= self._highest:
            if self._missing.pop(sequence, None) is not None:
                self.recovered += 1
            return False
        hole = range(self._highest + 1, sequence)
        for lost in hole:
            self._missing[lost] = (0, 0.0)
        self._highest = sequence
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]
        return bool(hole)

    def due(self, now_ms: float, retry_ms: float) -> list[int]:
        """Sequence numbers to ask for now; each at most ``MAX_TRIES`` times, ``retry_ms`` apart."""
        asked = []
        for sequence, (tries, at_ms) in list(self._missing.items()):
            if tries and now_ms - at_ms < retry_ms:
                continue
            if tries >= MAX_TRIES:
                del self._missing[sequence]
                continue
            self._missing[sequence] = (tries + 1, now_ms)
            asked.append(sequence)
        return asked

    def __len__(self) -> int:
        return len(self._missing)
