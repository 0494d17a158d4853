"""The host moves, speaks on the second, and costs little."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import av
import pytest
from PIL import ImageChops

from clients.publish import barcode, sound
from clients.publish.drawn import DrawnAudio, DrawnSource, DrawnVideo
from clients.publish.scene import Scene

NOON = 1_763_726_400_000


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self, unix_ms: int = NOON) -> None:
        self.unix_ms = unix_ms

    def __call__(self) -> int:
        return self.unix_ms


@pytest.fixture(scope="module")
def loop() -> list[bytes]:
    return sound.opus_loop()


def test_every_frame_differs_from_the_one_before() -> None:
    scene = Scene(640, 360)
    frames = [scene.frame(NOON + 40 * i) for i in range(50)]
    for before, after in pairwise(frames):
        above_code = (0, 40, 640, 340)
        assert ImageChops.difference(before.crop(above_code), after.crop(above_code)).getbbox()
    assert frames[0].size == (640, 360)


def test_the_same_time_gives_the_same_picture() -> None:
    assert Scene(320, 180).frame(NOON).tobytes() == Scene(320, 180).frame(NOON).tobytes()


def test_video_is_paced_and_leaves_out_what_is_late() -> None:
    clock = Clock()
    video = DrawnVideo(Scene(320, 180), 25, 400_000, clock)
    assert [video.advance(elapsed) for elapsed in (0.0, 0.04, 0.08)] == [0.0, 0.04, 0.08]
    assert video.advance(5.0) == 5.0
    assert video.advance(5.0) == 5.04


def test_the_time_burnt_in_is_the_moment_of_drawing() -> None:
    clock = Clock()
    video = DrawnVideo(Scene(640, 360), 25, 400_000, clock)
    decoder = av.CodecContext.create("h264", "r")
    shown = []
    for i in range(5):
        video.advance(i / 25)
        clock.unix_ms = NOON + 40 * i + 7
        for frame in decoder.decode(av.Packet(video.packet(keyframe=i == 0))):
            assert isinstance(frame, av.VideoFrame)
            shown.append(barcode.read_barcode(frame))
    assert shown == [NOON + 40 * i + 7 for i in range(len(shown))]
    assert shown


def test_a_second_of_video_takes_little_of_a_second() -> None:
    video = DrawnVideo(Scene(640, 360), 25, 900_000, Clock())
    began = time.thread_time()
    for i in range(50):
        video.advance(i / 25)
        video.packet(keyframe=i == 0)
    assert (time.thread_time() - began) / 2 < 0.4


def test_keyframes_come_when_asked_for() -> None:
    video = DrawnVideo(Scene(320, 180), 25, 400_000, Clock())
    kinds = []
    for i in range(10):
        video.advance(i / 25)
        data = video.packet(keyframe=i in (0, 6))
        kinds.append(
            {unit[0] & 0x1F for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit}
        )
    assert [i for i, units in enumerate(kinds) if 5 in units] == [0, 6]
    assert all({7, 8} <= kinds[i] for i in (0, 6))


def decoded(packets: list[bytes]) -> list[float]:
    """Mono samples, -1 to 1."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    decoder.layout = "stereo"
    samples: list[float] = []
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet)):
            assert isinstance(frame, av.AudioFrame)
            values = memoryview(frame.planes[0]).cast("B").cast("h")[: frame.samples * 2 : 2]
            samples += (value / 32768 for value in values.tolist())
    return samples


def level(samples: list[float], hertz: int) -> float:
    """How much of a frequency is in there."""
    angle = math.tau * hertz / 48_000
    real = sum(value * math.cos(angle * i) for i, value in enumerate(samples))
    imaginary = sum(value * math.sin(angle * i) for i, value in enumerate(samples))
    return math.hypot(real, imaginary) / len(samples)


def test_the_sound_beeps_on_every_full_second(loop: list[bytes]) -> None:
    assert len(loop) == sound.LOOP_SECONDS * 50
    samples = decoded(loop * 2)
    for second in range(1, 2 * sound.LOOP_SECONDS):
        on = level(samples[second * 48_000 + 960 : second * 48_000 + 2400], 1000)
        off = level(samples[second * 48_000 + 6000 : second * 48_000 + 7440], 1000)
        assert on > 0.05, second
        assert off < on / 8, second


def test_the_loop_has_no_click_at_its_seam(loop: list[bytes]) -> None:
    samples = decoded(loop + loop[:25])
    seam = 8 * 48_000 - 480
    steps = [abs(b - a) for a, b in pairwise(samples[seam : seam + 960])]
    usual = [abs(b - a) for a, b in pairwise(samples[48_000:60_000])]
    assert max(steps) <= max(usual) * 1.5


def test_sound_is_in_step_with_the_wall_clock(loop: list[bytes]) -> None:
    """Wherever a session begins, the packet that starts on a full second is sent at the full second."""
    for begin in (NOON, NOON + 1, NOON + 333, NOON + 999, NOON + 7_981):
        audio = DrawnAudio(loop, Clock(begin))
        for _ in range(450):
            due_ms = begin + audio.advance(0.0) * 1000
            index = loop.index(audio.packet(keyframe=False))
            assert due_ms % 8000 == pytest.approx(index * 20, abs=0.01)


def test_a_source_can_be_taken_again_and_again() -> None:
    source = DrawnSource(320, 180, 25, 400_000, Clock())
    for _ in range(2):
        feeds = source.feeds()
        assert [feed.kind for feed in feeds] == ["video", "audio"]
        assert all(feed.advance(0.0) >= 0 and feed.packet(keyframe=True) for feed in feeds)
