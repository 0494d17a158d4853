"""A shop's receiver: a real HTTP server on loopback that checks signatures by the specification's library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Got:
    """A delivery that arrived."""

    id: str
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return str(orjson.loads(self.body)["type"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = orjson.loads(self.body)["data"]
        return data


class Receiver:
    """``answer(got)`` gives the status of each; ``hold`` keeps answers back until it is set."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[Got] = []
        self.answer: Callable[[Got], int] = lambda _: 200
        self.headers: dict[str, str] = {}
        self.body = b"thanks"
        self.hold = asyncio.Event()
        self.hold.set()
        self.under_way = 0
        self.most_under_way = 0
        self._changed = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        got = Got(
            request.headers["webhook-id"],
            {name: request.headers[name] for name in names},
            await request.read(),
        )
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        async with self._changed:
            self.got.append(got)
            self._changed.notify_all()
        try:
            await self.hold.wait()
        finally:
            self.under_way -= 1
        return web.Response(status=self.answer(got), headers=self.headers, body=self.body)

    def of(self, type_: str) -> list[Got]:
        return [got for got in self.got if got.type == type_]

    async def until(self, enough: Callable[[], bool], within_s: float = 30) -> None:
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(enough)

    async def until_got(self, number: int, within_s: float = 30) -> None:
        await self.until(lambda: len(self.got) >= number, within_s)

    def must_be_signed(self, secret: str) -> None:
        """Every delivery has the signature that the specification's own library would give it."""
        for got in self.got:
            at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
            signature = Webhook(secret).sign(got.id, at, got.body.decode())
            assert signature in got.headers["webhook-signature"].split(" ")


@asynccontextmanager
async def running_receiver(port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield receiver
    finally:
        receiver.hold.set()
        await runner.cleanup()
