"""Whatever buyers do at the same time, nothing is sold twice and no money goes astray."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rooms.ports import Caller
from rooms.shop.payments import Charge, PaymentProvider, Redirect
from rooms.shop.rules import Outcome
from rooms.shop.sale_store import past_sales_table, sale_buyers_table, sales_table
from rooms.shop.store import OrderRow, PaymentRow, orders_table, payments_table
from server.payments.sandbox import sandbox_table
from server.store.group import Work
from tests.contract.house import HOST, House

BUYERS = [Caller(f"u-buyer{n}", f"Buyer {n}") for n in range(4)]
LEGAL = {
    ("held",),
    ("held", "paid"),
    ("held", "paid", "refunded"),
    ("held", "cancelled"),
    ("held", "expired"),
    ("held", "expired", "paid"),
    ("held", "expired", "paid", "refunded"),
}
LIST_PRICE, SALE_PRICE = 4900, 990

buyers = st.sampled_from(BUYERS)
acts = st.one_of(
    st.tuples(st.just("buy"), buyers, st.integers(1, 4)),
    st.tuples(st.just("buy"), buyers, st.integers(1, 4)),
    st.tuples(
        st.just("pay"), st.integers(0, 20), st.sampled_from(["ok", "ok", "declined", "twice", "after_hold"])
    ),
    st.tuples(st.just("pay"), st.integers(0, 20), st.sampled_from(["before", "after"])),
    # What a provider says by itself: the truth, late or again, or that it failed before it knew better.
    st.tuples(st.just("word"), st.integers(0, 20), st.sampled_from(["truth", "truth", "failed"])),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("restock"), st.integers(-4, 6)),
    st.tuples(st.just("refund"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("start_sale"), st.integers(1, 6), st.integers(1, 4), st.sampled_from([0, 0, 10])),
    st.tuples(st.just("end_sale")),
    st.tuples(st.just("buy_named"), buyers, st.integers(1, 3)),
    st.tuples(st.just("timers")),
)
groups = st.tuples(
    st.sampled_from([0, 1, 9_999, 30_000, 59_999, 60_000]), st.lists(acts, min_size=5, max_size=12)
)
# A long sale, from its start on: what it has left, holds and has sold is counted after every step.
sale_acts = st.one_of(
    st.tuples(st.just("buy"), buyers, st.integers(1, 2)),
    st.tuples(st.just("buy_named"), buyers, st.integers(1, 2)),
    st.tuples(st.just("pay"), st.integers(0, 20), st.just("ok")),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("refund"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("timers")),
)
sale_groups = st.tuples(st.sampled_from([0, 0, 1, 30_000, 60_000]), st.lists(sale_acts, max_size=6))


class Line:
    """A provider behind a line that breaks for some payments, told by the amount of luck in the card."""

    name = "sandbox"

    def __init__(self, real: PaymentProvider) -> None:
        self._real = real
        self.breaks: dict[str, str] = {}
        self.look_up = real.look_up
        self.refund = real.refund

    async def charge(self, charge: Charge) -> Outcome | Redirect:
        breaks = self.breaks.get(asyncio.current_task().get_name(), "")  # type: ignore[union-attr]
        if breaks == "before":
            raise ConnectionError("unreachable")
        outcome = await self._real.charge(charge)
        if breaks == "after":
            raise TimeoutError
        return outcome


@dataclass
class Shop:
    """One product, what was put in of it, every order that was made, and every sale."""

    house: House
    line: Line
    product: str
    sku: str
    put_in: int
    gone: int = 0
    orders: list[tuple[Caller, str]] = field(default_factory=list)
    sales: list[dict[str, Any]] = field(default_factory=list)
    restocked: set[str] = field(default_factory=set)
    rash: set[tuple[str, str]] = field(default_factory=set)
    """Attempts that a word called failed, and their orders: the truth about them is still to come."""

    async def act(self, name: str, *arguments: Any) -> None:
        await getattr(self, f"_{name}")(*arguments)

    async def _buy(self, buyer: Caller, qty: int) -> None:
        answer = await self.house.do("buy", buyer, sku=self.sku, qty=qty)
        if answer["ok"]:
            self.orders.append((buyer, answer["order"]["id"]))
        else:
            refusals = ("sold_out", "stock_held", "not_enough_stock", "buyer_limit")
            assert answer["error"]["code"] in refusals

    async def _buy_named(self, buyer: Caller, qty: int) -> None:
        """Who insists on a sale gets its price or nothing."""
        if not self.sales:
            return
        sale = self.sales[-1]["id"]
        answer = await self.house.do("buy", buyer, sku=self.sku, qty=qty, sale=sale)
        if answer["ok"]:
            assert (answer["order"]["sale"], answer["order"]["unit_price_minor"]) == (sale, SALE_PRICE)
            self.orders.append((buyer, answer["order"]["id"]))
        else:
            refusals = (
                "sold_out",
                "stock_held",
                "not_enough_stock",
                "buyer_limit",
                "not_started",
                "sale_ended",
            )
            assert answer["error"]["code"] in refusals

    async def _start_sale(
        self, quantity: int, per_buyer: int, countdown_s: int, duration_s: int = 90
    ) -> None:
        plan = {"price_minor": SALE_PRICE, "quantity": quantity, "per_buyer": per_buyer}
        plan["duration_s"] = duration_s
        start = {"countdown_s": countdown_s} if countdown_s else {}
        answer = await self.house.do("sale.start", HOST, sku=self.sku, **plan, **start)
        if answer["ok"]:
            self.sales.append(answer["sale"])
        else:
            assert answer["error"]["code"] in ("sale_exists", "not_enough_stock")

    async def _end_sale(self) -> None:
        if self.sales:
            answer = await self.house.do("sale.end", HOST, sale=self.sales[-1]["id"])
            assert answer["ok"] or answer["error"]["code"] == "sale_ended"

    async def _refund(self, number: int, restock: bool) -> None:
        if not self.orders:
            return
        buyer, order = self.orders[number % len(self.orders)]
        assert await self.house.code("order.refund", buyer, order=order, reason="mine") == "forbidden"
        wish = {"order": order, "reason": "broken", "restock": restock}
        answer = await self.house.do("order.refund", HOST, **wish)
        if not answer["ok"]:
            assert answer["error"]["code"] == "order_not_paid"
        elif restock:
            self.restocked.add(order)
        else:
            self.gone += answer["order"]["qty"]

    async def _pay(self, number: int, how: str) -> None:
        if not self.orders:
            return
        buyer, order = self.orders[number % len(self.orders)]
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self.line.breaks[task.get_name()] = how
        card = how if how in ("declined", "twice", "after_hold") else "ok"
        answer = await self.house.do("order.pay", buyer, order=order, card=card)
        if not answer["ok"]:
            code = answer["error"]["code"]
            assert code in ("payment_declined", "payment_pending", "order_not_held")
            assert (code == "payment_declined") <= (how == "declined")

    async def _word(self, number: int, said: str) -> None:
        query = (
            select(payments_table.c.id, payments_table.c.order_id)
            .join(orders_table, orders_table.c.id == payments_table.c.order_id)
            .where(orders_table.c.sku == self.sku)
            .order_by(payments_table.c.id)
        )
        attempts = [(row["id"], row["order_id"]) for row in await self.house.rows(query)]
        if attempts:
            attempt = attempts[number % len(attempts)]
            if said == "failed":
                self.rash.add(attempt)
                await self._settle(attempt, "failed")
            else:
                await self._tell_truth(attempt)

    async def _tell_truth(self, attempt: tuple[str, str]) -> None:
        query = select(payments_table).where(payments_table.c.id == attempt[0])
        (row,) = await self.house.rows(query)
        word = await self.line.look_up(PaymentRow(**row))
        if word in ("succeeded", "failed"):
            await self._settle(attempt, word)

    async def _settle(self, attempt: tuple[str, str], outcome: Outcome) -> None:
        payment, order = attempt
        settle = self.house.payments.settle
        answer = await self.house.store.write(
            Work("payment.settle", lambda tx: settle(tx, payment, order, outcome))
        )
        assert answer.code in (None, "payment_declined", "order_not_held"), answer

    async def _cancel(self, number: int) -> None:
        if self.orders:
            buyer, order = self.orders[number % len(self.orders)]
            answer = await self.house.do("order.cancel", buyer, order=order)
            assert answer["ok"] or answer["error"]["code"] in ("order_not_held", "payment_pending")

    async def _restock(self, delta: int) -> None:
        answer = await self.house.do("product.change", HOST, product=self.product, stock_delta=delta)
        if answer["ok"]:
            self.put_in += delta
        else:
            assert answer["error"]["code"] == "not_enough_stock"

    async def _timers(self) -> None:
        await self.house.run_timers()

    async def rows(self) -> list[OrderRow]:
        query = select(orders_table).where(orders_table.c.sku == self.sku).order_by(orders_table.c.id)
        return [OrderRow(**row) for row in await self.house.rows(query)]

    async def check(self) -> None:
        """What must hold at any time."""
        sku, rows = await self.house.sku(self.sku), await self.rows()
        assert sku.stock >= 0
        held = sum(r.qty for r in rows if r.status == "held")
        sold = sum(r.qty for r in rows if r.status == "paid")
        assert sku.held == held
        assert sku.stock + held + sold + self.gone == self.put_in
        for row in rows:
            assert sum(line["amount_minor"] for line in row.lines) == row.total_minor
            assert row.unit_price_minor == (SALE_PRICE if row.sale_id else LIST_PRICE)
            assert [entry["status"] for entry in row.history][-1] == row.status
        await self.check_sales(rows)
        assert {r.id for r in rows} == {order for _, order in self.orders}
        assert await self._kept() == {r.id: r.total_minor for r in rows if r.status == "paid"}
        told = self._told()
        assert {r.id: r.status for r in rows} == {order: path[-1] for order, path in told.items()}
        assert set(told.values()) <= LEGAL

    async def check_sales(self, rows: list[OrderRow]) -> None:
        """Every sale sold what it announced at most, to each what it allowed; the one that is on keeps count.
        A unit that was given back with its money is sold again, so paid ones are those that are paid now."""
        sales = await self.house.rows(select(sales_table).where(sales_table.c.sku == self.sku))
        past = await self.house.rows(select(past_sales_table).where(past_sales_table.c.sku == self.sku))
        assert len(sales) <= 1
        assert {sale["id"] for sale in [*sales, *past]} == {sale["id"] for sale in self.sales}
        for sale in [*sales, *past]:
            live = [r for r in rows if r.sale_id == sale["id"] and r.status in ("held", "paid")]
            assert sum(r.qty for r in live) <= sale["quantity"]
            for buyer in BUYERS:
                assert sum(r.qty for r in live if r.buyer_id == buyer.id) <= sale["per_buyer"]
        for sale in sales:
            mine = [r for r in rows if r.sale_id == sale["id"]]
            assert sale["held"] == sum(r.qty for r in mine if r.status == "held")
            sold = sum(r.qty for r in mine if r.status in ("paid", "refunded") and r.id not in self.restocked)
            assert sale["remaining"] + sale["held"] + sold == sale["quantity"]
            assert sale["remaining"] + sale["held"] > 0  # else it is over
            query = select(sale_buyers_table).where(sale_buyers_table.c.sale_id == sale["id"])
            counted = {b["buyer_id"]: b["qty"] for b in await self.house.rows(query)}
            kept = [
                r for r in mine if r.status in ("held", "paid", "refunded") and r.id not in self.restocked
            ]
            for buyer in BUYERS:
                assert counted.get(buyer.id, 0) == sum(r.qty for r in kept if r.buyer_id == buyer.id)

    async def _kept(self) -> dict[str, int]:
        """What was paid and is not to be given back, by order."""
        query = (
            select(payments_table.c.order_id, payments_table.c.amount_minor)
            .join(orders_table, orders_table.c.id == payments_table.c.order_id)
            .where(orders_table.c.sku == self.sku, payments_table.c.status == "succeeded")
        )
        kept: dict[str, int] = defaultdict(int)
        for row in await self.house.rows(query):
            kept[row["order_id"]] += row["amount_minor"]
        return kept

    async def truth_comes_out(self) -> None:
        """Whoever was rash says in the end how it was."""
        for attempt in sorted(self.rash):
            await self._tell_truth(attempt)

    def _told(self) -> dict[str, tuple[str, ...]]:
        """Each order's way, as its buyer was told; the host was told the same."""
        ways: dict[str, list[str]] = defaultdict(list)
        for buyer in BUYERS:
            for event in self.house.told(buyer, "order"):
                order = event["data"]["order"]
                if order["sku"] == self.sku:
                    assert order["buyer"]["id"] == buyer.id
                    ways[order["id"]].append(order["status"])
        staff: dict[str, list[str]] = defaultdict(list)
        for event in self.house.briefed("order"):
            if event["data"]["order"]["sku"] == self.sku:
                staff[event["data"]["order"]["id"]].append(event["data"]["order"]["status"])
        assert staff == ways
        return {order: tuple(way) for order, way in ways.items()}

    async def check_settled(self) -> None:
        """What must hold when every timer has run."""
        rows = await self.rows()
        assert {r.status for r in rows} <= {"paid", "cancelled", "expired", "refunded"}
        assert await self.house.rows(select(sales_table).where(sales_table.c.sku == self.sku)) == []
        query = (
            select(payments_table.c.status, payments_table.c.order_id, sandbox_table)
            .join(orders_table, orders_table.c.id == payments_table.c.order_id)
            .outerjoin(sandbox_table, sandbox_table.c.payment_id == payments_table.c.id)
            .where(orders_table.c.sku == self.sku)
        )
        payments = await self.house.rows(query)
        assert {p["status"] for p in payments} <= {"succeeded", "failed", "refunded"}
        kept: dict[str, int] = defaultdict(int)
        for payment in payments:
            if payment["outcome"] == "succeeded" and not payment["refunded"]:
                kept[payment["order_id"]] += payment["amount_minor"]
        assert kept == {r.id: r.total_minor for r in rows if r.status == "paid"}


