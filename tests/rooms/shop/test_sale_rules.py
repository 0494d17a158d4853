"""The decisions about flash sales by themselves: units that balance, limits that hold, exact times."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.commands import StartSale
from rooms.errors import Refused
from rooms.shop import sale_rules as rules
from rooms.shop.sale_store import PastSaleRow, SaleRow
from rooms.shop.store import SkuRow

SKU = SkuRow("sku", "product", "tea", "", 4900, "CNY", stock=50, held=0)
PLAN: dict[str, Any] = {"room": "tea", "sku": "sku", "price_minor": 990, "quantity": 10, "per_buyer": 3}
NOW_MS = 1_000_000


def planned(**more: Any) -> SaleRow:
    cmd = StartSale(**{"key": "key-00000000", "duration_s": 60, **PLAN, **more})
    return rules.planned(cmd, SKU, "sale", NOW_MS)


@given(st.integers(-5000, 65_000))
def test_the_clock_alone_says_what_is_so(after_ms: int) -> None:
    sale = planned(countdown_s=10)
    expected = "scheduled" if after_ms < 10_000 else "running" if after_ms < 70_000 else "ended"
    assert rules.phase(sale, NOW_MS + after_ms) == expected


@pytest.mark.parametrize(
    ("start", "starts_at_ms", "status"),
    [
        ({}, NOW_MS, "running"),
        ({"countdown_s": 10}, NOW_MS + 10_000, "scheduled"),
        ({"starts_at_ms": NOW_MS + 1}, NOW_MS + 1, "scheduled"),
        ({"starts_at_ms": NOW_MS}, NOW_MS, "running"),
    ],
)
def test_when_it_begins(start: dict[str, int], starts_at_ms: int, status: str) -> None:
    sale = planned(**start)
    assert (sale.starts_at_ms, sale.ends_at_ms, sale.status) == (starts_at_ms, starts_at_ms + 60_000, status)


acts = st.lists(
    st.tuples(
        st.sampled_from(["take", "give_back", "sell", "take_back"]), st.integers(1, 5), st.integers(0, 3)
    )
)


@given(acts)
def test_units_balance_whatever_happens(plan: list[tuple[str, int, int]]) -> None:
    """Held and sold are kept apart here, by buyer, as the orders keep them."""
    sale, held, sold = planned(), dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 0)
    for what, qty, buyer in plan:
        if what == "take":
            bought = held[buyer] + sold[buyer]
            if qty <= min(sale.remaining, sale.per_buyer - bought):
                sale, held[buyer] = rules.take(sale, qty, bought), held[buyer] + qty
            else:
                with pytest.raises(Refused) as refused:
                    rules.take(sale, qty, bought)
                assert _is_due(refused.value, sale, qty, bought)
        elif what == "take_back":
            back = min(qty, sold[buyer])
            sale, sold[buyer] = rules.take_back(sale, back), sold[buyer] - back
        else:
            done = min(qty, held[buyer])
            sale, held[buyer] = getattr(rules, what)(sale, done), held[buyer] - done
            if what == "sell":
                sold[buyer] += done
        assert sale.held == sum(held.values())
        assert sale.remaining + sale.held + sum(sold.values()) == sale.quantity
        assert sale.remaining >= 0
        assert all(held[b] + sold[b] <= sale.per_buyer for b in held)
        assert rules.is_sold_out(sale, SKU) == (sum(sold.values()) == sale.quantity)


def _is_due(refused: Refused, sale: SaleRow, qty: int, bought: int) -> bool:
    if refused.code in ("sold_out", "stock_held"):
        return sale.remaining == 0 and (sale.held > 0) == (refused.code == "stock_held") == refused.temporary
    if refused.code == "buyer_limit":
        return bought + qty > sale.per_buyer and bool(refused.details["left"] == sale.per_buyer - bought)
    return refused.code == "not_enough_stock" and 0 < sale.remaining < qty


def past(reason: str) -> PastSaleRow:
    return PastSaleRow.of(planned(), NOW_MS, reason)


@pytest.mark.parametrize(
    ("sale", "over", "named", "answer"),
    [
        (None, None, None, None),
        ("scheduled", None, None, None),
        ("running", None, None, "sale"),
        ("running", None, "sale", "sale"),
        ("ended", None, None, None),
        ("scheduled", None, "sale", "not_started"),
        ("ended", None, "sale", "sale_ended"),
        ("running", None, "another", "not_found"),
        ("running", "time", "another", "sale_ended"),
        (None, "sold_out", "another", "sold_out"),
        (None, "host", "another", "sale_ended"),
        (None, "product_removed", "another", "sale_ended"),
        (None, None, "another", "not_found"),
    ],
)
def test_which_price_applies(
    sale: str | None, over: str | None, named: str | None, answer: str | None
) -> None:
    at_ms = NOW_MS + {"scheduled": 0, "running": 10_000, "ended": 70_000}.get(sale or "", 0)
    row, gone = planned(countdown_s=10) if sale else None, past(over) if over else None
    if answer in (None, "sale"):
        found = rules.applying(row, gone, named, at_ms)
        assert found == (row if answer else None)
    else:
        with pytest.raises(Refused) as refused:
            rules.applying(row, gone, named, at_ms)
        assert refused.value.code == answer
        assert refused.value.retry_after_ms == (10_000 if answer == "not_started" else None)


@given(st.integers(0, 20), st.integers(0, 20), st.sampled_from(["scheduled", "running"]))
def test_what_can_be_bought_now(stock: int, remaining: int, status: str) -> None:
    sku = SkuRow("sku", "product", "tea", "", 4900, "CNY", stock=stock, held=0)
    sale = SaleRow("sku", "s", "tea", "p", 1, "CNY", 20, remaining, 0, 1, 0, 1, status, 0, 0)
    assert rules.on_offer(sku, sale) == (min(stock, remaining) if status == "running" else stock)
    assert rules.on_offer(sku, None) == stock
