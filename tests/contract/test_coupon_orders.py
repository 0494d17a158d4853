"""Coupons with orders: what a hold reserves, what comes back, and that nothing is redeemed twice."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rooms.ports import Caller
from rooms.shop.coupons.store import claims_table, coupons_table, read_held, read_tallies
from rooms.shop.store import OrderRow, orders_table, payments_table
from server.store.engine import open_writer
from server.store.group import Work
from tests.contract.house import HOST, OTHER, ROOM, VIEWER, House, house_at, open_house
from tests.contract.test_coupons import dropped

BUYERS = [Caller(f"u-shopper{n}", f"Shopper {n}") for n in range(3)]


async def mine(house: House, caller: Caller, coupon: str) -> str:
    """The id of a coupon that the caller has just claimed."""
    claim_id: str = (await house.ok("coupon.claim", caller, coupon=coupon))["coupon"]["id"]
    return claim_id


async def claim_rows(house: House) -> list[dict[str, Any]]:
    return await house.rows(select(claims_table).order_by(*claims_table.primary_key.columns))


async def test_the_discount_is_shown_line_by_line(house: House) -> None:
    product, sku = await house.product(price_minor=9_999, stock=9)
    percent = await dropped(house, kind="percent", value=15, minimum_minor=0, stackable=True, title="15 %")
    threshold = await dropped(house, stackable=True)
    voucher = await dropped(
        house, kind="voucher", value=0, minimum_minor=0, product=product, stackable=True, title="One free"
    )
    ids = [await mine(house, VIEWER, coupon) for coupon in (threshold, percent, voucher)]
    order = (await house.ok("buy", VIEWER, sku=sku, qty=3, coupons=ids))["order"]
    # 29,997, less one piece, less 15 % of 19,998 rounded down, less 3,000.
    assert order["lines"] == [
        {"kind": "item", "label": "Tea", "amount_minor": 29_997},
        {"kind": "coupon", "label": "One free", "amount_minor": -9_999, "ref": ids[2]},
        {"kind": "coupon", "label": "15 %", "amount_minor": -2_999, "ref": ids[1]},
        {"kind": "coupon", "label": "30 off", "amount_minor": -3_000, "ref": ids[0]},
    ]
    assert (order["subtotal_minor"], order["discount_minor"], order["total_minor"]) == (
        29_997,
        15_998,
        13_999,
    )
    assert {row["order_id"] for row in await claim_rows(house)} == {order["id"]}
    told = house.told(VIEWER, "coupon")[-3:]
    assert [event["data"]["status"] for event in told] == ["reserved"] * 3
    assert {event["data"]["coupon"]["order"] for event in told} == {order["id"]}


async def test_each_refusal_has_its_code_and_changes_nothing(house: House) -> None:
    _, sku = await house.product(price_minor=10_000, stock=9)
    other, _ = await house.product()
    coupons = {
        "minimum": await dropped(house, minimum_minor=10_001, value=1),
        "product": await dropped(house, product=other, kind="fixed", minimum_minor=0),
        "currency": await dropped(house, currency="USD", kind="fixed", minimum_minor=0),
        "good": await dropped(house, kind="fixed", minimum_minor=0, per_person=2),
        "short": await dropped(house, kind="fixed", minimum_minor=0, valid_s=60),
    }
    ids = {name: await mine(house, VIEWER, coupon) for name, coupon in coupons.items()}
    second = await mine(house, VIEWER, coupons["good"])
    before = await claim_rows(house)

    async def reason(*named: str) -> tuple[str, Any]:
        error = await house.error("buy", VIEWER, sku=sku, qty=1, coupons=list(named))
        return error["code"], (error.get("details") or {}).get("reason")

    for name in ("minimum", "product", "currency"):
        assert await reason(ids[name]) == ("coupon_not_applicable", name)
    assert await reason(ids["good"], second) == ("coupon_not_applicable", "not_stackable")
    assert await reason(ids["good"], ids["good"]) == ("coupon_not_applicable", "twice")
    for nonsense in ("nothing", f"{coupons['good']}.3", coupons["good"]):
        assert await reason(nonsense) == ("not_found", None)
    assert await house.code("buy", OTHER, sku=sku, qty=1, coupons=[ids["good"]]) == "not_found"
    house.now_ms += 60_000
    assert await reason(ids["short"]) == ("coupon_expired", None)
    assert await claim_rows(house) == before
    assert (await house.sku(sku)).stock == 9

    order = (await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[ids["good"]]))["order"]
    error = await house.error("buy", VIEWER, sku=sku, qty=1, coupons=[ids["good"]])
    assert (error["code"], error["details"]) == (
        "coupon_used",
        {"coupon": ids["good"], "order": order["id"]},
    )
    await house.create("silk")
    elsewhere = await house.ok(
        "product.add", HOST, room="silk", title="Silk", price_minor=5_000, currency="CNY", stock=1
    )
    silk = elsewhere["product"]["skus"][0]["id"]
    assert await house.code("buy", VIEWER, room="silk", sku=silk, qty=1, coupons=[second]) == "not_found"


@pytest.mark.parametrize("end", ["cancel", "expire", "sold_out"])
async def test_a_hold_that_ends_gives_it_back(house: House, end: str) -> None:
    _, sku = await house.product(price_minor=10_000, stock=1)
    claim_id = await mine(house, VIEWER, await dropped(house, kind="fixed", minimum_minor=0))
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id]))["order"]
    if end == "cancel":
        await house.ok("order.cancel", VIEWER, order=order["id"])
    else:
        house.now_ms = order["hold_until_ms"]
        await house.run_timers()
    last = house.told(VIEWER, "coupon")[-1]["data"]
    assert (last["status"], last["coupon"]["order"]) == ("free", None)
    if end == "sold_out":
        # A purchase that is refused reserves nothing.
        await house.ok("buy", OTHER, sku=sku, qty=1)
        assert await house.code("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id]) == "stock_held"
        await house.run_timers()
        assert (await claim_rows(house))[0]["order_id"] is None
    else:
        await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id])


@pytest.mark.parametrize("by", ["host", "provider"])
@pytest.mark.parametrize("in_time", [True, False])
async def test_a_refund_gives_it_back_while_it_is_good(house: House, in_time: bool, by: str) -> None:
    _, sku = await house.product(price_minor=10_000)
    claim_id = await mine(house, VIEWER, await dropped(house, kind="fixed", minimum_minor=0, valid_s=60))
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id]))["order"]
    paid = (await house.ok("order.pay", VIEWER, order=order["id"]))["order"]
    assert paid["total_minor"] == 7_000
    assert await house.code("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id]) == "coupon_used"
    house.now_ms += 59_999 if in_time else 60_000
    if by == "host":
        await house.ok("order.refund", HOST, order=order["id"], reason="broken")
    else:
        (payment,) = await house.rows(select(payments_table))
        refunded = house.payments.refunded
        await house.store.write(
            Work("payment.refunded", lambda tx: refunded(tx, payment["id"], payment["order_id"]))
        )
    (row,) = await claim_rows(house)
    assert row["order_id"] == (None if in_time else order["id"])


async def test_one_coupon_for_two_orders_at_once(house: House) -> None:
    _, sku = await house.product(price_minor=10_000, stock=20)
    claim_id = await mine(house, VIEWER, await dropped(house, kind="fixed", minimum_minor=0))
    answers = await asyncio.gather(
        *(house.do("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id]) for _ in range(10))
    )
    assert sorted(a["ok"] for a in answers) == [False] * 9 + [True]
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"coupon_used"}
    assert (await house.sku(sku)).stock == 19


async def test_one_coupon_at_two_nodes_at_once(shared_url: str) -> None:
    async with house_at(shared_url, node="first") as first, open_house(shared_url, node="second") as second:
        _, sku = await first.product(price_minor=10_000, stock=100)
        coupon = await dropped(first, kind="fixed", minimum_minor=0, quota=9, stackable=True, per_person=2)
        ids = [await mine(first, buyer, coupon) for buyer in BUYERS for _ in range(2)]
        both = [(node, buyer, n) for node in (first, second) for buyer in BUYERS for n in range(6)]
        random.Random(3).shuffle(both)

        async def buy(node: House, buyer: Caller, n: int) -> dict[str, Any]:
            # One, the other, or both, in either order: locks are taken in one order all the same.
            named = [[0], [1], [0, 1], [1, 0], [0], [1]][n]
            answer = await node.do("buy", buyer, sku=sku, qty=1, coupons=[f"{coupon}.{i + 1}" for i in named])
            if answer["ok"] and n % 2:
                await node.ok("order.cancel", buyer, order=answer["order"]["id"])
            return answer

        with structlog.testing.capture_logs() as logs:
            answers = await asyncio.gather(*(buy(*each) for each in both))
        assert {a["error"]["code"] for a in answers if not a["ok"]} <= {"coupon_used"}
        assert [entry for entry in logs if entry["event"] in ("writer_retry", "command_failed")] == []
        rows = await claim_rows(second)
        assert sorted(f"{r['coupon_id']}.{r['n']}" for r in rows) == sorted(ids)
        query = select(orders_table).where(orders_table.c.status == "held")
        held = [OrderRow(**row) for row in await first.rows(query)]
        named = [(order.buyer_id, claim_id, order.id) for order in held for claim_id in order.coupon_ids]
        assert sorted(named) == sorted(
            (r["user_id"], f"{r['coupon_id']}.{r['n']}", r["order_id"]) for r in rows if r["order_id"]
        )


async def test_a_buyer_does_not_wait_for_a_drop(shared_url: str) -> None:
    """Somebody who claims holds the coupon's row; an order reads its terms all the same."""
    async with house_at(shared_url) as house:
        _, sku = await house.product(price_minor=10_000)
        coupon = await dropped(house, kind="fixed", minimum_minor=0)
        claim_id = await mine(house, VIEWER, coupon)
        engine = open_writer(shared_url)
        lock = select(coupons_table).where(coupons_table.c.id == coupon).with_for_update()
        with engine.begin() as conn:
            await asyncio.to_thread(conn.execute, lock)
            async with asyncio.timeout(5):
                await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id])
            await asyncio.to_thread(conn.rollback)
        await asyncio.to_thread(engine.dispose)


