"""A store with a room and a product that everybody wants, without the server around it: for benchmarks."""

from __future__ import annotations

import random

import orjson
from prometheus_client import CollectorRegistry

from moderation.audit import AuditTrail
from moderation.standing import RoomStanding
from rooms import people
from rooms.budget import BudgetRules
from rooms.commands import AddProduct, Buy, CreateRoom, PostComment
from rooms.comments import CommentRules, Comments
from rooms.gifts.fans import Fans
from rooms.lifecycle import Lifecycle, LifecycleRules
from rooms.points.earning import Levels
from rooms.ports import Caller
from rooms.shop.catalogue import Catalogue
from rooms.shop.orders import OrderRules, Orders
from server.store.group import Work
from server.store.keys import CommandKey
from server.store.store import Store
from server.texts import Texts

ROOM = "bench"
HOST = Caller("host", "Host", may_host=True)
STOCK = 10**9
TRIES = 5
"""On a machine that does something else, too, an answer may be late. Whoever asks again by the same key gets
it, and has waited for all of it."""


SYLLABLES = ("ka", "ri", "no", "te", "lu", "ma", "so", "pe", "vi", "da")


def said(n: int) -> str:
    """A comment of a usual length, like no other: the same from many would be taken for an advert."""
    chance = random.Random(n)
    return " ".join("".join(chance.choices(SYLLABLES, k=3)) for _ in range(5))


class Shop:
    """``open`` makes the room and the product; ``join`` takes part in what another one has made."""

    def __init__(self, url: str, group_max: int, node: str = "node") -> None:
        self.store = Store(
            url, published=lambda _: None, registry=CollectorRegistry(), group_max=group_max, node=node
        )
        standing, texts, audit = RoomStanding(), Texts(), AuditTrail()
        self._comments = Comments(
            standing,
            texts,
            CommentRules(per_window=1_000_000, budget=BudgetRules(10**6, 10**6)),
            Fans(),
            Levels(()),
            audit,
        )
        self._orders = Orders(standing, OrderRules())
        self._lifecycle = Lifecycle(standing, texts, audit, LifecycleRules())
        self._catalogue = Catalogue(standing, texts, audit)
        self.sku = ""

    async def open(self) -> None:
        await self.store.start()
        await self.store.write(Work("seen", lambda tx: people.seen(tx, HOST)))
        room = CreateRoom(id=ROOM, title="Bench")
        await self.store.write(Work("room", lambda tx: self._lifecycle.create(tx, room, HOST)))
        cmd = AddProduct(
            room=ROOM, title="Tea", price_minor=100, currency="CNY", stock=STOCK, key="bench-product"
        )
        answer = await self.store.write(Work("product", lambda tx: self._catalogue.add(tx, cmd, HOST)))
        self.sku = orjson.loads(answer.body)["product"]["skus"][0]["id"]

    async def join(self, other: Shop) -> None:
        await self.store.start()
        self.sku = other.sku

    async def comment(self, n: int) -> bool:
        caller = Caller(f"user-{n % 1000}", f"User {n % 1000}")
        cmd = PostComment(room=ROOM, text=said(n), key=f"comment-{n:08d}")
        key = CommandKey(caller.id or "", "comment", cmd.key)
        return await self._acknowledged(Work("comment", lambda tx: self._comments.post(tx, cmd, caller), key))

    async def buy(self, n: int) -> bool:
        caller = Caller(f"user-{n % 1000}", f"User {n % 1000}")
        cmd = Buy(room=ROOM, sku=self.sku, qty=1, key=f"order-{n:08d}")
        key = CommandKey(caller.id or "", "buy", cmd.key)
        return await self._acknowledged(Work("buy", lambda tx: self._orders.buy(tx, cmd, caller), key))

    async def _acknowledged(self, work: Work) -> bool:
        for _ in range(TRIES):
            answer = await self.store.write(work)
            if answer.code != "temporarily_unavailable":
                break
        return answer.ok
