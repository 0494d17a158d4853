"""Whatever people do with red packets at the same time, on one node or on two: coins are neither made nor
lost, everybody opens once, and everybody has what they were told."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rooms.play.packets.store import packet_opens_table, packets_table
from rooms.ports import Caller
from rooms.wallet.store import accounts_table, read_balances
from tests.contract.house import START_MS, House, house_at, open_house

PEOPLE = [Caller(f"u-lucky{n}", f"Lucky {n}") for n in range(5)]
COINS = 60
REFUSALS = {"insufficient_coins", "too_many_packets", "already_opened", "packet_empty", "over"}

people = st.sampled_from(PEOPLE)
numbers = st.integers(0, 30)
acts = st.one_of(
    st.tuples(st.just("send"), people, st.integers(1, 30), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("open"), people, numbers),
    st.tuples(st.just("open"), people, numbers),
    st.tuples(st.just("open"), people, numbers),
    st.tuples(st.just("again"), numbers),
    st.tuples(st.just("timers")),
)
groups = st.tuples(st.sampled_from([0, 1, 5_000, 10_000]), st.booleans(), st.lists(acts, max_size=12))
checked = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_starts = count(START_MS, 10_000_000)
_keys = (f"lucky-{n:08}" for n in count())


@dataclass
class Party:
    """The nodes, and what was asked of them."""

    houses: list[House]
    started_with: dict[str, int]
    packets: list[str] = field(default_factory=list)
    asked: list[tuple[str, Caller, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def act(self, house: House, name: str, *arguments: Any) -> None:
        await getattr(self, f"_{name}")(house, *arguments)

    async def _do(self, house: House, name: str, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        """The same key gives the same answer once there is one for good, whoever is asked."""
        answer = await house.do(name, caller, **payload)
        assert answer["ok"] or answer["error"]["code"] in REFUSALS
        if answer["ok"] or not answer["error"]["temporary"]:
            assert self.answers.setdefault(payload["key"], answer) == answer
        return answer

    async def _send(self, house: House, person: Caller, coins: int, shares: int, even: bool) -> None:
        if coins < shares:
            return
        payload = {"coins": coins, "count": shares, "seconds": 10, "key": next(_keys)}
        payload["split"] = "equal" if even else "random"
        self.asked.append(("packet.send", person, payload))
        answer = await self._do(house, "packet.send", person, payload)
        if answer["ok"]:
            self.packets.append(answer["packet"]["id"])

    async def _open(self, house: House, person: Caller, number: int) -> None:
        if self.packets:
            payload = {"packet": self.packets[-1 - number % len(self.packets)], "key": next(_keys)}
            self.asked.append(("packet.open", person, payload))
            await self._do(house, "packet.open", person, payload)

    async def _again(self, house: House, number: int) -> None:
        if self.asked:
            await self._do(house, *self.asked[number % len(self.asked)])

    async def _timers(self, house: House) -> None:
        await house.run_timers()

    async def check(self) -> None:
        """What must hold at any time."""
        house = self.houses[0]
        assert await house.wrong_in_the_ledger() == []
        accounts = await house.rows(select(accounts_table))
        assert sum(row["balance"] for row in accounts) == 0
        escrow = sum(row["balance"] for row in accounts if row["kind"] == "escrow")
        users = list(self.started_with)
        purses = await house.store.read(lambda conn: read_balances(conn, "wallet", users))
        assert sum(purses.values()) + escrow == sum(self.started_with.values())
        opens = await house.rows(select(packet_opens_table))
        ours = [row for row in opens if row["packet_id"] in self.packets]
        won = {(row["packet_id"], row["user_id"]): row["coins"] for row in ours}
        for name, person, payload in self.asked:
            answer = self.answers.get(payload["key"])
            if name == "packet.open" and answer and answer["ok"]:
                share = answer["share"]["coins"]
                assert won.pop((payload["packet"], person.id)) == share
        assert won == {}

    async def check_over(self) -> None:
        """When all time is over: nothing is in any packet, and who had it has it, or has given it."""
        house = self.houses[0]
        for packet in await house.rows(select(packets_table)):
            assert (packet["ended"] is not None, packet["left_coins"]) == (True, 0)
        escrow = select(accounts_table.c.balance).where(accounts_table.c.kind == "escrow")
        assert {row["balance"] for row in await house.rows(escrow)} <= {0}


async def walk(party: Party, stack: AsyncExitStack, url: str, plan: list[Any]) -> None:
    """The plan's groups one after another, what is in a group at the same time, on the nodes in turn; where
    it says so, a node is taken down before and started anew."""
    houses = party.houses
    for pause_ms, restarts, group in plan:
        if restarts:
            await houses[-1].store.close()
            houses[-1] = await stack.enter_async_context(
                open_house(url, node="again", now_ms=houses[0].now_ms)
            )
        for house in houses:
            house.now_ms += pause_ms
        await asyncio.gather(*(party.act(houses[n % len(houses)], *act) for n, act in enumerate(group)))
        await party.check()
    for house in houses:
        house.now_ms += 11_000
    await asyncio.gather(*(house.run_timers() for house in houses))
    await party.check()
    await party.check_over()


async def play(url: str, plan: list[Any], nodes: int) -> None:
    """One walk, in a room that has seen the walks before."""
    async with AsyncExitStack() as stack:
        started_ms = next(_starts)
        opened = [open_house(url, node=f"n{n}", now_ms=started_ms) for n in range(nodes)]
        houses = [await stack.enter_async_context(house) for house in opened]
        await houses[0].run_timers()
        users = [person.id or "" for person in PEOPLE]
        has = await houses[0].store.read(lambda conn: read_balances(conn, "wallet", users))
        await walk(Party(houses, has), stack, url, plan)


async def ready(url: str) -> str:
    async with house_at(url) as house:
        await house.sign_in(*PEOPLE)
        await house.picture("publishing")
        for person in PEOPLE:
            await house.grant_coins(person, COINS)
    return url


@pytest.fixture
async def one(migrated_url: str) -> str:
    return await ready(migrated_url)


@pytest.fixture
async def two(shared_url: str) -> str:
    return await ready(shared_url)


plans = st.lists(groups, min_size=2, max_size=5)


@checked
@given(plan=plans)
async def test_any_walk_of_packets(one: str, plan: list[Any]) -> None:
    await play(one, plan, 1)


@checked
@given(plan=plans)
async def test_any_walk_of_packets_on_two_nodes(two: str, plan: list[Any]) -> None:
    await play(two, plan, 2)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(checked, max_examples=80)
@given(plan=st.lists(groups, min_size=2, max_size=12))
async def test_very_many_walks_of_packets(one: str, plan: list[Any]) -> None:
    await play(one, plan, 1)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(checked, max_examples=40)
@given(plan=st.lists(groups, min_size=2, max_size=12))
async def test_very_many_walks_of_packets_on_two_nodes(two: str, plan: list[Any]) -> None:
    await play(two, plan, 2)