@pytest.mark.parametrize("stackable", [True, False])
async def test_a_flash_sale_goes_with_coupons_only_if_it_says_so(house: House, stackable: bool) -> None:
    _, sku = await house.product(price_minor=10_000, stock=9)
    claim_id = await mine(house, VIEWER, await dropped(house, kind="fixed", minimum_minor=0))
    terms = {"price_minor": 8_000, "quantity": 5, "per_buyer": 2, "duration_s": 60}
    await house.ok("sale.start", HOST, sku=sku, stackable=stackable, **terms)
    answer = await house.do("buy", VIEWER, sku=sku, qty=1, coupons=[claim_id])
    if stackable:
        assert answer["order"]["total_minor"] == 5_000
    else:
        assert answer["error"]["code"] == "coupon_not_applicable"
        assert answer["error"]["details"] == {"coupon": claim_id, "reason": "sale"}
        assert (await claim_rows(house))[0]["order_id"] is None


# ------------------------------------------------------------------ any interleaving

shoppers = st.sampled_from(BUYERS)
numbers = st.integers(0, 30)
acts = st.one_of(
    st.tuples(st.just("claim"), shoppers, st.integers(0, 1)),
    st.tuples(st.just("claim"), shoppers, st.integers(0, 1)),
    st.tuples(st.just("drop"), st.integers(0, 1), st.sampled_from([3, 30, 3600])),
    st.tuples(st.just("buy"), shoppers, st.lists(numbers, min_size=1, max_size=3)),
    st.tuples(st.just("buy"), shoppers, st.lists(numbers, min_size=1, max_size=2)),
    st.tuples(st.just("pay"), numbers, st.sampled_from(["ok", "ok", "declined"])),
    st.tuples(st.just("cancel"), numbers),
    st.tuples(st.just("refund"), numbers),
    st.tuples(st.just("timers")),
)
groups = st.tuples(st.sampled_from([0, 1, 3_000, 30_000, 60_000]), st.lists(acts, min_size=3, max_size=10))


