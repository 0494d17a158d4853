"""``kill -9`` between charge and settling: the provider has the money, the node never heard of it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from tests.faults.load import pages
from tests.server.world import World, key, running_world

SETTINGS = {"DANMART_ROOMS__HOLD_S": "300", "DANMART_NODE__DRAIN_S": "1"}


def charges(folder: Path) -> dict[str, int]:
    """The provider's books: what it took for which payment."""
    with contextlib.closing(sqlite3.connect(folder / "data" / "danmart.db")) as db:
        return dict(db.execute("SELECT payment_id, amount_minor FROM sandbox_charges WHERE refunded = 0"))


async def until_charged(folder: Path, count: int) -> None:
    async with asyncio.timeout(20):
        while True:
            if len(await asyncio.to_thread(charges, folder)) == count:
                return
            await asyncio.sleep(0.01)


async def until_all_paid(world: World, room: str, host: str) -> None:
    async with asyncio.timeout(25):
        while True:
            orders = await pages(world, f"/api/v1/rooms/{room}/orders", host)
            if {order["status"] for order in orders} == {"paid"}:
                return
            await asyncio.sleep(0.1)


async def test_what_was_charged_is_paid_after_all(tmp_path: Path) -> None:
    """Three payments hang at the provider when the node dies. One is asked for again with its key, two by
    nobody: the timers find them."""
    async with running_world(tmp_path, **SETTINGS) as world:
        room, host = await world.room()
        _, sku = await world.product(host, stock=3)
        buyer = await world.viewer(room)
        orders = [(await buyer.ok("buy", sku=sku, qty=1))["order"]["id"] for _ in range(3)]
        keys = [key() for _ in orders]
        # A connection's commands are done one after the other, so each has one of its own.
        tabs = [await world.join(buyer.user) for _ in orders]
        paying = [
            asyncio.create_task(tab.do("order.pay", room=room, order=order, card="hangs", key=each))
            for tab, order, each in zip(tabs, orders, keys, strict=True)
        ]
        await until_charged(tmp_path, 3)
        world.node.kill9()
        for task in paying:
            task.cancel()
        await asyncio.gather(*paying, return_exceptions=True)
    async with running_world(tmp_path, **SETTINGS) as world:
        person = await world.join(buyer.user)
        await person.enter(room)
        retried = await person.ok("order.pay", order=orders[0], key=keys[0])
        assert retried["order"]["status"] == "paid"
        await until_all_paid(world, room, str(host.user))
        books = await asyncio.to_thread(charges, tmp_path)
        assert sorted(books.values()) == [4900] * 3
        _, shelf = await world.get(f"/api/v1/rooms/{room}/products", str(host.user))
        assert [sku["stock"] for product in shelf["items"] for sku in product["skus"]] == [0]
