"""The coupons' decisions by themselves: what can be claimed when, and what an order's end does to a claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.shop.coupons import rules
from rooms.shop.coupons.store import ClaimRow, CouponRow
from tests.rooms.shop.test_rules import order

NOW = 1000
moments = st.none() | st.integers(990, 1010)
coupons = st.builds(
    CouponRow,
    id=st.just("c"),
    room_id=st.just("tea"),
    title=st.just(""),
    kind=st.just("fixed"),
    value=st.just(1),
    minimum_minor=st.just(0),
    product_id=st.none(),
    currency=st.just("CNY"),
    quota=st.integers(1, 4),
    per_person=st.integers(1, 3),
    claimed=st.integers(0, 4),
    stackable=st.just(0),
    claim_from_ms=moments,
    claim_until_ms=moments,
    valid_until_ms=st.just(1005) | st.none(),
    valid_ms=st.just(7),
    phase=st.just("new"),
    drop_until_ms=st.none(),
    created_at_ms=st.just(0),
).map(lambda c: replace(c, claimed=min(c.claimed, c.quota), valid_ms=None if c.valid_until_ms else 7))


def mine(coupon: CouponRow, taken: int) -> list[ClaimRow | None]:
    rows: list[ClaimRow | None] = [ClaimRow("c", n, "u", "tea", None, 0, 0) for n in range(1, taken + 1)]
    return rows + [None] * (coupon.per_person - taken)


def outcome(coupon: CouponRow, taken: int, now_ms: int) -> str:
    try:
        after, row = rules.claim(coupon, "u", mine(coupon, taken), now_ms)
    except Refused as refused:
        return refused.code
    assert after == replace(coupon, claimed=coupon.claimed + 1)
    assert after.claimed <= after.quota
    assert row.id == f"c.{taken + 1}"
    assert row.valid_until_ms == (coupon.valid_until_ms or now_ms + 7) > now_ms
    return "ok"


@given(coupons, st.integers(0, 3), st.integers(985, 1015))
def test_what_can_be_claimed_without_a_drop(coupon: CouponRow, taken: int, now_ms: int) -> None:
    taken = min(taken, coupon.per_person)
    begins, ends = coupon.claim_from_ms, coupon.claim_until_ms
    if taken == coupon.per_person:
        expected = "already_claimed"
    elif begins is not None and now_ms < begins:
        expected = "not_started"
    elif coupon.claimed == coupon.quota:
        expected = "sold_out"
    elif (ends is not None and now_ms >= ends) or now_ms >= (coupon.valid_until_ms or 2000):
        expected = "over"
    else:
        expected = "not_started" if begins is None and ends is None else "ok"
    assert outcome(coupon, taken, now_ms) == expected


@given(coupons, st.integers(1, 20), st.integers(985, 1030))
def test_a_drop_lasts_as_long_as_it_says_and_not_beyond_the_window(
    coupon: CouponRow, seconds: int, now_ms: int
) -> None:
    try:
        rules.refuse_unless_open(replace(coupon, phase="open"), NOW)
    except Refused as refused:
        with pytest.raises(Refused, match=refused.code):
            rules.drop(coupon, seconds, NOW)
        return
    dropped = rules.drop(coupon, seconds, NOW)
    ends = [NOW + seconds * 1000, *(e for e in (coupon.claim_until_ms, coupon.valid_until_ms) if e)]
    assert dropped.drop_until_ms == min(ends)
    begun = coupon.claim_from_ms is None or now_ms >= coupon.claim_from_ms
    expected = "ok" if now_ms < min(ends) else "over"
    assert outcome(dropped, 0, now_ms) == (expected if begun else "not_started")
    assert rules.drop(dropped, seconds, NOW) == dropped
    closed = rules.close(dropped)
    assert outcome(closed, 0, now_ms) == ("over" if begun else "not_started")
    assert rules.drop(closed, seconds, NOW) == dropped


@given(st.sampled_from(["order", "other", None]), st.booleans(), st.integers(0, 20), st.integers(0, 20))
def test_what_comes_back(taken_by: str | None, paid: bool, until_ms: int, now_ms: int) -> None:
    row = ClaimRow("c", 1, "lin", "tea", taken_by, 0, until_ms)
    after = rules.give_back(row, order("paid" if paid else "held"), now_ms)
    if taken_by != "order" or (paid and now_ms >= until_ms):
        assert after is row
    else:
        assert after == replace(row, order_id=None)
        assert rules.give_back(after, order("paid" if paid else "held"), now_ms) is after


@pytest.mark.parametrize(
    "text", ["", "c", "c.", "c.0", "c.01", "c.100", ".1", "c.1.1", "c.1\n", "c.1 ", "ü.1"]
)
def test_what_is_no_claim(text: str) -> None:
    with pytest.raises(Refused, match="not_found"):
        rules.claim_key(text, "lin")


@given(st.uuids(), st.integers(1, 10))
def test_a_claim_is_named_by_coupon_and_number(coupon_id: object, n: int) -> None:
    row = ClaimRow(str(coupon_id), n, "lin", "tea", None, 0, 0)
    assert rules.claim_key(row.id, "lin") == (str(coupon_id), n, "lin")
