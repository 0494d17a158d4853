"""Whatever is done, taken back, redeemed and counted, in any order: points are what the days say they are."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from moderation.rulebook.rules import RoomRules
from rooms.points.rules import BACK, REVOCABLE, PointRules, Task
from rooms.points.store import days_table, earned_table
from rooms.ports import Caller
from rooms.wallet.store import accounts_table
from server.reconcile import CHECKS
from tests.contract.house import HOST, MODERATOR, OPERATOR, House

RULES = PointRules(
    {"comment": Task(2, times=3), "gift": Task(1, per=10, times=4), "share": Task(5), "purchase": Task(9)},
    a_day=14,
    levels=(4, 12),
)
PEOPLE = [Caller(f"u-w{n}", f"W{n}") for n in range(3)]

people = st.sampled_from(PEOPLE)
acts = st.one_of(
    st.tuples(st.sampled_from(["say", "say", "give", "buy", "share", "redeem", "redeem"]), people),
    st.tuples(
        st.sampled_from(["delete", "hide", "restore", "refund_gift", "refund_order"]), st.integers(0, 9)
    ),
    st.tuples(st.sampled_from(["count", "count", "count", "tomorrow"])),
)


class Walk:
    """What there is to be taken back, by kind."""

    def __init__(self, house: House, sku: str, offer: str) -> None:
        self.house, self.sku, self.offer = house, sku, offer
        self.said: list[str] = []
        self.hidden: list[str] = []
        self.restored: set[str] = set()
        self.given: list[str] = []
        self.bought: list[str] = []

    async def act(self, name: str, *args: Any) -> None:
        await getattr(self, name)(*args)

    async def say(self, who: Caller) -> None:
        self.said.append((await self.house.say(who, "hello"))["id"])

    async def give(self, who: Caller) -> None:
        self.given.append((await self.house.ok("gift", who, gift="rose", count=15))["event"]["id"])

    async def buy(self, who: Caller) -> None:
        order = (await self.house.ok("buy", who, sku=self.sku, qty=1))["order"]["id"]
        await self.house.ok("order.pay", who, order=order)
        self.bought.append(order)

    async def share(self, who: Caller) -> None:
        await self.house.ok("share", who)

    async def redeem(self, who: Caller) -> None:
        await self.house.do("points.redeem", who, offer=self.offer)

    async def delete(self, n: int) -> None:
        if self.said:
            await self.house.ok("moderate.delete", HOST, event=self.said.pop(n % len(self.said)))

    async def hide(self, n: int) -> None:
        """A comment is reported, once."""
        if fresh := [event for event in self.said if event not in self.restored]:
            event = fresh[n % len(fresh)]
            self.said.remove(event)
            self.hidden.append(event)
            self.house.room_rules = RoomRules(reports_to_hide=1)
            # By somebody of whom no report was dismissed yet.
            await self.house.ok("report", Caller(f"u-of-{event}", "Wang"), event=event, why="spam")

    async def restore(self, n: int) -> None:
        if self.hidden:
            event = self.hidden.pop(n % len(self.hidden))
            await self.house.ok("review.claim", MODERATOR, item=event)
            await self.house.ok("review.decide", MODERATOR, item=event, decision="dismiss")
            self.said.append(event)
            self.restored.add(event)

    async def refund_gift(self, n: int) -> None:
        if self.given:
            gift = self.given.pop(n % len(self.given))
            await self.house.ok("gift.refund", OPERATOR, gift=gift, reason="so")

    async def refund_order(self, n: int) -> None:
        if self.bought:
            order = self.bought.pop(n % len(self.bought))
            await self.house.ok("order.refund", HOST, order=order, reason="so", restock=True)

    async def count(self) -> None:
        await self.house.count_points()

    async def tomorrow(self) -> None:
        self.house.now_ms += 86_400_000

    async def check(self) -> None:
        """The books agree, nothing is below zero, and no day has more than it may."""
        wrong = await self.house.store.read(lambda conn: [w for check in CHECKS for w in check(conn)])
        assert wrong == []
        for row in await self.house.rows(select(days_table)):
            assert 0 <= row["total"] == sum(row["earned"].values()) <= RULES.a_day
            for task, points in row["earned"].items():
                back = row["done"].get(BACK + task, 0)
                assert 0 <= points <= RULES.tasks[task].most * RULES.tasks[task].points
                assert back == 0 or task in REVOCABLE
        assert all(row["earned"] >= 0 for row in await self.house.rows(select(earned_table)))
        balances = select(accounts_table.c.balance).where(accounts_table.c.kind == "points")
        assert all(row["balance"] >= 0 for row in await self.house.rows(balances))


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(acts, min_size=8, max_size=24))
async def test_any_walk(house: House, steps: list[tuple[Any, ...]]) -> None:
    house.now_ms += 86_400_000
    house.earnings.rules = RULES
    first = house.earnings.days.of(house.now_ms)
    await house.go_live()
    for who in PEOPLE:
        await house.grant_coins(who, 1_000)
    _, sku = await house.product(stock=30)
    walk = Walk(house, sku, await house.offer(points=3, amount=1, stock=50, per_person=20))
    for step in steps:
        await walk.act(*step)
    await walk.count()
    await walk.check()
    # When all of it is taken back, who has spent nothing has what they shared for, and no more.
    for taken, back in (
        (walk.said, walk.delete),
        (walk.given, walk.refund_gift),
        (walk.bought, walk.refund_order),
    ):
        while taken:
            await back(0)
    await walk.count()
    await walk.check()
    spent = {step[1].id for step in steps if step[0] == "redeem"}
    for row in await house.rows(select(days_table)):
        if row["day"] >= first and row["user_id"] not in spent:
            assert {task for task, points in row["earned"].items() if points} <= {"share"}
    assert await house.count_points() == 0
