"""Which stretches of a stream's sound are listened to, cut out of its Opus packets. Pure.

Windows begin every so often; each has a lead: the sound right before it. Where they follow each other without
a gap, the lead is the end of the one before, so that whatever is no longer than it is whole in one of the
two. A tail of text kept instead would not help: what a transcriber makes of half a word is another word.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

RATE = 48_000
"""Opus' clock, whatever was encoded (RFC 7587, 4.1)."""
PACKETS_MAX = 8_000
BYTES_MAX = 3_000_000
"""Of a window: one that has more by then is complete, whatever its packets' times say."""
_LAST = RATE * 20 // 1000  # what the last packet is taken to last
_HEAD = struct.Struct(">IH")


class Packet(NamedTuple):
    """An RTP payload, exactly one Opus packet (RFC 7587, 4.2); ``time`` in samples, never wrapping."""

    time: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Sampling:
    """In samples: from one window's beginning to the next one's, how long each is, and its lead.
    ``length`` is at most ``every``; equal means that all is listened to."""

    every: int
    length: int
    lead: int

    @classmethod
    def of(cls, every_s: float, window_s: float, lead_s: float) -> Sampling:
        return cls(round(every_s * RATE), round(window_s * RATE), round(lead_s * RATE))


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` to ``end`` in samples, and the packets that begin in it, in order. ``at_ms`` is the wall
    clock at its start."""

    start: int
    end: int
    packets: tuple[Packet, ...]
    at_ms: int = 0

    @property
    def size(self) -> int:
        return sum(len(packet.data) for packet in self.packets)

    @property
    def duration_ms(self) -> int:
        return (self.end - self.start) * 1000 // RATE

    def at(self, at_ms: int) -> Window:
        return replace(self, at_ms=at_ms)

    def packed(self) -> bytes:
        """Its packets, each after its time from the window's start and its length."""
        return b"".join(
            _HEAD.pack(packet.time - self.start, len(packet.data)) + packet.data for packet in self.packets
        )


def unpack(body: bytes) -> list[Packet]:
    """The packets of ``Window.packed``, their times from its start. Raises ``ValueError``."""
    packets, at = [], 0
    while at < len(body):
        if len(body) < at + _HEAD.size:
            raise ValueError("a packet's head is cut off")
        time, length = _HEAD.unpack_from(body, at)
        at += _HEAD.size + length
        if len(body) < at:
            raise ValueError("a packet is cut off")
        packets.append(Packet(time, body[at - length : at]))
    return packets


class Windows:
    """Takes a stream's packets in order of time. Time that goes back further than a window has begun anew;
    what goes back less is left out."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._origin = 0
        self._number = 0
        self._bytes = 0
        self._kept: deque[Packet] = deque()
        self._latest: int | None = None

    def push(self, time: int, data: bytes) -> Window | None:
        """The window that is complete with this packet, the first after it."""
        done, latest = None, self._latest
        is_full = len(self._kept) >= PACKETS_MAX or self._bytes >= BYTES_MAX
        if latest is None or is_full or time < latest - self._sampling.length:
            done = self.rest()
            self._origin, self._number = time, 0
        elif time < latest:
            return None
        elif time >= self._end:
            done = self._cut(self._end)
            self._number = max(self._number + 1, self._first_that_ends_after(time))
        self._latest = time
        self._keep(Packet(time, data))
        return done

    def rest(self) -> Window | None:
        """What there is of the present window: nothing follows, or nothing that belongs to it."""
        done = None if self._latest is None else self._cut(min(self._end, self._latest + _LAST))
        self._kept.clear()
        self._bytes, self._latest = 0, None
        return done

    @property
    def _start(self) -> int:
        return self._origin + self._number * self._sampling.every

    @property
    def _end(self) -> int:
        return self._start + self._sampling.length

    def _first_that_ends_after(self, time: int) -> int:
        return (time - self._origin - self._sampling.length) // self._sampling.every + 1

    def _keep(self, packet: Packet) -> None:
        lead = self._start - self._sampling.lead
        while self._kept and self._kept[0].time < lead:
            self._bytes -= len(self._kept.popleft().data)
        if packet.time >= lead:
            self._kept.append(packet)
            self._bytes += len(packet.data)

    def _cut(self, end: int) -> Window | None:
        """The window up to there, unless nothing came in it that the one before didn't have."""
        packets = tuple(packet for packet in self._kept if packet.time < end)
        if not packets or packets[-1].time < self._start:
            return None
        return Window(packets[0].time, end, packets)
