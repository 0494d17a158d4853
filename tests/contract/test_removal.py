"""Products and SKUs deleted for good: never what somebody still counts on, and never an order's history."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from moderation.audit import read_audit, trail_of_seller
from rooms.history import read_now
from rooms.ports import Caller
from rooms.shop.removal import Removal
from rooms.shop.shelf import read_shelf
from rooms.shop.store import payments_table, read_order, read_orders, read_products, skus_table
from server.store.group import Answer, Work
from server.webhooks.events import of_room
from tests.contract.house import HOST, OPERATOR, OTHER, ROOM, VIEWER, House, keys, open_house

SILK = "silk"
TWO = [{"name": "Red", "price_minor": 4900, "stock": 5}, {"name": "Green", "price_minor": 5900, "stock": 3}]
SALE = {"price_minor": 1, "quantity": 2, "per_buyer": 2, "duration_s": 60}
STRANGER = Caller("u-silk", "Silk", may_host=True)


def removal(house: House) -> Removal:
    return house.services.catalogue.removal


async def two(house: House) -> tuple[str, str, str]:
    """A product with two SKUs on the shelf: its id and theirs."""
    product = (await house.ok("product.add", HOST, title="Shirt", currency="CNY", skus=TWO))["product"]
    red, green = (sku["id"] for sku in product["skus"])
    return product["id"], red, green


async def over_http(house: House, product: str, caller: Caller, sku: str | None = None) -> Answer:
    steps = removal(house)
    return await house.store.write(
        Work(
            "delete",
            lambda tx: (
                steps.product(tx, product, caller) if sku is None else steps.sku(tx, product, sku, caller)
            ),
        )
    )


async def reason(house: House, name: str, **payload: Any) -> str:
    error = await house.error(name, HOST, **payload)
    assert (error["code"], error["temporary"]) == ("in_use", True)
    why: str = error["details"]["reason"]
    return why


async def audit(house: House, trail: str) -> list[str]:
    lines = await house.store.read(lambda conn: read_audit(conn, trail))
    return [line["action"] for line in lines]


async def test_a_deleted_product_leaves_every_shelf_by_its_log(house: House) -> None:
    await house.create(SILK)
    product, sku = await house.product()
    await house.ok("shelf.add", HOST, room=SILK, product=product)
    await house.ok("pin", HOST, product=product)
    await house.ok("explain.start", HOST, room=SILK, product=product)
    await house.ok("product.delete", HOST, product=product)
    for room in (ROOM, SILK):
        now = await house.store.read(lambda conn, r=room: read_now(conn, r))  # type: ignore[misc]
        assert now is not None
        assert (now.state.products, now.state.pins, now.state.explaining) == ((), (), None)
        assert await house.store.read(lambda conn, r=room: read_shelf(conn, r)) == []  # type: ignore[misc]
        event = (await house.log(room))[-1]
        assert (event.kind, event.data) == ("product.removed", {"id": product, "deleted": True})
        assert [message.type for message in of_room(event)] == ["product.removed"]
        assert (await audit(house, room))[0] == "product.delete"
    assert (await audit(house, trail_of_seller(HOST.id or "")))[0] == "product.delete"
    assert await house.store.read(lambda conn: read_products(conn, [product])) == {}
    assert await house.rows(select(skus_table).where(skus_table.c.id == sku)) == []
    assert await house.code("buy", VIEWER, sku=sku, qty=1) == "not_found"
    assert await house.code("shelf.add", HOST, product=product) == "not_found"


async def test_a_deleted_sku_is_missing_from_the_card_only(house: House) -> None:
    product, red, green = await two(house)
    await house.ok("sku.delete", HOST, product=product, sku=red)
    card = (await house.log())[-1].data["product"]
    assert [sku["id"] for sku in card["skus"]] == [green]
    assert await house.code("buy", VIEWER, sku=red, qty=1) == "not_found"
    await house.ok("buy", VIEWER, sku=green, qty=1)
    assert await house.code("sku.delete", HOST, product=product, sku=red) == "not_found"
    assert await house.code("sku.delete", HOST, product=product, sku=green) == "bad_request"
    assert (await audit(house, ROOM))[0] == "sku.delete"


async def test_it_happens_once(house: House) -> None:
    product, red, _ = await two(house)
    deeds = {"sku.delete": {"product": product, "sku": red}, "product.delete": {"product": product}}
    for name, what in deeds.items():
        key = next(keys)
        assert await house.do(name, HOST, key=key, **what) == {"ok": True}
        head = len(await house.log())
        assert await house.do(name, HOST, key=key, **what) == {"ok": True}
        assert await house.code(name, HOST, **what) == "not_found"
        assert len(await house.log()) == head


async def test_what_unpaid_orders_hold_stays(house: House) -> None:
    product, red, green = await two(house)
    order = (await house.ok("buy", VIEWER, sku=red, qty=1))["order"]["id"]
    assert await reason(house, "sku.delete", product=product, sku=red) == "held"
    key = next(keys)
    assert await reason(house, "product.delete", product=product, key=key) == "held"
    await house.ok("sku.delete", HOST, product=product, sku=green)
    await house.ok("order.cancel", VIEWER, order=order)
    await house.ok("product.delete", HOST, product=product, key=key)  # it was refused for the time being


async def test_sales_and_drops_keep_what_they_are_of(house: House) -> None:
    product, red, green = await two(house)
    sale = (await house.ok("sale.start", HOST, sku=red, countdown_s=10, **SALE))["sale"]["id"]
    assert await reason(house, "sku.delete", product=product, sku=red) == "sale"
    house.now_ms += 10_000
    await house.run_timers()
    assert await reason(house, "product.delete", product=product) == "sale"
    await house.ok("sku.delete", HOST, product=product, sku=green)
    house.now_ms += 60_000  # over, and its timer hasn't come around
    terms = {"title": "C", "kind": "voucher", "value": 0, "currency": "CNY", "quota": 9, "valid_s": 60}
    coupon = (await house.ok("coupon.create", HOST, product=product, **terms))["coupon"]["id"]
    await house.ok("coupon.drop", HOST, coupon=coupon, seconds=10)
    assert await reason(house, "product.delete", product=product) == "drop"
    house.now_ms += 10_000
    await house.ok("product.delete", HOST, product=product)
    ended = [event.data for event in await house.log() if event.kind == "sale.ended"]
    assert ended == [{"id": sale, "reason": "time"}]
    await house.run_timers()
    assert await house.code("coupon.drop", HOST, coupon=coupon, seconds=10) == "not_found"


async def test_orders_are_read_and_refunded_afterwards(house: House) -> None:
    product, sku = await house.product(stock=3)
    paid = (await house.ok("buy", VIEWER, sku=sku, qty=2))["order"]["id"]
    await house.ok("order.pay", VIEWER, order=paid)
    before = await house.store.read(lambda conn: read_order(conn, paid))
    await house.ok("product.delete", HOST, product=product)
    assert await house.store.read(lambda conn: read_order(conn, paid)) == before
    assert before is not None
    assert (before.title, before.sku) == ("Tea", sku)
    await house.ok("order.refund", HOST, order=paid, reason="gone", restock=True)
    (order,) = await house.store.read(lambda conn: read_orders(conn, ROOM))
    assert [step["status"] for step in order.history] == ["held", "paid", "refunded"]
    await house.run_timers()
    assert await house.rows(select(skus_table)) == []


async def test_money_for_what_was_deleted_goes_back(house: House) -> None:
    product, sku = await house.product(stock=1)
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
    await house.do("order.pay", VIEWER, order=order["id"], card="after_hold")
    house.now_ms = order["hold_until_ms"]
    await house.run_timers()
    answer = await over_http(house, product, HOST)
    assert answer.ok, answer.body
    for _ in range(5):
        house.now_ms += 120_000
        await house.run_timers()
    kept = await house.store.read(lambda conn: read_order(conn, order["id"]))
    assert kept is not None
    assert kept.status == "expired"
    (payment,) = await house.rows(select(payments_table))
    assert (payment["order_id"], payment["status"]) == (order["id"], "refunded")


async def test_only_its_seller_deletes_it(house: House) -> None:
    product, red, _ = await two(house)
    await house.sign_in(STRANGER)
    await house.create(SILK, STRANGER)
    head = len(await house.log())
    for caller in (STRANGER, VIEWER):
        assert (await over_http(house, product, caller)).code == "not_found"
        assert (await over_http(house, product, caller, red)).code == "not_found"
    assert await house.code("product.delete", STRANGER, room=SILK, product=product) == "not_found"
    assert await house.code("product.delete", STRANGER, product=product) == "forbidden"
    assert len(await house.log()) == head
    assert (await over_http(house, product, OPERATOR, red)).ok
    await house.ok("product.remove", HOST, product=product)
    assert (await over_http(house, product, HOST)).ok  # on no shelf
    assert (await over_http(house, product, HOST)).code == "not_found"


async def test_nobody_buys_what_another_node_deletes(shared_url: str) -> None:
    """Either the hold is there first, or the product is gone."""
    async with open_house(shared_url) as one, open_house(shared_url, node="other") as other:
        await one.sign_in(HOST, VIEWER, OTHER)
        await one.create()
        for _ in range(8):
            product, sku = await one.product(stock=2)
            bought, deleted = await asyncio.gather(
                other.do("buy", VIEWER, sku=sku, qty=1), one.do("product.delete", HOST, product=product)
            )
            assert bought["ok"] != deleted["ok"], (bought, deleted)
            there = await one.rows(select(skus_table).where(skus_table.c.id == sku))
            assert [row["held"] for row in there] == ([1] if bought["ok"] else [])


acts = st.lists(
    st.tuples(st.sampled_from(("buy", "pay", "cancel", "sale", "end", "sku", "product")), st.integers(0, 2)),
    min_size=4,
    max_size=12,
)


class Plan:
    """A product with two SKUs, and what was done about it."""

    def __init__(self, house: House, product: str, skus: list[str]) -> None:
        self.house = house
        self.product = product
        self.skus = skus
        self.held: list[str] = []
        self.sales: dict[str, str] = {}

    async def buy_while_deleting(self, sku: str, *, whole: bool) -> None:
        """In one group, and in any order."""
        do, product = self.house.do, self.product
        mine = do("buy", VIEWER, sku=sku, qty=1)
        other = do("product.delete", HOST, product=product) if whole else do("buy", OTHER, sku=sku, qty=1)
        answers = await asyncio.gather(mine, do("sku.delete", HOST, product=product, sku=sku), other)
        answer = answers[0]
        self.held += [answer["order"]["id"]] if answer["ok"] else []

    async def do(self, act: str, n: int) -> None:
        do, sku = self.house.do, self.skus[n % 2]
        if act == "buy":
            await self.buy_while_deleting(sku, whole=n == 2)
        elif act in ("pay", "cancel"):
            await do(f"order.{act}", VIEWER, order=self.held.pop() if self.held else "none")
        elif act == "sale":
            answer = await do("sale.start", HOST, sku=sku, **SALE)
            self.sales |= {sku: answer["sale"]["id"]} if answer["ok"] else {}
        elif act == "end":
            await do("sale.end", HOST, sale=self.sales.pop(sku, "none"))
        else:
            await do(f"{act}.delete", HOST, product=self.product, **({"sku": sku} if act == "sku" else {}))

    async def check(self) -> None:
        """Each hold has its SKU, each sale too, and the room shows what there is."""
        house = self.house
        there = {row["id"]: row for row in await house.rows(select(skus_table))}
        for order_id in self.held:
            order = await house.store.read(lambda conn, o=order_id: read_order(conn, o))  # type: ignore[misc]
            assert order is not None
            assert there[order.sku]["held"] > 0
        now = await house.store.read(lambda conn: read_now(conn, ROOM))
        assert now is not None
        assert {sku["id"] for card in now.state.products for sku in card["skus"]} == set(there)
        assert all(sale["sku"] in there for sale in now.state.sales)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts)
async def test_nothing_that_is_held_is_ever_deleted(house: House, acts: list[tuple[str, int]]) -> None:
    product, *skus = await two(house)
    plan = Plan(house, product, skus)
    for act, n in acts:
        await plan.do(act, n)
        await plan.check()
    for order_id in plan.held:
        await house.ok("order.cancel", VIEWER, order=order_id)
