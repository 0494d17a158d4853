"""A publisher's packets at 720p30 and 1.5 Mbps with Opus, encoded once and sent round and round."""

from __future__ import annotations

import asyncio
import math
import random
import struct
from fractions import Fraction
from typing import NamedTuple

import av

from media.ports import MediaKind, RtpSink, TrackInfo
from media.rtp.packet import build

TRACKS = (TrackInfo("video", "H264", 90_000), TrackInfo("audio", "opus", 48_000, 2))
WIDTH, HEIGHT, FPS, BITRATE = 1280, 720, 30, 1_500_000
_KEYFRAME_EVERY = 2 * FPS
_MTU = 1200


class Tick(NamedTuple):
    """What a publisher sends within one picture's time: payloads, and how many samples of sound."""

    video: list[bytes]
    audio: list[bytes]


def source(seconds: int) -> list[Tick]:
    """Real pictures, with as much noise as fills the bitrate, and a real tone."""
    sound = _opus(seconds)
    ticks = []
    for number, unit in enumerate(_pictures(seconds * FPS)):
        begin, end = (math.floor(at * 50 / FPS) for at in (number, number + 1))
        ticks.append(Tick(_payloads(unit), sound[begin:end]))
    return ticks


def _pictures(count: int) -> list[bytes]:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.framerate, codec.time_base = Fraction(FPS), Fraction(1, FPS)
    codec.bit_rate = BITRATE
    codec.thread_count = 2
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"keyint={_KEYFRAME_EVERY}:min-keyint={_KEYFRAME_EVERY}:scenecut=0:"
        f"nal-hrd=cbr:vbv-maxrate={BITRATE // 1000}:vbv-bufsize={BITRATE // 1000}",
    }
    noise = random.Random(1)
    rows = [noise.randbytes(WIDTH) for _ in range(64)]
    units = []
    for number in range(count):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        stride = frame.planes[0].line_size
        plain = bytes([90 + number % 60]) * stride
        noisy = [rows[(number * 7 + y) % 64].ljust(stride, b"\0") for y in range(120)]
        frame.planes[0].update(b"".join([plain] * (HEIGHT - 120) + noisy))
        for plane in list(frame.planes)[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts = number
        units += [bytes(packet) for packet in codec.encode(frame)]
    return units


def _opus(seconds: int) -> list[bytes]:
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = 48_000, "stereo", "s16", 64_000
    wave = [round(9000 * math.sin(math.tau * i / 100)) for i in range(100)]
    tone = b"".join(struct.pack("<hh", value, value) for value in wave * 20)
    packets = []
    for number in range(seconds * 50):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        begin = number * 960 % 100 * 4
        frame.planes[0].update(tone[begin : begin + 960 * 4])
        frame.sample_rate = 48_000
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def _payloads(annex_b: bytes) -> list[bytes]:
    """RFC 6184, 5.6 and 5.8."""
    payloads: list[bytes] = []
    for unit in annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1"):
        if unit and len(unit) <= _MTU:
            payloads.append(unit)
        elif unit:
            pieces = [unit[at : at + _MTU] for at in range(1, len(unit), _MTU)]
            for index, piece in enumerate(pieces):
                edge = 0x80 if index == 0 else 0x40 if index == len(pieces) - 1 else 0
                payloads.append(bytes([unit[0] & 0xE0 | 28, edge | unit[0] & 0x1F]) + piece)
    return payloads


async def send(ticks: list[Tick], sink: RtpSink) -> None:
    """Sends in real time, until cancelled."""
    loop = asyncio.get_running_loop()
    started, frame, video, audio = loop.time(), 0, 0, 0
    kinds: dict[MediaKind, int] = {"video": 96, "audio": 111}
    sink.start(TRACKS, lambda: None)
    while True:
        tick = ticks[frame % len(ticks)]
        now_ms = round(loop.time() * 1000)
        time = frame * 90_000 // FPS & 0xFFFFFFFF
        for index, payload in enumerate(tick.video):
            last = index == len(tick.video) - 1
            sink.rtp("video", build(kinds["video"], last, video & 0xFFFF, time, 1, payload), now_ms)
            video += 1
        for payload in tick.audio:
            time = audio * 960 & 0xFFFFFFFF
            sink.rtp("audio", build(kinds["audio"], False, audio & 0xFFFF, time, 2, payload), now_ms)
            audio += 1
        frame += 1
        await asyncio.sleep(max(0.0, started + frame / FPS - loop.time()))
