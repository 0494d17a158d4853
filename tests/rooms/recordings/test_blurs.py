"""What of a recording was blurred: from what the log says, by the recording's own time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rooms.recordings.blurs import Said, Stretch, overlap, stretches
from rooms.recordings.timeline import Timeline

DAY = 1_000_000


@dataclass(frozen=True)
class Part:
    started_ms: int
    media_ms: int
    duration_ms: int


WHOLE = Timeline.of([Part(DAY + n * 2_000, n * 2_000, 2_000) for n in range(5)])
HOLED = Timeline.of([Part(DAY, 0, 2_000), Part(DAY + 60_000, 2_000, 2_000)])
"""Nothing was recorded for most of a minute."""


def on(at_ms: int, since_ms: int | None = None, stream: str = "host") -> Said:
    data: dict[str, Any] = {"stream": stream, "on": True}
    return Said(DAY + at_ms, data if since_ms is None else data | {"since_ms": DAY + since_ms})


def off(at_ms: int, fine_since_ms: int | None = None, stream: str = "host") -> Said:
    data: dict[str, Any] = {"stream": stream, "on": False}
    return Said(DAY + at_ms, data if fine_since_ms is None else data | {"fine_since_ms": DAY + fine_since_ms})


def test_a_blur_reaches_back_to_the_last_clean_look() -> None:
    assert stretches([on(4_000, 2_500), off(7_000)], WHOLE) == (Stretch(2_500, 7_000),)
    assert stretches([on(4_000), off(7_000)], WHOLE) == (Stretch(4_000, 7_000),)


def test_it_ends_with_the_recording_at_the_latest_and_begins_with_it_at_the_earliest() -> None:
    assert stretches([on(4_000)], WHOLE) == (Stretch(4_000, 10_000),)
    assert stretches([on(-9_000), off(1_000)], WHOLE) == (Stretch(0, 1_000),)
    assert stretches([on(-9_000)], WHOLE) == (Stretch(0, 10_000),)
    assert stretches([on(-9_000), off(-8_000), on(20_000)], WHOLE) == ()
    assert stretches([on(1_000)], Timeline.of([])) == ()


def test_guests_pictures_are_not_in_recordings() -> None:
    assert stretches([on(1_000, stream="g1"), off(2_000, stream="g1")], WHOLE) == ()
    said = [on(1_000), off(2_000, stream="g1"), off(3_000)]
    assert stretches(said, WHOLE) == (Stretch(1_000, 3_000),)


def test_what_a_moderator_found_fine_was_no_blur() -> None:
    first, second = [on(1_000, 500), off(2_000)], [on(5_000, 4_500), off(6_000)]
    assert stretches([*first, *second, off(90_000, 4_500)], WHOLE) == (Stretch(500, 2_000),)
    assert stretches([*first, *second, off(90_000, 500)], WHOLE) == ()
    assert stretches([*first, on(5_000, 4_500), off(5_500, 4_500)], WHOLE) == (Stretch(500, 2_000),)
    # What came after it was looked at is as it was.
    assert stretches([*first, off(2_500, 500), *second], WHOLE) == (Stretch(4_500, 6_000),)


def test_while_nothing_is_recorded_no_time_goes_by() -> None:
    assert stretches([on(30_000), off(40_000)], HOLED) == ()
    assert stretches([on(1_000), off(61_000)], HOLED) == (Stretch(1_000, 3_000),)


MOMENTS = st.lists(st.integers(-3_000, 14_000), max_size=12)


@given(MOMENTS, st.lists(st.tuples(st.booleans(), st.integers(0, 5_000)), min_size=12, max_size=12))
def test_stretches_are_in_order_apart_and_within(moments: list[int], turns: list[tuple[bool, int]]) -> None:
    said = [
        on(at_ms, at_ms - back_ms) if is_on else off(at_ms)
        for at_ms, (is_on, back_ms) in zip(sorted(moments), turns, strict=False)
    ]
    found = stretches(said, WHOLE)
    assert all(0 <= one.from_ms < one.to_ms <= WHOLE.duration_ms for one in found)
    assert all(before.to_ms < after.from_ms for before, after in pairwise(found))
    # Whenever it was on, what was shown then is in one of them.
    states = list(accumulate(((one.at_ms, one.data["on"]) for one in said), lambda _, now: now))
    for (at_ms, is_on), (until_ms, _) in pairwise(states):
        middle = (at_ms + until_ms) // 2 - DAY
        if is_on and until_ms - at_ms > 1 and 0 <= middle < WHOLE.duration_ms:
            assert overlap(found, middle, middle + 1)
    assert not overlap(found, 20_000, 30_000)
