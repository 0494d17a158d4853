"""RTP packets of a video track into whole frames, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

WAIT_MS = 400.0
"""How long a missing packet, asked for again meanwhile, holds up what follows."""
_MOST = 2048


@dataclass(frozen=True, slots=True)
class Frame:
    """``data`` is what a decoder takes, ``timestamp`` the 32-bit RTP time."""

    timestamp: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Held:
    timestamp: int
    marker: bool
    data: bytes
    at_ms: float


class Assembler:
    """Numbers are 16-bit sequence numbers as on the wire. After a packet was given up, frames are left out
    until ``is_key`` says that one can be decoded without those before it; ``wants_keyframe`` says so."""

    def __init__(self, is_key: Callable[[bytes], bool] | None = None) -> None:
        self.is_key = is_key or h264_key
        self.received = self.lost = 0
        self.wants_keyframe = False
        self._next: int = 0
        self._started = False
        self._held: dict[int, _Held] = {}
        self._parts: list[bytes] = []
        self._torn = False

    def add(self, number: int, timestamp: int, data: bytes, now_ms: float, *, marker: bool) -> list[Frame]:
        """The frames that are whole now."""
        if not self._started:
            self._next, self._started = number, True
        ahead = (number - self._next + 0x8000 & 0xFFFF) - 0x8000
        key = self._next + ahead
        if ahead < 0 or key in self._held:
            return []  # a repeat, or too late
        self.received += 1
        self._held[key] = _Held(timestamp, marker, data, now_ms)
        return self._whole(now_ms)

    def _whole(self, now_ms: float) -> list[Frame]:
        frames = []
        while self._held:
            packet = self._held.pop(self._next, None)
            if packet is None:
                if not self._give_up(now_ms):
                    break
                continue
            self._next += 1
            self._parts.append(packet.data)
            if packet.marker:
                frame = self._end(packet.timestamp)
                if frame is not None:
                    frames.append(frame)
        return frames

    def _give_up(self, now_ms: float) -> bool:
        """Whether what is missing has been waited for long enough; it is left out then."""
        following = min(self._held)
        if now_ms - self._held[following].at_ms < WAIT_MS and len(self._held) < _MOST:
            return False
        self.lost += following - self._next
        self._next = following
        self._torn = self.wants_keyframe = True
        return True

    def _end(self, timestamp: int) -> Frame | None:
        data = b"".join(self._parts)
        self._parts = []
        if self._torn or self.wants_keyframe:
            # Of a torn frame the end is here, and perhaps the beginning of it is not.
            if self._torn or not self.is_key(data):
                self._torn = False
                return None
            self.wants_keyframe = False
        return Frame(timestamp, data)


def vp8_key(data: bytes) -> bool:
    """Whether a VP8 frame is a keyframe (RFC 6386, 9.1)."""
    return bool(data) and not data[0] & 1


def h264_key(annexb: bytes) -> bool:
    """Whether an H.264 access unit in Annex B holds an IDR picture (type 5), or its parameter sets (7)."""
    at = annexb.find(b"\x00\x00\x01")
    while at >= 0 and at + 3 < len(annexb):
        if annexb[at + 3] & 0x1F in (5, 7):
            return True
        at = annexb.find(b"\x00\x00\x01", at + 3)
    return False
