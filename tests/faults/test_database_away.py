"""The database goes away and comes back: readiness says so, nobody hangs, nothing is half done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.server.world import World, key, running_world


class Line:
    """A TCP line to the database that can be cut, or fall silent."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Nothing comes through, and new connections are refused."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writers.clear()

    def hush(self) -> None:
        """Connections stay, and nothing comes through."""
        self._flowing.clear()

    def speak(self) -> None:
        self._flowing.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        self._writers |= {writer, back}
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                await self._flowing.wait()
                target.write(data)
                await target.drain()
        target.close()


@asynccontextmanager
async def world_behind_a_line(folder: Path, postgres_url: str) -> AsyncIterator[tuple[World, Line]]:
    address = make_url(postgres_url)
    line = Line(address.host or "", address.port or 0)
    await line.open()
    url = address.set(host="127.0.0.1", port=line.port).render_as_string(hide_password=False)
    try:
        async with running_world(folder, DANMART_STORE__URL=url) as world:
            yield world, line
            line.speak()
    finally:
        await line.cut()


async def until_ready(world: World) -> None:
    async with asyncio.timeout(20):
        while (await world.get("/readyz"))[0] != 200:  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.05)


async def test_readiness_follows_the_database_and_the_node_goes_on(tmp_path: Path, postgres_url: str) -> None:
    async with world_behind_a_line(tmp_path, postgres_url) as (world, line):
        room, host = await world.room()
        said = (await host.ok("comment", text="before"))["event"]
        assert (await world.get("/readyz"))[0] == 200
        await line.cut()
        assert await world.get("/readyz") == (503, {"status": "not ready", "failing": ["database"]})
        assert (await world.get("/healthz"))[0] == 200  # restarting the node would help nobody
        status, problem = await world.get(f"/api/v1/rooms/{room}")
        assert (status, problem["code"]) == (503, "temporarily_unavailable")
        mine = key()
        meanwhile = await host.do("comment", text="meanwhile", key=mine)
        assert meanwhile["error"]["code"] == "temporarily_unavailable"
        assert meanwhile["error"]["temporary"]
        await line.open()
        await until_ready(world)
        again = (await host.ok("comment", text="meanwhile", key=mine))["event"]
        assert again["offset"] == said["offset"] + 1
        assert (await host.event("comment", lambda event: event["id"] == again["id"]))["offset"] == again[
            "offset"
        ]


async def test_a_database_that_falls_silent_makes_nobody_hang_for_ever(
    tmp_path: Path, postgres_url: str
) -> None:
    async with world_behind_a_line(tmp_path, postgres_url) as (world, line):
        room, host = await world.room()
        line.hush()
        async with asyncio.timeout(5):
            status, body = await world.get("/readyz")
        assert (status, body["failing"]) == (503, ["database"])
        assert (await host.ok("time"))["now_ms"]
        line.speak()
        await until_ready(world)
        await host.ok("comment", text="after", room=room)
