"""Two nodes behind the project's Caddyfile: one address, and a node that goes is missed by nobody."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from tests.cluster.world import read_log, running_cluster, say
from tests.server.world import fresh, token
from tests.support.caddy import Proxy, running_caddy


class Viewer:
    """A stock client with its own way of coming back, which enters where it left off."""

    def __init__(self, proxy: Proxy, room: str) -> None:
        self._room, self._url = room, proxy.url
        self._auth = {"token": token(fresh("viewer"))}
        self.offsets: list[int] = []
        self.entered: list[dict[str, Any]] = []
        self._is_in = asyncio.Event()
        self._place: dict[str, Any] | None = None
        self.sio = socketio.AsyncClient(
            http_session=proxy.http, reconnection_delay=0.2, reconnection_delay_max=1
        )
        self.sio.on("connect", self._enter, namespace="/live")
        self.sio.on("events", self._take, namespace="/live")
        self.sio.on("bye", self._told, namespace="/live")

    async def come(self) -> None:
        await self.sio.connect(
            self._url, namespaces=["/live"], auth=self._auth, transports=["websocket"], wait_timeout=10
        )
        # What is said before the room has answered comes in its snapshot, not as news.
        await asyncio.wait_for(self._is_in.wait(), 10)

    async def _told(self, bye: dict[str, Any]) -> None:
        assert (bye["code"], bye["reconnect"]) == ("shutting_down", True)

    async def leave(self) -> None:
        await self.sio.disconnect()

    async def _enter(self) -> None:
        payload = {"room": self._room} | ({"after": self._place} if self._place else {})
        await self.sio.emit("enter", payload, namespace="/live", callback=self._entered)

    def _entered(self, answer: dict[str, Any]) -> None:
        assert answer["ok"], answer
        self.entered.append(answer)
        self.offsets += [item["offset"] for item in answer.get("items", [])]
        self._place = {"epoch": answer["epoch"], "offset": answer["offset"]}
        self._is_in.set()

    async def _take(self, frame: dict[str, Any]) -> None:
        assert self._place is not None
        assert frame["from"] == self._place["offset"] + 1
        self.offsets += [item["offset"] for item in frame["items"]]
        self._place["offset"] = frame["to"]


async def connections(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(float(next(line for line in lines if line.startswith("danmart_connections ")).split()[1]))


async def test_viewers_are_spread_and_go_on_when_a_node_drains(
    tmp_path: Path, database: str, redis_url: str
) -> None:
    async with (
        running_cluster(tmp_path, database, redis_url, DANMART_LISTEN__TRUSTED_PROXIES="127.0.0.1") as worlds,
        running_caddy(tmp_path, *(world.node.port for world in worlds)) as proxy,
    ):
        room, host = await worlds[1].room()
        viewers = [Viewer(proxy, room) for _ in range(6)]
        try:
            for viewer in viewers:
                await viewer.come()
            assert await connections(worlds[0].url) == 3
            assert await connections(worlds[1].url) == 4  # the host came directly
            first = [await say(host, f"{number}") for number in range(5)]
            assert await worlds[0].node.terminate(timeout=12) == 0
            last = [await say(host, f"{number}") for number in range(5)]
            wanted = [event["offset"] for event in [*first, *last]]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(20):
                    while any(viewer.offsets != wanted for viewer in viewers):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
            assert [viewer.offsets for viewer in viewers] == [wanted] * 6
            assert sorted(len(viewer.entered) for viewer in viewers) == [1, 1, 1, 2, 2, 2]
            assert all(answer["recovered"] for viewer in viewers for answer in viewer.entered[1:])
            log = await asyncio.to_thread(read_log, database, room)
            assert wanted == [row["offset"] for row in log][-10:]
        finally:
            await asyncio.gather(*(viewer.leave() for viewer in viewers))
