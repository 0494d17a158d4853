"""The shelf: what is on it, for how much, and how many of it are pinned."""

from __future__ import annotations

import asyncio
from typing import Any

from rooms.history import read_now
from rooms.shop.shelf import read_stock
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, SENIOR, VIEWER, House, house_at
from tests.contract.shop import buy, stock


async def test_the_shelf(house: House) -> None:
    product, sku = await house.product(stock=3)
    for caller in (VIEWER, MODERATOR, SENIOR):
        for name in ("product.remove", "pin", "unpin"):
            assert await house.code(name, caller, product=product) == "forbidden"
        assert await house.code("product.change", caller, product=product, stock_delta=1) == "forbidden"
    changed = await house.ok("product.change", OPERATOR, product=product, title=" Green\ntea ", price_minor=1)
    assert changed["product"]["title"] == "Green tea"
    assert changed["product"]["skus"][0]["price_minor"] == 1
    head = len(await house.log())
    await house.ok("product.change", HOST, product=product, stock_delta=2)
    assert len(await house.log()) == head  # stock is a signal, not an event
    assert house.stock[sku] == 5
    error = await house.error("product.change", HOST, product=product, stock_delta=-6)
    assert (error["code"], error["details"]) == ("not_enough_stock", {"left": 5})
    assert await house.code("product.change", HOST, product=product) == "bad_request"
    for bad in ({"price_minor": -1}, {"currency": "yuan"}, {"stock": -1}, {"picture": "https://x/y.png"}):
        payload: dict[str, Any] = {"title": "T", "price_minor": 1, "currency": "CNY", "stock": 1, **bad}
        assert await house.code("product.add", HOST, **payload) == "bad_request"


async def test_a_product_of_another_room_is_not_there(house: House) -> None:
    await house.create("silk")
    product, sku = await house.product()
    for name in ("product.remove", "pin", "unpin"):
        assert await house.code(name, HOST, room="silk", product=product) == "not_found"
    assert await house.code("product.change", HOST, room="silk", product=product, title="x") == "not_found"
    assert await house.code("buy", VIEWER, room="silk", sku=sku, qty=1) == "not_found"
    assert await house.code("buy", VIEWER, sku="no-such-sku", qty=1) == "not_found"
    order = await buy(house, sku)
    for name in ("order.pay", "order.cancel"):
        assert await house.code(name, VIEWER, room="silk", order=order) == "not_found"
    assert await stock(house, sku) == (4, 1)


async def test_at_most_three_are_pinned(house: House) -> None:
    products = [(await house.product())[0] for _ in range(4)]
    for product in products:
        await house.ok("pin", HOST, product=product)
    await house.ok("pin", HOST, product=products[2])
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    assert now.state.pins == (products[2], products[3], products[1])
    await house.ok("unpin", HOST, product=products[3])
    await house.ok("product.remove", HOST, product=products[1])
    assert await house.code("pin", HOST, product=products[1]) == "not_found"
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    assert now.state.pins == (products[2],)
    assert [p["id"] for p in now.state.products] == [products[0], products[2], products[3]]
    assert [p["position"] for p in now.state.products] == [1, 3, 4]


async def test_removing_a_product_keeps_its_orders(house: House) -> None:
    product, sku = await house.product(stock=3)
    held, other = await buy(house, sku), await buy(house, sku, caller=OTHER)
    await house.ok("product.remove", HOST, product=product)
    assert await house.code("buy", VIEWER, sku=sku, qty=1) == "not_found"
    assert await house.code("product.remove", HOST, product=product) == "not_found"
    paid = await house.ok("order.pay", VIEWER, order=held)
    assert paid["order"]["status"] == "paid"
    await house.ok("order.cancel", OTHER, order=other)
    assert await stock(house, sku) == (2, 0)
    assert sku not in await house.store.read(lambda conn: read_stock(conn, ROOM))


async def test_the_shelf_is_finite(migrated_url: str) -> None:
    async with house_at(migrated_url, products_max=5) as house:
        await _fill_the_shelf(house)


async def _fill_the_shelf(house: House) -> None:
    product, _ = await house.product()
    new = {"title": "T", "price_minor": 1, "currency": "CNY", "stock": 1}
    answers = await asyncio.gather(*(house.do("product.add", HOST, **new) for _ in range(8)))
    assert [a["ok"] for a in answers] == [True] * 4 + [False] * 4
    assert answers[-1]["error"]["code"] == "too_many"
    assert answers[-1]["error"]["details"] == {"limit": 5}
    positions = [e.data["product"]["position"] for e in await house.log() if e.kind == "product.added"]
    assert positions == [1, 2, 3, 4, 5]
    await house.ok("product.remove", HOST, product=product)
    await house.product()
