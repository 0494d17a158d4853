"""A file or URL as a source: H.264 without B-frames is sent as it is, everything else is encoded anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av import AudioFrame, Packet, VideoFrame
from av.bitstream import BitStreamFilterContext

from clients.publish.demux import Demuxer, Nature, look
from clients.publish.encode import OPUS_RATE, OPUS_SAMPLES, VIDEO_RATE, H264Encoder, OpusEncoder
from clients.publish.feed import Feed
from clients.publish.letterbox import Letterbox

_MOST_FPS = 30.0
_GAP_S = 0.1


class Show:
    """Publishes ``place``. A session that was lost is followed by one that goes on where it was.

    Raises ``Unusable`` when made. ``size``: for what is encoded anew; what is larger is scaled to fit.
    """

    def __init__(
        self,
        place: str,
        *,
        loop: bool = False,
        start_s: float = 0.0,
        transcode: bool = False,
        size: tuple[int, int] = (1280, 720),
        bitrate: int = 2_500_000,
    ) -> None:
        self.nature: Nature = look(place)
        self.passes = self.nature.passes and not transcode
        self._place, self._loop, self._size, self._bitrate = place, loop, size, bitrate
        self._begin_s = start_s
        self._feeds: list[PassedVideo | EncodedVideo | ShowAudio] = []
        self._demuxer: Demuxer | None = None

    def feeds(self) -> list[Feed]:
        """A video feed, and an audio feed where there is sound. Raises ``Unusable``."""
        self._remember()
        demuxer = self._demuxer = Demuxer(self._place, loop=self._loop, start_s=self._begin_s)
        video = (
            PassedVideo(demuxer)
            if self.passes
            else EncodedVideo(demuxer, self.fitted, self.fps, self._bitrate)
        )
        self._feeds = [video]
        if demuxer.audio is not None:
            self._feeds.append(ShowAudio(demuxer))
        return list(self._feeds)

    @property
    def goes_on(self) -> bool:
        """Whether there is more to come though the feeds have ended: it is live, or the network broke."""
        return self.nature.is_live or (self._demuxer is not None and self._demuxer.broken)

    @property
    def fitted(self) -> tuple[int, int]:
        """The size of pictures that are encoded anew."""
        width, height = self.nature.width or self._size[0], self.nature.height or self._size[1]
        most = self._size if width >= height else self._size[::-1]
        scale = min(1.0, most[0] / width, most[1] / height)
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)

    @property
    def fps(self) -> int:
        """Pictures a second of what is encoded anew."""
        return max(1, round(min(self.nature.fps, _MOST_FPS)))

    def _remember(self) -> None:
        """Where the last session was; a loop's later passes begin with the file."""
        if self._demuxer is not None and not self.nature.is_live:
            duration_s = (self._demuxer.container.duration or 0) / av.time_base
            at_s = self._begin_s + max((feed.time_s for feed in self._feeds), default=0.0)
            self._begin_s = (
                at_s % duration_s if duration_s and self._loop else min(at_s, max(0.0, duration_s - 1))
            )
        if self._demuxer is not None:
            self._demuxer.close()


class PassedVideo:
    """Access units as they are in the file, in Annex B with parameter sets before keyframes."""

    kind = "video"
    clock_rate = VIDEO_RATE

    def __init__(self, demuxer: Demuxer) -> None:
        self._demuxer = demuxer
        self._filter = BitStreamFilterContext("h264_mp4toannexb", demuxer.video)
        self._data = b""
        self.time_s = 0.0

    def advance(self, elapsed_s: float) -> float:
        """The next picture's time in seconds."""
        timed = self._demuxer.next("video")
        if timed is None:
            raise StopIteration
        self.time_s = timed.time_s
        self._data = b"".join(bytes(one) for one in self._filter.filter(timed.packet))
        return timed.time_s

    def packet(self, *, keyframe: bool) -> bytes:
        """The picture; that somebody wants a keyframe can't be helped."""
        return self._data


