"""Buyers at a node by Socket.IO: a connection each, and the next order when the last was answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.peers.sides import AUDIENCE, ISSUER, ROOM, SECRET
from bench.shop import STOCK
from clients.load.crowd import Crowd
from clients.load.link import Link
from clients.load.tokens import signed
from clients.load.viewer import Viewer

ANSWERED_WITHIN_S = 10.0


@dataclass(slots=True)
class Window:
    """What was acknowledged in a while, and how long each order waited."""

    orders: int
    seconds: float
    waits_ms: list[float] = field(repr=False)

    @property
    def per_s(self) -> float:
        return self.orders / self.seconds

    def raw(self) -> dict[str, float]:
        waits = sorted(self.waits_ms)
        return {
            "orders": self.orders,
            "seconds": round(self.seconds, 3),
            "p50_ms": round(waits[len(waits) // 2], 2),
            "p99_ms": round(waits[len(waits) * 99 // 100], 2),
        }


class Buyers:
    """All in one room, for one product. Use from one loop; ``close`` when done."""

    def __init__(self, url: str) -> None:
        self._api = f"{url}/api/v1/rooms/{ROOM}"
        self._crowd = Crowd([url], ROOM)
        self._sku = ""
        self._numbers = itertools.count()
        self._bought = 0

    async def connect(self, count: int) -> None:
        """Put the product on the shelf and come in. Raises ``RuntimeError`` if somebody is kept out."""
        self._sku = await self._product(STOCK)
        users = signed(SECRET, ISSUER, AUDIENCE, count)
        await self._crowd.connect(Viewer(user.token, user.id) for user in users)
        if failed := self._crowd.counts.connects_failed:
            raise RuntimeError(f"buyers were kept out: {dict(failed)}")

    async def window(self, seconds: float, wanted: tuple[str, ...] = ("ok",)) -> Window:
        """Orders for ``seconds`` and until the last is answered. Raises ``RuntimeError`` if an answer is none
        of the ``wanted``: ``ok`` or an error's code."""
        waits: list[float] = []
        answers: Counter[str] = Counter()
        started = time.perf_counter()

        async def buyer(link: Link) -> None:
            while (sent := time.perf_counter()) - started < seconds:
                answers[await self._buy(link)] += 1
                waits.append((time.perf_counter() - sent) * 1000)

        await asyncio.gather(*(buyer(link) for link in self._crowd.links.values()))
        took = time.perf_counter() - started
        if set(answers) - set(wanted):
            raise RuntimeError(f"buyers were answered {dict(answers)}")
        self._bought += answers["ok"]
        return Window(len(waits), took, waits)

    async def _buy(self, link: Link) -> str:
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        payload = {"room": ROOM, "sku": self._sku, "qty": 1, "key": f"order-{next(self._numbers):09d}"}
        if not link.command("buy", payload, answered.set_result):
            raise RuntimeError("a buyer's connection is gone")
        answer = await asyncio.wait_for(answered, ANSWERED_WITHIN_S)
        return "ok" if answer["ok"] else str(answer["error"]["code"])

    async def check(self) -> None:
        """Raises ``RuntimeError`` if the shelf is short of more or fewer than were acknowledged."""
        async with self._http() as http, http.get(f"{self._api}/products") as answer:
            shelf = await answer.json()
        left = next(s["stock"] for p in shelf["items"] for s in p["skus"] if s["id"] == self._sku)
        if left != STOCK - self._bought:
            raise RuntimeError(f"{self._bought} orders were acknowledged, {STOCK - left} are stored")

    async def sell_out(self) -> None:
        """From here on they want something of which nothing is left."""
        self._sku = await self._product(0)

    async def _product(self, stock: int) -> str:
        product = {
            "title": "Tea",
            "price_minor": 100,
            "currency": "CNY",
            "stock": stock,
            "key": f"stock-{stock:06d}",
        }
        async with (
            self._http() as http,
            http.post(f"{self._api}/commands/product.add", json=product) as answer,
        ):
            return str((await answer.json())["product"]["skus"][0]["id"])

    def _http(self) -> aiohttp.ClientSession:
        host = signed(SECRET, ISSUER, AUDIENCE, 1, may_host=True)[0]
        headers = {"Authorization": f"Bearer {host.token}"}
        return aiohttp.ClientSession(headers=headers, raise_for_status=True)

    async def close(self) -> None:
        await self._crowd.close()
