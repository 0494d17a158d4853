"""Buying while thousands do: one's place is told, and a no from memory never hides what one has got."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from rooms.rows import Steps
from rooms.unit import Unit
from server.shop_front import ShopFront
from server.store.group import Work
from server.store.keys import CommandKey
from tests.contract.house import OTHER, ROOM, VIEWER, House

GROUP_MAX = 256


def nothing(tx: Unit) -> Steps[Any]:
    return {}
    yield


async def test_who_waits_for_more_than_a_group_is_told_how_many_are_before(house: House) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(tx: Unit) -> Steps[Any]:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        return {}
        yield

    told: dict[int, list[int]] = {}

    def buy(number: int) -> Work:
        key = CommandKey("u", "buy", f"waiting-{number:04d}")
        return Work("buy", nothing, key, waits=lambda place: told.setdefault(number, []).append(place))

    first = asyncio.create_task(house.store.write(Work("slow", slow)))
    await begun.wait()
    # In one breath: the loop gets no turn before all are queued.
    waiting = [asyncio.create_task(house.store.write(buy(number))) for number in range(GROUP_MAX + 50)]
    await asyncio.sleep(0)
    assert told == {number: [number] for number in range(GROUP_MAX, GROUP_MAX + 50)}
    go_on.set()
    answers = await asyncio.gather(first, *waiting)
    assert all(answer.ok for answer in answers)
    assert all(len(places) == 1 for places in told.values()), "told more than once a second"


async def test_nobody_is_told_anything_where_nobody_waits(house: House) -> None:
    told: list[int] = []
    for number in range(20):
        key = CommandKey("u", "buy", f"at-once-{number:04d}")
        await house.store.write(Work("buy", nothing, key, waits=told.append))
    assert told == []


async def test_a_buyers_event_names_the_key(house: House) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(tx: Unit) -> Steps[Any]:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        return {}
        yield

    _, sku = await house.product(stock=1)
    told: list[tuple[str, dict[str, Any]]] = []
    first = asyncio.create_task(house.store.write(Work("slow", slow)))
    await begun.wait()
    others = [asyncio.create_task(house.store.write(Work("other", nothing))) for _ in range(GROUP_MAX)]
    await asyncio.sleep(0)
    payload = {"room": ROOM, "sku": sku, "qty": 1, "key": "my-purchase"}
    buying = asyncio.create_task(
        house.commands.run("buy", payload, VIEWER, "", lambda name, data: told.append((name, data)))
    )
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)
    assert (await buying).ok
    assert told == [("buy.waiting", {"key": "my-purchase", "position": GROUP_MAX})]


async def test_a_lost_acknowledgement_is_found_again_by_its_key(house: House) -> None:
    _, sku = await house.product(stock=1)
    left = {sku: 1}
    house.commands._front = ShopFront(lambda room, of: left.get(of))
    bought = await house.ok("buy", VIEWER, sku=sku, qty=1, key="lost-answer")
    left[sku] = 0
    # The same node has seen the key; another one, or this one started again, has not.
    assert await house.do("buy", VIEWER, sku=sku, qty=1, key="lost-answer") == bought
    house.commands._front = ShopFront(lambda room, of: left.get(of))
    doubtful = await house.do("buy", VIEWER, sku=sku, qty=1, key="lost-answer")
    assert doubtful["error"]["temporary"]
    assert await house.do("buy", VIEWER, sku=sku, qty=1, key="lost-answer") == bought


async def test_a_no_from_memory_leaves_the_database_alone(house: House) -> None:
    _, sku = await house.product(stock=0)
    house.commands._front = ShopFront(lambda room, of: 0)
    asked: list[str] = []
    write = house.store.writer.submit

    async def counted(work: Work) -> Any:
        asked.append(work.name)
        return await write(work)

    house.store.writer.submit = counted  # type: ignore[method-assign]
    try:
        refused = await house.do("buy", OTHER, sku=sku, qty=1, key="no-thanks")
        assert (refused["error"]["code"], refused["error"]["temporary"]) == ("stock_held", True)
        assert asked == []
        final = await house.do("buy", OTHER, sku=sku, qty=1, key="no-thanks")
        assert (final["error"]["code"], final["error"]["temporary"]) == ("sold_out", False)
        assert asked == ["buy"]
        # What the database has said is passed on to the next, who may ask it as well.
        second = await house.do("buy", VIEWER, sku=sku, qty=1, key="no-thanks")
        assert (second["error"]["code"], second["error"]["temporary"]) == ("sold_out", True)
    finally:
        house.store.writer.submit = write  # type: ignore[method-assign]