class EncodedVideo:
    """Decoded, scaled, thinned out to the frame rate, and encoded for WebRTC."""

    kind = "video"
    clock_rate = VIDEO_RATE

    def __init__(self, demuxer: Demuxer, size: tuple[int, int], fps: int, bitrate: int) -> None:
        self._frames = _decoded(demuxer, "video")
        self._encoder = H264Encoder(*size, fps, bitrate)
        self._letterbox = Letterbox(*size)
        self._fps = fps
        self._frame: VideoFrame | None = None
        self.time_s = -1.0

    def advance(self, elapsed_s: float) -> float:
        """Decodes up to the next frame that the frame rate has room for; its time in seconds."""
        least = self.time_s + 0.9 / self._fps if self.time_s >= 0 else 0.0
        for time_s, frame in self._frames:
            if time_s >= least and isinstance(frame, VideoFrame):
                self.time_s, self._frame = time_s, frame
                return time_s
        raise StopIteration

    def packet(self, *, keyframe: bool) -> bytes:
        """Scales and encodes the frame."""
        if self._frame is None:
            return b""
        picture = self._letterbox.fit(self._frame)
        return self._encoder.encode(picture, round(self.time_s * VIDEO_RATE), keyframe=keyframe)


class ShowAudio:
    """The sound as Opus packets, at the times that the file has them."""

    kind = "audio"
    clock_rate = OPUS_RATE

    def __init__(self, demuxer: Demuxer) -> None:
        self._frames = _decoded(demuxer, "audio")
        self._encoder = OpusEncoder()
        self._made: deque[tuple[float, bytes]] = deque()
        self._next_s: float | None = None
        self._heard_s = 0.0
        self._packet = b""
        self.time_s = 0.0

    def advance(self, elapsed_s: float) -> float:
        """Decodes and encodes up to the next packet; its time in seconds."""
        while not self._made:
            time_s, frame = next(self._frames)
            if isinstance(frame, AudioFrame):
                self._encode(time_s, frame)
        self.time_s, self._packet = self._made.popleft()
        return self.time_s

    def packet(self, *, keyframe: bool) -> bytes:
        """The Opus packet."""
        return self._packet

    def _encode(self, time_s: float, frame: AudioFrame) -> None:
        if self._next_s is None or abs(time_s - self._heard_s) > _GAP_S:
            self._next_s = self._heard_s = time_s  # a hole in the file, or its beginning
        self._heard_s += frame.samples / frame.sample_rate
        frame.pts = None
        for packet in self._encoder.encode(frame):
            self._made.append((self._next_s, packet))
            self._next_s += OPUS_SAMPLES / OPUS_RATE


def _decoded(demuxer: Demuxer, kind: str) -> Iterator[tuple[float, Any]]:
    """A track's frames with their times. What can't be decoded is left out."""
    stream = demuxer.video if kind == "video" else demuxer.audio
    if stream is None:
        return
    shifts: deque[float] = deque(maxlen=1)
    while (timed := demuxer.next(kind)) is not None:
        base = timed.packet.time_base or Fraction(1, 1000)
        shift_s = timed.time_s - float((timed.packet.pts or 0) * base)
        if shifts and abs(shifts[0] - shift_s) > _GAP_S:
            yield from _frames(
                stream, None, shifts[0]
            )  # another pass: what the decoder keeps is of the last one
            stream.codec_context.flush_buffers()
        shifts.append(shift_s)
        yield from _frames(stream, timed.packet, shift_s)
    if shifts:
        yield from _frames(stream, None, shifts[0])


def _frames(stream: Any, packet: Packet[Any] | None, shift_s: float) -> Iterator[tuple[float, Any]]:
    try:
        frames = stream.codec_context.decode(packet)
    except av.FFmpegError:
        return
    for frame in frames:
        if frame.time is not None:
            yield max(0.0, frame.time + shift_s), frame
