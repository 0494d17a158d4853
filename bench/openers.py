"""Openers of red packets: in the process, on a store of their own, and by Socket.IO at a node."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from typing import Any

import aiohttp
import orjson
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
from rooms.commands import CreateRoom
from rooms.lifecycle import Lifecycle, LifecycleRules
from rooms.play.packets.commands import OpenPacket, SendPacket
from rooms.play.packets.service import Packets
from rooms.ports import Caller
from server.store.group import Work
from server.store.keys import CommandKey
from server.store.store import Store
from server.texts import Texts
from tests.support.coins import endow

HOST = Caller("host", "Host", may_host=True)
COINS = 10**9
COINS_A_SHARE = 10
SECONDS = 600


class Hall:
    """A store with a live room and a host with coins. ``group_max`` 1: a transaction for each opener."""

    def __init__(self, url: str, group_max: int) -> None:
        self._url = url
        self.store = Store(
            url, published=lambda _: None, registry=CollectorRegistry(), group_max=group_max, node="node"
        )
        standing, texts = RoomStanding(), Texts()
        self._packets = Packets(standing, texts)
        self._lifecycle = Lifecycle(standing, texts, AuditTrail(), LifecycleRules())
        self._numbers = itertools.count()

    async def open(self) -> None:
        await self.store.start()
        room = CreateRoom(id=ROOM, title="Bench")
        for work in (
            Work("seen", lambda tx: people.seen(tx, HOST)),
            Work("room", lambda tx: self._lifecycle.create(tx, room, HOST)),
            Work("live", lambda tx: self._lifecycle.picture(tx, ROOM, "publishing")),
        ):
            await self.store.write(work)
        await asyncio.to_thread(endow, self._url, [HOST.id or ""], COINS)

    async def send(self, shares: int) -> str:
        terms = {"coins": shares * COINS_A_SHARE, "count": shares, "seconds": SECONDS}
        cmd = SendPacket(room=ROOM, key="not-looked-at", **terms)  # type: ignore[arg-type]
        answer = await self.store.write(Work("packet.send", lambda tx: self._packets.send(tx, cmd, HOST)))
        packet: str = orjson.loads(answer.body)["packet"]["id"]
        return packet

    async def window(self, shares: int, at_once: int) -> Window:
        """A packet of so many shares, opened by as many people, ``at_once`` at a time."""
        packet, waits = await self.send(shares), []
        numbers = iter(range(shares))
        started = time.perf_counter()

        async def opener() -> None:
            for n in numbers:
                sent = time.perf_counter()
                await self._open(packet, n)
                waits.append((time.perf_counter() - sent) * 1000)

        await asyncio.gather(*(opener() for _ in range(at_once)))
        return Window(len(waits), time.perf_counter() - started, waits)

    async def _open(self, packet: str, n: int) -> None:
        caller = Caller(f"user-{n}", f"User {n}")
        cmd = OpenPacket(room=ROOM, packet=packet, key=f"open-{next(self._numbers):09d}")
        key = CommandKey(caller.id or "", "packet.open", cmd.key)
        work = Work("packet.open", lambda tx: self._packets.open(tx, cmd, caller), key)
        if not (await self.store.write(work)).ok:
            raise RuntimeError("an opener was refused")


class Openers:
    """A connection each, in one room. Use from one loop; ``close`` when done."""

    def __init__(self, url: str, database_url: str) -> None:
        self._url = url
        self._crowd = Crowd([url], ROOM)
        self._database_url = database_url
        self._numbers = itertools.count()
        self._host = signed(SECRET, ISSUER, AUDIENCE, 1, may_host=True)[0]

    async def connect(self, count: int) -> None:
        """Come in; the host has coins. Raises ``RuntimeError`` if somebody is kept out."""
        await asyncio.to_thread(endow, self._database_url, [self._host.id or ""], COINS)
        users = signed(SECRET, ISSUER, AUDIENCE, count + 1)[1:]
        await self._crowd.connect(Viewer(user.token, user.id) for user in users)
        if failed := self._crowd.counts.connects_failed:
            raise RuntimeError(f"openers were kept out: {dict(failed)}")

    async def window(self, seconds: float, shares: int) -> Window:
        """The host sends a packet, and everybody opens it, spread evenly over ``seconds`` (0: in the same
        moment). How long each waited is counted from when it was due. Raises ``RuntimeError`` unless exactly
        ``shares`` got one, and all coins came out."""
        links = list(self._crowd.links.values())
        packet = await self._send(shares)
        loop = asyncio.get_running_loop()
        waits: list[float] = []
        answers: Counter[str] = Counter()
        coins: list[int] = []
        started = loop.time()

        async def one(link: Link, due: float) -> None:
            answer = await self._open(link, packet)
            waits.append((loop.time() - due) * 1000)
            answers["ok" if answer["ok"] else answer["error"]["code"]] += 1
            if answer["ok"]:
                coins.append(answer["share"]["coins"])

        async with asyncio.TaskGroup() as group:
            for n, link in enumerate(links):
                due = started + n * seconds / len(links)
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(one(link, due))
        took = loop.time() - started
        lost = len(links) - shares
        if answers["ok"] != shares or answers["packet_empty"] != lost or sum(coins) != shares * COINS_A_SHARE:
            raise RuntimeError(f"of {shares} shares: {dict(answers)}, {sum(coins)} coins")
        return Window(len(waits), took, waits)

    async def _send(self, shares: int) -> str:
        headers = {"Authorization": f"Bearer {self._host.token}"}
        terms = {"coins": shares * COINS_A_SHARE, "count": shares, "seconds": SECONDS}
        address = f"{self._url}/api/v1/rooms/{ROOM}/commands/packet.send"
        body = {**terms, "key": f"packet-{next(self._numbers):06d}"}
        async with (
            aiohttp.ClientSession(headers=headers, raise_for_status=True) as http,
            http.post(address, json=body) as answer,
        ):
            return str((await answer.json())["packet"]["id"])

    async def _open(self, link: Link, packet: str) -> dict[str, Any]:
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        payload = {"room": ROOM, "packet": packet, "key": f"open-{next(self._numbers):09d}"}
        if not link.command("packet.open", payload, answered.set_result):
            raise RuntimeError("an opener's connection is gone")
        return await asyncio.wait_for(answered, ANSWERED_WITHIN_S)

    async def close(self) -> None:
        await self._crowd.close()
