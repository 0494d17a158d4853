"""The rules of gifts, fans and boards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.gifts.fans import (
    COUNTED_MAX,
    DAY_MS,
    LEVEL_MAX,
    Doings,
    FanRules,
    Fans,
    counted,
    level_of,
    new_fan,
    points_for,
    points_of,
)
from rooms.gifts.rules import (
    COMBO_MS,
    Combo,
    giving,
    giving_back,
    prolonged,
    refuse_unless_given_freely,
    week_of,
)
from rooms.wallet.rules import check_balanced, merged
from rooms.wallet.share import split

FIRST = Combo("tea", "lin", "rose", "c1", 1, 1, 2, 2, 10_000)


def fresh(at_ms: int, stream: int = 1) -> Combo:
    return Combo("tea", "lin", "rose", "c2", stream, 1, 3, 3, at_ms)


@pytest.mark.parametrize(
    ("after_ms", "goes_on"), [(0, True), (COMBO_MS, True), (COMBO_MS + 1, False), (-60_000, True)]
)
def test_a_combo_goes_on_for_five_seconds(after_ms: int, goes_on: bool) -> None:
    now = prolonged(FIRST, fresh(10_000 + after_ms))
    assert now.id == ("c1" if goes_on else "c2")
    assert (now.n, now.count, now.coins) == ((2, 5, 5) if goes_on else (1, 3, 3))


def test_a_clock_that_was_set_back_makes_a_combo_no_longer() -> None:
    back = prolonged(FIRST, fresh(4_000))
    assert prolonged(back, fresh(15_001)).id == "c2"


def test_a_combo_is_of_one_stream() -> None:
    assert prolonged(FIRST, fresh(10_000, stream=2)).id == "c2"
    assert prolonged(None, FIRST) is FIRST


@pytest.mark.parametrize(
    ("status", "giver", "code"),
    [("idle", "lin", "not_live"), ("ended", "lin", "not_live"), ("live", "mei", "gift_to_self")],
)
def test_whom_one_cant_give_to(status: str, giver: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        refuse_unless_given_freely(status, giver, "mei")
    assert refused.value.code == code


@given(st.integers(1, 10**9), st.integers(0, 100), st.integers(0, 10**9), st.integers(0, 10**9))
def test_giving_and_giving_back_are_balanced_and_take_no_more_than_there_is(
    coins: int, percent: int, earnings: int, platform: int
) -> None:
    host, share = split(coins, percent)
    there = merged(giving("lin", "mei", host, share))
    back = merged(giving_back("lin", "mei", host, share, earnings, platform))
    check_balanced(there)
    check_balanced(back)
    assert {e.account.kind: e.amount for e in there}["wallet"] == -coins
    amounts = {e.account.kind: e.amount for e in back}
    assert amounts["wallet"] == coins
    assert -amounts.get("earnings", 0) <= min(host, earnings)
    assert -amounts.get("platform", 0) <= min(share, platform)
    assert amounts.get("correction", 0) <= 0


def test_weeks_are_those_of_iso() -> None:
    assert week_of(1_767_225_599_000) == 202601  # 2025-12-31T23:59:59Z
    assert week_of(1_767_571_199_000) == 202601  # 2026-01-04T23:59:59Z, a Sunday
    assert week_of(1_767_571_200_000) == 202602


@given(st.integers(0, 10**7))
def test_a_level_begins_where_it_says(points: int) -> None:
    level = level_of(points)
    assert points_for(level) <= points
    assert level == LEVEL_MAX or points < points_for(level + 1)


def test_minutes_and_comments_count_up_to_so_many_a_day() -> None:
    rules = FanRules(per_coin=1, per_minute=2, per_comment=3, minutes_a_day=10, comments_a_day=4)
    fan = counted(new_fan("mei", "lin", ""), Doings("Lin", 3, 9 * 60_000), rules, 5 * DAY_MS)
    fan = counted(fan, Doings("", 3, 9 * 60_000), rules, 6 * DAY_MS - 1)
    assert (fan.name, fan.said, fan.watched_ms) == ("Lin", 4, 10 * 60_000)
    fan = counted(fan, Doings("", 1, 60_000), rules, 6 * DAY_MS)
    assert (fan.said, fan.watched_ms, fan.said_today) == (5, 11 * 60_000, 1)
    assert points_of(replace(fan, coins=7), rules) == 7 + 22 + 15


def test_what_fans_do_is_counted_within_bounds_and_not_lost_by_a_failed_write() -> None:
    fans = Fans()
    fans.watched("mei", "mei", 60_000)
    fans.watched("mei", "lin", 60_000, "Lin")
    taken = fans.take()
    assert list(taken) == [("mei", "lin")]
    fans.watched("mei", "lin", 1_000)
    fans.give_back(taken)
    assert fans.take()["mei", "lin"] == Doings("Lin", 0, 61_000)
    for n in range(COUNTED_MAX + 5):
        fans.watched("mei", f"u{n}", 1)
    assert len(fans.take()) == COUNTED_MAX
