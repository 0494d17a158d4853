"""Paying at the shop's own checkout, against a shop written from the protocol's page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from rooms.errors import Refused
from rooms.rows import Steps
from rooms.shop.payments import give_back
from rooms.shop.store import ORDERS, PAYMENTS, orders_table, payments_table
from rooms.unit import Unit
from server.config.sections import Outbound as OutboundSettings
from server.outbound import Outbound
from server.payments.external import ExternalCheckout, Shop
from server.store.group import Work
from tests.contract.house import OTHER, VIEWER, House, house_at
from tests.support.shop_server import SECRET, ShopServer, running_shop

HOLD_MS = 60_000
OUTBOUND = OutboundSettings(allow_private=(ip_network("127.0.0.0/8"),))


@dataclass
class Till:
    """A house whose money the shop takes."""

    house: House
    shop: ShopServer
    sku: str = ""

    async def order(self, stock: int = 1) -> str:
        _, self.sku = await self.house.product(stock=stock)
        order: str = (await self.house.ok("buy", VIEWER, sku=self.sku, qty=1))["order"]["id"]
        return order

    async def page(self, order: str) -> str:
        answer = await self.house.ok("order.pay", VIEWER, order=order, method="external")
        url: str = answer["redirect"]["url"]
        return url

    async def tell(self, message: dict[str, Any]) -> dict[str, Any]:
        body = orjson.dumps(message)
        return await self.house.cashier.receive("external", self.shop.signed(body), body)

    async def refused(self, message: Any, headers: dict[str, str] | None = None, **how: Any) -> str:
        body = message if isinstance(message, bytes) else orjson.dumps(message)
        with pytest.raises(Refused) as error:
            await self.house.cashier.receive(
                "external", self.shop.signed(body, **how) if headers is None else headers, body
            )
        return error.value.code

    async def statuses(self, order: str) -> tuple[str, list[str]]:
        (row,) = await self.house.rows(select(orders_table.c.status).where(orders_table.c.id == order))
        query = select(payments_table.c.status).where(payments_table.c.order_id == order)
        rows = await self.house.rows(query.order_by(payments_table.c.created_at_ms))
        return row["status"], [each["status"] for each in rows]


@pytest.fixture
async def till(migrated_url: str) -> AsyncIterator[Till]:
    async with house_at(migrated_url) as house, running_shop(lambda: house.now_ms) as shop:
        addresses = Shop(f"{shop.url}/checkout?from=live", f"{shop.url}/refund", SECRET)
        outbound = Outbound(OUTBOUND)
        house.providers["external"] = ExternalCheckout(addresses, outbound, lambda: house.now_ms)
        yield Till(house, shop)


def ask_for_status(till: Till) -> None:
    url = till.shop.url
    shop = Shop(f"{url}/checkout", f"{url}/refund", SECRET, status_url=f"{url}/status")
    clock = lambda: till.house.now_ms  # noqa: E731
    till.house.providers["external"] = ExternalCheckout(shop, Outbound(OUTBOUND), clock)


async def test_the_way_to_the_shop_and_back(till: Till) -> None:
    house, order = till.house, await till.order()
    url = await till.page(order)
    claims = till.shop.order(url)
    ends_ms = house.now_ms + HOLD_MS - 2000
    assert claims == {
        "iss": "danmart",
        "jti": claims["payment"],
        "iat": house.now_ms // 1000,
        "exp": ends_ms // 1000,
        "payment": claims["payment"],
        "order": order,
        "room": "tea",
        "title": "Tea",
        "qty": 1,
        "amount_minor": 4900,
        "currency": "CNY",
        "lines": claims["lines"],
        "buyer": {"id": VIEWER.id, "name": VIEWER.name},
        "expires_at_ms": ends_ms,
        "return_url": f"https://live.example/r/tea?order={order}",
    }
    assert [(line["kind"], line["amount_minor"]) for line in claims["lines"]] == [("item", 4900)]
    assert url.startswith(f"{till.shop.url}/checkout?from=live&order=")
    assert await till.page(order) == url
    message = till.shop.take(url)
    assert await till.tell(message) == {"payment": claims["payment"], "status": "succeeded"}
    assert await till.statuses(order) == ("paid", ["succeeded"])
    # Replayed, and contradicted: nothing changes.
    await till.tell(message)
    await till.tell(till.shop.report("payment.failed", claims))
    assert await till.statuses(order) == ("paid", ["succeeded"])
    (row,) = await house.rows(select(payments_table))
    assert row["reference"] == "A-1"
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["held", "paid"]


async def test_callbacks_that_prove_nothing(till: Till) -> None:
    order = await till.order()
    claims = till.shop.order(await till.page(order))
    message = till.shop.report("payment.succeeded", claims)
    body = orjson.dumps(message)
    good = till.shop.signed(body)
    for without in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert await till.refused(body, {k: v for k, v in good.items() if k != without}) == "bad_signature"
    for name, value in (
        ("webhook-id", "msg-2"),
        ("webhook-timestamp", str(int(good["webhook-timestamp"]) + 1)),
        ("webhook-timestamp", "-5"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-signature", "v1,"),
        ("webhook-signature", good["webhook-signature"].replace("v1,", "v2,")),
        ("webhook-signature", " ".join(["v1,x"] * 11)),
    ):
        assert await till.refused(body, {**good, name: value}) == "bad_signature"
    assert await till.refused(body, secret="a secret of somebody else's, long enough") == "bad_signature"
    assert await till.refused(body, age_s=301) == "bad_signature"
    assert await till.refused(body, age_s=-301) == "bad_signature"
    assert await till.refused(body.replace(b"4900", b"0001"), good) == "bad_signature"
    assert await till.statuses(order) == ("held", ["started"])


async def test_callbacks_about_something_else(till: Till) -> None:
    order = await till.order()
    claims = till.shop.order(await till.page(order))
    right = till.shop.report("payment.succeeded", claims)
    for wrong in ({"amount_minor": 4899}, {"amount_minor": 4901}, {"currency": "USD"}, {"currency": "JPY"}):
        assert await till.refused({**right, **wrong}) == "payment_mismatch"
    assert await till.refused({**right, "payment": "not-there"}) == "not_found"
    for bad in (
        {"amount_minor": -1},
        {"amount_minor": "4900"},
        {"amount_minor": 49.0},
        {"currency": "cny"},
        {"type": "payment.refund"},  # what Danmart itself would send
        {"payment": None},
    ):
        assert await till.refused({**right, **bad}) == "bad_request"
    for text in (b"", b"[]", b"nothing", b"\xff"):
        assert await till.refused(text) == "bad_request"
    assert await till.statuses(order) == ("held", ["started"])
    other = await till.order()
    await till.house.ok("order.pay", VIEWER, order=other)  # by the sandbox
    (row,) = await till.house.rows(select(payments_table).where(payments_table.c.order_id == other))
    assert await till.refused({**right, "type": "payment.refunded", "payment": row["id"]}) == "not_found"
    assert (await till.statuses(other))[0] == "paid"


async def test_a_provider_that_is_off_or_reports_nothing(till: Till) -> None:
    for name in ("stripe", "sandbox", "nobody"):
        with pytest.raises(Refused, match="not_found"):
            await till.house.cashier.receive(name, {}, b"{}")


async def test_the_shop_says_no(till: Till) -> None:
    house, order = till.house, await till.order()
    claims = till.shop.order(await till.page(order))
    assert (await till.tell(till.shop.report("payment.failed", claims)))["status"] == "failed"
    assert await till.statuses(order) == ("held", ["failed"])
    house.now_ms += 1
    url = await till.page(order)  # a new attempt, with a page of its own
    assert till.shop.order(url)["payment"] != claims["payment"]
    await till.tell(till.shop.take(url))
    assert await till.statuses(order) == ("paid", ["failed", "succeeded"])


@pytest.mark.parametrize("sold_on", [False, True])
async def test_a_callback_after_the_hold(till: Till, sold_on: bool) -> None:
    house, order = till.house, await till.order()
    url = await till.page(order)
    message = till.shop.take(url)
    house.now_ms += HOLD_MS
    await house.run_timers()
    assert await till.statuses(order) == ("expired", ["failed"])
    if sold_on:
        await house.ok("buy", OTHER, sku=till.sku, qty=1)
    told = await till.tell(message)
    if not sold_on:
        assert told["status"] == "succeeded"
        assert await till.statuses(order) == ("paid", ["succeeded"])
        return
    assert told["status"] == "refund_due"
    till.shop.down = True
    for wait_ms in (0, 5_000, 5_000, 10_000, 20_000):  # the distances grow as the refund ages
        house.now_ms += wait_ms
        assert await house.run_timers() == 1
        assert await house.run_timers() == 0
    till.shop.down = False
    house.now_ms += 40_000
    await house.run_timers()
    assert await till.statuses(order) == ("expired", ["refunded"])
    assert till.shop.money == 0
    asked = [message for message in till.shop.asked if message["type"] == "payment.refund"]
    assert len(asked) == 6
    assert all(message == asked[0] for message in asked)
    assert asked[0]["reference"] == "A-1"
    await till.tell(message)
    assert await till.statuses(order) == ("expired", ["refunded"])


async def test_a_lost_callback(till: Till) -> None:
    """With an address to ask at, a payment is found without one."""
    ask_for_status(till)
    house, order = till.house, await till.order()
    url = await till.page(order)
    house.now_ms += HOLD_MS // 2
    await house.run_timers()
    till.shop.take(url)
    house.now_ms += HOLD_MS // 2 - 2_000
    await house.run_timers()
    assert await till.statuses(order) == ("paid", ["succeeded"])
    assert {message["type"] for message in till.shop.asked} == {"payment.status"}


async def test_nobody_pays(till: Till) -> None:
    ask_for_status(till)
    house, order = till.house, await till.order()
    await till.page(order)
    house.now_ms += HOLD_MS
    await house.run_timers()
    assert await till.statuses(order) == ("expired", ["failed"])
    assert await house.run_timers() == 0


async def test_refunds_both_ways(till: Till) -> None:
    """By the host here, and by the shop there."""
    house = till.house
    here, there = await till.order(), await till.order()
    for order in (here, there):
        await till.tell(till.shop.take(await till.page(order)))

    def refund(tx: Unit) -> Steps[Any]:
        yield ORDERS.rows(here)
        row = tx.get(ORDERS, here)
        assert row is not None
        yield PAYMENTS.rows(row.payment_id)
        return {"due": give_back(tx, row)}

    await house.store.write(Work("refund", refund))
    await house.run_timers()
    assert (await till.statuses(here))[1] == ["refunded"]
    assert till.shop.money == 4900
    (row,) = await house.rows(select(payments_table).where(payments_table.c.order_id == there))
    claims = {"payment": row["id"], "amount_minor": 4900, "currency": "CNY"}
    await till.tell(till.shop.report("payment.refunded", claims))
    assert await till.statuses(there) == ("refunded", ["refunded"])


async def test_the_shop_is_inside_the_network_by_permission_only(till: Till) -> None:
    """Refunds go through the protected client: without permission they wait, and nothing is sent."""
    house, order = till.house, await till.order()
    shop = Shop(f"{till.shop.url}/checkout", f"{till.shop.url}/refund", SECRET)
    house.providers["external"] = ExternalCheckout(shop, Outbound(OutboundSettings()), lambda: house.now_ms)
    url = await till.page(order)
    await house.ok("order.cancel", VIEWER, order=order)
    await till.tell(till.shop.take(url))
    await house.run_timers()
    assert await till.statuses(order) == ("cancelled", ["refund_due"])
    assert till.shop.asked == []
