"""Whatever people do with coins at the same time, on one node or on two: debits are credits after every step,
and everybody has what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rooms.ports import Caller
from rooms.shop.payments import Charge, PaymentProvider, Redirect
from rooms.shop.rules import Outcome
from rooms.shop.store import orders_table, payments_table
from rooms.wallet.payouts import payouts_table
from rooms.wallet.rules import Account
from rooms.wallet.store import accounts_table
from server.payments.sandbox import sandbox_table
from server.store.group import Answer, Work
from server.store.keys import CommandKey
from tests.contract.house import HOST, OPERATOR, House, house_at, open_house

PEOPLE = [Caller(f"u-rich{n}", f"Rich {n}") for n in range(3)]
CARDS = ["ok", "ok", "declined", "twice", "after_hold", "before", "after"]

people = st.sampled_from(PEOPLE)
numbers = st.integers(0, 20)
acts = st.one_of(
    st.tuples(st.just("topup"), people, st.sampled_from(CARDS)),
    st.tuples(st.just("topup"), people, st.sampled_from(CARDS)),
    st.tuples(st.just("buy"), people, st.integers(1, 3)),
    st.tuples(st.just("buy"), people, st.integers(1, 3)),
    st.tuples(st.just("again"), numbers),
    st.tuples(st.just("word"), numbers),
    st.tuples(st.just("refund"), numbers),
    st.tuples(st.just("correct"), people, st.integers(-80, 80).filter(bool)),
    st.tuples(st.just("payout"), st.integers(5, 90)),
    st.tuples(st.just("settle"), numbers, st.booleans()),
    st.tuples(st.just("timers")),
)
groups = st.tuples(st.sampled_from([0, 1, 9_999, 30_000, 60_000]), st.lists(acts, min_size=4, max_size=10))
checked = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_keys = (f"rich-{n:08}" for n in count())


class Line:
    """The sandbox behind a line that tears where the card says so."""

    name = "sandbox"

    def __init__(self, real: PaymentProvider) -> None:
        self._real = real
        self.tears: dict[str, str] = {}
        self.look_up = real.look_up
        self.refund = real.refund

    async def charge(self, charge: Charge) -> Outcome | Redirect:
        tears = self.tears.get(charge.buyer_id, "")
        if tears == "before":
            raise ConnectionError("torn")
        outcome = await self._real.charge(charge)
        if tears == "after":
            raise TimeoutError
        return outcome


@dataclass
class Bank:
    """The nodes, and what was asked of them."""

    houses: Sequence[House]
    sku: str
    asked: list[tuple[str, Caller, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def act(self, house: House, name: str, *arguments: Any) -> None:
        await getattr(self, f"_{name}")(house, *arguments)

    async def _do(self, house: House, name: str, caller: Caller, **payload: Any) -> dict[str, Any]:
        """The same key gives the same answer once there is one for good, whoever is asked."""
        answer = await house.do(name, caller, **payload)
        final = answer["ok"] or not answer["error"]["temporary"]
        if final and answer.get("error", {}).get("code") not in ("insufficient_coins", "order_not_held"):
            assert self.answers.setdefault(payload["key"], answer) == answer
        return answer

    async def _topup(self, house: House, person: Caller, card: str) -> None:
        line = house.providers["sandbox"]
        assert isinstance(line, Line)
        line.tears[person.id or ""] = card
        card = card if card in ("declined", "twice", "after_hold") else "ok"
        payload = {"pack": "small", "card": card, "key": next(_keys)}
        self.asked.append(("wallet.topup", person, payload))
        answer = await self._do(house, "wallet.topup", person, **payload)
        assert answer["ok"] or answer["error"]["code"] in ("payment_declined", "payment_pending")

    async def _buy(self, house: House, person: Caller, qty: int) -> None:
        bought = await house.do("buy", person, sku=self.sku, qty=qty, key=next(_keys))
        payload = {"order": bought["order"]["id"], "method": "coins", "key": next(_keys)}
        self.asked.append(("order.pay", person, payload))
        answer = await self._do(house, "order.pay", person, **payload)
        assert answer["ok"] or answer["error"]["code"] == "insufficient_coins"

    async def _again(self, house: House, number: int) -> None:
        if self.asked:
            name, person, payload = self.asked[number % len(self.asked)]
            await self._do(house, name, person, **payload)

    async def _word(self, house: House, number: int) -> None:
        """The provider says, late or again, what became of a charge."""
        books = await house.rows(select(sandbox_table).order_by(sandbox_table.c.payment_id))
        if books and (row := books[number % len(books)])["at_ms"] <= house.now_ms:
            await house.cashier.reported(row["payment_id"], row["outcome"])

    async def _refund(self, house: House, number: int) -> None:
        orders = await house.rows(select(orders_table.c.id).order_by(orders_table.c.id))
        if orders:
            wish = {"order": orders[number % len(orders)]["id"], "reason": "why not"}
            answer = await house.do("order.refund", OPERATOR, **wish)
            assert answer["ok"] or answer["error"]["code"] in ("order_not_paid", "insufficient_coins")

    async def _correct(self, house: House, person: Caller, amount: int) -> None:
        account, key = Account("wallet", person.id or ""), CommandKey("u-op", "correct", next(_keys))
        correct = house.services.corrections.correct
        work = Work("correct", lambda tx: correct(tx, account, amount, "so", OPERATOR), key, b"same")
        first, again = [await house.store.write(work) for _ in range(2)]
        assert first == again
        assert first.code in (None, "insufficient_coins")

    async def _payout(self, house: House, coins: int) -> None:
        request = house.services.payouts.request
        answer = await house.store.write(Work("payout", lambda tx: request(tx, coins, HOST)))
        assert answer.code in (None, "below_minimum", "insufficient_funds")

    async def _settle(self, house: House, number: int, done: bool) -> None:
        payouts = await house.rows(select(payouts_table.c.id).order_by(payouts_table.c.id))
        if payouts:
            payout, service = payouts[number % len(payouts)]["id"], house.services.payouts
            end = service.done if done else service.give_back
            answer: Answer = await house.store.write(
                Work("settle", lambda tx: end(tx, payout, None, OPERATOR))
            )
            assert answer.code in (None, "payout_settled")

    async def _timers(self, house: House) -> None:
        await house.run_timers()

    async def check(self) -> None:
        """What must hold at any time."""
        house = self.houses[0]
        assert await house.wrong_in_the_ledger() == []
        accounts = await house.rows(select(accounts_table))
        assert sum(row["balance"] for row in accounts) == 0
        for person in PEOPLE:
            news = [e for each in self.houses for e in each.told(person, "wallet")]
            news.sort(key=lambda event: event["seq"])
            balance = 0
            for event in news:
                balance += event["data"]["movement"]["amount"]
                assert event["data"]["coins"] == balance >= 0
            assert await house.coins_of(person) == balance

    async def check_settled(self) -> None:
        """When all is said and done: the provider keeps the money of what is paid, and of nothing else."""
        house = self.houses[0]
        open_ones = select(payments_table.c.status).where(
            payments_table.c.status.in_(["started", "refund_due"])
        )
        assert await house.rows(open_ones) == []
        kept = select(sandbox_table.c.payment_id).where(
            sandbox_table.c.outcome == "succeeded", sandbox_table.c.refunded == 0
        )
        paid = select(orders_table.c.payment_id, orders_table.c.coins).where(orders_table.c.status == "paid")
        topups = {row["payment_id"] for row in await house.rows(paid) if row["coins"] is not None}
        assert {row["payment_id"] for row in await house.rows(kept)} == topups


async def walk(houses: Sequence[House], sku: str, plan: list[tuple[int, list[tuple[Any, ...]]]]) -> None:
    """The plan's groups one after another, what is in a group at the same time, on the nodes in turn."""
    bank = Bank(houses, sku)
    for pause_ms, group in plan:
        for house in houses:
            house.now_ms += pause_ms
        await asyncio.gather(*(bank.act(houses[n % len(houses)], *act) for n, act in enumerate(group)))
        await bank.check()
    for _ in range(4):
        for house in houses:
            house.now_ms += 400_000
        await houses[0].run_timers()
    await bank.check()
    await bank.check_settled()


