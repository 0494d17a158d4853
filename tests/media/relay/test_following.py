"""Who can follow, who can't, and what one viewer may cost the others."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.relay.following import Following, KeyframeWish, Verdict

FOLLOWS, HOLD, HOPELESS = Verdict.FOLLOWS, Verdict.HOLD, Verdict.HOPELESS


def test_two_bad_reports_in_a_row_hold_the_picture() -> None:
    following = Following()
    assert [following.judge(loss, 40) for loss in (0.3, 0.1, 0.3, 0.3, 0.0)] == [
        FOLLOWS,
        FOLLOWS,
        FOLLOWS,
        HOLD,
        FOLLOWS,
    ]


def test_a_queue_that_grows_on_the_way_holds_the_picture_and_a_long_way_does_not() -> None:
    following = Following()
    assert [following.judge(0, rtt) for rtt in (800, 850, 900)] == [FOLLOWS] * 3
    assert [following.judge(0, rtt) for rtt in (1900, 2500)] == [FOLLOWS, HOLD]


def test_who_is_in_trouble_after_each_hold_is_hopeless_within_half_a_minute() -> None:
    following = Following()
    seconds = 0
    while True:  # two bad reports, then two seconds until the next keyframe in which nothing is sent
        for loss in (0.5, 0.5, 0, 0):
            seconds += 1
            if following.judge(loss, 40) is HOPELESS:
                assert 10 <= seconds < 30
                return


@given(st.lists(st.floats(0, 0.24), max_size=200))
def test_who_loses_little_is_never_held(losses: list[float]) -> None:
    following = Following()
    assert {following.judge(loss, None) for loss in losses} <= {FOLLOWS}


def test_one_bad_moment_in_ten_is_forgiven() -> None:
    following = Following()
    found = [following.judge(0.9 if second % 10 < 2 else 0, 40) for second in range(600)]
    assert HOPELESS not in found
    assert found.count(HOLD) == 60


def test_first_wish_is_granted_at_once_and_a_keyframe_answers_it() -> None:
    wish = KeyframeWish()
    assert not wish.due(0, None)
    wish.wish(0)
    assert wish.due(0, None)
    assert not wish.due(0, None)
    wish.wish(200)
    assert not wish.due(300, 100)  # too soon, and that keyframe was before the wish
    assert not wish.due(900, 400)
    assert not wish.due(2000, 400)  # answered


def test_who_wishes_all_the_time_gets_one_every_four_seconds() -> None:
    wish = KeyframeWish()
    granted = []
    for now in range(0, 60_000, 50):
        wish.wish(now)
        if wish.due(now, None):
            granted.append(now)
    gaps = [later - earlier for earlier, later in pairwise(granted)]
    assert gaps[0] == 500
    assert gaps == sorted(gaps)
    assert gaps[-1] == 4000


def test_who_has_not_wished_for_long_is_granted_quickly_again() -> None:
    wish = KeyframeWish()
    for now in range(0, 10_000, 50):
        wish.wish(now)
        wish.due(now, None)
    wish.due(10_000, 10_000)
    wish.wish(30_000)
    assert wish.due(30_000, 10_000)
    wish.wish(30_500)
    assert wish.due(30_500, 10_000)
