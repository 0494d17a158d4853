"""The shop's decisions by themselves: stock that balances, money that has a place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.shop.rules import Outcome, give_back, refuse_unless_held, restock, sell, settle, take
from rooms.shop.store import OrderRow, PaymentRow, SkuRow


def sku(stock: int, held: int = 0) -> SkuRow:
    return SkuRow("sku", "product", "tea", "", 4900, "CNY", stock=stock, held=held)


def order(status: str = "held", payment_id: str | None = "pay") -> OrderRow:
    paid_at_ms = 50 if status == "paid" else None
    money = {"unit_price_minor": 4900, "total_minor": 4900, "currency": "CNY", "payment_id": payment_id}
    times = {"created_at_ms": 0, "hold_until_ms": 100, "paid_at_ms": paid_at_ms}
    what = {"room_id": "tea", "product_id": "product", "sku": "sku", "title": "Tea", "qty": 1}
    who = {"buyer_id": "lin", "buyer_name": "Lin"}
    row: dict[str, Any] = {"id": "order", "status": status, **what, **who, **money, **times}
    return OrderRow(**row)


def payment(status: str = "started") -> PaymentRow:
    return PaymentRow("pay", "order", "sandbox", status, 4900, "CNY", 0, None)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 100))
def test_taking(stock: int, held: int, qty: int) -> None:
    before = sku(stock, held)
    if qty <= stock:
        after = take(before, qty)
        assert (after.stock, after.held) == (stock - qty, held + qty)
        assert give_back(after, qty) == before
        assert sell(after, qty) == sku(stock - qty, held)
        return
    with pytest.raises(Refused) as refused:
        take(before, qty)
    if stock:
        assert (refused.value.code, refused.value.details) == ("not_enough_stock", {"left": stock})
    else:
        assert refused.value.code == ("stock_held" if held else "sold_out")


@given(st.integers(0, 50), st.integers(0, 50), st.integers(-100, 100))
def test_restocking_takes_only_what_can_be_bought(stock: int, held: int, delta: int) -> None:
    if stock + delta < 0:
        with pytest.raises(Refused, match="not_enough_stock"):
            restock(sku(stock, held), delta)
    else:
        assert restock(sku(stock, held), delta) == sku(stock + delta, held)


@pytest.mark.parametrize(
    ("status", "now_ms", "said"),
    [
        ("held", 99, None),
        ("held", 100, "expired"),
        ("held", 101, "expired"),
        ("paid", 0, "paid"),
        ("cancelled", 0, "cancelled"),
        ("expired", 0, "expired"),
        ("refunded", 0, "refunded"),
    ],
)
def test_what_can_be_paid_or_cancelled(status: str, now_ms: int, said: str | None) -> None:
    if said is None:
        refuse_unless_held(order(status), now_ms)
        return
    with pytest.raises(Refused) as refused:
        refuse_unless_held(order(status), now_ms)
    assert (refused.value.code, refused.value.details) == ("order_not_held", {"status": said})


STATUSES = ("held", "paid", "cancelled", "expired")
# The payment, the provider's word, the order, whose attempt the order waits for: what comes of it.
CASES = [
    ("started", "succeeded", "held", "pay", "succeeded", "paid"),
    ("started", "succeeded", "expired", "pay", "refund_due", "expired"),
    ("started", "succeeded", "cancelled", None, "refund_due", "cancelled"),
    ("started", "failed", "held", "pay", "failed", "held"),
    ("started", "failed", "expired", "pay", "failed", "expired"),
    # Given up too early, as the provider had not heard of it yet.
    ("failed", "succeeded", "held", None, "succeeded", "paid"),
    ("failed", "succeeded", "held", "another", "refund_due", "held"),
    ("failed", "succeeded", "paid", "another", "refund_due", "paid"),
    ("failed", "succeeded", "expired", None, "refund_due", "expired"),
    ("failed", "failed", "held", None, "failed", "held"),
]


@pytest.mark.parametrize(("was", "word", "status", "waits_for", "becomes", "leaves"), CASES)
def test_the_providers_word(
    was: str, word: Outcome, status: str, waits_for: str | None, becomes: str, leaves: str
) -> None:
    settled, after = settle(payment(was), order(status, waits_for), word, 60)
    assert (settled.status, after.status) == (becomes, leaves)
    assert after.paid_at_ms == (60 if leaves != status else order(status).paid_at_ms)
    if leaves == "paid" and status == "held":
        assert after.payment_id == "pay"
    if becomes != was:
        assert settled.settled_at_ms == 60


@given(
    st.sampled_from(["started", "failed", "succeeded", "refund_due", "refunded"]),
    st.sampled_from(STATUSES),
    st.sampled_from([None, "pay", "another"]),
    st.lists(st.sampled_from(["succeeded", "failed"]), min_size=1, max_size=4),
)
def test_money_has_one_place_whatever_is_said_and_how_often(
    was: str, status: str, waits_for: str | None, words: list[Outcome]
) -> None:
    now, sold = payment(was), order(status, waits_for)
    for word in words:
        now, sold = settle(now, sold, word, 60)
        assert settle(now, sold, word, 70) == (now, sold)
    if "succeeded" in words and was in ("started", "failed"):
        takes = status == "held" and waits_for in (None, "pay")
        assert (now.status, sold.status) == (("succeeded", "paid") if takes else ("refund_due", status))
    elif was in ("succeeded", "refund_due", "refunded"):
        assert (now.status, sold.status) == (was, status)
    else:
        assert (now.status, sold.status) == ("failed", status)
