"""Transport-wide feedback: when each packet arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01).

From it a browser estimates what its uplink carries, and reaches a good picture within a second or two.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from media.rtp.sequence import Unwrapper

FEEDBACK_MS = 100.0
_MAX_STATUSES = 500
_TICK_MS = 0.25
_REFERENCE_TICKS = 256  # 64 ms
_HEAD = struct.Struct("!BBHIIHH")
_LOST, _SMALL, _LARGE = 0, 1, 2


class Arrivals:
    """Collects arrivals and turns them into feedback packets. Times are monotonic milliseconds."""

    __slots__ = ("_arrived", "_count", "_next", "_unwrapper")

    def __init__(self) -> None:
        self._unwrapper = Unwrapper()
        self._arrived: dict[int, int] = {}
        self._next: int | None = None
        self._count = 0

    def add(self, sequence: int, now_ms: float) -> None:
        """A packet with this transport-wide number (16 bits) has come."""
        number = self._unwrapper.unwrap(sequence)
        if self._next is None or number - self._next > 4 * _MAX_STATUSES:
            self._next = number
        if number >= self._next:  # one that comes after it was reported as lost stays lost
            self._arrived.setdefault(number, int(now_ms / _TICK_MS))

    def take(self, ssrc: int, media_ssrc: int) -> Iterator[bytes]:
        """The feedback on what has come since the last call, in as many packets as it needs."""
        while self._arrived and self._next is not None:
            yield self._one(ssrc, media_ssrc, self._next)

    def _one(self, ssrc: int, media_ssrc: int, base: int) -> bytes:
        last = max(self._arrived)
        reference: int | None = None
        previous = 0
        statuses: list[int] = []
        deltas = bytearray()
        for number in range(base, min(last + 1, base + _MAX_STATUSES)):
            ticks = self._arrived.get(number)
            if ticks is None:
                statuses.append(_LOST)
                continue
            if reference is None:
                reference = ticks // _REFERENCE_TICKS
                previous = reference * _REFERENCE_TICKS
            delta = ticks - previous
            if not -0x8000 <= delta <= 0x7FFF:
                break  # too far apart for one packet
            small = 0 <= delta <= 255
            statuses.append(_SMALL if small else _LARGE)
            deltas += delta.to_bytes(1 if small else 2, "big", signed=not small)
            previous = ticks
            del self._arrived[number]
        self._next = base + len(statuses)
        for number in [old for old in self._arrived if old < self._next]:
            del self._arrived[number]
        self._count = (self._count + 1) & 0xFF
        stamp = ((reference or 0) & 0xFFFFFF) << 8 | (self._count - 1) & 0xFF
        body = stamp.to_bytes(4, "big") + _chunks(statuses) + bytes(deltas)
        return _packet(ssrc, media_ssrc, base & 0xFFFF, len(statuses), body)


def _chunks(statuses: list[int]) -> bytes:
    """Status vector chunks of seven two-bit symbols each."""
    packed = bytearray()
    for at in range(0, len(statuses), 7):
        chunk = 0b11 << 14
        for index, status in enumerate(statuses[at : at + 7]):
            chunk |= status << (12 - 2 * index)
        packed += chunk.to_bytes(2, "big")
    return bytes(packed)


def _packet(ssrc: int, media_ssrc: int, base: int, count: int, body: bytes) -> bytes:
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    first = 0x80 | (0x20 if padding else 0) | 15
    return _HEAD.pack(first, 205, (16 + len(body)) // 4 - 1, ssrc, media_ssrc, base, count) + body
