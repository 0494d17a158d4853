"""Money has one place, whatever the provider says, however often and however late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.shop.rules import Outcome, sell
from rooms.shop.settling import close_at, owe, settle
from rooms.shop.store import OrderRow, PaymentRow, SkuRow

STATUSES = ("held", "paid", "cancelled", "expired", "refunded")
outcomes = st.sampled_from(["succeeded", "failed"])
payment_statuses = st.sampled_from(["started", "failed", "succeeded", "refund_due", "refunded"])


def sku(stock: int, held: int = 0) -> SkuRow:
    return SkuRow("sku", "product", "tea", "", 4900, "CNY", stock=stock, held=held)


def order(status: str = "held", payment_id: str | None = "pay", qty: int = 1) -> OrderRow:
    paid_at_ms = 50 if status in ("paid", "refunded") else None
    money = {"unit_price_minor": 4900, "total_minor": 4900, "currency": "CNY", "payment_id": payment_id}
    times = {"created_at_ms": 0, "hold_until_ms": 100, "paid_at_ms": paid_at_ms}
    what = {"room_id": "tea", "product_id": "product", "sku": "sku", "title": "Tea", "qty": qty}
    who = {"buyer_id": "lin", "buyer_name": "Lin"}
    row: dict[str, Any] = {"id": "order", "status": status, **what, **who, **money, **times}
    return OrderRow(**row)


def payment(status: str = "started") -> PaymentRow:
    return PaymentRow("pay", "order", "sandbox", status, 4900, "CNY", 0, None)


# The payment, the provider's word, the order, whose attempt it waits for, what is in stock: what comes of it.
CASES = [
    ("started", "succeeded", "held", "pay", 0, "succeeded", "paid"),
    ("started", "succeeded", "held", None, 0, "succeeded", "paid"),
    # Another attempt is under way: whichever money comes first counts.
    ("started", "succeeded", "held", "another", 0, "succeeded", "paid"),
    ("started", "succeeded", "expired", "pay", 1, "succeeded", "paid"),
    ("started", "succeeded", "expired", "pay", 0, "refund_due", "expired"),
    ("started", "succeeded", "cancelled", None, 9, "refund_due", "cancelled"),
    ("started", "succeeded", "refunded", None, 9, "refund_due", "refunded"),
    ("started", "failed", "held", "pay", 1, "failed", "held"),
    ("started", "failed", "expired", "pay", 1, "failed", "expired"),
    # Given up too early, as the provider had not heard of it yet.
    ("failed", "succeeded", "held", None, 0, "succeeded", "paid"),
    ("failed", "succeeded", "paid", "another", 9, "refund_due", "paid"),
    ("failed", "succeeded", "expired", None, 1, "succeeded", "paid"),
    ("failed", "failed", "held", None, 1, "failed", "held"),
    ("succeeded", "failed", "paid", "pay", 1, "succeeded", "paid"),
    ("refunded", "succeeded", "expired", None, 9, "refunded", "expired"),
]


@pytest.mark.parametrize(("was", "word", "status", "waits_for", "stock", "becomes", "leaves"), CASES)
def test_the_providers_word(
    was: str, word: Outcome, status: str, waits_for: str | None, stock: int, becomes: str, leaves: str
) -> None:
    before = order(status, waits_for)
    after = settle(payment(was), before, sku(stock, held=1), word, 60)
    assert (after.payment.status, after.order.status) == (becomes, leaves)
    if leaves == "paid" and status != "paid":
        assert (after.order.paid_at_ms, after.order.payment_id) == (60, "pay")
        assert after.order.history == [{"status": "paid", "at_ms": 60, "by": "lin"}]
        assert after.sku == (sku(stock, held=1) if status == "held" else sku(stock - 1, held=2))
    else:
        assert after.sku == sku(stock, held=1)
        assert after.order.paid_at_ms == before.paid_at_ms
    if becomes == "failed" and was == "started":
        assert after.order.payment_id is None
    if becomes != was:
        assert after.payment.settled_at_ms == 60


@given(
    payment_statuses,
    st.sampled_from(STATUSES),
    st.sampled_from([None, "pay", "another"]),
    st.integers(0, 3),
    st.integers(1, 3),
    st.lists(outcomes, min_size=1, max_size=5),
)
def test_money_has_one_place_whatever_is_said_and_how_often(
    was: str, status: str, waits_for: str | None, stock: int, qty: int, words: list[Outcome]
) -> None:
    before = sku(stock, held=qty if status == "held" else 0)
    now, sold, left = payment(was), order(status, waits_for, qty), before
    for word in words:
        after = settle(now, sold, left, word, 60)
        assert after.sku is not None
        again = settle(after.payment, after.order, after.sku, word, 70)
        assert again == after
        now, sold, left = after.payment, after.order, after.sku
    # Kept for an order that got its goods, or due back, or never taken; nothing else.
    took_goods = status != "paid" and sold.status == "paid"
    if "succeeded" in words and was in ("started", "failed"):
        assert now.status == ("succeeded" if took_goods else "refund_due")
        assert took_goods == (status == "held" or (status == "expired" and stock >= qty))
    else:
        assert not took_goods
        assert now.status == (was if was in ("succeeded", "refund_due", "refunded") else "failed")
    # Goods leave once, out of the order's own hold or out of the shelf, and never below nothing.
    assert left.stock + left.held == before.stock + before.held
    if took_goods:
        left = sell(left, qty)
    assert left.stock >= 0
    assert left.held == (0 if took_goods else before.held)


def test_an_order_whose_stock_row_is_gone_gets_its_money_back() -> None:
    assert settle(payment(), order("expired"), None, "succeeded", 60).payment.status == "refund_due"


@pytest.mark.parametrize(
    "terms",
    [
        {"sale_id": "sale"},
        {
            "lines": [
                {"kind": "item", "amount_minor": 5000},
                {"kind": "coupon", "ref": "c", "amount_minor": -1},
            ]
        },
    ],
)
def test_a_price_that_others_may_have_by_now_is_not_given_late(terms: dict[str, Any]) -> None:
    late = replace(order("expired"), **terms)
    assert settle(payment(), late, sku(9), "succeeded", 60).payment.status == "refund_due"
    held = replace(order("held"), **terms)
    assert settle(payment(), held, sku(0, held=1), "succeeded", 60).payment.status == "succeeded"


@given(payment_statuses)
def test_only_money_that_was_taken_is_given_back(status: str) -> None:
    before = payment(status)
    after = owe(before, 90)
    if status == "succeeded":
        assert after == replace(before, status="refund_due", settled_at_ms=90)
    else:
        assert after is before


@given(st.integers(0, 10**12), st.integers(0, 86_400_000))
def test_a_page_closes_shortly_before_the_hold_ends(created: int, hold: int) -> None:
    ends = close_at(created, created + hold)
    assert created <= ends <= created + hold
    assert created + hold - ends <= 2000
    assert hold < 10 or ends < created + hold
