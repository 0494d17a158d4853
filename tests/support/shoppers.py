"""Thousands of buyers who press Buy at once, pay or don't, lose their node, and write everything down."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from clients.load.link import Link
from clients.load.spans import SpanBook
from clients.load.viewer import Viewer
from tests.support.history import Asked

ANSWER_WITHIN_S = 12.0
CONNECTING_AT_ONCE = 64
PRESSED_OF_ALL = 0.1
"""Of ten buyers, nine look elsewhere after a few refusals; the tenth asks until there is a final answer."""


@dataclass(eq=False)
class Sale:
    """What is sold where. ``urls`` change when nodes come back; ``history`` is what all buyers wrote down."""

    urls: list[str]
    room: str
    sku: str
    history: list[Asked] = field(default_factory=list)
    connecting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTING_AT_ONCE))
    positions: int = 0

    def answered(self, code: str) -> int:
        """How many acknowledgements had this error's code; ``ok`` for those that had none."""
        return self.codes()[code]

    def codes(self) -> Counter[str]:
        return Counter(_code(asked.answer) for asked in self.history)


def _code(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "lost"
    return "ok" if answer["ok"] else str(answer["error"]["code"])


class Shopper:
    """One buyer, who decides by the seed. ``run`` ends when nothing more is to be had, or wanted."""

    def __init__(self, sale: Sale, user: str, token: str, seed: int) -> None:
        self._sale = sale
        self._user = user
        self._token = token
        self._random = random.Random(seed)
        self._turn = seed
        self._link: Link | None = None
        self._patience = 10**6 if self._random.random() < PRESSED_OF_ALL else self._random.randint(1, 3)

    async def run(self) -> None:
        try:
            await self._shop()
        finally:
            if self._link is not None:
                self._link.close()

    async def _shop(self) -> None:
        bought = await self._ask("buy", {"sku": self._sale.sku, "qty": 1})
        if not bought["ok"]:
            return
        order, luck = bought["order"]["id"], self._random.random()
        if luck < 0.2:
            return  # without a word: the hold runs out
        if luck < 0.3:
            await self._ask("order.cancel", {"order": order})
            return
        for _ in range(3):
            card = "declined" if self._random.random() < 0.3 else "ok"
            paid = await self._ask("order.pay", {"order": order, "method": "sandbox", "card": card})
            if _code(paid) != "payment_declined":
                return

    async def _ask(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        """A command under one key until there is an answer to go by, wherever it comes from."""
        payload = {"room": self._sale.room, "key": f"{self._random.getrandbits(64):016x}", **payload}
        refused = 0
        while True:
            answer = await self._once(name, payload)
            if answer is None:
                continue
            if answer["ok"] or not answer["error"]["temporary"] or _code(answer) == "payment_declined":
                return answer
            refused += _code(answer) in ("stock_held", "sold_out")
            if refused > self._patience:
                return answer
            wait_ms = answer["error"].get("retry_after_ms", 500)
            await asyncio.sleep(wait_ms / 1000 * self._random.uniform(0.5, 1))

    async def _once(self, name: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Sent once; None if no acknowledgement came."""
        link = await self._connected()
        asked = Asked(self._user, name, payload)
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def reply(answer: dict[str, Any]) -> None:
            if not answered.done():
                answered.set_result(answer)

        if not link.command(name, payload, reply):
            return None
        self._sale.history.append(asked)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await answered
        except TimeoutError:
            link.abort()
            return None
        if _code(answer) == "connection_lost":
            return None
        asked.answer = answer
        return answer

    async def _connected(self) -> Link:
        """The connection that there is, or one to the next node that lets this buyer in."""
        while self._link is None or not self._link.is_up:
            async with self._sale.connecting:
                self._link = await self._connect()
            if self._link is None:
                await asyncio.sleep(self._random.uniform(0.1, 0.5))
        return self._link

    async def _connect(self) -> Link | None:
        self._turn += 1
        place = urlsplit(self._sale.urls[self._turn % len(self._sale.urls)])
        host, port = place.hostname or "", place.port or 0
        viewer = Viewer(self._token, self._user)
        try:
            async with asyncio.timeout(10):
                _, link = await asyncio.get_running_loop().create_connection(
                    lambda: Link(viewer, SpanBook(), host, port, lambda *_: None), host, port
                )
                await link.joined
        except (OSError, TimeoutError):
            return None
        return link
