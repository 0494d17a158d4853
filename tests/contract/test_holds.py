"""Buying holds goods for a while: what an order says, and when the hold ends."""

from __future__ import annotations

from tests.contract.house import (
    GUEST,
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    ROOM,
    VIEWER,
    House,
    house_at,
    open_house,
)
from tests.contract.shop import HOLD_MS, buy, money, order_status, stock


async def test_an_order_says_what_was_agreed(house: House) -> None:
    product, sku = await house.product(stock=5, price_minor=4900)
    order = (await house.ok("buy", VIEWER, sku=sku, qty=2))["order"]
    assert order == {
        "id": order["id"],
        "room": ROOM,
        "product": product,
        "sku": sku,
        "title": "Tea",
        "qty": 2,
        "unit_price_minor": 4900,
        "subtotal_minor": 9800,
        "discount_minor": 0,
        "total_minor": 9800,
        "lines": [{"kind": "item", "label": "Tea", "amount_minor": 9800}],
        "sale": None,
        "currency": "CNY",
        "status": "held",
        "created_at_ms": house.now_ms,
        "hold_until_ms": house.now_ms + HOLD_MS,
        "paid_at_ms": None,
        "refunded_at_ms": None,
        "buyer": {"id": VIEWER.id, "name": VIEWER.name},
    }
    await house.ok("product.change", HOST, product=product, price_minor=99_00)
    house.now_ms += 5
    paid = (await house.ok("order.pay", VIEWER, order=order["id"]))["order"]
    assert paid == {**order, "status": "paid", "paid_at_ms": house.now_ms}
    assert await money(house) == 9800
    assert [e["data"]["order"] for e in house.told(VIEWER, "order")] == [order, paid]
    assert [e["data"]["order"] for e in house.briefed("order")] == [order, paid]
    assert {s.action for s in house.staff if s.kind == "order"} == {"see_orders"}
    assert not any(b"u-lin" in e.body for e in await house.log())


async def test_what_is_left_is_said_in_the_right_words(house: House) -> None:
    _, sku = await house.product(stock=3)
    error = await house.error("buy", VIEWER, sku=sku, qty=4)
    assert (error["code"], error["details"], error["temporary"]) == ("not_enough_stock", {"left": 3}, False)
    first = await buy(house, sku, 3)
    error = await house.error("buy", OTHER, sku=sku, qty=1)
    assert (error["code"], error["temporary"]) == ("stock_held", True)
    await house.ok("order.pay", VIEWER, order=first)
    assert await house.code("buy", OTHER, sku=sku, qty=1) == "sold_out"
    for qty in (0, -1, 101, 1.5, "1"):
        assert await house.code("buy", OTHER, sku=sku, qty=qty) == "bad_request"
    assert await house.code("buy", GUEST, sku=sku, qty=1) == "unauthenticated"


async def test_a_hold_ends_exactly_when_it_says(house: House) -> None:
    _, sku = await house.product(stock=2)
    order, other = await buy(house, sku), await buy(house, sku, caller=OTHER)
    house.now_ms += HOLD_MS - 1
    assert await house.run_timers() == 0
    await house.ok("order.pay", OTHER, order=other)
    house.now_ms += 1
    # Whether or not the timer has come round yet.
    for name in ("order.pay", "order.cancel"):
        error = await house.error(name, VIEWER, order=order)
        assert (error["code"], error["details"]) == ("order_not_held", {"status": "expired"})
    assert await house.run_timers() == 2
    assert (await order_status(house, order), await order_status(house, other)) == ("expired", "paid")
    assert await stock(house, sku) == (1, 0)
    assert house.stock[sku] == 1
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["held", "expired"]
    assert await house.run_timers() == 0


async def test_a_hold_ends_though_no_node_was_alive(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        _, sku = await house.product(stock=1)
        await buy(house, sku)
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + HOLD_MS) as house:
        await house.run_timers()
        assert await stock(house, sku) == (1, 0)
        await buy(house, sku, caller=OTHER)


async def test_an_order_is_its_buyers_alone(house: House) -> None:
    _, sku = await house.product()
    order = await buy(house, sku)
    for caller in (OTHER, MODERATOR, HOST, OPERATOR):
        for name in ("order.pay", "order.cancel"):
            assert await house.code(name, caller, order=order) == "not_found"
    for name in ("order.pay", "order.cancel"):
        assert await house.code(name, GUEST, order=order) == "unauthenticated"
        assert await house.code(name, VIEWER, order="no-such-order") == "not_found"
    assert await order_status(house, order) == "held"


async def test_cancelling(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    cancelled = (await house.ok("order.cancel", VIEWER, order=order, key="cancel-01"))["order"]
    assert cancelled["status"] == "cancelled"
    again = await house.ok("order.cancel", VIEWER, order=order, key="cancel-01")
    assert again["order"] == cancelled
    for name in ("order.pay", "order.cancel"):
        error = await house.error(name, VIEWER, order=order)
        assert (error["code"], error["details"]) == ("order_not_held", {"status": "cancelled"})
    house.now_ms += HOLD_MS
    await house.run_timers()
    assert await stock(house, sku) == (1, 0)
    assert await money(house) == 0
