"""``kill -9`` in the middle of many gifts: each that was acknowledged is there once, and the books agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import create_engine, select

from bench.peers.sides import raised_limits
from rooms.gifts.store import GivenRow, given_table
from rooms.wallet.store import accounts_table
from server.reconcile import CHECKS
from tests.faults.load import CONNECTION_LOST
from tests.server.world import Person, World, fresh, key, running_world
from tests.support.coins import endow, put_on_air

COINS = 10**6
# Nobody sends a picture: a node would end the stream of a room that it doesn't know to be on the air.
ENV = {**raised_limits(), "DANMART_MEDIA__GRACE_S": "3600"}
GIFTS = ("rose", "heart", "clover")
PRICES = {"rose": 1, "heart": 2, "clover": 9}
AT_ONCE = 6
IN_WITHIN_S = 20.0

T = TypeVar("T")


class Giving:
    """People who give as fast as they are answered until the node is gone, or enough was given."""

    def __init__(self, people: Sequence[str], room: str, gifts: int) -> None:
        self.people = people
        self.room = room
        self.gifts = gifts
        self.sent: dict[str, tuple[str, dict[str, Any]]] = {}
        self.answers: dict[str, dict[str, Any]] = {}

    async def give(self, person: Person) -> None:
        async def one(n: int) -> None:
            while len(self.sent) < self.gifts:
                each, gift = key(), GIFTS[(n + len(self.sent)) % 3]
                payload = {"room": self.room, "gift": gift, "count": 1, "key": each}
                self.sent[each] = (str(person.user), payload)
                self.answers[each] = await person.send("gift", payload)

        lost = await asyncio.gather(*(one(n) for n in range(AT_ONCE)), return_exceptions=True)
        assert all(error is None or isinstance(error, CONNECTION_LOST) for error in lost), lost

    async def kill_in_the_middle(self, world: World, after: int) -> None:
        """Let them give, and kill the node when so many gifts were acknowledged."""
        joined = [await arrive(world, user, self.room) for user in self.people]
        giving = [asyncio.create_task(self.give(person)) for person in joined]
        while len(self.answers) < after:
            assert not all(task.done() for task in giving), "all is over before its time"
            await asyncio.sleep(0.005)
        world.node.kill9()
        for task in giving:
            task.cancel()
        await asyncio.gather(*giving, return_exceptions=True)
        assert len(self.answers) < len(self.sent), "nothing was under way at the kill"

    async def finish(self, world: World) -> None:
        """Send again what was not answered, and some of what was; then go on until all is given."""
        again = [k for k in self.sent if k not in self.answers] + list(self.answers)[:20]
        joined = {user: await arrive(world, user, self.room) for user in self.people}
        for each in again:
            user, gift = self.sent[each]
            answer = await joined[user].send("gift", gift)
            assert self.answers.setdefault(each, answer) == answer
        await asyncio.gather(*(self.give(person) for person in joined.values()))


async def patiently(come: Callable[[], Awaitable[T]]) -> T:
    """What ``come`` gives, also at a node that turns newcomers away for a moment as it has much to do."""
    async with asyncio.timeout(IN_WITHIN_S):
        while True:
            try:
                return await come()
            except CONNECTION_LOST:
                await asyncio.sleep(0.3)


async def arrive(world: World, user: str, room: str) -> Person:
    person = await patiently(lambda: world.join(user))
    await person.enter(room)
    return person


def prove(url: str, giving: Giving) -> None:
    """Every acknowledged gift is stored once, what is stored was asked for, and the books agree."""
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            assert [finding for check in CHECKS for finding in check(conn)] == []
            rows = [GivenRow(*record) for record in conn.execute(select(given_table))]
            wallets = select(accounts_table.c.owner, accounts_table.c.balance)
            left = dict(tuple(r) for r in conn.execute(wallets.where(accounts_table.c.kind == "wallet")))
    finally:
        engine.dispose()
    stored = {row.id: row for row in rows}
    told = set()
    for each, answer in giving.answers.items():
        user, gift = giving.sent[each]
        assert answer["ok"], answer
        row = stored[answer["event"]["id"]]
        assert (row.giver_id, row.gift_id, row.coins) == (user, gift["gift"], PRICES[gift["gift"]])
        told.add(row.id)
    assert len(told) == len(giving.answers), "two gifts were acknowledged by one event"
    assert len(stored) - len(told) <= len(giving.sent) - len(giving.answers)
    for person in giving.people:
        spent = sum(row.coins for row in stored.values() if row.giver_id == person)
        assert left[person] == COINS - spent


async def one_round(folder: Path, url: str, env: dict[str, str], *, gifts: int, kill_after: int) -> None:
    people = [fresh("giver") for _ in range(5)]
    async with running_world(folder, **env) as world:
        room, _ = await patiently(world.room)
        await asyncio.to_thread(endow, url, people, COINS)
        await asyncio.to_thread(put_on_air, url, room)
        giving = Giving(people, room, gifts)
        await giving.kill_in_the_middle(world, kill_after)
    await asyncio.to_thread(prove, url, giving)
    async with running_world(folder, **env) as world:
        await giving.finish(world)
    await asyncio.to_thread(prove, url, giving)
    assert len(giving.answers) == len(giving.sent) >= gifts


def on_sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'data' / 'danmart.db'}"


async def test_no_gift_is_lost_or_given_twice_though_the_node_is_killed(tmp_path: Path) -> None:
    await one_round(tmp_path, on_sqlite(tmp_path), ENV, gifts=300, kill_after=120)


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_ten_thousand_gifts(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> None:
    env, url = ENV, on_sqlite(tmp_path)
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")
        env = {**ENV, "DANMART_STORE__URL": url}
    await one_round(tmp_path, url, env, gifts=10_000, kill_after=5_000)
