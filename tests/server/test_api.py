"""The HTTP API: rooms, and how every address refuses."""

from __future__ import annotations

import io
from typing import Any

import pytest

from rooms.state import SETTINGS
from tests.server.problems import is_problem
from tests.server.world import World, fresh, key

HOST = {"may_host": True, "name": "Mei"}


# Rooms


async def test_a_room_is_created_read_and_listed(world: World) -> None:
    host, room = fresh("host"), fresh("room")
    status, headers, made = await world.request(
        "POST", "/api/v1/rooms", host, claims=HOST, json={"id": room, "title": "  Tea\u202e evening "}
    )
    assert (status, headers["Location"]) == (201, f"/api/v1/rooms/{room}")
    assert headers["X-Request-Id"]
    assert made["title"] == "Tea evening"
    assert made["host"] == {"id": host, "name": "Mei"}
    assert made["playback"] == {"whep": f"/whep/{room}", "hls": f"/hls/{room}/index.m3u8"}
    assert made["settings"] == SETTINGS
    assert (await world.get(f"/api/v1/rooms/{room}"))[1] == made
    _, listed = await world.get("/api/v1/rooms?limit=200")
    card = next(item for item in listed["items"] if item["id"] == room)
    assert card == {
        "id": room,
        "title": "Tea evening",
        "status": "idle",
        "host": {"id": host, "name": "Mei"},
        "viewers": 0,
        "started_at_ms": None,
        "poster": None,
    }


async def test_a_room_without_an_id_gets_one_and_a_key_makes_it_once(world: World) -> None:
    host, mine = fresh("host"), key()
    first = await world.post("/api/v1/rooms", {"title": "Tea"}, host, key=mine)
    again = await world.post("/api/v1/rooms", {"title": "Tea"}, host, key=mine)
    other = await world.post("/api/v1/rooms", {"title": "Tea"}, host)
    assert (first[0], again) == (201, first)
    assert first[1]["id"] != other[1]["id"]
    assert (await world.post("/api/v1/rooms", {"title": "Cake"}, host, key=mine))[1]["code"] == "key_conflict"
    assert (await world.post("/api/v1/rooms", {"title": "Tea"}, host, key="short"))[1][
        "code"
    ] == "bad_request"


async def test_rooms_that_cannot_be_created(world: World) -> None:
    async def refused(payload: Any, user: str | None = "host", **more: Any) -> str:
        claims = more.pop("claims", HOST)
        answer = await world.request(
            "POST", "/api/v1/rooms", user, claims=claims, **(more or {"json": payload})
        )
        assert is_problem(answer, answer[2]["code"])
        code: str = answer[2]["code"]
        return code

    room, _ = await world.room()
    assert await refused({"title": "Tea"}, None) == "unauthenticated"
    assert await refused({"title": "Tea"}, fresh("viewer"), claims={}) == "forbidden"
    assert await refused({"id": room, "title": "Tea"}) == "room_exists"
    assert await refused({"id": "Not/A/Room", "title": "Tea"}) == "bad_request"
    assert await refused({"title": "x" * 101}) == "text_too_long"
    assert await refused({"title": "\u200b"}) == "text_empty"
    assert await refused({"title": "Tea", "host": "me"}) == "bad_request"
    assert await refused([1]) == "bad_request"
    assert await refused(None, data=b"{", headers={"Content-Type": "application/json"}) == "bad_request"
    assert await refused(None, data=b"title=Tea") == "unsupported_media_type"
    too_large = io.BytesIO(b" " * 1_100_000)
    assert await refused(None, data=too_large, headers={"Content-Type": "application/json"}) == "too_large"


async def test_pages_of_rooms_follow_each_other(world: World) -> None:
    for _ in range(3):
        await world.room()
    seen: list[str] = []
    cursor = ""
    while True:
        status, page = await world.get(f"/api/v1/rooms?limit=2&cursor={cursor}")
        assert status == 200
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == 2
        cursor = page["next"]
    assert len(seen) == len(set(seen)) >= 3
    for query in ("cursor=x", "limit=x", "limit=-1", "cursor=" + "9" * 300, "limit=%00"):
        assert is_problem(await world.request("GET", f"/api/v1/rooms?{query}"), "bad_request")


async def test_a_private_room_is_for_who_is_signed_in(world: World) -> None:
    room, host = await world.room(public=False)
    await host.ok("comment", text="among ourselves")
    for path in ("", "/events", "/products"):
        address = f"/api/v1/rooms/{room}{path}"
        assert is_problem(await world.request("GET", address), "unauthenticated")
        assert (await world.get(address, fresh("viewer")))[0] == 200
    _, listed = await world.get("/api/v1/rooms?limit=200", fresh("viewer"))
    assert room not in [item["id"] for item in listed["items"]]
    offer = await world.request(
        "POST", f"/whep/{room}", data="v=0", headers={"Content-Type": "application/sdp"}
    )
    assert is_problem(offer, "unauthenticated")
    assert is_problem(await world.request("GET", f"/hls/{room}/index.m3u8"), "unauthenticated")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/rooms/{}",
        "/api/v1/rooms/{}/events",
        "/api/v1/rooms/{}/products",
        "/api/v1/rooms/{}/orders",
        "/api/v1/rooms/{}/audit",
        "/whep/{}",
        "/hls/{}/index.m3u8",
    ],
)
@pytest.mark.parametrize("room", ["nowhere", "%00", "%ff", "Nowhere", "x" * 65, "%2e%2e%2fetc"])
async def test_rooms_that_are_not_there(world: World, path: str, room: str) -> None:
    method = "POST" if path.startswith("/whep") else "GET"
    sdp = {"data": "v=0", "headers": {"Content-Type": "application/sdp"}} if method == "POST" else {}
    status, headers, body = await world.request(method, path.format(room), fresh("host"), **sdp)
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")
    assert body["code"] in ("room_not_found", "not_found")


# Errors, other origins, documents


async def test_other_methods_and_addresses_are_refused_as_problems(world: World) -> None:
    answer = await world.request("PUT", "/api/v1/rooms", json={})
    assert is_problem(answer, "method_not_allowed")
    assert answer[1]["Allow"] == "GET,HEAD,POST"
    assert is_problem(await world.request("GET", "/api/v2/rooms"), "not_found")


async def test_pages_of_other_origins_may_call(world: World) -> None:
    room, _ = await world.room()
    origin = {"Origin": "https://shop.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST"}
    status, headers, _ = await world.request("OPTIONS", f"/api/v1/rooms/{room}", headers=preflight)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "*"
    allowed = {name.strip().lower() for name in headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "idempotency-key"}
    assert "Access-Control-Allow-Credentials" not in headers
    for path in (
        f"/api/v1/rooms/{room}",
        "/api/v1/rooms/nowhere",
        f"/whep/{room}",
        f"/hls/{room}/index.m3u8",
    ):
        _, headers, _ = await world.request("GET", path, headers=origin)
        assert headers["Access-Control-Allow-Origin"] == "*", path
