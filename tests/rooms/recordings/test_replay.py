"""What a replay makes of a log: places by time, chapters, WebVTT."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.log import LogEvent, Visibility
from rooms.recordings.chapters import Chapter, as_webvtt, chapters
from rooms.recordings.replay import clock_of, is_shown, placed
from rooms.recordings.timeline import Timeline
from rooms.state import EMPTY, RoomState

BEGAN_MS = 1_760_000_000_000


@dataclass(frozen=True)
class Span:
    started_ms: int
    media_ms: int
    duration_ms: int


def line(*lengths_and_gaps: tuple[int, int]) -> Timeline:
    """Segments of these lengths, each with so many ms of nothing before it."""
    spans, at_ms, media_ms = [], BEGAN_MS, 0
    for length_ms, gap_ms in lengths_and_gaps:
        at_ms += gap_ms
        spans.append(Span(at_ms, media_ms, length_ms))
        at_ms, media_ms = at_ms + length_ms, media_ms + length_ms
    return Timeline.of(spans)


def entry(at_ms: int, kind: str, data: dict[str, Any], visibility: Visibility = Visibility.ALL) -> LogEvent:
    body = orjson.dumps({"id": "e", "offset": 1, "kind": kind, "at_ms": BEGAN_MS + at_ms, "data": data})
    return LogEvent("tea", "e", 1, "e", kind, BEGAN_MS + at_ms, None, visibility.value, body)


def card(product: str) -> dict[str, Any]:
    return {"id": product, "title": product.title(), "picture": None, "position": 1, "skus": []}


SHELF = RoomState(products=(card("tea"), card("cup")))
HOUR = line((3_600_000, 0))


def pinned(at_ms: int, product: str) -> LogEvent:
    return entry(at_ms, "product.pinned", {"id": product})


def outline(found: list[Chapter]) -> list[tuple[str, int, int]]:
    return [(chapter.product, chapter.from_ms, chapter.to_ms) for chapter in found]


def test_each_pin_is_a_chapter_until_the_next() -> None:
    events = [pinned(10_000, "tea"), pinned(60_000, "cup")]
    found = chapters(events, HOUR, SHELF)
    assert outline(found) == [("tea", 10_000, 60_000), ("cup", 60_000, 3_600_000)]
    assert found[0].title == "Tea"


def test_an_explanation_is_a_chapter_and_its_end_leaves_it_so() -> None:
    events = [
        entry(5_000, "explaining.started", {"product": "cup"}),
        entry(20_000, "explaining.stopped", {"product": "cup"}),
        entry(40_000, "product.unpinned", {"id": "cup"}),
    ]
    assert outline(chapters(events, HOUR, SHELF)) == [("cup", 5_000, 40_000)]


def test_what_was_pinned_before_the_beginning_is_the_first_chapter() -> None:
    state = RoomState(products=SHELF.products, pins=("cup",))
    assert outline(chapters([pinned(9_000, "tea")], HOUR, state))[0] == ("cup", 0, 9_000)


def test_pins_in_passing_are_no_chapters() -> None:
    events = [pinned(10_000, "tea"), pinned(20_000, "cup"), pinned(21_000, "tea")]
    assert outline(chapters(events, HOUR, SHELF)) == [("tea", 10_000, 3_600_000)]


def test_a_product_goes_by_the_title_that_it_had_last() -> None:
    events = [
        pinned(10_000, "tea"),
        entry(20_000, "product.changed", {"product": card("tea") | {"title": "Green tea"}}),
    ]
    assert chapters(events, HOUR, SHELF)[0].title == "Green tea"


def test_chapters_as_webvtt() -> None:
    text = as_webvtt([Chapter("p", "Tea <b>& cups\n", None, 61_005, 3_725_000)])
    assert text == "WEBVTT\n\n1\n00:01:01.005 --> 01:02:05.000\nTea &lt;b&gt;&amp; cups\n"


def test_only_what_everybody_saw_is_shown_and_nothing_of_what_was_deleted() -> None:
    assert is_shown(entry(0, "comment", {"text": "x"}))
    assert not is_shown(entry(0, "comment", {"text": "x"}, Visibility.SENDER))
    assert not is_shown(entry(0, "comment", {"deleted": True}, Visibility.DELETED))
    assert not is_shown(entry(0, "comment.deleted", {"id": "x"}))


def test_an_event_says_its_place() -> None:
    assert orjson.loads(placed(1234, entry(5, "like", {})))["media_ms"] == 1234


def test_the_clock_leaps_over_an_interruption() -> None:
    timeline = line((2_000, 0), (2_000, 0), (2_000, 30_000), (2_000, 20))
    assert clock_of(timeline) == [
        {"media_ms": 0, "at_ms": BEGAN_MS},
        {"media_ms": 4_000, "at_ms": BEGAN_MS + 34_000},
    ]
    assert clock_of(Timeline.of([])) == []


segments = st.lists(
    st.tuples(st.integers(1, 9_000), st.sampled_from([0, 0, 3, 40_000])), min_size=1, max_size=20
)


@given(segments, st.data())
def test_a_place_and_its_clock_are_each_others(parts: list[tuple[int, int]], data: st.DataObject) -> None:
    timeline = line(*parts)
    media_ms = data.draw(st.integers(0, timeline.duration_ms))
    at_ms = timeline.at_ms_of(media_ms)
    assert at_ms is not None
    assert timeline.media_ms_at(at_ms) == media_ms
    before = [point for point in clock_of(timeline) if point["media_ms"] <= media_ms][-1]
    assert before["at_ms"] + media_ms - before["media_ms"] == pytest.approx(at_ms, abs=500)


@given(segments, st.lists(st.integers(-5_000, 900_000), min_size=1, max_size=30))
def test_times_never_fall_and_stay_within(parts: list[tuple[int, int]], clocks: list[int]) -> None:
    timeline = line(*parts)
    placed_at = [timeline.media_ms_at(BEGAN_MS + at_ms) for at_ms in sorted(clocks)]
    known = [media_ms for media_ms in placed_at if media_ms is not None]
    assert known == sorted(known)
    assert all(0 <= media_ms <= timeline.duration_ms for media_ms in known)
    events = [pinned(at_ms, "tea" if n % 2 else "cup") for n, at_ms in enumerate(sorted(clocks))]
    found = chapters(events, timeline, EMPTY if clocks[0] % 2 else SHELF)
    for chapter in found:
        assert 0 <= chapter.from_ms < chapter.to_ms <= timeline.duration_ms
    assert all(a.to_ms <= b.from_ms for a, b in pairwise(found))
