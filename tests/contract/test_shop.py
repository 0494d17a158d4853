"""Buying, paying and what goes wrong in between, as buyers and hosts notice it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from rooms.errors import Refused
from rooms.history import read_now
from rooms.shop.payments import Charge, Redirect, Word
from rooms.shop.rules import Outcome
from rooms.shop.shelf import read_stock
from rooms.shop.store import PaymentRow, orders_table, payments_table
from server.payments.sandbox import sandbox_table
from server.store.group import Answer, Work, refused
from tests.contract.house import (
    GUEST,
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    ROOM,
    SENIOR,
    VIEWER,
    House,
    house_at,
    open_house,
)

HOLD_MS = 60_000
CHECK_MS = 10_000


class Shaky:
    """A provider whose line breaks: ``before`` or ``after`` it has charged; ``deaf`` to questions too."""

    name = "sandbox"

    def __init__(self, house: House) -> None:
        self._real = house.providers["sandbox"]
        house.providers["sandbox"] = self
        self.breaks = ""
        self.deaf = False
        self.late: asyncio.Event | None = None
        self._asked = asyncio.Condition()
        self._charges = 0

    async def charge(self, charge: Charge) -> Outcome | Redirect:
        async with self._asked:
            self._charges += 1
            self._asked.notify_all()
        if self.late is not None:
            await self.late.wait()
        if self.breaks == "before":
            raise ConnectionError("unreachable")
        outcome = await self._real.charge(charge)
        if self.breaks == "after":
            raise TimeoutError
        return outcome

    async def was_asked(self, times: int = 1) -> None:
        async with asyncio.timeout(10), self._asked:
            await self._asked.wait_for(lambda: self._charges >= times)

    async def look_up(self, payment: PaymentRow) -> Word | None:
        if self.deaf:
            raise ConnectionError("unreachable")
        return await self._real.look_up(payment)

    async def refund(self, payment: PaymentRow) -> None:
        if self.deaf:
            raise ConnectionError("unreachable")
        await self._real.refund(payment)


async def order_status(house: House, order: str) -> str:
    (row,) = await house.rows(select(orders_table.c.status).where(orders_table.c.id == order))
    status: str = row["status"]
    return status


async def payment_statuses(house: House) -> list[str]:
    rows = await house.rows(select(payments_table.c.status).order_by(payments_table.c.created_at_ms))
    return [r["status"] for r in rows]


async def money(house: House) -> int:
    """What the provider has taken and not given back."""
    query = select(sandbox_table.c.amount_minor).where(
        sandbox_table.c.outcome == "succeeded", sandbox_table.c.refunded == 0
    )
    return sum(r["amount_minor"] for r in await house.rows(query))


async def stock(house: House, sku: str) -> tuple[int, int]:
    row = await house.sku(sku)
    return row.stock, row.held


async def buy(house: House, sku: str, qty: int = 1, caller: Any = VIEWER) -> str:
    order: str = (await house.ok("buy", caller, sku=sku, qty=qty))["order"]["id"]
    return order


# The shelf


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


# Holds


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


# Paying


async def test_paying_twice_charges_once(house: House) -> None:
    _, sku = await house.product()
    order = await buy(house, sku)
    first = await house.ok("order.pay", VIEWER, order=order, key="pay-00001")
    assert await house.ok("order.pay", VIEWER, order=order, key="pay-00001") == first
    error = await house.error("order.pay", VIEWER, order=order, key="pay-00002")
    assert (error["code"], error["details"]) == ("order_not_held", {"status": "paid"})
    changed = {"order": order, "card": "declined", "key": "pay-00001"}
    assert await house.code("order.pay", VIEWER, **changed) == "key_conflict"
    assert await payment_statuses(house) == ["succeeded"]
    assert await money(house) == 4900


async def test_paying_twice_at_once(house: House) -> None:
    _, sku = await house.product()
    one, two = await buy(house, sku), await buy(house, sku)
    same = await asyncio.gather(
        *(house.do("order.pay", VIEWER, order=one, key="same-0001") for _ in range(4))
    )
    assert all(answer["ok"] and answer == same[0] for answer in same)
    apart = await asyncio.gather(
        *(house.do("order.pay", VIEWER, order=two, key=f"apart-00{n}") for n in range(4))
    )
    assert [answer["ok"] for answer in apart] == [True, False, False, False]
    assert {a["error"]["code"] for a in apart[1:]} <= {"payment_pending", "order_not_held"}
    assert await money(house) == 9800
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")].count("paid") == 2


async def test_a_key_of_another_order_moves_no_money(house: House) -> None:
    _, sku = await house.product()
    one, two = await buy(house, sku), await buy(house, sku)
    await house.ok("order.pay", VIEWER, order=one, key="pay-00001")
    assert await house.code("order.pay", VIEWER, order=two, key="pay-00001") == "key_conflict"
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await money(house) == 4900
    assert await order_status(house, two) == "held"
    await house.ok("order.pay", VIEWER, order=two, key="pay-00002")


async def test_a_key_of_another_order_that_was_declined_moves_no_money_either(house: House) -> None:
    _, sku = await house.product()
    one, two = await buy(house, sku), await buy(house, sku)
    declined = {"order": one, "card": "declined", "key": "pay-00001"}
    assert await house.code("order.pay", VIEWER, **declined) == "payment_declined"
    assert await house.code("order.pay", VIEWER, order=two, key="pay-00001") == "key_conflict"
    assert await house.code("order.pay", VIEWER, **declined) == "payment_declined"
    assert await payment_statuses(house) == ["failed"]
    assert await money(house) == 0
    await house.ok("order.cancel", VIEWER, order=two)


async def test_a_declined_card(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    error = await house.error("order.pay", VIEWER, order=order, card="declined")
    assert (error["code"], error["temporary"]) == ("payment_declined", True)
    assert await order_status(house, order) == "held"
    assert await money(house) == 0
    await house.ok("order.pay", VIEWER, order=order)
    assert sorted(await payment_statuses(house)) == ["failed", "succeeded"]
    assert await stock(house, sku) == (0, 0)
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await order_status(house, order) == "paid"
    assert await money(house) == 4900


async def test_cancelling_while_the_payment_is_under_way(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.late = asyncio.Event()
    paying = asyncio.create_task(house.ok("order.pay", VIEWER, order=order))
    await shaky.was_asked()
    for name in ("order.cancel", "order.pay"):
        error = await house.error(name, VIEWER, order=order)
        assert (error["code"], error["temporary"]) == ("payment_pending", True)
    shaky.late.set()
    assert (await paying)["order"]["status"] == "paid"
    assert await house.code("order.cancel", VIEWER, order=order) == "order_not_held"
    assert await stock(house, sku) == (0, 0)


async def test_cancelling_and_paying_at_once(house: House) -> None:
    _, sku = await house.product(stock=10)
    orders = [await buy(house, sku) for _ in range(10)]
    acts = [("order.pay", o) for o in orders] + [("order.cancel", o) for o in orders]
    acts = acts[5:] + acts[:5]
    answers = await asyncio.gather(*(house.do(name, VIEWER, order=order) for name, order in acts))
    won = [act for act, answer in zip(acts, answers, strict=True) if answer["ok"]]
    assert sorted(order for _, order in won) == sorted(orders)  # one of the two each, never both
    paid = sum(name == "order.pay" for name, _ in won)
    assert await money(house) == paid * 4900
    assert await stock(house, sku) == (10 - paid, 0)


async def test_money_that_comes_after_the_hold_goes_back(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.late = asyncio.Event()
    paying = asyncio.create_task(house.error("order.pay", VIEWER, order=order, key="late-0001"))
    await shaky.was_asked()
    house.now_ms += HOLD_MS
    shaky.deaf = True
    with pytest.raises(ConnectionError):
        await house.run_timers()
    assert await order_status(house, order) == "expired"
    sold = await buy(house, sku, caller=OTHER)
    shaky.late.set()
    error = await paying
    assert (error["code"], error["details"]) == ("order_not_held", {"status": "expired", "refund": True})
    assert await money(house) == 4900  # the provider is still away
    shaky.deaf = False
    await house.run_timers()
    assert await money(house) == 0
    assert await payment_statuses(house) == ["refunded"]
    assert await order_status(house, order) == "expired"
    again = await house.error("order.pay", VIEWER, order=order, key="late-0001")
    assert again == error
    assert await house.run_timers() == 0
    await house.ok("order.pay", OTHER, order=sold)
    assert await money(house) == 4900


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_an_unreachable_provider(house: House, breaks: str) -> None:
    """The same key again goes on with the same attempt, whatever became of it."""
    _, sku = await house.product()
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.breaks = breaks
    error = await house.error("order.pay", VIEWER, order=order, key="shaky-001")
    assert (error["code"], error["temporary"]) == ("payment_pending", True)
    assert error["retry_after_ms"] > 0
    assert await house.code("order.pay", VIEWER, order=order) == "payment_pending"
    shaky.breaks = ""
    paid = await house.ok("order.pay", VIEWER, order=order, key="shaky-001")
    assert paid["order"]["status"] == "paid"
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await money(house) == 4900
    assert await payment_statuses(house) == ["succeeded"]


@pytest.mark.parametrize(("breaks", "status"), [("before", "held"), ("after", "paid")])
async def test_a_payment_that_nobody_asks_about_again(house: House, breaks: str, status: str) -> None:
    _, sku = await house.product()
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.breaks = breaks
    assert await house.code("order.pay", VIEWER, order=order) == "payment_pending"
    house.now_ms += CHECK_MS
    shaky.deaf = True
    with pytest.raises(ConnectionError):
        await house.run_timers()
    assert await payment_statuses(house) == ["started"]
    shaky.deaf = False
    assert await house.run_timers() == 1
    assert await order_status(house, order) == status
    assert house.told(VIEWER, "order")[-1]["data"]["order"]["status"] == status
    assert await money(house) == (4900 if status == "paid" else 0)
    if status == "held":
        await house.ok("order.cancel", VIEWER, order=order)
    assert await house.run_timers() == 0


async def test_a_charge_that_arrives_after_it_was_given_up(house: House) -> None:
    """The provider had not heard of it when asked: the order is free again, and then the money comes."""
    _, sku = await house.product()
    one, two, three = [await buy(house, sku) for _ in range(3)]
    shaky = Shaky(house)
    shaky.late = asyncio.Event()
    late = [asyncio.create_task(house.do("order.pay", VIEWER, order=o)) for o in (one, two, three)]
    await shaky.was_asked(3)
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await payment_statuses(house) == ["failed"] * 3
    await house.ok("order.cancel", VIEWER, order=two)
    gate, shaky.late = shaky.late, None
    await house.ok("order.pay", VIEWER, order=three)  # another attempt, which succeeds
    gate.set()
    first, second, third = await asyncio.gather(*late)
    assert first["order"]["status"] == "paid"
    assert second["error"]["details"] == {"status": "cancelled", "refund": True}
    assert third["error"]["details"] == {"status": "paid", "refund": True}
    await house.run_timers()
    assert await money(house) == 2 * 4900  # of the first and the third, once each
    assert await stock(house, sku) == (3, 0)


async def test_a_crash_between_charge_and_settling(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        _, sku = await house.product(stock=2)
        order, lost = await buy(house, sku), await buy(house, sku)
        shaky = Shaky(house)
        shaky.breaks = "after"
        await house.do("order.pay", VIEWER, order=order, key="crash-001")
        shaky.breaks = "before"
        await house.do("order.pay", VIEWER, order=lost, key="crash-002")
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + CHECK_MS) as house:
        assert await house.run_timers() == 2
        assert await order_status(house, order) == "paid"
        assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["paid"]
        again = await house.ok("order.pay", VIEWER, order=order, key="crash-001")
        assert again["order"]["status"] == "paid"
        # The attempt that never reached the provider is made now.
        await house.ok("order.pay", VIEWER, order=lost, key="crash-002")
        assert await money(house) == 2 * 4900
        assert await stock(house, sku) == (0, 0)


async def test_a_database_that_is_away_while_a_payment_is_checked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer must stay until its word is written down."""
    _, sku = await house.product()
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.breaks = "after"
    await house.do("order.pay", VIEWER, order=order)
    house.now_ms += CHECK_MS
    real = house.store.write

    async def away(work: Work) -> Answer:
        if work.name == "payment.settle":
            return refused(Refused("temporarily_unavailable"))
        return await real(work)

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "write", away)
        with pytest.raises(ConnectionError):
            await house.run_timers()
    assert await order_status(house, order) == "held"
    await house.run_timers()
    assert await order_status(house, order) == "paid"
    assert await house.run_timers() == 0
