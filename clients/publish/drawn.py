"""The synthetic host as a source: the drawn scene and its sound, both in step with the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from av import VideoFrame

from clients.publish import sound
from clients.publish.encode import OPUS_RATE, VIDEO_RATE, H264Encoder
from clients.publish.feed import Feed
from clients.publish.scene import Scene

_LATE_S = 0.1  # what is later than that is left out instead of sent in a burst


def wall_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class DrawnSource:
    """Draws at ``fps`` frames a second. Building it pre-renders the layers and the sound (about 0.5 s)."""

    def __init__(
        self, width: int, height: int, fps: int, bitrate: int, clock: Callable[[], int] = wall_ms
    ) -> None:
        self._scene = Scene(width, height)
        self._loop = sound.opus_loop()
        self._fps, self._bitrate, self._clock = fps, bitrate, clock

    def feeds(self) -> list[Feed]:
        """One video and one audio feed that start now."""
        return [
            DrawnVideo(self._scene, self._fps, self._bitrate, self._clock),
            DrawnAudio(self._loop, self._clock),
        ]


class DrawnVideo:
    """The scene, drawn when it is due: the time burnt into a frame is the moment in which it was drawn."""

    kind = "video"
    clock_rate = VIDEO_RATE

    def __init__(self, scene: Scene, fps: int, bitrate: int, clock: Callable[[], int]) -> None:
        self._scene, self._fps, self._clock = scene, fps, clock
        self._encoder = H264Encoder(scene.width, scene.height, fps, bitrate)
        self._count = -1

    def advance(self, elapsed_s: float) -> float:
        """The next frame's time in seconds; frames that are too late already are left out."""
        self._count += 1
        if elapsed_s - self._count / self._fps > _LATE_S:
            self._count = round(elapsed_s * self._fps)
        return self._count / self._fps

    def packet(self, *, keyframe: bool) -> bytes:
        """Draws and encodes the frame."""
        picture: VideoFrame = VideoFrame.from_image(self._scene.frame(self._clock()))  # type: ignore[no-untyped-call]
        frame = picture.reformat(format="yuv420p")
        return self._encoder.encode(frame, self._count * VIDEO_RATE // self._fps, keyframe=keyframe)


class DrawnAudio:
    """The loop of Opus packets, entered where the wall clock is."""

    kind = "audio"
    clock_rate = OPUS_RATE

    def __init__(self, loop: list[bytes], clock: Callable[[], int]) -> None:
        self._loop = loop
        now = clock()
        self._first = sound.packet_index(now) + 1
        # Packets of the loop start on multiples of 20 ms of wall-clock time, the session at any time.
        self._offset_s = (sound.PACKET_MS - now % sound.PACKET_MS) / 1000
        self._count = -1

    def advance(self, elapsed_s: float) -> float:
        """The next packet's time in seconds; packets that are too late already are left out."""
        self._count += 1
        step = sound.PACKET_MS / 1000
        if elapsed_s - self._offset_s - self._count * step > _LATE_S:
            self._count = round((elapsed_s - self._offset_s) / step)
        return self._offset_s + self._count * step

    def packet(self, *, keyframe: bool) -> bytes:
        """The packet of the loop that belongs to this moment."""
        return self._loop[(self._first + self._count) % len(self._loop)]
