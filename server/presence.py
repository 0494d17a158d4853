"""Who watches where: each node tells how many viewers its rooms have, and sums what the others tell.

A node's table is one key that expires, so that the share of a node that died goes by itself. With Redis away
each node shows its own count.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgpack
import structlog

from server.bus.line import AWAY, Line
from server.live.room import LiveRoom
from server.live.rooms import LiveRooms

log = structlog.get_logger(__name__)

EVERY_S = 0.5
NODE_KEPT_MS = 5_000
UNIQUE_KEPT_S = 7 * 86_400


def sum_up(tables: Iterable[bytes | None]) -> dict[str, int]:
    """The viewers of each room in these nodes' tables; what can't be read counts as nothing."""
    total: Counter[str] = Counter()
    for table in tables:
        with contextlib.suppress(ValueError, TypeError, AttributeError, msgpack.UnpackException):
            if table:
                total.update(msgpack.unpackb(table)["rooms"])
    return dict(total)


class Presence:
    """Tells and asks twice a second; gives ``live`` the viewers elsewhere and each room's unique ones."""

    def __init__(self, url: str, prefix: str, node: str, live: LiveRooms) -> None:
        self._url = url
        self._prefix = prefix
        self._node = node
        self._nodes = f"{{{prefix}}}:nodes"
        self._live = live
        self._noted: dict[str, set[str]] = {}
        self._line: Line | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._line = await asyncio.to_thread(Line, self._url)
        self._task = asyncio.create_task(self._run(self._line), name="presence")

    async def close(self) -> None:
        """Take this node's share out at once. Idempotent."""
        task, self._task = self._task, None
        if task is None or self._line is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(*AWAY):
            await self._line.open()
            await self._line.ask([("DEL", self._key(self._node)), ("SREM", self._nodes, self._node)])
        await self._line.close()

    async def _run(self, line: Line) -> None:
        while True:
            try:
                await line.open()
                while True:
                    await self._exchange(line)
                    await asyncio.sleep(EVERY_S)
            except AWAY as error:
                log.debug("presence_away", error=str(error)[:200])  # the bus says so aloud
            self._live.count_elsewhere({})
            self._noted.clear()  # Redis may come back empty
            await line.close()
            await asyncio.sleep(EVERY_S)

    async def _exchange(self, line: Line) -> None:
        rooms = [room for room in self._live.open_rooms() if room.members]
        mine = {room.row.id: room.viewers_here for room in rooms}
        table = msgpack.packb({"rooms": mine})
        told = await line.ask(
            [
                ("SET", self._key(self._node), table, "PX", NODE_KEPT_MS),
                ("SADD", self._nodes, self._node),
                ("SMEMBERS", self._nodes),
            ]
        )
        others = sorted(name.decode() for name in told[2] if name.decode() != self._node)
        tables = (await line.ask([("MGET", *map(self._key, others))]))[0] if others else []
        self._live.count_elsewhere(sum_up(tables))
        gone = [name for name, table in zip(others, tables, strict=True) if table is None]
        if gone:  # one that only paused puts itself back within a second
            await line.ask([("SREM", self._nodes, *gone)])
        await self._count_unique(line, rooms)

    async def _count_unique(self, line: Line, rooms: list[LiveRoom]) -> None:
        """Add those who are new here to the rooms' HyperLogLogs (0.8 % off on the average)."""
        commands: list[tuple[Any, ...]] = []
        for room in rooms:
            key = self._unique_key(room)
            noted = self._noted.setdefault(key, set())
            new = room.people.keys() - noted
            noted |= new
            commands += [("PFADD", key, *new), ("EXPIRE", key, UNIQUE_KEPT_S), ("PFCOUNT", key)]
        self._noted = {key: self._noted[key] for key in map(self._unique_key, rooms)}
        if commands:
            replies = await line.ask(commands)
            for room, unique in zip(rooms, replies[2::3], strict=True):
                room.unique_viewers = int(unique)

    def _key(self, node: str) -> str:
        return f"{{{self._prefix}}}:node:{node}"

    def _unique_key(self, room: LiveRoom) -> str:
        """One for each stream of the room."""
        started = room.view.state.room.get("started_at_ms") or 0
        return f"{self._prefix}:unique:{{{room.row.id}}}:{started}"
