"""Flash sales, on both databases: who gets the price, how much, and when it is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from rooms.shop.sale_store import sale_buyers_table, sales_table
from rooms.shop.store import OrderRow, orders_table
from tests.contract.house import HOST, MODERATOR, OTHER, ROOM, START_MS, VIEWER, House, house_at, open_house

HOLD_MS = 60_000
MINUTE_MS = 60_000


async def sale_on(
    house: House, *, stock: int = 10, quantity: int = 5, per_buyer: int = 2, **more: Any
) -> tuple[str, dict[str, Any]]:
    """A SKU at 49.00 and its sale at 9.90 for a minute; begun at once unless ``more`` says otherwise."""
    _, sku = await house.product(stock=stock, price_minor=4900)
    plan = {"price_minor": 990, "quantity": quantity, "per_buyer": per_buyer, "duration_s": 60, **more}
    return sku, (await house.ok("sale.start", HOST, sku=sku, **plan))["sale"]


async def kinds(house: House) -> list[str]:
    return [event.kind for event in await house.log() if event.kind.startswith("sale.")]


async def ended(house: House) -> list[str]:
    return [event.data["reason"] for event in await house.log() if event.kind == "sale.ended"]


async def left(house: House) -> int | None:
    rows = await house.rows(select(sales_table))
    return rows[0]["remaining"] if rows else None


# Who gets the price


async def test_who_buys_while_it_runs_gets_its_price(house: House) -> None:
    sku, sale = await sale_on(house)
    assert sale["status"] == "running"
    order = (await house.ok("buy", VIEWER, sku=sku, qty=2))["order"]
    assert (order["sale"], order["unit_price_minor"]) == (sale["id"], 990)
    assert (order["subtotal_minor"], order["discount_minor"], order["total_minor"]) == (9800, 7820, 1980)
    assert [(line["kind"], line["amount_minor"]) for line in order["lines"]] == [
        ("item", 9800),
        ("sale", -7820),
    ]
    assert await left(house) == 3
    assert house.stock[sku] == 3
    named = (await house.ok("buy", OTHER, sku=sku, qty=1, sale=sale["id"]))["order"]
    assert named["total_minor"] == 990


async def test_before_it_begins_the_list_price_holds(house: House) -> None:
    sku, sale = await sale_on(house, countdown_s=10)
    assert sale["status"] == "scheduled"
    assert sale["starts_at_ms"] == house.now_ms + 10_000
    house.now_ms += 4_000
    assert (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["total_minor"] == 4900
    error = await house.error("buy", VIEWER, sku=sku, qty=1, sale=sale["id"])
    assert (error["code"], error["temporary"], error["retry_after_ms"]) == ("not_started", True, 6_000)
    assert error["details"] == {"starts_at_ms": sale["starts_at_ms"]}
    assert await left(house) == 5


async def test_the_same_key_gets_in_when_it_has_begun(house: House) -> None:
    sku, sale = await sale_on(house, countdown_s=10)
    wish = {"sku": sku, "qty": 1, "sale": sale["id"], "key": "pressed-early"}
    house.now_ms = sale["starts_at_ms"] - 1
    assert (await house.error("buy", VIEWER, **wish))["retry_after_ms"] == 1
    house.now_ms = sale["starts_at_ms"]  # to the millisecond: no timer has run yet
    assert (await house.ok("buy", VIEWER, **wish))["order"]["total_minor"] == 990


async def test_after_its_last_millisecond_the_list_price_holds(house: House) -> None:
    sku, sale = await sale_on(house)
    house.now_ms = sale["ends_at_ms"] - 1
    assert (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["total_minor"] == 990
    house.now_ms = sale["ends_at_ms"]
    assert await house.code("buy", OTHER, sku=sku, qty=1, sale=sale["id"]) == "sale_ended"
    assert (await house.ok("buy", OTHER, sku=sku, qty=1))["order"]["total_minor"] == 4900
    await house.run_timers()
    assert await house.code("buy", OTHER, sku=sku, qty=1, sale=sale["id"]) == "sale_ended"


async def test_a_lower_list_price_is_not_made_dearer(house: House) -> None:
    product, sku = await house.product(stock=5, price_minor=4900)
    plan = {"sku": sku, "quantity": 5, "per_buyer": 5, "duration_s": 60}
    assert await house.code("sale.start", HOST, **plan, price_minor=4901) == "bad_request"
    await house.ok("sale.start", HOST, **plan, price_minor=990)
    await house.ok("product.change", HOST, product=product, price_minor=500)
    order = (await house.ok("buy", VIEWER, sku=sku, qty=2))["order"]
    assert (order["total_minor"], order["discount_minor"]) == (1000, 0)


# How much


async def test_each_buyer_has_a_limit(house: House) -> None:
    sku, _sale = await sale_on(house, per_buyer=2)
    first = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
    error = await house.error("buy", VIEWER, sku=sku, qty=2)
    assert (error["code"], error["details"]) == ("buyer_limit", {"limit": 2, "left": 1})
    second = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
    assert (await house.error("buy", VIEWER, sku=sku, qty=1))["details"] == {"limit": 2, "left": 0}
    await house.ok("order.cancel", VIEWER, order=first["id"])
    await house.ok("order.pay", VIEWER, order=second["id"])
    await house.ok("buy", VIEWER, sku=sku, qty=1)  # what was cancelled counts no more, what was paid does
    assert await house.code("buy", VIEWER, sku=sku, qty=1) == "buyer_limit"
    assert await left(house) == 3


async def test_the_limit_holds_over_parallel_requests(house: House) -> None:
    sku, _ = await sale_on(house, stock=100, quantity=100, per_buyer=3)
    answers = await asyncio.gather(*(house.do("buy", VIEWER, sku=sku, qty=1) for _ in range(20)))
    assert sum(answer["ok"] for answer in answers) == 3
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"buyer_limit"}
    assert (await house.rows(select(sale_buyers_table)))[-1]["qty"] == 3


async def test_the_limit_holds_over_two_nodes(shared_url: str) -> None:
    async with house_at(shared_url) as one, open_house(shared_url, node="two") as two:
        sku, _ = await sale_on(one, stock=40, quantity=40, per_buyer=3)
        nodes = [one, two]
        asked = [
            nodes[n % 2].do("buy", buyer, sku=sku, qty=1) for n in range(30) for buyer in (VIEWER, OTHER)
        ]
        answers = await asyncio.gather(*asked)
        assert sum(answer["ok"] for answer in answers) == 6
        assert {a["error"]["code"] for a in answers if not a["ok"]} == {"buyer_limit"}
        assert await left(one) == 34


async def test_no_more_than_announced_though_there_is_stock(house: House) -> None:
    sku, _sale = await sale_on(house, stock=10, quantity=2, per_buyer=2)
    await house.ok("buy", VIEWER, sku=sku, qty=2)
    error = await house.error("buy", OTHER, sku=sku, qty=1)
    assert (error["code"], error["temporary"]) == ("stock_held", True)


async def test_a_hold_that_expires_gives_its_units_back_to_the_sale(house: House) -> None:
    sku, _ = await sale_on(house, quantity=2, duration_s=600)
    await house.ok("buy", VIEWER, sku=sku, qty=2)
    assert await house.code("buy", OTHER, sku=sku, qty=1) == "stock_held"
    house.now_ms += HOLD_MS
    await house.run_timers()
    assert await left(house) == 2
    assert (await house.ok("buy", OTHER, sku=sku, qty=2))["order"]["total_minor"] == 1980
    await house.ok("product.change", HOST, product=(await only_sale(house))["product_id"], stock_delta=5)
    assert house.stock[sku] == 0  # what can be bought now is what is left of the sale


async def only_sale(house: House) -> dict[str, Any]:
    return (await house.rows(select(sales_table)))[0]


async def test_fewer_left_than_asked_for(house: House) -> None:
    sku, _ = await sale_on(house, quantity=3, per_buyer=3)
    await house.ok("buy", VIEWER, sku=sku, qty=2)
    error = await house.error("buy", OTHER, sku=sku, qty=2)
    assert (error["code"], error["details"]) == ("not_enough_stock", {"left": 1})


# When it is over


async def test_it_ends_when_the_last_unit_is_paid_for(house: House) -> None:
    sku, sale = await sale_on(house, quantity=2, per_buyer=1)
    orders = [(await house.ok("buy", buyer, sku=sku, qty=1))["order"] for buyer in (VIEWER, OTHER)]
    await house.ok("order.pay", VIEWER, order=orders[0]["id"])
    assert await ended(house) == []
    assert await house.code("buy", MODERATOR, sku=sku, qty=1) == "stock_held"
    await house.ok("order.pay", OTHER, order=orders[1]["id"])
    assert await ended(house) == ["sold_out"]
    assert await house.code("buy", MODERATOR, sku=sku, qty=1, sale=sale["id"]) == "sold_out"
    assert (await house.ok("buy", MODERATOR, sku=sku, qty=1))["order"]["total_minor"] == 4900
    assert house.stock[sku] == 7


async def test_it_ends_when_the_stock_below_it_is_gone(house: House) -> None:
    sku, _sale = await sale_on(house, stock=3, quantity=3, per_buyer=3, countdown_s=10)
    at_list_price = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
    house.now_ms += 10_000
    await house.run_timers()
    order = (await house.ok("buy", OTHER, sku=sku, qty=2))["order"]
    await house.ok("order.pay", OTHER, order=order["id"])
    assert await ended(house) == []  # what is held at the list price may come back
    assert await house.code("buy", OTHER, sku=sku, qty=1) == "stock_held"
    await house.ok("order.pay", VIEWER, order=at_list_price["id"])
    assert await ended(house) == ["sold_out"]
    assert await house.code("buy", OTHER, sku=sku, qty=1) == "sold_out"


async def test_the_clock_begins_and_ends_it_once(house: House) -> None:
    sku, sale = await sale_on(house, countdown_s=30)
    assert await kinds(house) == ["sale.scheduled"]
    house.now_ms = sale["starts_at_ms"]
    await house.run_timers()
    await house.run_timers()
    assert await kinds(house) == ["sale.scheduled", "sale.started"]
    assert house.stock[sku] == 5
    house.now_ms = sale["ends_at_ms"]
    await house.run_timers()
    await house.run_timers()
    assert await kinds(house) == ["sale.scheduled", "sale.started", "sale.ended"]
    assert await ended(house) == ["time"]
    assert house.stock[sku] == 10


async def test_it_begins_and_ends_after_a_restart(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        sku, sale = await sale_on(house, countdown_s=30)
    async with open_house(migrated_url, now_ms=sale["starts_at_ms"] + 5) as house:
        await house.run_timers()
        assert (await kinds(house))[-1] == "sale.started"
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
        assert order["sale"] == sale["id"]
    async with open_house(migrated_url, now_ms=sale["ends_at_ms"] + HOLD_MS) as house:
        await house.run_timers()
        assert await ended(house) == ["time"]
        assert (await house.sku(sku)).stock == 10


async def test_one_that_was_slept_through_is_over_without_having_begun(house: House) -> None:
    _, sale = await sale_on(house, countdown_s=30)
    house.now_ms = sale["ends_at_ms"]
    await house.run_timers()
    assert await kinds(house) == ["sale.scheduled", "sale.ended"]


async def test_holds_outlive_the_sale_at_their_price(house: House) -> None:
    sku, sale = await sale_on(house)
    house.now_ms = sale["ends_at_ms"] - 1
    mine = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
    dropped = (await house.ok("buy", OTHER, sku=sku, qty=1))["order"]
    house.now_ms += 1
    await house.run_timers()
    paid = (await house.ok("order.pay", VIEWER, order=mine["id"]))["order"]
    assert paid["total_minor"] == 990
    await house.ok("order.cancel", OTHER, order=dropped["id"])
    row = await house.sku(sku)
    assert (row.stock, row.held) == (9, 0)


async def test_the_host_ends_it(house: House) -> None:
    sku, sale = await sale_on(house)
    assert await house.code("sale.end", MODERATOR, sale=sale["id"]) == "forbidden"
    assert (await house.ok("sale.end", HOST, sale=sale["id"]))["sale"]["ended_reason"] == "host"
    assert await house.code("sale.end", HOST, sale=sale["id"]) == "sale_ended"
    assert await house.code("buy", VIEWER, sku=sku, qty=1, sale=sale["id"]) == "sale_ended"
    house.now_ms = sale["ends_at_ms"]
    await house.run_timers()
    assert await ended(house) == ["host"]


async def test_it_ends_with_its_product(house: House) -> None:
    product, sku = await house.product()
    plan = {"price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60}
    await house.ok("sale.start", HOST, sku=sku, **plan)
    await house.ok("product.remove", HOST, product=product)
    assert await ended(house) == ["product_removed"]
    assert await house.code("sale.start", HOST, sku=sku, **plan) == "not_found"


async def test_one_at_a_time_for_each_sku(house: House) -> None:
    sku, sale = await sale_on(house)
    plan = {"sku": sku, "price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60}
    error = await house.error("sale.start", HOST, **plan)
    assert (error["code"], error["details"]) == ("sale_exists", {"sale": sale["id"]})
    house.now_ms = sale["ends_at_ms"]  # over by the clock, whether or not a timer has said so
    again = (await house.ok("sale.start", HOST, **plan))["sale"]
    await house.run_timers()
    assert await kinds(house) == ["sale.started", "sale.ended", "sale.started"]
    assert (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["sale"] == again["id"]


async def test_of_many_that_are_started_at_once_one_is(house: House) -> None:
    _, sku = await house.product()
    plan = {"sku": sku, "price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60}
    answers = await asyncio.gather(*(house.do("sale.start", HOST, **plan) for _ in range(8)))
    assert sorted(a["ok"] for a in answers) == [False] * 7 + [True]
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"sale_exists"}


# Bad input


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 0},
        {"quantity": -5},
        {"quantity": 10**12},
        {"per_buyer": 0},
        {"price_minor": -1},
        {"countdown_s": 9},
        {"countdown_s": 301},
        {"duration_s": 59},
        {"duration_s": 1201},
        {"starts_at_ms": START_MS - 1},
        {"starts_at_ms": START_MS + 31 * 24 * 3_600_000},
        {"starts_at_ms": START_MS + 5000, "countdown_s": 10},
        {"currency": "EUR"},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused(house: House, wrong: dict[str, Any]) -> None:
    _, sku = await house.product(stock=10)
    house.now_ms = START_MS
    plan = {"sku": sku, "price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60}
    assert await house.code("sale.start", HOST, **plan | wrong) == "bad_request"
    assert await left(house) is None
    assert await kinds(house) == []


async def test_what_isnt_there_or_isnt_yours(house: House) -> None:
    sku, sale = await sale_on(house)
    await house.create("other")
    _, elsewhere = await house.product()
    plan = {"price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60}
    assert await house.code("sale.start", VIEWER, sku=elsewhere, **plan) == "forbidden"
    assert await house.code("sale.start", HOST, sku="nothing", **plan) == "not_found"
    assert await house.code("sale.start", HOST, room="other", sku=elsewhere, **plan) == "not_found"
    assert await house.code("sale.start", HOST, sku=elsewhere, **plan | {"quantity": 6}) == "not_enough_stock"
    assert await house.code("sale.end", HOST, sale="nothing") == "not_found"
    assert await house.code("sale.end", HOST, room="other", sale=sale["id"]) == "not_found"
    assert await house.code("buy", VIEWER, sku=elsewhere, qty=1, sale=sale["id"]) == "not_found"
    assert await house.code("buy", VIEWER, room="other", sku=sku, qty=1) == "not_found"
    for qty in (0, -1, 101, 10**12):
        assert await house.code("buy", VIEWER, sku=sku, qty=qty) == "bad_request"
    assert await left(house) == 5
    assert [OrderRow(**row) for row in await house.rows(select(orders_table))] == []
    assert sale["room"] == ROOM
