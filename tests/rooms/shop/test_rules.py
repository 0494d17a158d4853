"""The shop's decisions by themselves: stock that balances, money that has a place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.shop.rules import give_back, refuse_unless_held, restock, sell, take
from rooms.shop.store import OrderRow, SkuRow


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


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 100))
def test_taking(stock: int, held: int, qty: int) -> None:
    before = sku(stock, held)
    if qty <= stock:
        after = take(before, qty)
        assert (after.stock, after.held) == (stock - qty, held + qty)
        assert give_back(after, qty) == before
        assert sell(after, qty) == replace(sku(stock - qty, held), version=2)
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
        after = replace(sku(stock + delta, held), version=2 if delta else 1)
        assert restock(sku(stock, held), delta) == after


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
