"""Timestamps don't wrap, and tracks line up by reports before arrival."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hls.clock import TimestampUnwrapper, TrackClock, skew_ms


@given(start=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(-90_000, 10_000_000), max_size=80))
def test_unwrapped_differences_are_the_true_ones(start: int, steps: list[int]) -> None:
    unwrapper, true = TimestampUnwrapper(), start
    first = unwrapper.unwrap(start)
    for step in steps:
        true += step
        assert unwrapper.unwrap(true & 0xFFFFFFFF) - first == true - start


def test_tracks_line_up_by_arrival_until_there_are_reports() -> None:
    video, audio = TrackClock(90_000), TrackClock(48_000)
    assert skew_ms(video, audio) is None
    video.arrived(90_000, 5_100)  # a late one
    video.arrived(180_000, 6_000)
    audio.arrived(480_000, 6_000)
    assert skew_ms(video, audio) == pytest.approx(-8_000)
    video.report(180_000, 1_000_000)
    assert skew_ms(video, audio) == pytest.approx(-8_000)
    audio.report(480_000, 1_000_040)
    assert skew_ms(video, audio) == pytest.approx(-7_960)
