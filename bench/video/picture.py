"""The stream that every side sends: 720p30 at 1.5 Mbps with Opus, encoded once and sent in a loop."""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from pathlib import Path

from av import VideoFrame
from PIL import Image

from clients.publish.encode import H264Encoder
from clients.publish.feed import Feed
from clients.publish.scene import Scene
from clients.publish.sound import PACKET_MS, opus_loop

WIDTH, HEIGHT, FPS, BITRATE = 1280, 720, 30, 1_500_000
SECONDS = 4
KEYFRAME_S = 2
# The scene alone is too easy to need its bitrate: a patch of grain, as cameras have it, keeps it up.
GRAIN = (320, 180)
VIDEO_RATE, AUDIO_RATE = 90_000, 48_000


@dataclass(frozen=True, slots=True)
class Clip:
    """Access units (Annex B, a keyframe each two seconds) and Opus packets of 20 ms."""

    pictures: list[bytes]
    sounds: list[bytes]


def encode() -> Clip:
    """Draws and encodes; about three seconds of CPU."""
    scene, encoder = Scene(WIDTH, HEIGHT), H264Encoder(WIDTH, HEIGHT, FPS, BITRATE)
    pictures = []
    for n in range(SECONDS * FPS):
        image = scene.frame(1_700_000_000_000 + n * 1000 // FPS)
        image.paste(Image.effect_noise(GRAIN, 90), (WIDTH - GRAIN[0], 120))
        frame: VideoFrame = VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
        yuv = frame.reformat(format="yuv420p")
        keyframe = n % (KEYFRAME_S * FPS) == 0
        pictures.append(encoder.encode(yuv, n * VIDEO_RATE // FPS, keyframe=keyframe))
    return Clip(pictures, opus_loop())


def save(clip: Clip, path: Path) -> None:
    """For the peers, which are other processes."""
    path.write_bytes(pickle.dumps(clip))


def load(path: Path) -> Clip:
    """What ``save`` wrote; from nobody else."""
    clip: Clip = pickle.loads(path.read_bytes())
    return clip


class LoopFeed:
    """One track of the clip, over and over (``clients.publish.feed.Feed``)."""

    def __init__(self, kind: str, packets: list[bytes], period_s: float, clock_rate: int) -> None:
        self.kind, self.clock_rate = kind, clock_rate
        self._packets, self._period_s, self._count = packets, period_s, -1

    def advance(self, elapsed_s: float) -> float:
        """The next packet's time."""
        self._count += 1
        return self._count * self._period_s

    def packet(self, *, keyframe: bool) -> bytes:
        """The next packet."""
        return self._packets[self._count % len(self._packets)]


class LoopSource:
    """The clip as something to publish (``clients.publish.feed.Source``)."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def feeds(self) -> list[Feed]:
        """Both tracks, from the beginning."""
        return [
            LoopFeed("video", self._clip.pictures, 1 / FPS, VIDEO_RATE),
            LoopFeed("audio", self._clip.sounds, PACKET_MS / 1000, AUDIO_RATE),
        ]


def wall_ms() -> float:
    """Unix time in milliseconds."""
    return time.time() * 1000
