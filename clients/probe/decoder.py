"""PyAV at work in a thread: access units and parts into frames, with the time that is burnt into them."""

from __future__ import annotations

import array
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av

from clients.probe.beep import RATE
from clients.publish.barcode import read_barcode

_CODECS = {"video/h264": "h264", "video/vp8": "vp8", "audio/opus": "opus"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame: ``media_ms`` is its time on the stream's clock, ``made_ms`` the pattern's, if any."""

    media_ms: float
    width: int
    height: int
    made_ms: int | None


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded samples (16 bits, mono, 8 kHz) and when they begin on the stream's clock."""

    media_ms: float
    samples: array.array[int]


class Decoder:
    """One elementary stream. Not thread-safe; raises nothing: what can't be decoded gives no frame."""

    def __init__(self, codec: str, extradata: bytes | None = None) -> None:
        self._context = cast("Any", av.CodecContext.create(_CODECS.get(codec, codec), "r"))
        if extradata:
            self._context.extradata = extradata
        # A frame comes out as soon as it is in: threads of frames would hold some back.
        self._context.thread_type = "SLICE"
        self._resampler = av.AudioResampler("s16", "mono", RATE)
        self.failed = 0

    def pictures(self, data: bytes, media_ms: float) -> list[Picture]:
        """The frames that come out for an access unit."""
        return [
            Picture(media_ms, frame.width, frame.height, read_barcode(frame))
            for frame in self._decode(data)
            if isinstance(frame, av.VideoFrame)
        ]

    def sounds(self, data: bytes, media_ms: float) -> list[Sound]:
        """The samples that come out for an audio packet."""
        found = []
        for frame in self._decode(data):
            if not isinstance(frame, av.AudioFrame):
                continue
            frame.pts = None
            for plain in self._resampler.resample(frame):
                samples = array.array("h")
                samples.frombytes(bytes(plain.planes[0])[: plain.samples * 2])
                found.append(Sound(media_ms, samples))
        return found

    def _decode(self, data: bytes) -> list[Any]:
        try:
            return list(self._context.decode(av.Packet(data)))
        except av.FFmpegError:
            self.failed += 1
            return []


@dataclass(frozen=True, slots=True)
class Unit:
    """One sample of a part: ``media_ms`` is its presentation time."""

    is_video: bool
    media_ms: float
    data: bytes


class PartReader:
    """Takes the samples out of fMP4 parts that share an init section, and decodes them."""

    def __init__(self, init: bytes) -> None:
        self._init = init
        self._video: Decoder | None = None
        self._audio: Decoder | None = None

    def read(self, part: bytes) -> list[Picture | Sound]:
        """Everything in a part, decoded. Raises ``ValueError`` for what is no fMP4."""
        found: list[Picture | Sound] = []
        try:
            with av.open(io.BytesIO(self._init + part), format="mp4") as container:
                for unit in self._units(container):
                    if unit.is_video and self._video is not None:
                        found += self._video.pictures(unit.data, unit.media_ms)
                    elif not unit.is_video and self._audio is not None:
                        found += self._audio.sounds(unit.data, unit.media_ms)
        except av.FFmpegError as error:
            raise ValueError(f"a part can't be read: {error}") from error
        return found

    def _units(self, container: Any) -> Iterator[Unit]:
        for stream in container.streams:
            kind = stream.type
            if kind == "video" and self._video is None:
                self._video = Decoder(stream.codec_context.name, stream.codec_context.extradata)
            elif kind == "audio" and self._audio is None:
                self._audio = Decoder(stream.codec_context.name, stream.codec_context.extradata)
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                media_ms = float(packet.pts * Fraction(packet.time_base) * 1000)
                yield Unit(packet.stream.type == "video", media_ms, bytes(packet))
