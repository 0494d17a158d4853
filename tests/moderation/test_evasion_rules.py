"""Traces, hints and ranges, without anything around them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.evasion.hints import look_alikes, suspects
from moderation.evasion.ranges import NEW_MS, reaches, sharers
from moderation.evasion.traces import SHARED_BY, Likeness, Mark, Trace, Tracer, hint

TRACER = Tracer(b"k" * 32)
LIKENESSES = st.builds(
    Likeness,
    user_id=st.sampled_from(["u-1", "u-2", "u-3"]),
    kind=st.sampled_from(Trace),
    shared=st.integers(2, 20),
)


def marks(address: str | None, device: str | None = None) -> dict[Trace, str]:
    found = TRACER.marks(None if address is None else ip_address(address), device)
    return {mark.kind: mark.digest for mark in found}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("203.0.113.7", "203.0.113.7", {Trace.ADDRESS, Trace.NETWORK}),
        ("203.0.113.7", "203.0.113.8", {Trace.NETWORK}),
        ("203.0.113.7", "203.0.114.7", set()),
        ("2001:db8:1:2::7", "2001:db8:1:2:abcd::9", {Trace.ADDRESS, Trace.NETWORK}),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", {Trace.NETWORK}),
        ("2001:db8:1::7", "2001:db8:2::7", set()),
        ("203.0.113.7", "2001:db8:1::7", set()),
    ],
)
def test_addresses_are_alike_as_far_as_a_household_or_a_street_goes(
    one: str, other: str, alike: set[Trace]
) -> None:
    mine, theirs = marks(one), marks(other)
    assert {kind for kind in mine if mine[kind] == theirs[kind]} == alike


def test_a_digest_says_nothing_without_the_key() -> None:
    address = ip_address("203.0.113.7")
    other = Tracer(b"o" * 32)
    assert set(TRACER.marks(address, "d" * 20)).isdisjoint(other.marks(address, "d" * 20))
    for mark in TRACER.marks(address, "d" * 20):
        assert "203" not in mark.digest
        assert len(mark.digest) == 20


def test_nothing_is_left_by_who_comes_from_nowhere() -> None:
    assert marks(None) == {}
    assert marks("127.0.0.1") == {}
    assert marks("::1") == {}
    assert set(marks(None, "d" * 20)) == {Trace.DEVICE}


@given(st.lists(LIKENESSES))
def test_the_strongest_sign_is_told_whatever_the_order(found: list[Likeness]) -> None:
    sign = hint(found)
    assert hint(found[::-1]) == sign
    telling = [one for one in found if one.kind is not Trace.NETWORK and one.shared <= SHARED_BY]
    assert (sign is None) == (not telling)
    if sign is not None:
        assert sign in telling
        if any(one.kind is Trace.DEVICE for one in telling):
            assert sign.kind is Trace.DEVICE
        assert sign.shared == min(one.shared for one in telling if one.kind is sign.kind)


def test_a_hint_is_for_the_room_where_the_other_is_banned() -> None:
    alike = {"u-new": [Likeness("u-out", Trace.DEVICE, 2)]}
    present = [("tea", "u-new"), ("silk", "u-new"), ("tea", "u-other")]
    (found,) = suspects(present, alike, {("tea", "u-out")}, "*")
    assert (found.room_id, found.user_id, found.sign.user_id) == ("tea", "u-new", "u-out")
    assert len(suspects(present, alike, {("*", "u-out")}, "*")) == 2
    assert suspects(present, alike, set(), "*") == []


def test_who_looks_like_somebody_just_banned_is_found_unless_banned_too() -> None:
    alike = [Likeness("u-a", Trace.ADDRESS, 3), Likeness("u-b", Trace.DEVICE, 2)]
    found = look_alikes("tea", "u-out", alike, {("tea", "u-out")}, "*")
    assert [(one.user_id, one.sign.user_id) for one in found] == [("u-a", "u-out"), ("u-b", "u-out")]
    assert [one.user_id for one in look_alikes("tea", "u-out", alike, {("*", "u-a")}, "*")] == ["u-b"]


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_ban_of_a_range_never_reaches_who_was_known_for_a_day(since_ms: int, at_ms: int) -> None:
    assert reaches(None, at_ms)
    assert reaches(since_ms, at_ms) == (at_ms - since_ms < NEW_MS)


def test_how_many_a_ban_would_reach_is_told_before() -> None:
    now_ms = 10 * NEW_MS
    told = sharers([now_ms - 5, now_ms - NEW_MS, now_ms - 9 * NEW_MS], now_ms)
    assert (told.people, told.reached) == (3, 1)


def test_a_mark_is_the_same_thing_twice() -> None:
    assert TRACER.device("d" * 20) == Mark(Trace.DEVICE, TRACER.device("d" * 20).digest)
