"""What group commit buys: comments and orders acknowledged a second, durable, one by one and together.

Both run through the whole path behind the gateway: keys, rules, the log, private and staff events.
The peer in the same run is the same code with one command a transaction, as most shops commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop
from prometheus_client import CollectorRegistry

from moderation.audit import AuditTrail
from moderation.standing import RoomStanding
from rooms import people
from rooms.budget import BudgetRules
from rooms.commands import AddProduct, Buy, CreateRoom, PostComment
from rooms.comments import CommentRules, Comments
from rooms.lifecycle import Lifecycle, LifecycleRules
from rooms.ports import Caller
from rooms.shop.catalogue import Catalogue
from rooms.shop.orders import OrderRules, Orders
from server.store.group import Work
from server.store.keys import CommandKey
from server.store.store import Store
from server.texts import Texts

ROOM = "bench"
HOST = Caller("host", "Host", may_host=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """Commands acknowledged a second, and how long each waited, in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float


class Shop:
    """A store with a room and a product that everybody wants."""

    def __init__(self, folder: Path, group_max: int) -> None:
        self.store = Store(
            f"sqlite:///{folder / 'bench.db'}",
            published=lambda _: None,
            registry=CollectorRegistry(),
            group_max=group_max,
        )
        standing, texts, audit = RoomStanding(), Texts(), AuditTrail()
        self._comments = Comments(
            standing, texts, CommentRules(per_window=1_000_000, budget=BudgetRules(10**6, 10**6))
        )
        self._orders = Orders(standing, OrderRules())
        self._lifecycle = Lifecycle(standing, texts, audit, LifecycleRules())
        self._catalogue = Catalogue(standing, texts, audit)
        self._sku = ""

    async def open(self) -> None:
        await self.store.start()
        await self.store.write(Work("seen", lambda tx: people.seen(tx, HOST)))
        room = CreateRoom(id=ROOM, title="Bench")
        await self.store.write(Work("room", lambda tx: self._lifecycle.create(tx, room, HOST)))
        cmd = AddProduct(
            room=ROOM, title="Tea", price_minor=100, currency="CNY", stock=10**9, key="bench-product"
        )
        answer = await self.store.write(Work("product", lambda tx: self._catalogue.add(tx, cmd, HOST)))
        self._sku = orjson.loads(answer.body)["product"]["skus"][0]["id"]

    async def comment(self, n: int) -> bool:
        caller = Caller(f"user-{n % 1000}", f"User {n % 1000}")
        cmd = PostComment(room=ROOM, text=f"comment number {n}, of a usual length", key=f"comment-{n:08d}")
        key = CommandKey(caller.id or "", "comment", cmd.key)
        return (
            await self.store.write(Work("comment", lambda tx: self._comments.post(tx, cmd, caller), key))
        ).ok

    async def buy(self, n: int) -> bool:
        caller = Caller(f"user-{n % 1000}", f"User {n % 1000}")
        cmd = Buy(room=ROOM, sku=self._sku, qty=1, key=f"order-{n:08d}")
        key = CommandKey(caller.id or "", "buy", cmd.key)
        return (await self.store.write(Work("buy", lambda tx: self._orders.buy(tx, cmd, caller), key))).ok


async def measure(act: Callable[[int], Awaitable[bool]], count: int, at_once: int) -> Figure:
    """``count`` commands by ``at_once`` clients, each sending its next when the last was acknowledged."""
    waits: list[float] = []
    numbers = iter(range(count))

    async def client() -> None:
        for n in numbers:
            started = time.perf_counter()
            if not await act(n):
                raise RuntimeError("a command was refused")
            waits.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    took = time.perf_counter() - started
    waits.sort()
    return Figure(count / took, waits[len(waits) // 2], waits[len(waits) * 99 // 100])


async def compare(quick: bool) -> dict[str, float]:
    result: dict[str, float] = {}
    for name, group_max, at_once, count in (
        ("singly", 1, 256, 1_000 if quick else 4_000),
        ("grouped", 256, 512, 8_000 if quick else 40_000),
    ):
        with tempfile.TemporaryDirectory() as folder:
            shop = Shop(Path(folder), group_max)
            await shop.open()
            for what, act in (("comments", shop.comment), ("orders", shop.buy)):
                figure = await measure(act, count, at_once)
                result[f"{what}_{name}_per_s"] = round(figure.per_s)
                result[f"{what}_{name}_p50_ms"] = round(figure.p50_ms, 1)
                result[f"{what}_{name}_p99_ms"] = round(figure.p99_ms, 1)
            await shop.store.close()
    for what in ("comments", "orders"):
        ratio = result[f"{what}_grouped_per_s"] / result[f"{what}_singly_per_s"]
        result[f"{what}_vs_one_by_one"] = round(ratio, 1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench writer", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer commands")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    arguments = parser.parse_args()
    result = uvloop.run(compare(arguments.quick))
    for name, value in result.items():
        print(f"{name:28}{value:>12,}")
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
