from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.ring import Ring
from media.rtp.sequence import Unwrapper, distance16, distance32
from media.rtp.timeline import Timeline

u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
sources = st.lists(st.tuples(u16, u32, st.integers(1, 40), st.integers(0, 5000)), min_size=1, max_size=6)


@given(u16, st.integers(-0x8000, 0x7FFF))
def test_distance_survives_the_wrap(number: int, step: int) -> None:
    assert distance16((number + step) & 0xFFFF, number) == step


@given(u32, st.integers(-0x80000000, 0x7FFFFFFF))
def test_distance_of_timestamps_survives_the_wrap(number: int, step: int) -> None:
    assert distance32((number + step) & 0xFFFFFFFF, number) == step


@given(u16, st.lists(st.integers(-100, 3000), max_size=200))
def test_unwrapped_numbers_follow_the_true_ones(first: int, steps: list[int]) -> None:
    unwrapper = Unwrapper()
    true = first
    assert unwrapper.unwrap(first) == first
    for step in steps:
        true = max(true + step, unwrapper.highest or 0) if step > 0 else (unwrapper.highest or 0) + step
        if true >= 0:
            assert unwrapper.unwrap(true & 0xFFFF) == true


@given(sources, st.integers(1, 0x4000), u32)
def test_viewers_see_one_source(
    publishers: list[tuple[int, int, int, int]], first: int, first_timestamp: int
) -> None:
    """Whatever numbers publishers begin with, those of the room go on by one and time goes forward."""
    timeline = Timeline(90000, first, first_timestamp)
    now_ms = 1000.0
    seen: list[tuple[int, int]] = []
    for sequence, timestamp, count, pause_ms in publishers:
        timeline.switch()
        now_ms += pause_ms
        for index in range(count):
            mapped = timeline.map(sequence + index, (timestamp + index * 3000) & 0xFFFFFFFF, now_ms)
            assert mapped is not None
            seen.append(mapped)
            now_ms += 33
    assert seen[0] == (first, first_timestamp)
    for (number, at), (next_number, next_at) in pairwise(seen):
        assert next_number == number + 1
        assert 0 < distance32(next_at, at) <= (5000 + 33 * 2) * 90 + 90000


@given(u16, u32)
def test_late_packets_keep_their_place(sequence: int, timestamp: int) -> None:
    timeline = Timeline(90000, 100, 0)
    assert timeline.map(sequence, timestamp, 0) == (100, 0)
    assert timeline.map(sequence + 2, (timestamp + 6000) & 0xFFFFFFFF, 66) == (102, 6000)
    assert timeline.map(sequence + 1, (timestamp + 3000) & 0xFFFFFFFF, 70) == (101, 3000)
    assert timeline.map(sequence + 3, (timestamp + 9000) & 0xFFFFFFFF, 99) == (103, 9000)


def test_packet_from_before_the_beginning_is_left_out() -> None:
    timeline = Timeline(90000, 100, 0)
    assert timeline.map(500, 0, 0) is not None
    assert timeline.map(499, 0, 1) is None


def test_source_that_starts_anew_goes_on() -> None:
    timeline = Timeline(48000, 10, 0)
    assert timeline.map(50_000, 77, 0) == (10, 0)
    assert timeline.map(3, 900_000, 20) == (11, 960)


@given(st.lists(st.integers(0, 300)))
def test_ring_gives_the_latest_or_nothing(numbers: list[int]) -> None:
    ring: Ring[str] = Ring(16)
    newest: dict[int, int] = {}
    for number in numbers:
        stored = ring.put(number, str(number))
        assert stored == (number > newest.get(number % 16, -1))
        newest[number % 16] = max(number, newest.get(number % 16, -1))
    for number in range(300):
        expected = str(number) if newest.get(number % 16) == number else None
        assert ring.get(number) == expected


def test_ring_size_is_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="power of two"):
        Ring(100)