async def ready(houses: Sequence[House]) -> str:
    await houses[0].sign_in(*PEOPLE)
    for house in houses:
        house.providers["sandbox"] = Line(house.sandbox)
    _, sku = await houses[0].product(stock=100_000, price_minor=290)
    return sku


@pytest.fixture
async def one(house: House) -> tuple[Sequence[House], str]:
    return [house], await ready([house])


@pytest.fixture
async def two(shared_url: str) -> AsyncIterator[tuple[Sequence[House], str]]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(house_at(shared_url, node="first"))
        second = await stack.enter_async_context(open_house(shared_url, node="second"))
        houses = [first, second]
        yield houses, await ready(houses)


plans = st.lists(groups, min_size=3, max_size=6)


@checked
@given(plan=plans)
async def test_any_walk_of_coins(one: tuple[Sequence[House], str], plan: Any) -> None:
    await walk(*one, plan)


@checked
@given(plan=plans)
async def test_any_walk_of_coins_on_two_nodes(two: tuple[Sequence[House], str], plan: Any) -> None:
    await walk(*two, plan)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(checked, max_examples=30)
@given(plan=st.lists(groups, min_size=3, max_size=12))
async def test_very_many_walks_of_coins(one: tuple[Sequence[House], str], plan: Any) -> None:
    await walk(*one, plan)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(checked, max_examples=20)
@given(plan=st.lists(groups, min_size=3, max_size=12))
async def test_very_many_walks_of_coins_on_two_nodes(two: tuple[Sequence[House], str], plan: Any) -> None:
    await walk(*two, plan)
