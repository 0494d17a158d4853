"""Pictures are checked where they are published; who looks after the room, and who watches, is elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cluster.test_picture import fetch
from tests.cluster.test_publishing import key_of, statuses, studio
from tests.cluster.world import running_cluster
from tests.media.world import Picture, _loopback_candidates
from tests.server.test_guests import token_of
from tests.server.test_workers import children_of
from tests.server.world import Person, World, token

__all__ = ["_loopback_candidates"]  # a fixture

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]

Cluster = list[World]
REPOSITORY = Path(__file__).parents[2]
VISION = {
    "PYTHONPATH": str(REPOSITORY),
    "DANMART_VISION__CHECKER": "tests.media.vision.colours:make",
    "DANMART_VISION__EVERY_S": "0.5",
    "DANMART_VISION__HITS": "1",
    "DANMART_VISION__OF": "1",
    "DANMART_VISION__CALM": "2",
}


class Canvas(Picture):
    """The same picture, in red while somebody wants it so."""

    def __init__(self, *, red: bool = False) -> None:
        super().__init__()
        self.paint(red=red)

    def paint(self, *, red: bool) -> None:
        for plane, level in zip(self._frame.planes[1:], (110, 240) if red else (128, 128), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)


@pytest.fixture
async def pair(tmp_path: Path, database: str, redis_url: str) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path, database, redis_url, nodes=2, **VISION) as worlds:
        yield worlds


async def rule(world: World, room: str, host: Person, measure: str) -> None:
    path = f"/api/v1/rooms/{room}/moderation/rules"
    status, _, body = await world.request(
        "PATCH", path, host.user, claims={"may_host": True}, json={"picture": measure}
    )
    assert status == 200, body


async def blurs(person: Person, count: int) -> list[tuple[str, bool]]:
    """Once so many are known: whose picture was blurred, and whether it was."""
    found: list[tuple[str, bool]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            await asyncio.sleep(0.02)
            items = [item for frame in person.all("events") for item in frame["items"]]
            found = [(i["data"]["stream"], i["data"]["on"]) for i in items if i["kind"] == "stream.blurred"]
    return found


async def metric(world: World, name: str) -> float:
    _, body = await world.get("/metrics")
    lines = [line for line in body.decode().splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1]) if lines else 0.0


def worker_of(world: World) -> int:
    """The process in which the node's pictures are looked at."""
    pids = children_of(world.node.process.pid)
    (found,) = [pid for pid in pids if b"media.vision.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


async def hit(person: Person, fits: Any = lambda data: True) -> dict[str, Any]:
    """What the staff is told of a picture."""
    event = await person.until("staff", lambda e: e["kind"] == "picture_hit" and fits(e["data"]))
    data: dict[str, Any] = event["data"]
    return data


async def test_a_hit_at_one_node_is_known_at_the_other_and_outlives_worker_and_node(pair: Cluster) -> None:
    a, b = pair
    room, host = await b.room()
    await rule(b, room, host, "blur")
    moderator, viewer = await b.moderator(room, host), await b.viewer(room)
    key, canvas = await key_of(b, room, host), Canvas()
    async with studio(canvas) as camera, studio(moved := Canvas(red=True)) as again:
        assert await camera.go_live(a, room, key) == 201
        assert await statuses(host, 1) == ["live"]
        began = time.monotonic()
        canvas.paint(red=True)
        assert await blurs(viewer, 1) == [("host", True)]
        told = await hit(moderator)
        print(f"seen at the other node {time.monotonic() - began:.2f} s after it was painted")
        assert (told["stream"], told["measure"], told["classes"][0]["name"]) == ("host", "blur", "red")
        async with aiohttp.ClientSession(b.url) as http:
            bearer = {"Authorization": f"Bearer {token(moderator.user or '')}"}
            status, _, still = await fetch(http, f"{told['picture']}?clear=1", **bearer)
            assert (status, still[:2]) == (200, b"\xff\xd8")
        newcomer = await b.join("newcomer")
        assert (await newcomer.enter(room))["snapshot"]["room"]["blurred"] == ["host"]

        # The worker is killed: another goes on with the stream, which never stops.
        pid = worker_of(a)
        os.kill(pid, signal.SIGKILL)
        canvas.paint(red=False)
        assert await blurs(viewer, 2) == [("host", True), ("host", False)]
        assert worker_of(a) != pid
        assert await metric(a, "danmart_vision_restarts_total") == 1
        assert await statuses(host, 1) == ["live"]

        # The node is killed while the picture is blurred: so it stays until the next one finds it clean.
        canvas.paint(red=True)
        assert (await blurs(viewer, 3))[2] == ("host", True)
        a.node.kill9()
        assert await metric(b, "danmart_vision_cpu_seconds_total") == 0
        assert await again.go_live(b, room, key, **{"X-Danmart-Takeover": "1"}) == 201
        async with asyncio.timeout(30):
            while not await metric(b, "danmart_vision_cpu_seconds_total"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert len(await blurs(viewer, 3)) == 3
        moved.paint(red=False)
        assert (await blurs(viewer, 4))[3] == ("host", False)


@pytest.mark.parametrize("measure", ["blur", "interrupt"])
async def test_a_hit_on_a_guest_is_the_guests(pair: Cluster, measure: str) -> None:
    a, b = pair
    room, host = await a.room()
    await rule(a, room, host, measure)
    guest, viewer = await b.viewer(room), await b.viewer(room)
    canvas = Canvas()
    async with studio(Canvas()) as camera, studio(canvas) as own:
        assert await camera.go_live(a, room, await key_of(a, room, host)) == 201
        assert await statuses(host, 1) == ["live"]
        await host.ok("guest.invite", user=guest.user)
        await guest.ok("guest.answer", accept=True)
        assert await own.go_live(b, f"{room}:g1", await token_of(guest, "g1")) == 201
        await viewer.event("guest.joined")
        canvas.paint(red=True)
        assert (await hit(host))["stream"] == "g1"
        why = await guest.until("you", lambda e: e["kind"] == "picture_hit")
        assert (why["data"]["stream"], why["data"]["measure"]) == ("g1", measure)
        if measure == "blur":
            assert await blurs(viewer, 1) == [("g1", True)]
            canvas.paint(red=False)
            assert await blurs(viewer, 2) == [("g1", True), ("g1", False)]
        else:
            left = await viewer.event("guest.left")
            assert left["data"]["slot"] == "g1"
            await asyncio.wait_for(own.lost.wait(), 10)
        # Nothing has happened to the host.
        assert await statuses(host, 1) == ["live"]
        assert not camera.lost.is_set()
        items = [item for frame in viewer.all("events") for item in frame["items"]]
        assert [i for i in items if i["kind"] == "stream.blurred" and i["data"]["stream"] == "host"] == []