async def walk(house: House, put_in: int, plan: list[tuple[int, list[tuple[Any, ...]]]]) -> None:
    line = Line(house.providers["sandbox"])
    house.providers["sandbox"] = line
    try:
        product, sku = await house.product(stock=put_in)
        shop = Shop(house, line, product, sku, put_in)
        for wait_ms, together in plan:
            house.now_ms += wait_ms
            await asyncio.gather(*(shop.act(*act) for act in together))
            await shop.check()
        for _ in range(4):
            house.now_ms += 400_000
            # What pays only when a hold is over is known by now, and not before.
            await shop.truth_comes_out()
            await house.run_timers()
        await shop.check()
        await shop.check_settled()
        await house.ok("product.remove", HOST, product=product)
    finally:
        house.providers["sandbox"] = line._real


@pytest.mark.timeout(180)  # databases are slow on a busy machine
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 12), st.lists(groups, min_size=5, max_size=8))
async def test_any_interleaving(
    house: House, put_in: int, plan: list[tuple[int, list[tuple[Any, ...]]]]
) -> None:
    await walk(house, put_in, plan)


@pytest.mark.timeout(180)  # databases are slow on a busy machine
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(1, 6), st.integers(1, 3), st.lists(sale_groups, min_size=3, max_size=10))
async def test_any_sale(
    house: House, quantity: int, per_buyer: int, plan: list[tuple[int, list[tuple[Any, ...]]]]
) -> None:
    await walk(house, 8, [(0, [("start_sale", quantity, per_buyer, 0, 1200)]), *plan])


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 12), st.lists(groups, min_size=5, max_size=20))
async def test_very_many_interleavings(
    house: House, put_in: int, plan: list[tuple[int, list[tuple[Any, ...]]]]
) -> None:
    house.private.clear()
    house.staff.clear()
    await walk(house, put_in, plan)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(1, 6), st.integers(1, 3), st.lists(sale_groups, min_size=3, max_size=20))
async def test_very_many_sales(
    house: House, quantity: int, per_buyer: int, plan: list[tuple[int, list[tuple[Any, ...]]]]
) -> None:
    house.private.clear()
    house.staff.clear()
    await walk(house, 8, [(0, [("start_sale", quantity, per_buyer, 0, 1200)]), *plan])
