"""The demo as a visitor meets it: one room, made-up people, and nothing that reaches further."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.server.world import Person, World, running_world, shared_node
from tests.support.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with shared_node(tmp_path_factory.mktemp("demo"), "--demo") as node:
        yield node


async def visitor(world: World, role: str = "viewer", name: str = "Lin") -> Person:
    status, given = await world.post("/api/v1/demo/token", {"name": name, "role": role})
    assert status == 200, given
    person = await world.join(auth={"token": given["token"]})
    person.user = given["user"]["id"]
    person.room = "demo"
    return person


async def test_the_room_is_there_and_goes_live_by_itself(world: World) -> None:
    viewer = await visitor(world)
    entered = await viewer.enter("demo")
    assert len(entered["snapshot"]["products"]) == 3
    assert len(entered["snapshot"]["pins"]) == 1
    assert entered["you"]["role"] == "viewer"
    assert entered["you"]["wallet"] == {"coins": 1000, "points": 0}
    if entered["snapshot"]["room"]["status"] != "live":
        await viewer.event("room.status", lambda event: event["data"]["status"] == "live")
    picture = entered["snapshot"]["products"][0]["picture"]
    status, headers, _ = await world.request("GET", picture)
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    # A guest watches as anywhere else.
    guest = await world.join()
    assert (await guest.enter("demo"))["you"]["role"] == "guest"


async def test_each_role_may_what_it_says(world: World) -> None:
    host, moderator, viewer = [await visitor(world, role) for role in ("host", "moderator", "viewer")]
    assert (await host.enter("demo"))["you"]["role"] == "host"
    assert "publish" in (await host.enter("demo"))["you"]["can"]
    assert (await moderator.enter("demo"))["you"]["role"] == "moderator"
    await viewer.enter("demo")
    await moderator.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
    assert await viewer.code("comment", text="but") == "muted"
    await host.ok("publish.token")


async def test_a_demo_reaches_no_other_room_and_makes_none(world: World) -> None:
    host = await visitor(world, "host")
    assert await host.code("enter", room="elsewhere") == "forbidden"
    assert await host.code("comment", room="elsewhere", text="hello") == "forbidden"
    assert await host.code("publish.token", room="elsewhere") == "forbidden"
    _, given = await world.post("/api/v1/demo/token", {"name": "Mei", "role": "host"})
    bearer = {"Authorization": f"Bearer {given['token']}"}
    status, _, problem = await world.request("POST", "/api/v1/rooms", headers=bearer, json={"title": "Mine"})
    assert (status, problem["code"]) == (403, "forbidden")
    status, _, problem = await world.request("GET", "/api/v1/rooms/elsewhere", headers=bearer)
    assert (status, problem["code"]) == (403, "forbidden")
    _, _, me = await world.request("GET", "/api/v1/me", headers=bearer)
    assert (me["operator"], me["may_host"]) == (False, False)


@pytest.mark.parametrize("payload", [{"name": "x", "role": "operator"}, {"role": 7}, {"admin": True}, []])
async def test_tokens_are_given_for_three_roles(world: World, payload: object) -> None:
    status, problem = await world.post("/api/v1/demo/token", payload)
    assert (status, problem["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "host", ["shop.example", "127.0.0.1.nip.io", "demo.localhost.example:8080", "[::2]", "x@y"]
)
async def test_other_names_for_this_machine_are_refused(world: World, host: str) -> None:
    """A website whose name was pointed here (DNS rebinding) gets nothing, not even a token."""
    other = {"Host": host}
    for method, path in (
        ("POST", "/api/v1/demo/token"),
        ("GET", "/"),
        ("GET", "/api/v1/rooms"),
        ("GET", "/healthz"),
    ):
        status, _, body = await world.request(method, path, headers=other)
        assert status in (400, 403), path
        assert b"token" not in body if isinstance(body, bytes) else "token" not in body
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{world.url}/socket.io/?EIO=4&transport=websocket", headers=other)
    for own in ("localhost", f"localhost:{world.node.port}", "127.0.0.1", "[::1]:8080"):
        assert (await world.request("GET", "/healthz", headers={"Host": own}))[0] == 200


async def test_no_other_website_may_ask_for_a_token(world: World) -> None:
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    _, headers, _ = await world.request("OPTIONS", "/api/v1/demo/token", headers=origin)
    assert "Access-Control-Allow-Origin" not in headers


async def test_links_are_printed_and_signed_in(world: World) -> None:
    links = dict(re.findall(r"^  ([a-z ]+): +(\S+)$", world.node.log.read_text(), re.MULTILINE))
    assert set(links) == {"viewer", "studio", "moderation desk"}
    roles = {"viewer": "viewer", "studio": "host", "moderation desk": "moderator"}
    for name, link in links.items():
        page, _, bearer = link.partition("#token=")
        assert page.startswith(world.url)
        person = await world.join(auth={"token": bearer})
        assert (await person.enter("demo"))["you"]["role"] == roles[name]


async def test_a_public_demo_hands_out_viewers_only(tmp_path: Path) -> None:
    async with running_world(tmp_path, "--demo") as world:
        _, given = await world.post("/api/v1/demo/token", {"name": "Mei", "role": "host"})
        viewer = await visitor(world)
        await viewer.enter("demo")
    async with running_world(tmp_path, "--demo", "--demo-public") as world:
        for role in ("host", "moderator"):
            status, problem = await world.post("/api/v1/demo/token", {"name": "x", "role": role})
            assert (status, problem["code"]) == (403, "forbidden")
        viewer = await visitor(world)
        await viewer.enter("demo")
        await viewer.ok("comment", text="hello")
        assert "/studio/" not in world.node.log.read_text()
        # Neither do those work that were handed out before, to this machine only.
        bearer = {"Authorization": f"Bearer {given['token']}"}
        status, _, problem = await world.request("GET", "/api/v1/me", headers=bearer)
        assert (status, problem["code"]) == (401, "bad_token")
        assert (await world.request("GET", "/healthz", headers={"Host": "demo.example"}))[0] == 200
