"""Holds end in time by the real clock: their stock comes back, and everybody hears of it, within a second,
also while thousands press Buy, and after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from sqlalchemy import func, select

from moderation.standing import RoomStanding
from rooms.commands import Buy
from rooms.ports import Caller
from rooms.shop.orders import HOLD_TIMER, OrderRules, Orders
from rooms.shop.store import orders_table
from rooms.unit import News
from server.commands import request_hash
from server.store.group import Work
from server.store.keys import CommandKey
from server.timers import Timers
from tests.contract.house import HOST, ROOM, House

LATE_MAX_MS = 1000
HOLD_MS = 1500

numbers = itertools.count()


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Lateness:
    """How late orders expired, as the database has it and as others were told, in ms."""

    written: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    def take(self, news: News, since_ms: int) -> None:
        """What of a commit's news is about orders that ran out; before ``since_ms`` nobody could tell."""
        now_ms = wall_ms()
        for event in news.private:
            if event.kind == "order":
                order = orjson.loads(event.body)["data"]["order"]
                if order["status"] == "expired":
                    due_ms = max(order["hold_until_ms"], since_ms)
                    self.written.append(event.at_ms - due_ms)
                    self.told.append(now_ms - due_ms)

    def report(self, what: str) -> str:
        told = sorted(self.told)
        cuts = statistics.quantiles(told, n=100)
        figures = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": told[-1]}
        return f"{what}: {len(told)} holds, told late by ms: " + ", ".join(
            f"{name} {value:.0f}" for name, value in figures.items()
        )


class LiveHouse(House):
    """One by the real clock, with its timers running."""

    def __init__(self, url: str) -> None:
        self.lateness = Lateness()
        self.since_ms = 0
        super().__init__(url, hold_ms=HOLD_MS)

    @property
    def now_ms(self) -> int:
        return wall_ms()

    @now_ms.setter
    def now_ms(self, _: int) -> None: ...

    def _published(self, news: News) -> None:
        super()._published(news)
        self.lateness.take(news, self.since_ms)


@asynccontextmanager
async def live_house(url: str, *, fresh: bool) -> AsyncIterator[LiveHouse]:
    """``fresh``: with a room in it; otherwise as a node that starts again."""
    asyncio.get_running_loop().set_debug(False)  # it is the real time that counts here
    house = await asyncio.to_thread(LiveHouse, url)
    await house.store.start()
    house.since_ms = wall_ms()
    timers = Timers(house.store, wall_ms, inside={HOLD_TIMER: house.services.orders.expire}, outside={})
    if fresh:
        await house.sign_in(HOST)
        await house.create()
    await timers.start()
    try:
        yield house
    finally:
        await timers.close()
        await house.store.close()


async def buy(house: House, orders: Orders, sku: str) -> bool:
    number = next(numbers)
    caller = Caller(f"u-{number}", "Lin")
    cmd = Buy(room=ROOM, sku=sku, qty=1, key=f"key-{number:08d}")
    key = CommandKey(caller.id or "", "buy", cmd.key)
    answer = await house.store.write(
        Work("buy", lambda tx: orders.buy(tx, cmd, caller), key, request_hash(cmd))
    )
    return answer.ok


async def held(house: House) -> int:
    query = select(func.count()).select_from(orders_table).where(orders_table.c.status == "held")
    return await house.store.read(lambda conn: conn.scalar(query) or 0)


async def crowd_presses_buy(house: House, sku: str, size: int) -> None:
    """So many who press Buy again as soon as they are answered, whose holds don't end during the test."""
    patient = Orders(RoomStanding(), OrderRules(600_000))

    async def one() -> None:
        while True:
            await buy(house, patient, sku)

    async with asyncio.TaskGroup() as group:
        for _ in range(size):
            group.create_task(one())


async def until_told(house: LiveHouse, number: int) -> None:
    async with asyncio.timeout(30):
        while len(house.lateness.told) < number:  # noqa: ASYNC110  there is nobody to tell us
            await asyncio.sleep(0.02)


async def holds_end_in_time(url: str, holds: int, crowd: int, what: str) -> None:
    async with live_house(url, fresh=True) as house:
        _, sku = await house.product(stock=holds)
        _, other = await house.product(stock=1_000_000)
        made = await asyncio.gather(*(buy(house, house.services.orders, sku) for _ in range(holds)))
        assert all(made)
        pressing = asyncio.create_task(crowd_presses_buy(house, other, crowd))
        try:
            await until_told(house, holds)
        finally:
            pressing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pressing
        print(house.lateness.report(what))
        assert len(house.lateness.told) == holds
        assert min(house.lateness.written) >= 0
        assert max(house.lateness.told) <= LATE_MAX_MS
        assert (await house.sku(sku)).stock == holds
        assert house.stock[sku] == holds


@pytest.mark.alone
async def test_holds_end_in_time_while_many_buy(migrated_url: str) -> None:
    await holds_end_in_time(migrated_url, 100, 200, "100 at once, 200 buying")


@pytest.mark.soak
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("holds", "crowd"), [(1000, 0), (1000, 1000), (1000, 4000)])
async def test_thousands_of_holds_end_in_time(migrated_url: str, holds: int, crowd: int) -> None:
    await holds_end_in_time(migrated_url, holds, crowd, f"{holds} at once, {crowd} buying")


@pytest.mark.alone
async def test_holds_that_ended_while_no_node_ran_are_over_within_a_second_of_the_start(
    migrated_url: str,
) -> None:
    async with live_house(migrated_url, fresh=True) as house:
        _, sku = await house.product(stock=150)
        assert all(await asyncio.gather(*(buy(house, house.services.orders, sku) for _ in range(150))))
    async with live_house(migrated_url, fresh=False) as house:
        await until_told(house, 150)
        print(house.lateness.report("150 after a restart"))
        assert max(house.lateness.told) <= LATE_MAX_MS
        assert (await house.sku(sku)).stock == 150
        assert await held(house) == 0
