"""Both drivers in the test's own loop, on a real port, with a gateway that lets everybody in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from server.live.connection import Outlet
from server.proxies import Network, proxy_middleware
from server.socket.admission import Admission
from server.socket.aside import StepAside, stay
from server.socket.door import Door
from server.socket.hub import Hub, Times
from server.socket.polling import PollingDriver


class Host:
    """Answers every command with its name, ``ask`` when ``answers`` is set. ``outlets`` has who is in
    the namespace."""

    def __init__(self) -> None:
        self.outlets: dict[str, Outlet] = {}
        self.moved = asyncio.Event()
        self.began: list[tuple[Any, ...]] = []
        self.answers = asyncio.Event()

    async def connect(self, sid: str, auth: Any, outlet: Outlet, address: str) -> None:
        self.outlets[sid] = outlet
        self.moved.set()

    async def disconnect(self, sid: str) -> None:
        self.outlets.pop(sid, None)
        self.moved.set()

    lengthy = ("ask",)

    async def command(
        self, sid: str, name: str, args: tuple[Any, ...], length: int, step_aside: StepAside = stay
    ) -> Any:
        self.began.append(args)
        if name == "ask":  # somebody else, who answers when the test says so
            step_aside()
            await self.answers.wait()
        return {"ok": True, "name": name, "length": length}

    async def until(self, count: int) -> list[Outlet]:
        """Waits until so many are in the namespace."""
        async with asyncio.timeout(10):
            while len(self.outlets) != count:
                self.moved.clear()
                await self.moved.wait()
        return list(self.outlets.values())


class House:
    """``close`` is what a node does to its clients at shutdown, in the same order."""

    def __init__(self, host: Host, hub: Hub, polling: PollingDriver, registry: CollectorRegistry) -> None:
        self.host = host
        self.hub = hub
        self.polling = polling
        self.port = 0
        self._registry = registry

    def count(self, metric: str, **labels: str) -> float:
        return self._registry.get_sample_value(metric, labels) or 0.0

    def closed(self, reason: str) -> float:
        return self.count("danmart_sockets_closed_total", reason=reason)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        for outlet in list(self.host.outlets.values()):
            outlet.close("shutting_down", reconnect=True, retry_after_ms=1000)
        await self.hub.close()
        await self.polling.close()


@asynccontextmanager
async def open_house(
    *,
    times: Times | None = None,
    per_address: int = 1000,
    lag_max_s: float = 60,
    trusted: Sequence[Network] = (),
) -> AsyncIterator[House]:
    """A house that is open to all who come, also where the whole machine is busy."""
    registry, host = CollectorRegistry(), Host()
    hub = Hub(host, Admission(per_address, time.monotonic, lag_max_s=lag_max_s), registry, times)
    polling = PollingDriver(hub)
    house = House(host, hub, polling, registry)
    app = web.Application(middlewares=[proxy_middleware(trusted)])
    polling.attach(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    await hub.start()
    others = runner.server
    assert others is not None
    door = Door(hub, others, trusted=trusted, hosts=None)
    server = await asyncio.get_running_loop().create_server(door, "127.0.0.1", 0)
    house.port = server.sockets[0].getsockname()[1]
    try:
        yield house
    finally:
        server.close()
        door.close()
        await house.close()
        await runner.cleanup()
        async with asyncio.timeout(5):
            while next(iter(hub.wheel), None) is not None:  # noqa: ASYNC110  those who don't hang up
                await asyncio.sleep(0.01)
