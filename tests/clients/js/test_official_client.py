"""The official JavaScript client, as every page of a shop would use it, against a real node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.world import Person, World, running_world, token
from tests.support.nodejs import NodeJs

HERE = Path(__file__).parent
CLIENT_FOLDER = HERE.parents[2] / "clients" / "web"
ROOM = "tea"


class JsClient:
    """The other side of ``conversation.mjs``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._untold: list[dict[str, Any]] = []

    async def order(self, order: str, **what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, **what}).encode() + b"\n")
        await self._process.stdin.drain()

    async def told(self, what: str) -> Any:
        """The next thing of this sort that the client tells, in whatever order the sorts come."""
        async with asyncio.timeout(20):
            while (said := self._take(what)) is None:
                assert self._process.stdout is not None
                line = await self._process.stdout.readline()
                assert line, f"the client ended before it told: {what}"
                self._untold.append(json.loads(line))
        return said if what == "frame" else said[what]

    def _take(self, what: str) -> dict[str, Any] | None:
        for index, said in enumerate(self._untold):
            if what in said:
                return self._untold.pop(index)
        return None


@asynccontextmanager
async def js_client(nodejs: NodeJs, world: World, bearer: str, transport: str) -> AsyncIterator[JsClient]:
    if not (CLIENT_FOLDER / "node_modules" / "socket.io-client").is_dir():
        pytest.fail("the pages' packages are not installed: ./dev test does that, or npm ci in clients/web")
    process = await asyncio.create_subprocess_exec(
        nodejs.node,
        str(HERE / "conversation.mjs"),
        env={
            **nodejs.environment,
            "CLIENT_FOLDER": str(CLIENT_FOLDER),
            "NODE_URL": world.url,
            "TOKEN": bearer,
            "ROOM": ROOM,
            "TRANSPORT": transport,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        yield JsClient(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def a_room(world: World) -> Person:
    """The room, and somebody else in it."""
    status, body = await world.post("/api/v1/rooms", {"id": ROOM, "title": "Tea"}, "mei")
    assert status == 201, body
    other = await world.join("wu", "Wu")
    await other.enter(ROOM)
    return other


def texts(items: list[dict[str, Any]]) -> list[str]:
    return [item["data"]["text"] for item in items if item["kind"] == "comment"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_enter_comment_receive_and_come_back(nodejs: NodeJs, tmp_path: Path, transport: str) -> None:
    async with (
        running_world(tmp_path) as world,
        js_client(nodejs, world, token("lin", "Lin"), transport) as client,
    ):
        # The room isn't there yet: an error by catalogue, and the connection stays.
        assert (await client.told("entered"))["error"]["code"] == "room_not_found"
        other = await a_room(world)
        await client.order("cut")
        await client.told("gone")
        await client.order("mend")
        entered = await client.told("entered")
        assert entered["ok"]
        assert entered["recovered"] is False
        assert entered["snapshot"]["room"]["id"] == ROOM
        assert entered["you"]["user"] == {"id": "lin", "name": "Lin"}

        await client.order("say", text="hello 你好", key="js-key-1")
        said = await client.told("said")
        assert said["ok"]
        frame = await client.told("frame")
        assert frame["follows"]
        assert texts(frame["frame"]["items"]) == ["hello 你好"]
        await client.order("say", text="hello 你好", key="js-key-1")
        assert await client.told("said") == said

        await client.order("cut")
        await client.told("gone")
        missed = [f"while away {n}" for n in range(5)]
        for text in missed:
            await other.ok("comment", text=text)
        await client.order("mend")
        back = await client.told("entered")
        assert back["recovered"] is True
        # The answer is as of the room's last frame; what is newer comes in the next ones, without a gap.
        items = back["items"]
        while len(texts(items)) < len(missed):
            frame = await client.told("frame")
            assert frame["follows"]
            items += frame["frame"]["items"]
        assert texts(items) == missed
        assert [item["offset"] for item in items] == list(range(items[0]["offset"], items[-1]["offset"] + 1))
        await other.ok("comment", text="and on")
        frame = await client.told("frame")
        assert frame["follows"]
        assert texts(frame["frame"]["items"]) == ["and on"]
        await client.order("end")


async def test_a_bad_token_is_refused_with_its_code(nodejs: NodeJs, tmp_path: Path) -> None:
    async with running_world(tmp_path) as world, js_client(nodejs, world, "nonsense", "websocket") as client:
        assert (await client.told("refused"))["code"] == "bad_token"
