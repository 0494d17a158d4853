"""The host gives the money back: once, all of it, and by the provider that took it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from rooms.shop.sale_store import sale_buyers_table, sales_table
from rooms.shop.store import OrderRow, orders_table, payments_table
from server.payments.sandbox import sandbox_table
from tests.contract.house import GUEST, HOST, MODERATOR, OTHER, SENIOR, VIEWER, House


async def paid(house: House, sku: str, qty: int = 1) -> str:
    order: str = (await house.ok("buy", VIEWER, sku=sku, qty=qty))["order"]["id"]
    await house.ok("order.pay", VIEWER, order=order)
    return order


async def row(house: House, order: str) -> OrderRow:
    query = select(orders_table).where(orders_table.c.id == order)
    return OrderRow(**(await house.rows(query))[0])


async def test_the_money_goes_back_once(house: House) -> None:
    _, sku = await house.product(stock=5)
    order = await paid(house, sku, 2)
    answers = await asyncio.gather(
        *(house.do("order.refund", HOST, order=order, reason="broken") for _ in range(4))
    )
    assert [answer["ok"] for answer in answers] == [True, False, False, False]
    assert {a["error"]["code"] for a in answers[1:]} == {"order_not_paid"}
    assert answers[1]["error"]["details"] == {"status": "refunded"}
    assert [p["status"] for p in await house.rows(select(payments_table))] == ["refund_due"]
    await house.run_timers()
    assert [p["status"] for p in await house.rows(select(payments_table))] == ["refunded"]
    assert [c["refunded"] for c in await house.rows(select(sandbox_table))] == [1]
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["held", "paid", "refunded"]
    assert [e["data"]["order"]["status"] for e in house.briefed("order")] == ["held", "paid", "refunded"]
    order_row = await row(house, order)
    assert order_row.refunded_at_ms == house.now_ms
    assert order_row.history[-1] == {
        "status": "refunded",
        "at_ms": house.now_ms,
        "by": HOST.id,
        "reason": "broken",
    }
    sku_row = await house.sku(sku)
    assert (sku_row.stock, sku_row.held) == (3, 0)  # the goods are elsewhere


async def test_goods_that_are_back_can_be_bought_again(house: House) -> None:
    _, sku = await house.product(stock=5)
    order = await paid(house, sku, 2)
    await house.ok("order.refund", HOST, order=order, reason="not sent", restock=True)
    assert (await house.sku(sku)).stock == 5
    assert house.stock[sku] == 5


async def test_goods_that_are_back_are_back_in_their_sale(house: House) -> None:
    _, sku = await house.product(stock=5)
    plan = {"price_minor": 1, "quantity": 3, "per_buyer": 2, "duration_s": 600}
    await house.ok("sale.start", HOST, sku=sku, **plan)
    order = await paid(house, sku, 2)
    await house.ok("order.refund", HOST, order=order, reason="not sent", restock=True)
    assert [s["remaining"] for s in await house.rows(select(sales_table))] == [3]
    assert [b["qty"] for b in await house.rows(select(sale_buyers_table))] == [0]
    assert (await house.ok("buy", VIEWER, sku=sku, qty=2))["order"]["total_minor"] == 2


@pytest.mark.parametrize("caller", [VIEWER, OTHER, MODERATOR, SENIOR, GUEST], ids=lambda c: str(c.id))
async def test_only_the_host_may(house: House, caller: object) -> None:
    _, sku = await house.product()
    order = await paid(house, sku)
    code = await house.code("order.refund", caller, order=order, reason="please")  # type: ignore[arg-type]
    assert code == ("unauthenticated" if caller is GUEST else "forbidden")
    assert (await row(house, order)).status == "paid"


async def test_what_isnt_paid_isnt_given_back(house: House) -> None:
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    assert await house.code("order.refund", HOST, order=order, reason="x") == "order_not_paid"
    await house.ok("order.cancel", VIEWER, order=order)
    assert await house.code("order.refund", HOST, order=order, reason="x") == "order_not_paid"
    assert await house.code("order.refund", HOST, order="nothing", reason="x") == "not_found"
    await house.create("other")
    good = await paid(house, sku)
    assert await house.code("order.refund", HOST, room="other", order=good, reason="x") == "not_found"
    assert await house.code("order.refund", HOST, order=good, reason="  ") == "text_empty"
    assert (await row(house, good)).status == "paid"


async def test_a_refunded_order_is_at_its_end(house: House) -> None:
    _, sku = await house.product()
    order = await paid(house, sku)
    await house.ok("order.refund", HOST, order=order, reason="x")
    assert await house.code("order.cancel", VIEWER, order=order) == "order_not_held"
    assert await house.code("order.pay", VIEWER, order=order) == "order_not_held"
    house.now_ms += 600_000
    await house.run_timers()
    assert (await row(house, order)).status == "refunded"
    assert [c["outcome"] for c in await house.rows(select(sandbox_table))] == ["succeeded"]
