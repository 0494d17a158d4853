"""The sandbox's cards: a provider that fails, hangs, answers late, twice, or when it is too late."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from rooms.shop.store import orders_table, payments_table
from server.payments.sandbox import AFTER_HOLD_MS, SandboxProvider, sandbox_table
from tests.contract.house import OTHER, VIEWER, House, house_at

HOLD_MS = 60_000
CHECK_MS = 10_000


async def hold(house: House, stock: int = 1) -> tuple[str, str]:
    _, sku = await house.product(stock=stock)
    order: str = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    return order, sku


async def statuses(house: House, order: str) -> tuple[str, list[str]]:
    (row,) = await house.rows(select(orders_table.c.status).where(orders_table.c.id == order))
    rows = await house.rows(select(payments_table.c.status).where(payments_table.c.order_id == order))
    return row["status"], [each["status"] for each in rows]


async def money(house: House) -> int:
    kept = select(sandbox_table.c.amount_minor).where(
        sandbox_table.c.outcome == "succeeded", sandbox_table.c.refunded == 0
    )
    return sum(row["amount_minor"] for row in await house.rows(kept))


async def test_one_that_hangs(migrated_url: str) -> None:
    async with house_at(migrated_url, answer_within_s=0.3) as house:
        order, _ = await hold(house)
        assert await house.code("order.pay", VIEWER, order=order, card="hangs") == "payment_pending"
        assert await statuses(house, order) == ("held", ["started"])
        house.now_ms += CHECK_MS
        await house.run_timers()
        assert await statuses(house, order) == ("paid", ["succeeded"])
        assert await money(house) == 4900


async def test_one_that_is_late(house: House) -> None:
    provider = SandboxProvider(house.store.write, late_s=0.05)
    house.providers["sandbox"] = provider
    order, _ = await hold(house)
    started = asyncio.get_running_loop().time()
    paid = await house.ok("order.pay", VIEWER, order=order, card="late")
    assert asyncio.get_running_loop().time() - started >= 0.05
    assert paid["order"]["status"] == "paid"


async def test_one_that_answers_twice(house: House) -> None:
    order, sku = await hold(house, stock=2)
    paid = await house.ok("order.pay", VIEWER, order=order, card="twice")
    assert paid["order"]["status"] == "paid"
    told = [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")]
    assert told == ["held", "paid"]
    row = await house.sku(sku)
    assert (row.stock, row.held) == (1, 0)
    assert await money(house) == 4900


@pytest.mark.parametrize("sold_on", [False, True])
async def test_one_that_pays_after_the_hold(house: House, sold_on: bool) -> None:
    order, sku = await hold(house)
    assert await house.code("order.pay", VIEWER, order=order, card="after_hold") == "payment_pending"
    for _ in range(6):
        house.now_ms += CHECK_MS
        await house.run_timers()
    assert await statuses(house, order) == ("expired", ["started"])
    if sold_on:
        await house.ok("buy", OTHER, sku=sku, qty=1)
    house.now_ms += max(CHECK_MS, AFTER_HOLD_MS)
    await house.run_timers()
    await house.run_timers()
    if sold_on:
        assert await statuses(house, order) == ("expired", ["refunded"])
        assert await money(house) == 0
    else:
        assert await statuses(house, order) == ("paid", ["succeeded"])
        assert await money(house) == 4900
        row = await house.sku(sku)
        assert (row.stock, row.held) == (0, 0)


async def test_what_costs_nothing_needs_no_provider(house: House) -> None:
    _, sku = await house.product(price_minor=0)
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    paid = await house.ok("order.pay", VIEWER, order=order, card="declined")
    assert paid["order"]["status"] == "paid"
    assert await house.rows(select(sandbox_table)) == []


async def test_what_is_on_and_what_is_not(house: House) -> None:
    assert house.cashier.methods() == [
        {"method": "sandbox", "kind": "charge"},
        {"method": "coins", "kind": "charge"},
    ]
    order, _ = await hold(house)
    for method in ("stripe", "external", "paypal"):
        assert await house.code("order.pay", VIEWER, order=order, method=method) == "bad_request"
    for method in ("", "Sand Box", "x" * 33):
        assert await house.code("order.pay", VIEWER, order=order, method=method) == "bad_request"
    assert await house.code("order.pay", VIEWER, order=order, card="gold") == "bad_request"
    assert await statuses(house, order) == ("held", [])
    house.providers.clear()
    assert await house.code("order.pay", VIEWER, order=order) == "bad_request"
