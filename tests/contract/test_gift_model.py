"""Whatever is given, repeated and given back, in any order, on two nodes: combos, boards, coins agree."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from rooms.gifts.boards import read_top
from rooms.gifts.checks import CHECKS
from rooms.gifts.defaults import DEFAULT_GIFTS
from rooms.ports import Caller
from rooms.wallet.store import read_balances
from tests.contract.house import OPERATOR, House, house_at, open_house

COINS = 60
GIFTS = ("rose", "heart", "tea")
_numbers = itertools.count()

people = st.integers(0, 2)
acts = st.one_of(
    *[st.tuples(st.just("give"), people, st.sampled_from(GIFTS), st.integers(1, 4))] * 4,
    st.tuples(st.just("repeat"), st.integers(0, 30)),
    st.tuples(st.just("refund"), st.integers(0, 30)),
)
groups = st.tuples(
    st.sampled_from([0, 1, 2_500, 4_999, 5_000, 5_001, 90_000]), st.lists(acts, min_size=1, max_size=10)
)


@dataclass
class Story:
    """One room, its own host and people, and what everybody was told."""

    nodes: Sequence[House]
    name: str = field(default_factory=lambda: f"room{next(_numbers)}")
    requests: list[tuple[Caller, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)

    @property
    def house(self) -> House:
        return self.nodes[0]

    @property
    def host(self) -> Caller:
        return Caller(f"host-{self.name}", "Host", may_host=True)

    def person(self, n: int) -> Caller:
        return Caller(f"p{n}-{self.name}", f"P{n}")

    async def begin(self) -> None:
        await self.house.create(self.name, self.host)
        await self.house.go_live(self.name)
        for n in range(3):
            await self.house.grant_coins(self.person(n), COINS)

    async def do(self, act: tuple[Any, ...], node: House) -> None:
        if act[0] == "give":
            request = {"gift": act[2], "count": act[3], "key": f"key-{next(_numbers):08d}"}
            self.requests.append((self.person(act[1]), request))
            await self.give(node, *self.requests[-1])
        elif act[0] == "repeat" and self.requests:
            await self.give(node, *self.requests[act[1] % len(self.requests)])
        elif act[0] == "refund" and self.given:
            gift = self.given[act[1] % len(self.given)]
            answer = await node.do("gift.refund", OPERATOR, room=self.name, gift=gift, reason="again")
            assert answer["ok"] or answer["error"]["code"] == "gift_refunded", answer

    async def give(self, node: House, caller: Caller, request: dict[str, Any]) -> None:
        answer = await node.do("gift", caller, room=self.name, **request)
        assert answer["ok"] or answer["error"]["code"] == "insufficient_coins", answer
        before = self.answers.setdefault(request["key"], answer)
        assert before == answer, "the same key was answered differently"
        if answer["ok"] and answer["event"]["id"] not in self.given:
            self.given.append(answer["event"]["id"])

    async def check(self) -> None:
        spent = await self._replay()
        owners = [self.person(n).id or "" for n in range(3)]
        wallets = await self.house.store.read(lambda conn: read_balances(conn, "wallet", owners))
        assert wallets == {owner: COINS - spent[owner] for owner in owners}
        for span in ("stream", "week", "all"):
            board = await self.house.store.read(lambda conn, s=span: self._top(conn, s))  # type: ignore[misc]
            assert board == {user: coins for user, coins in spent.items() if coins}
        assert await self.house.store.read(_wrong) == []

    async def _replay(self) -> Counter[str]:
        """Every combo, counted by hand from the log; gives what each giver has spent."""
        combos: dict[tuple[str, str], tuple[str, int, int, int]] = {}
        gifts: dict[str, tuple[str, str, int, str]] = {}
        spent: Counter[str] = Counter()
        for entry in await self.house.log(self.name):
            event = orjson.loads(entry.body)
            data = event["data"]
            if event["kind"] == "gift.refunded":
                giver, gift, coins, combo = gifts.pop(data["id"])
                spent[giver] -= coins
                assert (data["coins"], data["combo"]) == (coins, combo)
                if combos.get((giver, gift), ("",))[0] == combo:
                    del combos[giver, gift]
            if event["kind"] != "gift":
                continue
            giver, gift = event["user"]["id"], data["gift"]["id"]
            coins = DEFAULT_GIFTS[gift].price * data["count"]
            last = combos.get((giver, gift))
            if last is None or event["at_ms"] - last[1] > 5000:
                last = (event["id"], 0, 0, 0)
            now = (last[0], event["at_ms"], last[2] + data["count"], last[3] + coins)
            combos[giver, gift] = now
            assert data["combo"] == {"id": now[0], "count": now[2], "coins": now[3]}
            assert event["id"] not in gifts
            gifts[event["id"]] = (giver, gift, coins, now[0])
            spent[giver] += coins
        accepted = {answer["event"]["id"] for answer in self.answers.values() if answer["ok"]}
        assert gifts.keys() <= accepted
        assert accepted == set(self.given)
        return spent

    def _top(self, conn: Connection, span: Any) -> dict[str, int]:
        board = read_top(conn, self.house.fans, self.name, span, None, self.house.now_ms)
        return {row["user"]["id"]: row["coins"] for row in board["items"]}


def _wrong(conn: Connection) -> list[Any]:
    return [finding for check in CHECKS for finding in check(conn)]


async def play(nodes: Sequence[House], story: list[tuple[int, list[tuple[Any, ...]]]]) -> None:
    told = Story(nodes)
    await told.begin()
    for wait_ms, group in story:
        for node in nodes:
            node.now_ms += wait_ms
        turns = itertools.cycle(nodes)
        await asyncio.gather(*(told.do(act, next(turns)) for act in group))
        await told.check()


_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(story=st.lists(groups, min_size=1, max_size=5))
@settings(max_examples=8, deadline=None, suppress_health_check=_SLOW)
async def test_any_story(story: list[Any], house: House) -> None:
    await play([house], story)


@pytest.mark.soak
@pytest.mark.timeout(300)
@given(story=st.lists(groups, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=_SLOW)
async def test_any_story_on_two_nodes(story: list[Any], shared_url: str) -> None:
    async with open_house(shared_url) as one, open_house(shared_url, node="other") as other:
        await play([one, other], story)


async def test_a_story_on_two_nodes(shared_url: str) -> None:
    """One of those, in every run: repeats that overtake each other, refunds in the middle of combos."""
    busy = [("give", n % 3, GIFTS[n % 2], 1 + n % 3) for n in range(8)]
    again = [("repeat", n) for n in range(6)] + [("refund", n) for n in (0, 3, 3)] + busy[:3]
    async with house_at(shared_url) as one, open_house(shared_url, node="other") as other:
        await play([one, other], [(0, busy), (5000, again), (5001, busy), (1, again)])
