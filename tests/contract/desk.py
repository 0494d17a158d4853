"""A node's webhooks over a house's store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from server.config.sections import Outbound as OutboundSettings
from server.outbound import Outbound
from server.store.group import Work
from server.webhooks.endpoints import Endpoints, NewEndpoint
from server.webhooks.post import Post
from server.webhooks.reading import read_deliveries
from server.webhooks.service import Webhooks
from server.webhooks.tables import DeliveryRow
from tests.contract.house import HOST, House
from tests.server.webhooks.receiver import Receiver

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = OutboundSettings(allow_private=(ip_network("127.0.0.0/8"),), timeout_s=10)


class Desk:
    """A node's webhooks over a house's store. ``look`` is what the node does once a second."""

    def __init__(self, house: House, *, alone: bool = True, node: str = "node", concurrent: int = 8) -> None:
        self.house = house
        self.endpoints = Endpoints(5)
        self.registry = CollectorRegistry()
        self.webhooks = Webhooks(
            house.store,
            Post(Outbound(LOOPBACK), lambda: house.now_ms),
            self.registry,
            node,
            alone=alone,
            clock_ms=lambda: house.now_ms,
            concurrent=concurrent,
            chance=lambda: 0.0,
        )

    async def write(self, name: str, steps: Any) -> dict[str, Any]:
        answer = await self.house.store.write(Work(name, steps))
        assert answer.ok, answer.body
        decoded: dict[str, Any] = orjson.loads(answer.body)
        return decoded

    async def endpoint(self, receiver: Receiver, *types: str, **more: Any) -> str:
        """A new endpoint, served from now on."""
        new = NewEndpoint(url=receiver.url, types=list(types or ("*",)), secret=SECRET, **more)
        made = await self.write("create", lambda tx: self.endpoints.create(tx, new))
        await self.webhooks.look()
        endpoint: str = made["id"]
        return endpoint

    async def deliveries(self, endpoint: str, status: str | None = None) -> list[DeliveryRow]:
        return await self.house.store.read(lambda conn: read_deliveries(conn, endpoint, status=status))

    async def until(self, endpoint: str, **counts: int) -> None:
        """Until so many deliveries have this status, on disk."""
        async with asyncio.timeout(30):
            while True:
                rows = await self.deliveries(endpoint)
                if all(sum(r.status == status for r in rows) == n for status, n in counts.items()):
                    return
                await asyncio.sleep(0.01)

    async def turn(self, ms: int) -> None:
        """So much later."""
        self.house.now_ms += ms
        await self.webhooks.look()

    async def crash(self) -> None:
        """End as a killed node does: nothing more is written."""
        for courier in self.webhooks._couriers.values():
            courier.done = True
        for courier in list(self.webhooks._couriers.values()):
            await courier.close()
        self.webhooks._couriers.clear()


@asynccontextmanager
async def desk_of(house: House, **options: Any) -> AsyncIterator[Desk]:
    desk = Desk(house, **options)
    try:
        yield desk
    finally:
        await desk.webhooks.close()


async def pins(house: House, number: int) -> None:
    """So many entries of the log that make one message each."""
    product, _ = await house.product()
    for n in range(number - 1):
        await house.ok("unpin" if n % 2 else "pin", HOST, product=product)
