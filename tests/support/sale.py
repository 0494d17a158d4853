"""A sale from the first press of Buy to the last unit paid, whatever happens to the servers in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.peers.sides import raised_limits
from clients.load.run import raise_file_limit
from tests.server.world import World, fresh, token
from tests.support.history import Asked, Stored, faults, read_stored
from tests.support.shoppers import Sale, Shopper

# One machine plays everybody; holds run out while one can watch.
ENV = {**raised_limits(), "DANMART_ROOMS__HOLD_S": "2"}
SETTLED_WITHIN_S = 45.0
STUCK_S, STUCK_WITHIN_S = 0.5, 30.0
_OPEN = {"started", "refund_due"}


@asynccontextmanager
async def selling(
    worlds: list[World], buyers: int, units: int
) -> AsyncIterator[tuple[Sale, asyncio.Task[None]]]:
    """A room with a product, watched on every node, and buyers who have just begun. The task ends with the
    last of them; what happens inside of the ``with`` happens while they shop."""
    raise_file_limit()
    room, host = await worlds[0].room()
    _, sku = await worlds[0].product(host, stock=units)
    for world in worlds[1:]:
        await world.viewer(room)
    sale = Sale([world.url for world in worlds], room, sku)
    names = [fresh("shopper") for _ in range(buyers)]
    tokens = await asyncio.to_thread(lambda: [token(name) for name in names])
    shoppers = [Shopper(sale, name, tokens[n], n) for n, name in enumerate(names)]
    task = asyncio.create_task(_all(shoppers))
    try:
        yield sale, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _all(shoppers: list[Shopper]) -> None:
    async with asyncio.TaskGroup() as group:
        for shopper in shoppers:
            group.create_task(shopper.run())


async def until(sale: Sale, enough: Callable[[], bool], task: asyncio.Task[None]) -> None:
    """Until something can be said of what the buyers were answered."""
    while not enough():
        assert not task.done(), f"all is over before its time: {sale.codes()}"
        await asyncio.sleep(0.01)


async def kill_busy(sale: Sale, world: World) -> None:
    """``kill -9`` while buyers wait for an answer of this node: whatever it was at, they never get it."""
    world.node.freeze()
    stuck: list[Asked] = []
    async with asyncio.timeout(STUCK_WITHIN_S):
        # Of the other nodes answers come sooner than that.
        while not any(asked.answer is None for asked in stuck):
            stuck = [asked for asked in sale.history if asked.answer is None]
            await asyncio.sleep(STUCK_S)
    world.node.kill9()


async def check(
    sale: Sale, task: asyncio.Task[None], database_url: str, units: int, within_s: float
) -> Stored:
    """Wait for the end, and hold what everybody was told against the database: every unit is sold, to
    somebody who has paid, and nothing else is wrong either."""
    async with asyncio.timeout(within_s):
        await task
    stored = await _settled(lambda: asyncio.to_thread(read_stored, database_url, sale.sku, units))
    assert faults(sale.history, stored) == []
    assert (stored.sold, stored.held, stored.stock) == (units, 0, 0)
    return stored


async def _settled(read: Callable[[], Awaitable[Stored]]) -> Stored:
    """When no payment is under way any more: the timers of a killed node's attempts have run."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLED_WITHIN_S
    while True:
        stored = await read()
        busy = any(payment.status in _OPEN for payment in stored.payments) or stored.held
        if not busy or loop.time() > deadline:
            return stored
        await asyncio.sleep(0.2)
