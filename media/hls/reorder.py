"""Puts a track's packets back in order, waiting a bounded time for what is missing."""

from __future__ import annotations

from media.rtp.packet import Rtp
from media.rtp.sequence import Unwrapper

_RESTART = 3000  # a jump further than this is another source (RFC 3550, A.1: MAX_DROPOUT)


class Reorder:
    """Bounded in time (``wait_ms``, told by the packets' arrival) and in number (``capacity``)."""

    def __init__(self, wait_ms: int, capacity: int = 1024) -> None:
        self._wait_ms, self._capacity = wait_ms, capacity
        self._held: dict[int, tuple[Rtp, int]] = {}
        self._unwrapper = Unwrapper()
        self._next: int | None = None
        self.lost = 0

    def push(self, packet: Rtp, arrival_ms: int) -> list[tuple[Rtp, bool]]:
        """The packets that are now in order; each with whether packets before it were given up as lost.

        Repeats and packets whose turn is over are dropped.
        """
        number = self._unwrapper.unwrap(packet.sequence)
        lossy = False
        if self._next is not None and abs(number - self._next) > _RESTART:
            self._restart()
            number = self._unwrapper.unwrap(packet.sequence)
            lossy = True
        if self._next is None:
            self._next = number
        if number < self._next or number in self._held:
            return []
        self._held[number] = (packet, arrival_ms)
        released = self._run(lossy)
        while self._held and self._given_up(arrival_ms):
            first = min(self._held)
            self.lost += first - self._next
            self._next = first
            released += self._run(True)
        return released

    def _restart(self) -> None:
        self._held.clear()
        self._unwrapper = Unwrapper()
        self._next = None

    def _run(self, lossy: bool) -> list[tuple[Rtp, bool]]:
        """Releases what follows without a hole."""
        released: list[tuple[Rtp, bool]] = []
        while self._next is not None and (entry := self._held.pop(self._next, None)) is not None:
            released.append((entry[0], lossy))
            self._next += 1
            lossy = False
        return released

    def _given_up(self, now_ms: int) -> bool:
        oldest_ms = min(arrival_ms for _, arrival_ms in self._held.values())
        return len(self._held) > self._capacity or now_ms - oldest_ms > self._wait_ms
