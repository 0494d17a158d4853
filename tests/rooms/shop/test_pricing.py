"""What an order costs, to the minor unit, whatever comes together."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.shop.pricing import CouponTerms, Priced, SalePrice, price

amounts = st.integers(0, 10**11)
quantities = st.integers(1, 100)
sales = st.builds(SalePrice, st.just("sale"), amounts, st.just(True))
kinds = st.sampled_from(["voucher", "percent", "threshold", "fixed"])


def terms(kind: str, value: int, number: int) -> CouponTerms:
    value = value % 101 if kind == "percent" else value
    return CouponTerms(kind, value, 0, None, True, f"c{number}", "Coupon")  # type: ignore[arg-type]


@st.composite
def coupons(draw: st.DrawFn) -> list[CouponTerms]:
    drawn = draw(st.lists(st.tuples(kinds, st.one_of(amounts, st.integers(0, 200))), max_size=5))
    return [terms(kind, value, number) for number, (kind, value) in enumerate(drawn)]


def adds_up(priced: Priced) -> bool:
    return bool(sum(line["amount_minor"] for line in priced.lines) == priced.total_minor)


@given(amounts, quantities, st.none() | sales, coupons())
def test_lines_add_up_to_a_total_that_is_never_negative(
    unit: int, qty: int, sale: SalePrice | None, used: list[CouponTerms]
) -> None:
    priced = price(unit, qty, sale, used)
    assert adds_up(priced)
    assert 0 <= priced.total_minor <= priced.subtotal_minor == unit * qty
    assert priced.total_minor == priced.subtotal_minor - priced.discount_minor
    assert [line["amount_minor"] <= 0 for line in priced.lines[1:]] == [True] * (len(priced.lines) - 1)


@given(amounts, quantities, st.none() | sales, coupons())
def test_one_coupon_more_never_makes_it_dearer(
    unit: int, qty: int, sale: SalePrice | None, used: list[CouponTerms]
) -> None:
    totals = [price(unit, qty, sale, used[:n]).total_minor for n in range(len(used) + 1)]
    assert totals == sorted(totals, reverse=True)


@given(amounts, quantities, coupons(), st.permutations(range(5)))
def test_the_order_of_naming_them_counts_for_nothing(
    unit: int, qty: int, used: list[CouponTerms], places: list[int]
) -> None:
    shuffled = [used[place] for place in places if place < len(used)]
    assert price(unit, qty, None, shuffled) == price(unit, qty, None, used)


@given(amounts, quantities, amounts)
def test_a_sale_replaces_the_list_price_unless_that_is_lower(unit: int, qty: int, sale_price: int) -> None:
    priced = price(unit, qty, SalePrice("s", sale_price), label="Tea")
    assert priced.total_minor == min(unit, sale_price) * qty
    assert priced.unit_price_minor == min(unit, sale_price)
    assert [line["kind"] for line in priced.lines] == ["item", "sale"]


@given(amounts, quantities, st.integers(0, 100))
def test_percentages_are_rounded_down_once(unit: int, qty: int, percent: int) -> None:
    off = price(unit, qty, None, [terms("percent", percent, 0)]).discount_minor
    exact = Fraction(unit * qty * percent, 100)
    assert off <= exact < off + 1


def test_coupons_are_taken_in_their_order() -> None:
    used = [terms("fixed", 500, 0), terms("percent", 10, 1), terms("voucher", 0, 2)]
    lines = price(4999, 2, None, used, label="Tea").lines
    assert [(line["kind"], line.get("ref"), line["amount_minor"]) for line in lines] == [
        ("item", None, 9998),
        ("coupon", "c2", -4999),
        ("coupon", "c1", -499),
        ("coupon", "c0", -500),
    ]


PLAIN = CouponTerms("fixed", 100, 0, None, True, "c", "Coupon")


@pytest.mark.parametrize(
    ("used", "sale", "reason"),
    [
        ([PLAIN], SalePrice("s", 900), "sale"),
        ([PLAIN, replace(PLAIN, id="d", stackable=False)], None, "not_stackable"),
        ([replace(PLAIN, product="other")], None, "product"),
        ([replace(PLAIN, currency="EUR")], None, "currency"),
        ([replace(PLAIN, minimum_minor=2001)], None, "minimum"),
        ([replace(PLAIN, minimum_minor=1801)], SalePrice("s", 900, stackable=True), "minimum"),
        ([PLAIN, PLAIN], None, "twice"),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_left_out(
    used: list[CouponTerms], sale: SalePrice | None, reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        price(1000, 2, sale, used, product="tea", currency="CNY")
    assert refused.value.code == "coupon_not_applicable"
    assert refused.value.details["reason"] == reason


def test_a_single_coupon_that_fits_is_used() -> None:
    fits = replace(PLAIN, product="tea", currency="CNY", minimum_minor=2000, stackable=False)
    assert price(1000, 2, None, [fits], product="tea", currency="CNY").total_minor == 1900
