"""H.264 out of RTP (RFC 6184): packets in order become pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from media.rtp.codecs import sps_size
from media.rtp.packet import Rtp

_STAP_A, _FU_A = 24, 28
_IDR, _SPS, _PPS = 5, 7, 8
_NOT_IN_SAMPLES = frozenset({_SPS, _PPS, 9, 12})  # they are in the init section, or say nothing
_MOST_BYTES = 8 * 1024 * 1024


class Picture(NamedTuple):
    """One access unit: its NAL units without start codes, and the RTP timestamp as on the wire."""

    timestamp: int
    units: list[bytes]
    keyframe: bool


class H264Depacketizer:
    """Gives only what can be decoded: after a loss nothing until the next keyframe.

    ``waiting`` is true while a keyframe is needed; whoever sees it asks the publisher for one.
    """

    def __init__(self) -> None:
        self.waiting = True
        self.dropped = 0
        self._units: list[bytes] = []
        self._fragments: list[bytes] = []
        self._timestamp: int | None = None
        self._damaged = False
        self._bytes = 0

    def push(self, packet: Rtp, *, after_loss: bool) -> list[Picture]:
        """The pictures (none, one, or two when a marker is missing) that are complete with this packet."""
        pictures: list[Picture] = []
        if after_loss:
            self._lose()
        if self._timestamp is not None and packet.timestamp != self._timestamp:
            pictures += self._finish()
        if self._timestamp is None:
            self._timestamp = packet.timestamp
            # What was lost may have been this picture's beginning, unless this can only be a beginning.
            self._damaged = after_loss and not _begins_picture(packet.payload)
        try:
            self._take(packet.payload)
        except ValueError:
            self._lose()
        if packet.marker:
            pictures += self._finish()
        return pictures

    def _take(self, payload: bytes) -> None:
        if not payload:
            return  # padding only: probes for bandwidth
        self._bytes += len(payload)
        if self._bytes > _MOST_BYTES:
            raise ValueError("the picture is too large")
        kind = payload[0] & 0x1F
        if 1 <= kind <= 23:
            self._whole(payload)
        elif kind == _STAP_A:
            for unit in _aggregated(payload):
                self._whole(unit)
        elif kind == _FU_A:
            self._fragment(payload)
        else:
            raise ValueError(f"packets of type {kind} are not in packetization mode 1")

    def _whole(self, unit: bytes) -> None:
        if self._fragments:
            raise ValueError("a fragmented unit has no end")
        self._units.append(unit)

    def _fragment(self, payload: bytes) -> None:
        if len(payload) < 3:
            raise ValueError("a fragment is cut off")
        head = payload[1]
        if head & 0x80:
            if self._fragments:
                raise ValueError("a fragmented unit has no end")
            self._fragments.append(bytes([payload[0] & 0xE0 | head & 0x1F]))
        elif not self._fragments:
            raise ValueError("a fragmented unit has no beginning")
        self._fragments.append(payload[2:])
        if head & 0x40:
            self._units.append(b"".join(self._fragments))
            self._fragments.clear()

    def _lose(self) -> None:
        self.waiting = self._damaged = True
        self._units.clear()
        self._fragments.clear()

    def _finish(self) -> list[Picture]:
        units, timestamp = self._units, self._timestamp
        whole = not self._damaged and not self._fragments
        self._units, self._timestamp, self._damaged, self._bytes = [], None, False, 0
        self._fragments.clear()
        if timestamp is None or (whole and not units):
            return []
        keyframe = any(unit[0] & 0x1F == _IDR for unit in units)
        if not whole:
            self.waiting = True
        if not whole or (self.waiting and not keyframe):
            self.dropped += 1
            return []
        self.waiting = False
        return [Picture(timestamp, units, keyframe)]


def _begins_picture(payload: bytes) -> bool:
    at = 3 if payload and payload[0] & 0x1F == _STAP_A else 0
    return len(payload) > at and payload[at] & 0x1F in (_SPS, 9)


def _aggregated(payload: bytes) -> list[bytes]:
    """The units of a STAP-A (RFC 6184, 5.7.1). Raises ``ValueError`` when it is cut off."""
    units, at = [], 1
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        if not size or at + size > len(payload):
            raise ValueError("an aggregation packet is cut off")
        units.append(payload[at : at + size])
        at += size
    return units


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """What a decoder must know before the first picture (ISO 14496-15, 5.3.3.1)."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, 0 × 0 when the parameter set can't be read."""
        return sps_size(self.sps[0]) or (0, 0)

    @property
    def codec(self) -> str:
        """The name for CODECS (RFC 6381, 3.3): profile, constraints and level."""
        return f"avc1.{self.sps[0][1:4].hex()}"


class ParameterSets:
    """Follows the SPS and PPS in the stream."""

    def __init__(self) -> None:
        self.config: VideoConfig | None = None

    def see(self, units: list[bytes]) -> None:
        """Takes note of the sets that a keyframe brings; one without leaves the former in force."""
        sps = tuple(unit for unit in units if unit[0] & 0x1F == _SPS and len(unit) >= 4)
        pps = tuple(unit for unit in units if unit[0] & 0x1F == _PPS)
        if sps and pps:
            self.config = VideoConfig(sps, pps)


def sample(units: list[bytes]) -> bytes:
    """The picture as an MP4 sample: each unit after its length, parameter sets left out."""
    return b"".join(
        len(unit).to_bytes(4, "big") + unit for unit in units if unit[0] & 0x1F not in _NOT_IN_SAMPLES
    )
