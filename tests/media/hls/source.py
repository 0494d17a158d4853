"""A publisher's packets for tests: real x264 pictures and Opus sound, packetized as browsers do it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av

from media.ports import MediaKind, TrackInfo
from media.rtp.packet import build

H264 = TrackInfo("video", "H264", 90_000)
VP8 = TrackInfo("video", "VP8", 90_000)
OPUS = TrackInfo("audio", "opus", 48_000, 2)
_MTU = 1200


@dataclass(frozen=True)
class TimedPacket:
    """A packet and when it arrives, in milliseconds after the beginning."""

    at_ms: int
    kind: MediaKind
    data: bytes


@lru_cache
def pictures(
    seconds: float, fps: int = 25, keyframe_every: int = 50, size: tuple[int, int] = (320, 180)
) -> list[bytes]:
    """Access units in Annex B: a bar that moves, baseline, SPS and PPS before each keyframe."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height = size
    codec.pix_fmt = "yuv420p"
    codec.framerate = Fraction(fps)
    codec.time_base = Fraction(1, fps)
    codec.bit_rate = 400_000
    codec.thread_count = 1
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"keyint={keyframe_every}:min-keyint={keyframe_every}:scenecut=0",
    }
    units = []
    for number in range(round(seconds * fps)):
        frame = av.VideoFrame(*size, "yuv420p")
        frame.planes[0].update(_luma(number, frame.planes[0].line_size, size))
        for plane in list(frame.planes)[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts = number
        units += [bytes(packet) for packet in codec.encode(frame)]
    return units


def _luma(number: int, stride: int, size: tuple[int, int]) -> bytes:
    bar = number * 4 % size[0]
    row = bytearray((x * 3 + number) & 0x7F for x in range(stride))
    row[bar : bar + 12] = bytes([235]) * len(row[bar : bar + 12])
    return bytes(row) * size[1]


@lru_cache
def opus(seconds: float) -> list[bytes]:
    """Packets of 20 ms: a tone of 480 Hz, whose period is 100 samples."""
    wave = [round(9000 * math.sin(math.tau * i / 100)) for i in range(100)]
    tone = b"".join(struct.pack("<hh", value, value) for value in wave * 20)
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate = 48_000
    codec.layout = "stereo"
    codec.format = "s16"
    codec.bit_rate = 64_000
    packets = []
    for number in range(round(seconds * 50)):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        begin = number * 960 % 100 * 4
        frame.planes[0].update(tone[begin : begin + 960 * 4])
        frame.sample_rate = 48_000
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def nal_units(annex_b: bytes) -> list[bytes]:
    """The units between start codes."""
    parts = annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def payloads(units: Sequence[bytes], mtu: int = _MTU) -> list[bytes]:
    """RFC 6184, mode 1: small units together in a STAP-A, large ones in FU-As, the rest alone."""
    result: list[bytes] = []
    small: list[bytes] = []

    def together() -> None:
        if len(small) == 1:
            result.append(small[0])
        elif small:
            body = b"".join(struct.pack("!H", len(unit)) + unit for unit in small)
            result.append(bytes([max(unit[0] & 0x60 for unit in small) | 24]) + body)
        small.clear()

    for unit in units:
        if sum(map(len, small)) + len(unit) + 2 * len(small) + 3 <= mtu:
            small.append(unit)
            continue
        together()
        if len(unit) <= mtu:
            small.append(unit)
        else:
            result += _fragments(unit, mtu)
    together()
    return result


def _fragments(unit: bytes, mtu: int) -> Iterator[bytes]:
    body, step = unit[1:], mtu - 2
    for at in range(0, len(body), step):
        start, end = at == 0, at + step >= len(body)
        head = bytes([unit[0] & 0xE0 | 28, start << 7 | end << 6 | unit[0] & 0x1F])
        yield head + body[at : at + step]


def video_packets(
    units: Sequence[bytes],
    fps: float = 25,
    sequence: int = 65_500,
    timestamp: int = 2**32 - 90_000,
    at_ms: float = 0,
    mtu: int = _MTU,
) -> list[TimedPacket]:
    """Each picture's packets arrive when it is due. Sequence numbers and timestamps wrap on the way."""
    packets = []
    for number, unit in enumerate(units):
        now = timestamp + round(number * 90_000 / fps)
        parts = payloads(nal_units(unit), mtu)
        for index, payload in enumerate(parts):
            last = index == len(parts) - 1
            data = build(96, last, sequence & 0xFFFF, now & 0xFFFFFFFF, 1, payload)
            packets.append(TimedPacket(round(at_ms + number * 1000 / fps), "video", data))
            sequence += 1
    return packets


def audio_packets(
    units: Sequence[bytes], sequence: int = 65_530, timestamp: int = 2**32 - 24_000, at_ms: float = 0
) -> list[TimedPacket]:
    """One packet each 20 ms; numbers wrap on the way."""
    return [
        TimedPacket(
            round(at_ms + number * 20),
            "audio",
            build(111, False, (sequence + number) & 0xFFFF, (timestamp + number * 960) & 0xFFFFFFFF, 2, unit),
        )
        for number, unit in enumerate(units)
    ]


def broadcast(seconds: float, fps: int = 25, keyframe_every: int = 50) -> list[TimedPacket]:
    """Picture and sound in order of arrival."""
    both = video_packets(pictures(seconds, fps, keyframe_every), fps) + audio_packets(opus(seconds))
    return sorted(both, key=lambda packet: packet.at_ms)
