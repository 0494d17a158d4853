"""A place in a recording by the clock, and back."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from rooms.recordings.timeline import Timeline, media_ms_at


class At(NamedTuple):
    started_ms: int
    media_ms: int
    duration_ms: int


# Two seconds, an interruption of ten, two more.
INTERRUPTED = [At(1000, 0, 1000), At(2000, 1000, 1000), At(13000, 2000, 2000)]


def test_a_place_follows_the_clock() -> None:
    assert media_ms_at(INTERRUPTED, 1000) == 0
    assert media_ms_at(INTERRUPTED, 2500) == 1500
    assert media_ms_at(INTERRUPTED, 14200) == 3200


def test_what_happened_in_a_gap_is_where_the_recording_goes_on() -> None:
    assert media_ms_at(INTERRUPTED, 3001) == 2000
    assert media_ms_at(INTERRUPTED, 12999) == 2000


def test_there_is_no_place_outside() -> None:
    assert media_ms_at(INTERRUPTED, 999) is None
    assert media_ms_at(INTERRUPTED, 15000) == 4000
    assert media_ms_at(INTERRUPTED, 15001) is None
    assert media_ms_at([], 5) is None
    assert Timeline.of(INTERRUPTED).at_ms_of(4001) is None
    assert Timeline.of([]).at_ms_of(0) is None


@st.composite
def segments(draw: st.DrawFn) -> list[At]:
    made, at, media = [], draw(st.integers(0, 10_000)), 0
    for _ in range(draw(st.integers(1, 20))):
        duration = draw(st.integers(1, 4000))
        made.append(At(at, media, duration))
        media += duration
        at += duration + draw(st.integers(-600, 30_000))  # a clock that is set back, an interruption
    return made


@given(segments(), st.lists(st.integers(-1000, 700_000), max_size=30))
def test_what_happened_later_is_never_before(spans: list[At], moments: list[int]) -> None:
    line = Timeline.of(spans)
    places = [place for at in sorted(moments) if (place := line.media_ms_at(at)) is not None]
    assert places == sorted(places)
    assert all(0 <= place <= line.duration_ms for place in places)


@given(segments(), st.integers(0, 100_000))
def test_there_and_back(spans: list[At], media_ms: int) -> None:
    line = Timeline.of(spans)
    at_ms = line.at_ms_of(media_ms)
    assert (at_ms is None) == (media_ms > line.duration_ms)
    if at_ms is not None:
        # Where the clock was set back, two places have the same time: the later one is meant.
        again = line.media_ms_at(at_ms)
        assert again is not None
        assert again >= media_ms
        assert again == media_ms or any(
            b.started_ms < a.started_ms + a.duration_ms for a, b in pairwise(spans)
        )