@dataclass
class Counter:
    """One SKU, a coupon that can be combined and one that can't, and everything that buyers were given."""

    house: House
    sku: str
    coupons: list[str]
    quotas: list[int]
    claims: list[tuple[Caller, str]] = field(default_factory=list)
    orders: list[tuple[Caller, str]] = field(default_factory=list)

    async def act(self, name: str, *arguments: Any) -> None:
        await getattr(self, f"_{name}")(*arguments)

    async def _do(self, name: str, caller: Caller, codes: set[str], **payload: Any) -> dict[str, Any]:
        answer = await self.house.do(name, caller, **payload)
        assert answer["ok"] or answer["error"]["code"] in codes, answer
        return answer

    async def _claim(self, buyer: Caller, which: int) -> None:
        codes = {"over", "sold_out", "already_claimed"}
        answer = await self._do("coupon.claim", buyer, codes, coupon=self.coupons[which])
        if answer["ok"]:
            self.claims.append((buyer, answer["coupon"]["id"]))

    async def _drop(self, which: int, seconds: int) -> None:
        await self._do("coupon.drop", HOST, {"sold_out"}, coupon=self.coupons[which], seconds=seconds)

    async def _buy(self, buyer: Caller, numbers: list[int]) -> None:
        own = [claim_id for who, claim_id in self.claims if who == buyer] or ["nobody.1"]
        ids = [own[n % len(own)] for n in numbers]
        codes = {"coupon_used", "coupon_expired", "coupon_not_applicable", "not_found"}
        answer = await self._do("buy", buyer, codes, sku=self.sku, qty=1, coupons=ids)
        if answer["ok"]:
            order = answer["order"]
            self.orders.append((buyer, order["id"]))
            assert order["total_minor"] == max(0, 10_000 - 3_000 * len(ids))
            assert sum(line["amount_minor"] for line in order["lines"]) == order["total_minor"]

    async def _pay(self, number: int, card: str) -> None:
        if self.orders:
            buyer, order = self.orders[number % len(self.orders)]
            codes = {"payment_declined", "payment_pending", "order_not_held"}
            await self._do("order.pay", buyer, codes, order=order, card=card)

    async def _cancel(self, number: int) -> None:
        if self.orders:
            buyer, order = self.orders[number % len(self.orders)]
            await self._do("order.cancel", buyer, {"order_not_held", "payment_pending"}, order=order)

    async def _refund(self, number: int) -> None:
        if self.orders:
            order = self.orders[number % len(self.orders)][1]
            await self._do("order.refund", HOST, {"order_not_paid"}, order=order, reason="broken")

    async def _timers(self) -> None:
        await self.house.run_timers()

    async def check(self) -> None:
        """What must hold at any time."""
        house = self.house
        query = select(coupons_table).where(coupons_table.c.id.in_(self.coupons)).order_by(coupons_table.c.id)
        coupons = {row["id"]: row for row in await house.rows(query)}
        rows = [row for row in await claim_rows(house) if row["coupon_id"] in coupons]
        query = select(orders_table).where(orders_table.c.sku == self.sku)
        orders = {row["id"]: OrderRow(**row) for row in await house.rows(query)}
        assert sorted((r["user_id"], f"{r['coupon_id']}.{r['n']}") for r in rows) == sorted(
            (buyer.id, claim_id) for buyer, claim_id in self.claims
        )
        tallies = await house.store.read(lambda conn: read_tallies(conn, self.coupons))
        for coupon_id, quota in zip(self.coupons, self.quotas, strict=True):
            ours = [row for row in rows if row["coupon_id"] == coupon_id]
            assert len(ours) == coupons[coupon_id]["claimed"] <= quota
            free = sum(row["order_id"] is None for row in ours)
            tally = tallies.get(coupon_id)
            assert free + (tally.reserved + tally.used if tally else 0) == len(ours)
            for buyer in BUYERS:
                assert sum(r["user_id"] == buyer.id for r in ours) <= coupons[coupon_id]["per_person"]
        self._check_orders(rows, orders)
        await self._check_held(rows, orders)

    def _check_orders(self, rows: list[dict[str, Any]], orders: dict[str, OrderRow]) -> None:
        """A claim and the order that has it name each other; each takes off what it says."""
        taken = {(r["user_id"], f"{r['coupon_id']}.{r['n']}"): r["order_id"] for r in rows if r["order_id"]}
        assert len(set(taken)) == len(taken)
        for (user_id, claim_id), order_id in taken.items():
            order = orders[order_id]
            assert order.status in ("held", "paid", "refunded")
            assert order.buyer_id == user_id
            assert claim_id in order.coupon_ids
        for order in orders.values():
            if order.status in ("held", "paid"):
                assert {taken[order.buyer_id, claim_id] for claim_id in order.coupon_ids} == {order.id}

    async def _check_held(self, rows: list[dict[str, Any]], orders: dict[str, OrderRow]) -> None:
        """What somebody who enters is told: the same as the rows say."""
        users, now_ms = [buyer.id or "" for buyer in BUYERS], self.house.now_ms
        held = await self.house.store.read(lambda conn: read_held(conn, ROOM, users, now_ms=now_ms))
        told = {
            (user, c["id"], c["status"]) for user, claims in held.items() for c in claims if self._ours(c)
        }
        expected = set()
        for row in rows:
            order = orders.get(row["order_id"])
            if order is None and row["valid_until_ms"] > now_ms:
                expected.add((row["user_id"], f"{row['coupon_id']}.{row['n']}", "free"))
            if order is not None and order.status == "held":
                expected.add((row["user_id"], f"{row['coupon_id']}.{row['n']}", "reserved"))
        assert told == expected

    def _ours(self, claim: dict[str, Any]) -> bool:
        return claim["coupon"] in self.coupons


@pytest.mark.timeout(180)  # databases are slow on a busy machine
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(1, 6), st.integers(1, 3), st.lists(groups, min_size=5, max_size=8))
async def test_any_interleaving(
    house: House, quota: int, per_person: int, plan: list[tuple[int, list[tuple[Any, ...]]]]
) -> None:
    _, sku = await house.product(stock=1000, price_minor=10_000)
    terms: dict[str, Any] = {
        "kind": "fixed",
        "minimum_minor": 0,
        "quota": quota,
        "per_person": per_person,
        "valid_s": 120,
    }
    coupons = [await dropped(house, stackable=stackable, **terms) for stackable in (True, False)]
    counter = Counter(house, sku, coupons, [quota, quota])
    for wait_ms, together in plan:
        house.now_ms += wait_ms
        await asyncio.gather(*(counter.act(*act) for act in together))
        await counter.check()
    house.now_ms += 60_000
    await house.run_timers()
    await counter.check()
    open_orders = select(orders_table).where(orders_table.c.status == "held")
    assert await house.rows(open_orders) == []
