"""Several real nodes on one PostgreSQL and one Valkey, and people who check that nothing is missing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.server.world import Person, World, fresh, key, running_world

SPEEDS = {"DANMART_ROOMS__SHOWN_COMMENTS_PER_S": "1000"}


def environment(postgres_url: str, redis_url: str) -> dict[str, str]:
    return SPEEDS | {"DANMART_STORE__URL": postgres_url, "DANMART_BUS__REDIS_URL": redis_url}


@asynccontextmanager
async def running_cluster(
    folder: Path, postgres_url: str, redis_url: str, nodes: int = 2, **env: str
) -> AsyncIterator[list[World]]:
    """The nodes, each as a world of its own."""
    async with AsyncExitStack() as stack:
        more = {**environment(postgres_url, redis_url), **env}
        yield [
            await stack.enter_async_context(running_world(folder / f"node-{index}", **more))
            for index in range(nodes)
        ]


def read_log(postgres_url: str, room: str) -> list[dict[str, Any]]:
    """The room's log as SQL has it: offset, id, kind and visibility. Blocks."""
    url = postgres_url.replace("+psycopg", "")
    with psycopg.connect(url, row_factory=dict_row) as connection:
        query = 'SELECT "offset", id, kind, visibility FROM room_events WHERE room_id = %s ORDER BY "offset"'
        return connection.execute(query, (room,)).fetchall()


class Watcher:
    """Somebody who watches a room and goes on elsewhere when the node goes, as the pages do.

    ``offset`` and ``seen`` are what was shown: a gap or a repeat fails at once, in ``check``.
    """

    def __init__(self, worlds: list[World], room: str) -> None:
        self.worlds = itertools.cycle(worlds)
        self.room = room
        self.user = fresh("watcher")
        self.seen: list[str] = []
        self.epoch = ""
        self.offset = 0
        self.first = 0
        self.recovered: list[bool] = []
        self.person: Person | None = None
        self._read = 0

    async def enter(self) -> None:
        """Come in, or come back, at the next node that answers."""
        for world in self.worlds:
            with contextlib.suppress(Exception):
                self.person = await world.join(self.user)
                break
            await asyncio.sleep(0.05)
        assert self.person is not None
        self._read = 0
        self.person.room = self.room
        after = {"epoch": self.epoch, "offset": self.offset} if self.epoch else None
        while not (answer := await self.person.do("enter", after=after))["ok"]:
            assert answer["error"]["temporary"], answer
            await asyncio.sleep(0.1)
        if after is None:
            self.first = answer["offset"]
        else:
            self.recovered.append(answer["recovered"])
            self.seen += [item["id"] for item in answer.get("items", [])]
        self.epoch, self.offset = answer["epoch"], answer["offset"]

    async def until_gone(self) -> None:
        """Until the connection is found dead; what came before counts."""
        assert self.person is not None
        await self.person.until("disconnect")
        self.check()

    def check(self) -> None:
        """Take in the frames that have come: each must go on where the one before it ended."""
        assert self.person is not None
        frames = self.person.all("events")
        for frame in frames[self._read :]:
            assert frame["from"] == self.offset + 1, (frame["from"], self.offset)
            assert [item["offset"] for item in frame["items"]] == sorted(i["offset"] for i in frame["items"])
            self.seen += [item["id"] for item in frame["items"]]
            self.offset = frame["to"]
        self._read = len(frames)

    async def until(self, offset: int, within_s: float = 20) -> None:
        """Watch until the log has been shown so far."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    self.check()
                    if self.offset >= offset:
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{self.user} was shown {self.offset} of {offset}") from None

    def must_have_seen(self, log: list[dict[str, Any]]) -> None:
        """What was shown is what SQL has, entry for entry."""
        assert [row["offset"] for row in log] == list(range(1, len(log) + 1))
        shown = [row["id"] for row in log if row["offset"] > self.first and row["visibility"] == "all"]
        assert self.seen == shown
        assert all(self.recovered)


async def say(person: Person, text: str) -> dict[str, Any]:
    """A comment that is sent again under its key until it is taken, as the pages do."""
    payload = {"text": text, "key": key()}
    while not (answer := await person.do("comment", **payload))["ok"]:
        assert answer["error"]["temporary"], answer
        await asyncio.sleep(0.1)
    event: dict[str, Any] = answer["event"]
    return event


class Talk:
    """People who talk all the time, until they are stopped."""

    def __init__(self, people: list[Person], every_s: float = 0.02) -> None:
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._talk(person, every_s)) for person in people]
        self.said: list[str] = []

    async def _talk(self, person: Person, every_s: float) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            event = await say(person, f"{person.user} {number}")
            self.said.append(event["id"])
            await asyncio.sleep(every_s)

    async def stop(self) -> None:
        self._stop.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)
