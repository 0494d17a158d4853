"""A media file in an endless loop as a source: decoded, scaled, encoded again for WebRTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
from av import AudioFrame, VideoFrame

from clients.publish.encode import OPUS_RATE, OPUS_SAMPLES, VIDEO_RATE, H264Encoder, OpusEncoder
from clients.publish.feed import Feed
from clients.publish.letterbox import Letterbox

_PROTOCOLS = {"protocol_whitelist": "file"}  # a playlist in disguise must not reach the network


class FileSource:
    """Publishes ``path`` from its beginning in each session.

    Raises ``ValueError`` for a file without a picture or of no known format, ``OSError`` for one that can't
    be opened.
    """

    def __init__(self, path: Path, width: int, height: int, fps: int, bitrate: int) -> None:
        self._path, self._size, self._fps, self._bitrate = path, (width, height), fps, bitrate
        with av.open(str(path), options=_PROTOCOLS) as container:
            if not container.streams.video:
                raise ValueError(f"{path} has no video: choose a file with a picture.")
            self._has_sound = bool(container.streams.audio)
            self._duration_s = _duration_s(container)

    def feeds(self) -> list[Feed]:
        """A video feed, and an audio feed where the file has sound; both wrap around at the same time."""
        feeds: list[Feed] = [FileVideo(self._path, self._duration_s, self._size, self._fps, self._bitrate)]
        if self._has_sound:
            feeds.append(FileAudio(self._path, self._duration_s))
        return feeds


class FileVideo:
    """The file's pictures, letterboxed to the size and thinned out to the frame rate."""

    kind = "video"
    clock_rate = VIDEO_RATE

    def __init__(self, path: Path, duration_s: float, size: tuple[int, int], fps: int, bitrate: int) -> None:
        self._frames = _looped_frames(path, duration_s)
        self._encoder = H264Encoder(*size, fps, bitrate)
        self._fps = fps
        self._letterbox = Letterbox(*size)
        self._frame: VideoFrame | None = None
        self._time_s = -1.0

    def advance(self, elapsed_s: float) -> float:
        """Decodes up to the next frame that the frame rate has room for; its time in seconds."""
        least = self._time_s + 0.9 / self._fps if self._time_s >= 0 else 0.0
        for time_s, frame in self._frames:
            if time_s >= least:
                self._time_s, self._frame = time_s, frame
                return time_s
        raise StopIteration

    def packet(self, *, keyframe: bool) -> bytes:
        """Scales and encodes the frame."""
        if self._frame is None:
            return b""
        picture = self._letterbox.fit(self._frame)
        return self._encoder.encode(picture, round(self._time_s * VIDEO_RATE), keyframe=keyframe)


class FileAudio:
    """The file's sound as Opus packets."""

    kind = "audio"
    clock_rate = OPUS_RATE

    def __init__(self, path: Path, duration_s: float) -> None:
        self._packets = _looped_opus(path, duration_s)
        self._packet = b""

    def advance(self, elapsed_s: float) -> float:
        """Decodes and encodes up to the next packet; its time in seconds."""
        for time_s, packet in self._packets:
            self._packet = packet
            return time_s
        raise StopIteration

    def packet(self, *, keyframe: bool) -> bytes:
        """The Opus packet."""
        return self._packet


def _duration_s(container: av.container.InputContainer) -> float:
    if container.duration is None or container.duration <= 0:
        raise ValueError("The file doesn't say how long it is: remux it (ffmpeg -i in -c copy out.mp4).")
    return container.duration / av.time_base


def _looped_frames(path: Path, duration_s: float) -> Iterator[tuple[float, VideoFrame]]:
    """Decoded pictures with their time since the first pass began, pass after pass."""
    base = 0.0
    while True:
        with av.open(str(path), options=_PROTOCOLS) as container:
            start = (container.start_time or 0) / av.time_base
            for frame in container.decode(container.streams.video[0]):
                if frame.time is not None and frame.time >= start:
                    yield base + frame.time - start, frame
        base += duration_s


def _looped_opus(path: Path, duration_s: float) -> Iterator[tuple[float, bytes]]:
    """Opus packets with their time, pass after pass; each pass starts in step with the picture."""
    base = 0.0
    step = OPUS_SAMPLES / OPUS_RATE
    while True:
        encoder, count = OpusEncoder(), 0
        for frame in _audio_frames(path):
            for packet in encoder.encode(frame):
                if count * step < duration_s:
                    yield base + count * step, packet
                count += 1
        base += duration_s


def _audio_frames(path: Path) -> Iterator[AudioFrame]:
    with av.open(str(path), options=_PROTOCOLS) as container, suppress(av.EOFError):
        for frame in container.decode(container.streams.audio[0]):
            frame.pts = None
            yield frame
