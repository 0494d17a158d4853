"""SIGTERM: an ordered goodbye, after which nothing is missing and a stream can go on."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.load import Load, check_acknowledged, read_log
from tests.server.deaf import deaf, stranger
from tests.server.world import Person, World, fresh, running_world

ROOT = Path(__file__).parents[2]
DRAIN_S = 10


async def test_clients_are_told_and_everything_under_way_is_answered_or_not_done(tmp_path: Path) -> None:
    async with running_world(tmp_path) as world:
        load = Load(world, seed=1)
        await load.start()
        idle = await world.viewer(load.room)
        guest = await world.join()
        poller = await world.join(transports=("polling",))
        upgraded = await world.join(transports=("polling", "websocket"))
        # Some neither answer the goodbye nor hang up: the node doesn't wait for them.
        silent = [await deaf(world, load.room), await deaf(world, load.room), await stranger(world)]
        await load.acknowledged(80)
        started = time.monotonic()
        assert await world.node.terminate(timeout=DRAIN_S + 2) == 0
        assert time.monotonic() - started < DRAIN_S
        for person in (idle, guest, poller, upgraded):
            bye = await person.until("bye")
            assert (bye["code"], bye["reconnect"]) == ("shutting_down", True)
            assert 0 < bye["retry_after_ms"] <= 10_000
            await person.until("disconnect")
        await load.stop()
        for client in silent:
            client.close()
    async with running_world(tmp_path) as world:
        load.world = world
        await check_acknowledged(world, load)


@asynccontextmanager
async def publishing(world: World, room: str, host: Person) -> AsyncIterator[None]:
    """The drawn host on the air in the room, until the room is live at least."""
    status, key = await world.post(f"/api/v1/rooms/{room}/stream-keys", {"label": "test"}, host.user)
    assert status == 201
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clients.publish", "--size", "320x180", "--drawn"),
        *("--url", f"{world.url}/whip/{room}"),
        cwd=ROOT,
        env={**os.environ, "DANMART_STREAM_KEY": key["key"]},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        await host.event("room.status", lambda event: event["data"]["status"] == "live")
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("how", ["SIGTERM", pytest.param("kill -9", marks=pytest.mark.soak)])
async def test_a_room_that_was_live_waits_for_its_publisher(tmp_path: Path, how: str) -> None:
    async with running_world(tmp_path, DANMART_MEDIA__GRACE_S="2") as world:
        room, host = await world.room()
        async with publishing(world, room, host):
            if how == "SIGTERM":
                assert await world.node.terminate(timeout=30) == 0
            else:
                world.node.kill9()
    async with running_world(tmp_path, DANMART_MEDIA__GRACE_S="2") as world:
        viewer = await world.join(fresh("viewer"))
        entered = await viewer.enter(room)
        statuses = [entered["snapshot"]["room"]["status"]]
        if statuses == ["interrupted"]:
            ended = await viewer.event("room.status")
            statuses.append(ended["data"]["status"])
        assert statuses[-1] == "ended"  # nobody came back within the grace period
        log = await read_log(world, room, str(host.user))
        story = [event["data"]["status"] for event in log if event["kind"] == "room.status"]
        # On a busy machine the publisher may have been silent for long enough to be interrupted before.
        assert story == ["live", "interrupted"] * (len(story) // 2) + ["ended"]
