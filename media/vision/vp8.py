"""Keyframes of streams that come as VP8 only, of which no parts are made: put together from their packets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from media.ports import MediaKind, TrackInfo
from media.rtp import packet as rtp_packet
from media.rtp.codecs import vp8_frame
from media.vision.eye import Eye
from media.vision.mailbox import FRAME_MAX_BYTES, Frame

_ASK_AGAIN_MS = 1_000


class Keyframes:
    """Takes packets in order of arrival; gives each keyframe that came whole and in order. What came
    otherwise is left out: there will be another one. Pure."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._next: tuple[int, int] | None = None  # the sequence number and the time that must follow

    def take(self, rtp: rtp_packet.Rtp) -> bytes | None:
        begins = vp8_frame(rtp.payload)
        if begins is not None:
            is_key = not begins[0] & 1  # RFC 6386, 9.1
            self._parts, self._size = ([begins], len(begins)) if is_key else ([], 0)
        elif self._parts and self._next == (rtp.sequence, rtp.timestamp):
            more = rest_of(rtp.payload)
            self._parts.append(more)
            self._size += len(more)
        else:
            self._parts = []
        self._next = ((rtp.sequence + 1) & 0xFFFF, rtp.timestamp)
        if self._size > FRAME_MAX_BYTES:
            self._parts = []
        if not rtp.marker or not self._parts:
            return None
        whole, self._parts = b"".join(self._parts), []
        return whole


def rest_of(payload: bytes) -> bytes:
    """What follows the payload descriptor, in a packet that goes on with a frame (RFC 7741, 4.2)."""
    first = payload[:1] or b"\0"
    begun = bytes([first[0] & 0xF8 | 0x10]) + payload[1:]
    return vp8_frame(begun) or b""


class Vp8Sink:
    """An ``RtpSink`` that looks at VP8 only; H.264 is looked at by way of its parts."""

    def __init__(self, eye: Eye, stream: str) -> None:
        self.stream = stream
        self._eye = eye
        self._is_vp8 = False
        self._keyframes = Keyframes()
        self._request_keyframe: Callable[[], None] = lambda: None
        self._asked_ms = 0

    def start(self, tracks: Sequence[TrackInfo], request_keyframe: Callable[[], None]) -> None:
        self._is_vp8 = any(track.codec == "VP8" for track in tracks)
        self._keyframes = Keyframes()
        self._request_keyframe = request_keyframe
        if self._is_vp8:
            self._eye.begun(self)

    def rtp(self, kind: MediaKind, packet: bytes, arrival_ms: int) -> None:
        if not self._is_vp8 or kind != "video" or not self._eye.is_due(self.stream):
            return
        try:
            whole = self._keyframes.take(rtp_packet.parse(packet))
        except ValueError:
            return
        if whole is not None:
            self._eye.offer(self.stream, Frame("vp8", whole, at_ms=self._eye.wall_ms()))
        elif arrival_ms - self._asked_ms >= _ASK_AGAIN_MS:
            self._asked_ms = arrival_ms
            self._request_keyframe()

    def sender_report(self, kind: MediaKind, ntp_ms: float, rtp_timestamp: int) -> None:
        """Of no use here."""

    def interrupted(self) -> None:
        """The publisher may come back."""

    async def close(self) -> None:
        self._eye.ended(self)
