"""How often somebody may give a picture, and what a picture is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.avatars import DIGEST_CHARS, HOUR_MS, AvatarRules, barred, counted, digest_of, faced, unpaced
from rooms.errors import Refused
from rooms.pace import window_wait_ms

RULES = AvatarRules(per_hour=3)


@given(st.lists(st.integers(0, HOUR_MS), max_size=40))
def test_no_hour_has_more_than_so_many(pauses: list[int]) -> None:
    pace, now_ms = unpaced("u"), 0
    taken: list[int] = []
    for pause in pauses:
        now_ms += pause
        wait_ms = window_wait_ms(taken, RULES.per_hour, HOUR_MS, now_ms)
        if wait_ms:
            with pytest.raises(Refused) as refused:
                counted(pace, RULES, now_ms)
            assert (refused.value.code, refused.value.retry_after_ms) == ("rate_limited", wait_ms)
            counted(pace, RULES, now_ms + wait_ms)  # it is no more than it says
        else:
            pace = counted(pace, RULES, now_ms)
            taken.append(now_ms)
            assert pace.over_at_ms == now_ms + HOUR_MS
        assert len(pace.recent) <= RULES.per_hour
    for last, first in zip(taken[RULES.per_hour :], taken, strict=False):
        assert last - first >= HOUR_MS


@given(st.integers(0, 10**13), st.integers(1, 10**10), st.integers(0, 10**10))
def test_nobody_gives_one_before_the_removal_is_over(now_ms: int, length: int, after: int) -> None:
    pace = barred(unpaced("u"), now_ms + length)
    assert pace.over_at_ms >= now_ms + length
    with pytest.raises(Refused) as refused:
        counted(pace, RULES, now_ms + length - 1)
    assert (refused.value.code, refused.value.retry_after_ms) == ("picture_refused", 1)
    counted(pace, RULES, now_ms + length + after)


USER = st.text(st.characters(min_codepoint=32), max_size=20)  # as ids are


@given(USER, USER, st.binary(max_size=50), st.binary(max_size=50))
def test_a_name_is_of_one_picture_of_one_person(one: str, other: str, body: bytes, others: bytes) -> None:
    name = digest_of(one, body)
    assert len(name) == DIGEST_CHARS
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert (digest_of(other, others) == name) == ((one, body) == (other, others))


def test_a_card_says_nothing_of_a_picture_that_there_is_not() -> None:
    card = {"id": "u", "name": "U"}
    for nothing in ("", None):
        assert faced(card, nothing) == card
    assert faced(card, "A") == {**card, "avatar": "A"}
