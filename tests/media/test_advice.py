"""What a host is told: nothing when all is well, and what to do when it isn't."""

from __future__ import annotations

from typing import Any

import pytest

from media.advice import advise
from media.relay.track import RoomTrack
from media.rtp.packet import Rtp

WELL: dict[str, Any] = {
    "loss": 0.0,
    "rtt_ms": 40.0,
    "video_codec": "H264",
    "fps": 30.0,
    "keyframe_interval_ms": 2000.0,
    "b_frames": False,
    "has_audio": True,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ()),
        ({"rtt_ms": None, "keyframe_interval_ms": None, "fps": 0.0}, ()),
        ({"loss": 0.06}, ("loss",)),
        ({"keyframe_interval_ms": 4001.0}, ("keyframes",)),
        ({"b_frames": True, "keyframe_interval_ms": 8000.0}, ("b_frames", "keyframes")),
        ({"fps": 9.0, "rtt_ms": 500.0}, ("frame_rate", "round_trip")),
        ({"video_codec": "VP8"}, ("no_hls",)),
        ({"video_codec": None, "fps": 0.0}, ()),
        ({"has_audio": False}, ("no_sound",)),
    ],
)
def test_advice_fits_what_is_measured(change: dict[str, Any], said: tuple[str, ...]) -> None:
    assert advise(**WELL | change) == said


def feed(track: RoomTrack, *pictures: tuple[int, int]) -> bool:
    for at, (sequence, timestamp) in enumerate(pictures):
        track.add(Rtp(96, True, sequence & 0xFFFF, timestamp, 1, b"\x41x", {}), sequence, at * 33.0)
    return track.has_b_frames(len(pictures) * 33.0)


def test_pictures_that_go_back_in_time_are_b_frames_and_repeats_are_not() -> None:
    straight = RoomTrack("video")
    straight.switch("H264")
    assert not feed(straight, (10, 0), (11, 3000), (13, 9000), (12, 6000), (12, 6000), (14, 12000))
    reordered = RoomTrack("video")
    reordered.switch("H264")
    assert feed(reordered, (10, 0), (11, 9000), (12, 3000), (13, 6000), (14, 18000))
    assert not reordered.has_b_frames(10_000.0)
