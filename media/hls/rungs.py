"""A stream's pictures in smaller sizes: decoded once, scaled and encoded for each rung, by a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import av
from av.video.frame import PictureType

from media.hls.boxes import VIDEO_RATE, Sample, decoder_config
from media.hls.h264 import ParameterSets, VideoConfig, sample

# Bits a second for the heights that people are used to; what lies between is interpolated.
_BITRATES = (
    (180, 250_000),
    (240, 400_000),
    (360, 800_000),
    (480, 1_300_000),
    (720, 2_500_000),
    (1080, 4_500_000),
)


@dataclass(frozen=True, slots=True)
class Rung:
    """A size that a stream is offered in beside its own."""

    height: int

    @property
    def name(self) -> str:
        return str(self.height)

    @property
    def bitrate(self) -> int:
        """In bits a second."""
        below = max((pair for pair in _BITRATES if pair[0] <= self.height), default=_BITRATES[0])
        above = min((pair for pair in _BITRATES if pair[0] >= self.height), default=_BITRATES[-1])
        if below[0] == above[0]:
            return below[1]
        share = (self.height - below[0]) / (above[0] - below[0])
        return round(below[1] + share * (above[1] - below[1]))


class Encoded(NamedTuple):
    """A part's pictures at a rung, with the times of the source's; fewer where some could not be made."""

    config: VideoConfig | None
    video: list[Sample]


class CannotFollow(Exception):  # noqa: N818  it is an answer, not a fault
    """The source is of a kind that isn't transcoded."""


class Transcoder:
    """One period of one stream. Calls come one at a time, from any thread.

    Each picture of the source becomes one at each rung, and each keyframe a keyframe, so that parts and
    segments line up.
    """

    def __init__(self, source: VideoConfig, rungs: Sequence[Rung], preset: str) -> None:
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.extradata = decoder_config(source)
        self._decoder.thread_count = 1
        self._decoder.options = {"flags": "low_delay"}
        width, height = source.size
        self._encoders = {rung: _Encoder(rung, width, height, preset) for rung in rungs}
        self._last: av.VideoFrame | None = None
        self.cpu_s = 0.0

    def part(self, pictures: Sequence[Sample]) -> dict[Rung, Encoded]:
        """A part's pictures. Raises ``CannotFollow`` where they aren't shown in the order they come."""
        began = time.thread_time()
        made: dict[Rung, list[Sample]] = {rung: [] for rung in self._encoders}
        for picture in pictures:
            if picture.shift:
                raise CannotFollow("its pictures are not shown in the order in which they come")
            frame = self._decode(picture)
            if frame is None:
                continue
            for rung, encoder in self._encoders.items():
                data = encoder.encode(frame, picture.time, keyframe=picture.sync)
                made[rung].append(Sample(data, picture.time, picture.duration, picture.sync))
        self.cpu_s += time.thread_time() - began
        return {rung: Encoded(encoder.config, made[rung]) for rung, encoder in self._encoders.items()}

    def restart(self) -> None:
        """Parts were left out: the next one begins with a keyframe."""
        self._decoder.flush_buffers()
        self._last = None

    def _decode(self, picture: Sample) -> av.VideoFrame | None:
        """The picture, or, where a decoder can't make one of it, the one before."""
        try:
            frames = self._decoder.decode(av.Packet(picture.data))
        except av.FFmpegError:
            frames = []
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                self._last = frame
        return self._last


class _Encoder:
    def __init__(self, rung: Rung, width: int, height: int, preset: str) -> None:
        self._width, self._height = max(2, width * rung.height // height // 2 * 2), rung.height // 2 * 2
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = self._width, self._height, "yuv420p"
        codec.bit_rate = rung.bitrate
        codec.time_base, codec.framerate = Fraction(1, VIDEO_RATE), Fraction(30)
        codec.thread_count = 1
        codec.options = {
            "preset": preset,
            "tune": "zerolatency",
            "profile": "main",
            "maxrate": str(rung.bitrate * 5 // 4),
            "bufsize": str(rung.bitrate),
            "forced-idr": "1",
            "g": "100000",  # the source says where keyframes are
            "sc_threshold": "0",
        }
        self._codec = codec
        self._sets = ParameterSets()

    @property
    def config(self) -> VideoConfig | None:
        return self._sets.config

    def encode(self, frame: av.VideoFrame, time: int, *, keyframe: bool) -> bytes:
        small = frame.reformat(self._width, self._height, "yuv420p")
        small.pts, small.time_base = time, Fraction(1, VIDEO_RATE)
        small.pict_type = PictureType.I if keyframe else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._codec.encode(small))
        units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        if keyframe:
            self._sets.see(units)
        return sample(units)
