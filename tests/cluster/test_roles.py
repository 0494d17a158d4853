"""A node that talks to people and a node that has the picture, one room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.cluster.test_publishing import key_of, studio
from tests.cluster.world import environment
from tests.media.world import _loopback_candidates
from tests.server.world import World, running_world
from tests.support.valkey import ValkeyServer

__all__ = ["_loopback_candidates"]  # fixtures

Pair = tuple[World, World]


@pytest.fixture(scope="module")
def running_pair(
    tmp_path_factory: pytest.TempPathFactory, database: str, bus_server: ValkeyServer
) -> Iterator[Pair]:
    folder, env = tmp_path_factory.mktemp("roles"), environment(database, bus_server.url)
    with asyncio.Runner() as runner:
        gateway = running_world(folder / "gateway", **env, DANMART_NODE__ROLES="gateway")
        media = running_world(folder / "media", **env, DANMART_NODE__ROLES="media")
        pair = runner.run(gateway.__aenter__()), runner.run(media.__aenter__())
        try:
            yield pair
        finally:
            runner.run(media.__aexit__(None, None, None))
            runner.run(gateway.__aexit__(None, None, None))


@pytest.fixture
async def pair(running_pair: Pair) -> AsyncIterator[Pair]:
    gateway, media = World(running_pair[0].node), World(running_pair[1].node)
    yield gateway, media
    await gateway.close()
    await media.close()


async def _status(world: World, path: str, method: str = "GET") -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.request(method, f"{world.url}{path}") as answer:
        return answer.status, await answer.text()


async def test_a_room_is_live_for_people_at_the_gateway_when_media_has_its_picture(pair: Pair) -> None:
    gateway, media = pair
    room, host = await gateway.room()
    async with studio() as camera:
        assert await camera.go_live(media, room, await key_of(gateway, room, host)) == 201
        await host.event("room.status", lambda event: event["data"]["status"] == "live")
        assert (await _status(gateway, f"/api/v1/rooms/{room}"))[0] == 200


async def test_the_gateway_binds_no_udp_port_and_passes_publishers_on(pair: Pair) -> None:
    gateway, _ = pair
    assert gateway.node.udp_port == 0
    room, host = await gateway.room()
    async with studio() as camera:
        assert await camera.go_live(gateway, room, await key_of(gateway, room, host)) == 201
        await host.event("room.status", lambda event: event["data"]["status"] == "live")


async def test_the_media_node_answers_nobody_but_players_and_operators(pair: Pair) -> None:
    _, media = pair
    assert media.node.udp_port > 0
    for path in ("/api/v1/rooms", "/r/somewhere", "/socket.io/?EIO=4&transport=polling"):
        assert (await _status(media, path))[0] == 404
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{media.url}/socket.io/?EIO=4&transport=websocket")
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await _status(media, path))[0] == 200
