"""Givers of gifts: in the process, on a store of their own, and by Socket.IO at a node."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from typing import Any

from prometheus_client import CollectorRegistry

from bench.buyers import ANSWERED_WITHIN_S, Window
from bench.peers.sides import AUDIENCE, ISSUER, ROOM, SECRET
from clients.load.crowd import Crowd
from clients.load.link import Link
from clients.load.tokens import signed
from clients.load.viewer import Viewer
from moderation.audit import AuditTrail
from moderation.standing import RoomStanding
from rooms import people
from rooms.commands import CreateRoom, GiveGift
from rooms.gifts.catalogue import seed
from rooms.gifts.defaults import DEFAULT_GIFTS
from rooms.gifts.fans import Fans
from rooms.gifts.rules import GiftRules
from rooms.gifts.service import Gifts
from rooms.lifecycle import Lifecycle, LifecycleRules
from rooms.points.earning import Levels
from rooms.points.rules import LEVELS
from rooms.ports import Caller
from server.store.group import Work
from server.store.keys import CommandKey
from server.store.store import Store
from server.texts import Texts
from tests.support.coins import endow

HOST = Caller("host", "Host", may_host=True)
PEOPLE = 1000
COINS = 10**7
GIFTS = tuple(DEFAULT_GIFTS)[:4]
"""Four small ones, in turns: as in a room where everybody presses what is cheap."""


class Hall:
    """A store with a live room and people with coins. ``group_max`` 1: a transaction for each gift."""

    def __init__(self, url: str, group_max: int) -> None:
        self._url = url
        self.store = Store(
            url, published=lambda _: None, registry=CollectorRegistry(), group_max=group_max, node="node"
        )
        standing, texts, audit = RoomStanding(), Texts(), AuditTrail()
        self._gifts = Gifts(standing, texts, audit, GiftRules(), Fans(), Levels(LEVELS))
        self._lifecycle = Lifecycle(standing, texts, audit, LifecycleRules())

    async def open(self) -> None:
        await self.store.start()
        room = CreateRoom(id=ROOM, title="Bench")
        for work in (
            Work("seen", lambda tx: people.seen(tx, HOST)),
            Work("seed", lambda tx: seed(tx, DEFAULT_GIFTS)),
            Work("room", lambda tx: self._lifecycle.create(tx, room, HOST)),
            Work("live", lambda tx: self._lifecycle.picture(tx, ROOM, "publishing")),
        ):
            await self.store.write(work)
        await asyncio.to_thread(endow, self._url, [f"user-{n}" for n in range(PEOPLE)], COINS)

    async def give(self, n: int) -> bool:
        caller = Caller(f"user-{n % PEOPLE}", f"User {n % PEOPLE}")
        cmd = GiveGift(room=ROOM, gift=GIFTS[n // PEOPLE % len(GIFTS)], count=1, key=f"gift-{n:09d}")
        key = CommandKey(caller.id or "", "gift", cmd.key)
        return (await self.store.write(Work("gift", lambda tx: self._gifts.give(tx, cmd, caller), key))).ok


class Givers:
    """A connection each, in one room. Use from one loop; ``close`` when done."""

    def __init__(self, url: str, database_url: str) -> None:
        self._crowd = Crowd([url], ROOM)
        self._database_url = database_url
        self._numbers = itertools.count()
        self.given = 0

    async def connect(self, count: int) -> None:
        """Come in, with coins. Raises ``RuntimeError`` if somebody is kept out."""
        # The first of the tokens is the room's host's.
        users = signed(SECRET, ISSUER, AUDIENCE, count + 1)[1:]
        await asyncio.to_thread(endow, self._database_url, [user.id or "" for user in users], COINS)
        await self._crowd.connect(Viewer(user.token, user.id) for user in users)
        if failed := self._crowd.counts.connects_failed:
            raise RuntimeError(f"givers were kept out: {dict(failed)}")

    async def paced(self, seconds: float, per_s: int) -> Window:
        """``per_s`` gifts a second, whether the ones before were answered or not. How long each waited is
        counted from when it was due, so that a pause of ours or of the node's isn't left out."""
        links = list(self._crowd.links.values())
        loop = asyncio.get_running_loop()
        waits: list[float] = []
        answers: Counter[str] = Counter()
        started = loop.time()

        async def one(n: int, due: float) -> None:
            answers[await self._give(links[n % len(links)])] += 1
            waits.append((loop.time() - due) * 1000)

        async with asyncio.TaskGroup() as group:
            for n in range(round(seconds * per_s)):
                due = started + n / per_s
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(one(n, due))
        return self._counted(waits, loop.time() - started, answers)

    async def window(self, seconds: float) -> Window:
        """As many as there can be: each gives the next when the last was answered."""
        waits: list[float] = []
        answers: Counter[str] = Counter()
        started = time.perf_counter()

        async def giver(link: Link) -> None:
            while (sent := time.perf_counter()) - started < seconds:
                answers[await self._give(link)] += 1
                waits.append((time.perf_counter() - sent) * 1000)

        await asyncio.gather(*(giver(link) for link in self._crowd.links.values()))
        return self._counted(waits, time.perf_counter() - started, answers)

    def _counted(self, waits: list[float], took: float, answers: Counter[str]) -> Window:
        if set(answers) != {"ok"}:
            raise RuntimeError(f"givers were answered {dict(answers)}")
        self.given += answers["ok"]
        return Window(len(waits), took, waits)

    async def _give(self, link: Link) -> str:
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        n = next(self._numbers)
        payload = {"room": ROOM, "gift": GIFTS[n % len(GIFTS)], "count": 1, "key": f"gift-{n:09d}"}
        if not link.command("gift", payload, answered.set_result):
            raise RuntimeError("a giver's connection is gone")
        answer = await asyncio.wait_for(answered, ANSWERED_WITHIN_S)
        return "ok" if answer["ok"] else str(answer["error"]["code"])

    async def close(self) -> None:
        await self._crowd.close()
