"""One file or URL read once for both of its tracks, pass after pass."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import av

SCHEMES = ("http", "https", "rtmp", "rtmps", "rtsp")
# What FFmpeg may open by itself: a playlist in disguise must not lead from a file into the network, nor from
# the network to files.
_FOR_FILES = "file"
_FOR_URLS = "http,https,httpproxy,tcp,tls,rtmp,rtmps,rtmpt,rtsp,rtp,udp,crypto"
_TIMEOUT_S = (15.0, 15.0)
# Packets of one track that wait because the other one's come first: badly interleaved files have seconds.
_MOST_WAITING = 2048
_LOOK_AT = 300
_LONGEST_GOP_S = 4.0


class Unusable(ValueError):  # noqa: N818  it is an answer, not a fault
    """This input can't be published; the text says why, and what to do."""


class Timed(NamedTuple):
    """A packet, and when it is shown, in seconds since the beginning of the show."""

    time_s: float
    packet: av.Packet[Any]


@dataclass(frozen=True, slots=True)
class Nature:
    """What an input is. ``passes``: its H.264 can be sent as it is."""

    width: int
    height: int
    fps: float
    has_sound: bool
    passes: bool
    is_live: bool


def open_input(place: str) -> av.container.InputContainer:
    """Opens a file or URL. Raises ``Unusable``."""
    is_url = urlsplit(place).scheme in SCHEMES
    options = {"protocol_whitelist": _FOR_URLS if is_url else _FOR_FILES}
    if urlsplit(place).scheme == "rtsp":
        options["rtsp_transport"] = "tcp"
    try:
        container = av.open(place, options=options, timeout=_TIMEOUT_S)
    except FileNotFoundError as error:
        raise Unusable(f"{place}: there is no such file") from error
    except (av.FFmpegError, OSError) as error:
        hint = "check the address, and that it answers" if is_url else "try: ffmpeg -i IN -c copy out.mp4"
        raise Unusable(f"{place} can't be opened ({error.strerror or error}): {hint}") from error
    if not container.streams.video:
        container.close()
        raise Unusable(f"{place} has no picture: choose something with a video track")
    return container


def look(place: str) -> Nature:
    """What the input is, from its first packets. Raises ``Unusable``."""
    with open_input(place) as container:
        video = container.streams.video[0]
        codec = video.codec_context
        is_live = not container.duration
        rate = float(video.average_rate or video.guessed_rate or 25)
        passes = codec.name == "h264" and codec.pix_fmt in ("yuv420p", "yuvj420p") and not codec.has_b_frames
        if passes:
            passes = _in_order(container, video)
        return Nature(codec.width, codec.height, rate, bool(container.streams.audio), passes, is_live)


def _in_order(container: av.container.InputContainer, video: av.VideoStream) -> bool:
    """Whether the first pictures are sent as they are shown, with keyframes that aren't far apart."""
    last_s = keyframe_s = None
    for count, packet in enumerate(container.demux(video)):
        if packet.pts is None or packet.time_base is None or count > _LOOK_AT:
            break
        time_s = float(packet.pts * packet.time_base)
        if last_s is not None and time_s < last_s:
            return False
        if packet.is_keyframe:
            keyframe_s = time_s
        last_s = time_s
        if keyframe_s is None or time_s - keyframe_s > _LONGEST_GOP_S:
            return False
    return True


class Demuxer:
    """Gives each track its packets. May be used from one thread a track.

    With ``loop`` it begins anew at the end, and time goes on. ``start_s`` is a place in the file: the show
    begins with the keyframe at or before it.
    """

    def __init__(self, place: str, *, loop: bool = False, start_s: float = 0.0) -> None:
        self.container = open_input(place)
        self.video = self.container.streams.video[0]
        self.audio = self.container.streams.audio[0] if self.container.streams.audio else None
        self._loop = loop and bool(self.container.duration)
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Timed]] = {"video": deque(), "audio": deque()}
        self._origin_s: float | None = None
        self._base_s = self._end_s = 0.0
        self._over = False
        self.broken = False
        if start_s > 0 and self.container.duration:
            if start_s >= self.container.duration / av.time_base:
                raise Unusable(
                    f"it is only {self.container.duration / av.time_base:.0f} s long: begin earlier"
                )
            self.container.seek(
                int((start_s + (self.container.start_time or 0) / av.time_base) * av.time_base)
            )
        self._packets = self._demux()

    def next(self, kind: str) -> Timed | None:
        """The track's next packet, None at the end. May block while the input does.

        Raises ``ConnectionError`` when an input in the network breaks off.
        """
        with self._lock:
            waiting = self._waiting[kind]
            while not waiting and not self._over:
                self._read()
            return waiting.popleft() if waiting else None

    def close(self) -> None:
        """Waits for a read that is under way."""
        with self._lock:
            self._over = True
            self.container.close()

    def _demux(self) -> Any:
        return self.container.demux([one for one in (self.video, self.audio) if one is not None])

    def _read(self) -> None:
        try:
            packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            self.broken = self._over = True
            raise ConnectionError(f"the input broke off: {error}") from error
        if packet is None:
            self._end()
        elif packet.pts is not None and packet.time_base is not None:
            self._take(packet, float(packet.pts * packet.time_base))

    def _take(self, packet: av.Packet[Any], at_s: float) -> None:
        kind = packet.stream.type
        if self._origin_s is None:
            if kind != "video" or not packet.is_keyframe:
                return  # nothing is shown before the first picture
            self._origin_s = at_s
        time_s = self._base_s + at_s - self._origin_s
        lasts_s = float((packet.duration or 0) * (packet.time_base or 0))
        self._end_s = max(self._end_s, time_s + lasts_s)
        waiting = self._waiting[kind]
        if len(waiting) >= _MOST_WAITING:
            waiting.popleft()
        if time_s >= self._base_s:
            waiting.append(Timed(time_s, packet))

    def _end(self) -> None:
        if not self._loop or self._end_s <= self._base_s:
            self._over = True
            return
        self._base_s, self._origin_s = self._end_s, None
        self.container.seek(self.container.start_time or 0)
        self._packets = self._demux()
