"""One track of a room: its time line, its recent packets, and the pictures since the last keyframe."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

from media.ports import MediaKind
from media.rtp.codecs import picture_size, starts_keyframe
from media.rtp.packet import Rtp
from media.rtp.ring import Ring
from media.rtp.rtcp import unix_ms_from_ntp
from media.rtp.sequence import distance32
from media.rtp.timeline import Timeline

# A second or two of video at a few Mbps; also the width of the SRTP window.
VIDEO_RING = 1024
AUDIO_RING = 256
MAX_GOP_PACKETS = 768
MAX_GOP_MS = 4500
_OVERTAKEN_MAX = 3

CLOCK_RATES: dict[MediaKind, int] = {"video": 90000, "audio": 48000}


class Packet(NamedTuple):
    """A packet on the room's time line. ``sequence`` never wraps; ``keyframe`` marks a keyframe's first."""

    kind: MediaKind
    codec: str
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    keyframe: bool


class Measure:
    """Rates of a track, sampled about once a second."""

    __slots__ = ("_before", "bits_per_second", "frames", "frames_per_second", "octets")

    def __init__(self) -> None:
        self.octets = self.frames = 0
        self.bits_per_second = self.frames_per_second = 0.0
        self._before: tuple[float, int, int] | None = None

    def sample(self, now_ms: float) -> None:
        if self._before is not None:
            at, octets, frames = self._before
            if now_ms - at < 900:
                return
            seconds = (now_ms - at) / 1000
            self.bits_per_second = (self.octets - octets) * 8 / seconds
            self.frames_per_second = (self.frames - frames) / seconds
        self._before = (now_ms, self.octets, self.frames)


def _nobody_has_it(_kind: MediaKind, _sequence: int) -> None:
    """A publisher here was asked when the packet didn't come."""


class RoomTrack:
    """Numbers of its packets go on whoever publishes."""

    def __init__(self, kind: MediaKind) -> None:
        self.kind = kind
        self.codec = ""
        self.clock_rate = CLOCK_RATES[kind]
        self.size: tuple[int, int] | None = None
        self.measure = Measure()
        self.keyframe_at_ms: float | None = None
        self.keyframe_interval_ms: float | None = None
        self.reordered_at_ms: float | None = None
        self.gop: list[Packet] = []
        self.ring: Ring[Packet] = Ring(VIDEO_RING if kind == "video" else AUDIO_RING)
        # Below 32768, so that the first wrap is far from the first packet (a lost one would cost the stream).
        self.missed: Callable[[MediaKind, int], None] = _nobody_has_it
        self._timeline = Timeline(self.clock_rate, 1 + secrets.randbelow(0x4000), secrets.randbits(32))
        self.skew_ms = 0.0
        """What leads from the publisher's clock to ours; the room's to set, for all of its tracks."""
        self._clock: tuple[float, int] | None = None
        self._frame: int | None = None
        self._newest: tuple[int, int] = (-1, 0)

    def switch(self, codec: str) -> None:
        """Another publisher's packets follow; ``codec`` is empty if it sends none of this kind."""
        self._timeline.switch()
        self._clock = None
        self.skew_ms = 0.0
        self.codec = codec
        self.gop = []
        self.reordered_at_ms = None
        self.keyframe_interval_ms = self.keyframe_at_ms = None

    def add(self, rtp: Rtp, sequence: int, now_ms: float) -> Packet | None:
        """Takes a publisher's packet; ``None`` if it is a repeat or not of this time line."""
        mapped = self._timeline.map(sequence, rtp.timestamp, now_ms)
        if mapped is None:
            return None
        number, timestamp = mapped
        video = self.kind == "video"
        key = video and self._begins_keyframe(rtp.payload, timestamp)
        packet = Packet(self.kind, self.codec, number, timestamp, rtp.marker, rtp.payload, key)
        if not self.ring.put(number, packet):
            return None
        self.measure.octets += len(rtp.payload)
        if self._frame is None or distance32(timestamp, self._frame) > 0:
            self._frame = timestamp
            self.measure.frames += 1
        if video:
            self._watch_order(number, timestamp, now_ms)
            self._remember(packet, now_ms)
        return packet

    def missing_before(self, sequence: int) -> int:
        """How many of the packets just before this one have not come (yet): 0 to 3."""
        for ahead in range(1, _OVERTAKEN_MAX + 1):
            if self.ring.get(sequence - ahead) is not None:
                return ahead - 1
        return _OVERTAKEN_MAX

    def since_keyframe(self) -> list[Packet]:
        """The pictures since the last keyframe, in order; empty if that is not here or too long ago."""
        return sorted(self.gop, key=lambda packet: packet.sequence)

    def _watch_order(self, number: int, timestamp: int, now_ms: float) -> None:
        """Pictures that go back in time in the order of sending are B-frames; a repeat has an old number."""
        newest, before = self._newest
        if number > newest:
            if newest >= 0 and distance32(timestamp, before) < 0:
                self.reordered_at_ms = now_ms
            self._newest = (number, timestamp)

    def has_b_frames(self, now_ms: float) -> bool:
        """Whether pictures came out of order within the last five seconds."""
        return self.reordered_at_ms is not None and now_ms - self.reordered_at_ms < 5_000

    def sender_report(self, ntp: int, timestamp: int) -> None:
        """The publisher's clock at one of its timestamps."""
        if self._timeline.started:
            self._clock = (unix_ms_from_ntp(ntp), self._timeline.map_timestamp(timestamp))

    def find(self, sequence: int) -> Packet | None:
        """A packet that a viewer misses; where there may be another way to it, that is asked."""
        packet = self.ring.get(sequence)
        if packet is None:
            self.missed(self.kind, sequence)
        return packet

    def source_sequence(self, sequence: int) -> int:
        """What the present source calls a packet of the track."""
        return self._timeline.source_sequence(sequence)

    def map_timestamp(self, timestamp: int) -> int:
        return self._timeline.map_timestamp(timestamp)

    @property
    def timestamp(self) -> int:
        """The newest timestamp of the track."""
        return self._timeline.timestamp

    def timestamp_at(self, unix_ms: float) -> int | None:
        """The room's timestamp at a wall-clock time; ``None`` before the publisher's first sender report."""
        if self._clock is None:
            return None
        at, timestamp = self._clock
        return (timestamp + round((unix_ms - self.skew_ms - at) * self.clock_rate / 1000)) & 0xFFFFFFFF

    def _begins_keyframe(self, payload: bytes, timestamp: int) -> bool:
        # Parameter sets and the picture come in several packets of one time: only the first one counts.
        if self.gop and self.gop[0].timestamp == timestamp:
            return False
        return starts_keyframe(self.codec, payload)

    def _remember(self, packet: Packet, now_ms: float) -> None:
        if packet.keyframe:
            if self.keyframe_at_ms is not None:
                self.keyframe_interval_ms = now_ms - self.keyframe_at_ms
            self.keyframe_at_ms = now_ms
            self.gop = [packet]
        elif self.gop:
            age = distance32(packet.timestamp, self.gop[0].timestamp)
            if len(self.gop) >= MAX_GOP_PACKETS or age > MAX_GOP_MS * self.clock_rate // 1000:
                self.gop = []  # too old to begin with: a newcomer asks for a keyframe instead
            elif age >= 0:
                self.gop.append(packet)
        if packet.keyframe or (self.gop and packet.timestamp == self.gop[0].timestamp):
            self.size = picture_size(self.codec, packet.payload) or self.size
