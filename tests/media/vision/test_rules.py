"""When frames become something to act on; what waits, and for how long."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from media.checks.findings import FINDINGS_MAX, OTHERS, Finding, findings
from media.checks.mailbox import Mailbox
from media.checks.turns import Pace
from media.vision.mailbox import Frame
from media.vision.rules import Steadiness, Watch

SCORES = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.floats(0, 1), max_size=16)


def test_classes_hit_from_their_threshold_on_the_surest_first() -> None:
    scores = {"skin": 0.5, "face": 0.99, "arm": 0.7, "leg": 0.49}
    assert findings(scores, {"skin": 0.5, "arm": 0.6, "leg": 0.5}) == (
        Finding("arm", 0.7),
        Finding("skin", 0.5),
    )
    assert findings(scores, {OTHERS: 0.6, "face": 1.0}) == (Finding("arm", 0.7),)
    assert findings(scores, {}) == ()


def test_a_score_that_is_no_number_lets_nothing_through() -> None:
    assert findings({"skin": math.nan}, {"skin": 0.9}) == (Finding("skin", 1.0),)
    assert findings({"skin": math.inf}, {"skin": 0.9}) == (Finding("skin", 1.0),)


@given(SCORES, SCORES.filter(lambda t: all(t.values())))
def test_findings_are_bounded_sorted_and_justified(
    scores: dict[str, float], thresholds: dict[str, float]
) -> None:
    found = findings(scores, thresholds)
    assert len(found) <= FINDINGS_MAX
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(scores[one.name] >= thresholds[one.name] for one in found)


def test_one_hit_is_none_two_of_three_are() -> None:
    watch = Watch(Steadiness(hits=2, of=3, calm=2))
    assert watch.see(True, 0) is None
    assert watch.uneasy
    assert watch.see(False, 1) is None
    assert watch.see(False, 2) is None
    assert watch.see(True, 3) is None  # the first is too long ago
    assert watch.see(True, 4) == "begin"
    assert watch.on
    assert not watch.uneasy


def test_it_is_over_after_clean_frames_in_a_row() -> None:
    watch = Watch(Steadiness(hits=1, of=1, calm=3), on=True)
    turns = [watch.see(hit, n) for n, hit in enumerate((False, False, True, False, False, False))]
    assert turns == [None, None, "begin", None, None, "end"]
    assert watch.see(True, 9) == "begin"


def test_what_goes_on_is_said_again_now_and_then() -> None:
    watch = Watch(Steadiness(hits=1, of=1, calm=3, again_s=100))
    said = [now for now in range(0, 301, 10) if watch.see(True, now) == "begin"]
    assert said == [0, 100, 200, 300]


def test_what_could_not_be_done_is_said_again() -> None:
    watch = Watch(Steadiness(hits=2, of=3, calm=2))
    watch.see(True, 0)
    assert watch.see(True, 1) == "begin"
    watch.undo("begin")
    assert watch.see(True, 2) == "begin"
    assert watch.see(False, 3) is None
    assert watch.see(False, 4) == "end"
    watch.undo("end")
    assert watch.see(False, 5) == "end"


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(0, 3), st.integers(1, 5))
def test_begin_and_end_take_turns(frames: list[bool], hits: int, more: int, calm: int) -> None:
    watch = Watch(Steadiness(hits, hits + more, calm, again_s=math.inf))
    turns = [turn for n, hit in enumerate(frames) if (turn := watch.see(hit, n)) is not None]
    assert turns == [("begin", "end")[n % 2] for n in range(len(turns))]
    if sum(frames) < hits:
        assert turns == []


def test_looking_takes_no_more_than_its_share() -> None:
    pace, now, busy = Pace(0.25), 0.0, 0.0
    for cost in (0.1, 0.4, 0.02, 1.0, 0.3):
        now = max(now, pace.not_before)
        pace.spent(now, cost)
        now, busy = now + cost, busy + cost
    assert busy / pace.not_before <= 0.2500001


def test_of_each_stream_the_newest_frame_waits_and_the_longest_wait_comes_first() -> None:
    box: Mailbox[Frame] = Mailbox(streams_max=2, size_max=10)
    assert box.put("a", Frame("part", b"1"))
    assert box.put("b", Frame("part", b"2"))
    assert not box.put("a", Frame("part", b"3"))  # in place of the older one
    assert not box.put("c", Frame("part", b"4"))  # too many
    assert not box.put("b", Frame("part", b"x" * 6, b"y" * 5))  # too large
    taken = [box.take(), box.take(), box.take()]
    assert taken == [("a", Frame("part", b"3")), ("b", Frame("part", b"2")), None]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 20))))
def test_the_mailbox_is_bounded(puts: list[tuple[str, int]]) -> None:
    box: Mailbox[Frame] = Mailbox(streams_max=4, size_max=16)
    for stream, size in puts:
        box.put(stream, Frame("part", b"x" * size))
        assert len(box) <= 4
    streams = []
    while (taken := box.take()) is not None:
        assert taken[1].size <= 16
        streams.append(taken[0])
    assert len(streams) == len(set(streams))


def test_since_when_it_may_have_been_is_the_look_before_the_first_hit() -> None:
    watch = Watch(Steadiness(hits=2, of=3, calm=2))
    for at_ms, hit in enumerate((False, False, True, False, True)):
        turn = watch.see(hit, at_ms, at_ms * 1_000)
    assert turn == "begin"
    assert watch.since_ms == 1_000
    for at_ms, hit in ((9_000, False), (10_000, False)):
        turn = watch.see(hit, at_ms, at_ms)
    assert turn == "end"
    assert [watch.see(True, at_ms, at_ms) for at_ms in (11_000, 12_000)] == [None, "begin"]
    assert watch.since_ms == 10_000


def test_where_nothing_was_looked_at_before_it_is_the_first_hit() -> None:
    watch = Watch(Steadiness(hits=1, of=1))
    assert watch.see(True, 0, 7_000) == "begin"
    assert watch.since_ms == 7_000
