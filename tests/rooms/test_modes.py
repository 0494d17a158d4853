"""The gates of a room: who passes, what is missing, and that a shield only ever adds to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.heads import RoomRow
from rooms.lifecycle import fresh_room
from rooms.modes import (
    Facts,
    Gate,
    ShieldRules,
    gates_of,
    is_first_to_hold,
    newcomer_left_ms,
    refusal,
    refuse_words,
    settings_of,
    shield_up,
    slow_mode_of,
)
from rooms.ports import Caller

NOW = 1_800_000_000_000
ROOM = fresh_room("tea", "Tea", Caller("u-host", "Mei"), public=True, now_ms=NOW - 10**9)
WHO = ["everyone", "followers", "members", "buyers", "moderators"]

modes = st.fixed_dictionaries(
    {
        "who_may_comment": st.sampled_from(WHO),
        "slow_mode_s": st.integers(0, 3600),
        "followed_for_s": st.integers(0, 7_776_000),
        "member_level": st.integers(1, 50),
        "emoji_only": st.integers(0, 1),
    }
)
rooms = modes.map(lambda changes: replace(ROOM, **cast("Any", changes)))
shields = st.builds(
    lambda rules, until: rules.raised(NOW - 1000, until),
    st.builds(
        ShieldRules,
        followed_for_s=st.integers(0, 7_776_000),
        slow_mode_s=st.integers(0, 3600),
        newcomer_s=st.integers(0, 2_592_000),
        hold_first=st.booleans(),
        filter_level=st.integers(0, 4),
    ),
    st.none() | st.integers(NOW + 1, NOW + 10**8),
)
people = st.builds(
    Facts,
    followed_since_ms=st.none() | st.integers(NOW - 10**10, NOW + 10**6),
    level=st.integers(0, 50),
    bought=st.booleans(),
    since_ms=st.just(0) | st.integers(NOW - 10**10, NOW + 10**6),
    has_spoken=st.booleans(),
)


def code(gates: tuple[Gate, ...], facts: Facts) -> str | None:
    refused = refusal(gates, facts, NOW)
    return refused.code if refused else None


def test_a_room_without_modes_asks_nothing() -> None:
    assert gates_of(ROOM, NOW) == ()
    assert refusal((), Facts(), NOW) is None
    # What isn't in use asks for no rows: terms of followers are kept while everybody may comment.
    assert gates_of(replace(ROOM, followed_for_s=600, member_level=7), NOW) == ()


@given(rooms, shields, people)
def test_a_shield_lets_nobody_in_whom_the_room_refuses(
    room: RoomRow, shield: dict[str, Any], facts: Facts
) -> None:
    bare, shielded = gates_of(room, NOW), gates_of(replace(room, shield=shield), NOW)
    assert shielded[: len(bare)] == bare
    if (refused := code(bare, facts)) is not None:
        assert code(shielded, facts) == refused
    assert slow_mode_of(shielded) == max(slow_mode_of(bare), shield["slow_mode_s"])
    if facts.followed_since_ms is None:
        assert code(shielded, facts) is not None


@given(rooms, shields, modes)
def test_taking_it_down_leaves_what_was_set_meanwhile(
    room: RoomRow, shield: dict[str, Any], later: dict[str, Any]
) -> None:
    straight = replace(room, **later)
    around = replace(replace(replace(room, shield=shield), **later), shield=None)
    assert gates_of(around, NOW) == gates_of(straight, NOW)
    assert settings_of(around) == settings_of(straight)


@given(rooms, shields)
def test_a_shield_ends_at_its_time(room: RoomRow, shield: dict[str, Any]) -> None:
    shielded = replace(room, shield=shield)
    assert shield_up(shielded, NOW)
    if shield["until_ms"] is not None:
        assert shield_up(shielded, shield["until_ms"] - 1)
        assert not shield_up(shielded, shield["until_ms"])
        assert gates_of(shielded, shield["until_ms"]) == gates_of(room, NOW)


@given(st.integers(0, 7_776_000), st.integers(0, 7_776_000_000))
def test_followers_wait_for_what_is_left(asked_s: int, since_ago_ms: int) -> None:
    facts = Facts(followed_since_ms=NOW - since_ago_ms)
    refused = refusal((Gate("followers", followed_for_s=asked_s),), facts, NOW)
    left_ms = asked_s * 1000 - since_ago_ms
    assert (refused is None) == (left_ms <= 0)
    if refused is not None:
        assert refused.details == {
            "followed_for_s": asked_s,
            "followed_since_ms": NOW - since_ago_ms,
            "left_ms": left_ms,
        }
        assert (refused.retry_after_ms, refused.temporary) == (left_ms, True)


@given(people)
def test_a_clock_that_was_set_back_asks_for_no_more_than_the_whole_time(facts: Facts) -> None:
    refused = refusal((Gate("followers", followed_for_s=60),), facts, NOW)
    if refused is not None and refused.retry_after_ms is not None:
        assert 0 < refused.retry_after_ms <= 60_000
    assert 0 <= newcomer_left_ms((Gate(newcomer_s=60),), facts, NOW) <= 60_000


@pytest.mark.parametrize(
    ("gate", "facts", "expected"),
    [
        (Gate("moderators"), Facts(NOW - 10**9, 50, bought=True), "comments_closed"),
        (Gate("members", member_level=3), Facts(level=2), "members_only"),
        (Gate("members", member_level=3), Facts(level=3), None),
        (Gate("buyers"), Facts(level=50), "buyers_only"),
        (Gate("buyers"), Facts(bought=True), None),
        (Gate("followers"), Facts(), "followers_only"),
        (Gate("followers"), Facts(followed_since_ms=NOW), None),
    ],
)
def test_who_passes(gate: Gate, facts: Facts, expected: str | None) -> None:
    assert code((gate,), facts) == expected


def test_members_are_told_both_levels() -> None:
    refused = refusal((Gate("members", member_level=3),), Facts(level=2), NOW)
    assert refused is not None
    assert refused.details == {"level": 3, "yours": 2}


def test_newcomers_and_first_comments() -> None:
    gates = (Gate(newcomer_s=3600, hold_first=True),)
    assert newcomer_left_ms(gates, Facts(since_ms=NOW - 600_000), NOW) == 3_000_000
    assert newcomer_left_ms(gates, Facts(since_ms=NOW - 3_600_000), NOW) == 0
    assert newcomer_left_ms(gates, Facts(since_ms=0), NOW) == 0, "was there before that was written down"
    assert is_first_to_hold(gates, Facts(has_spoken=False))
    assert not is_first_to_hold(gates, Facts(has_spoken=True))
    assert not is_first_to_hold((Gate(slow_mode_s=5),), Facts(has_spoken=False))


def test_emoji_alone() -> None:
    refuse_words((Gate(emoji_only=True),), "🎉 👍🏽")
    refuse_words((Gate(),), "words")
    with pytest.raises(Refused, match="emoji_only"):
        refuse_words((Gate(), Gate(emoji_only=True)), "gg 🎉")


def test_everybody_is_told_of_a_shield_but_not_how_it_knows_a_raid() -> None:
    told = settings_of(replace(ROOM, shield=ShieldRules().raised(NOW, None)))["shield"]
    assert told == {
        "since_ms": NOW,
        "until_ms": None,
        "who_may_comment": "followers",
        "followed_for_s": 600,
        "slow_mode_s": 30,
    }
