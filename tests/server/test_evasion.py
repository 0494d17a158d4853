"""Where people come from, over real sockets: devices, addresses that a proxy tells, and bans of those."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.server.world import Person, World, fresh, shared_node, token
from tests.support import node as nodes
from tests.support.node import Node

OFFER = b"v=0"
DEVICE = "tablet-0123456789ab"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    with shared_node(folder, DANMART_LISTEN__TRUSTED_PROXIES='["127.0.0.1/32"]') as node:
        yield node


@pytest.fixture
async def world(node: Node) -> AsyncIterator[World]:
    nodes.logs_of_this_test.append(node.log)
    world = World(node)
    yield world
    await world.close()


async def come(world: World, address: str, user: str | None = None, **more: Any) -> Person:
    """Somebody whom the proxy has from that address; without a ``user`` a guest."""
    return await world.join(user, headers={"X-Forwarded-For": address}, **more)


async def put_out(person: Person) -> dict[str, Any]:
    """What somebody is told who may not be in the room any more."""
    told = await person.until("you", lambda event: event["kind"] == "banned")
    found: dict[str, Any] = told["data"]
    return found


async def test_guests_from_a_banned_range_are_put_out_and_kept_out(world: World) -> None:
    room, host = await world.room()
    raider = await come(world, "203.0.113.7", fresh("viewer"))
    await raider.enter(room)
    inside, elsewhere = await come(world, "203.0.113.7"), await come(world, "198.51.100.9")
    for guest in (inside, elsewhere):
        await guest.enter(room)
    terms = {"user": raider.user, "width": "address", "seconds": 3600, "reason": "raid"}
    ban = (await host.ok("moderate.ban_address", **terms))["ban"]
    assert "203.0.113" not in str(ban)
    assert (await put_out(raider))["sanction"]["reason"] == "raid"
    bye = await inside.until("bye")
    assert (bye["code"], bye["reconnect"]) == ("banned", False)
    await inside.until("disconnect")
    newcomer = await come(world, "203.0.113.7")
    error = (await newcomer.send("enter", {"room": room}))["error"]
    assert (error["code"], error["details"]["until_ms"]) == ("banned", ban["until_ms"])
    seen = (await host.ok("comment", text="quiet again"))["event"]
    await elsewhere.event("comment", lambda event: event["id"] == seen["id"])
    assert not any(item["id"] == seen["id"] for frame in inside.all("events") for item in frame["items"])
    other, _ = await world.room()
    await newcomer.enter(other)  # the ban is of one room


async def test_guests_from_a_banned_range_dont_watch_either(world: World) -> None:
    """The room isn't live: who may watch is told so, by WHEP and by HLS."""
    room, host = await world.room()
    raider = await come(world, "203.0.113.8", fresh("viewer"))
    await raider.enter(room)
    regular = fresh("viewer")

    async def asked(address: str, user: str | None = None) -> list[tuple[int, str]]:
        where = {"X-Forwarded-For": address}
        sdp = where | {"Content-Type": "application/sdp"}
        answers = [await world.request("POST", f"/whep/{room}", user, data=OFFER, headers=sdp)]
        paths = (f"/hls/{room}/index.m3u8", f"/hls/{room}/media.m3u8", f"/api/v1/rooms/{room}")
        answers += [await world.request("GET", path, user, headers=where) for path in paths]
        return [(status, body.get("code", "")) for status, _, body in answers]

    shown = [(400, "bad_sdp"), (404, "not_live"), (404, "not_live"), (200, "")]
    assert await asked("203.0.113.8") == shown
    terms = {"user": raider.user, "width": "address", "seconds": 3600, "reason": "raid"}
    ban = (await host.ok("moderate.ban_address", **terms))["ban"]
    await put_out(raider)
    kept_out = [(403, "banned")] * 4
    while await asked("203.0.113.8") != kept_out:
        pass
    # A new account that has never been seen but here is reached; the neighbours aren't.
    assert await asked("203.0.113.8", regular) == kept_out
    assert await asked("203.0.113.9") == shown
    assert await asked("203.0.113.9", fresh("viewer")) == shown
    problem = (await world.get(f"/api/v1/rooms/{room}", None, headers={"X-Forwarded-For": "203.0.113.8"}))[1]
    assert problem["errors"]["sanction"] is None
    await host.ok("moderate.unban_address", ban=ban["id"])
    while await asked("203.0.113.8") != shown:
        pass


async def test_staff_see_what_is_banned_and_lift_it(world: World) -> None:
    room, host = await world.room()
    raider = await come(world, "192.0.2.77", fresh("viewer"), name="Lin")
    await raider.enter(room)
    path = f"/api/v1/rooms/{room}"
    status, person = await world.get(f"{path}/people/{raider.user}", host.user)
    assert (status, person["user"]["id"]) == (200, raider.user)
    ranges = {one["width"]: (one["people"], one["reached"]) for one in person["ranges"]}
    assert ranges == {"address": (0, 0), "network": (0, 0)}
    terms = {"user": raider.user, "width": "network", "seconds": 3600, "reason": ""}
    ban = (await host.ok("moderate.ban_address", **terms))["ban"]
    await put_out(raider)
    assert (await world.get(f"{path}/address-bans", host.user))[1]["items"] == [ban]
    assert (await world.get(f"{path}/address-bans", fresh("viewer")))[0] == 403
    assert (await world.get(f"{path}/people/{raider.user}", fresh("viewer")))[0] == 403
    assert (await world.get(f"{path}/people/nobody", host.user))[0] == 404
    await host.ok("moderate.unban_address", ban=ban["id"])
    await raider.until("you", lambda event: event["kind"] == "unbanned")
    await raider.enter(room)
    assert (await world.get(f"{path}/address-bans", host.user))[1]["items"] == []


async def test_a_device_is_no_name(world: World) -> None:
    room, _ = await world.room()
    guest = await world.join(auth={"device": DEVICE})
    assert (await guest.enter(room))["you"]["user"] is None
    assert await guest.code("comment", text="hello") == "unauthenticated"
    for device in ("short", "x" * 65, "with spaces in it, really", 5):
        error = await world.refusal({"device": device})
        assert error is not None
        assert error["code"] == "bad_request", device
    error = await world.refusal({"device": DEVICE, "name": "Lin"})
    assert error is not None
    assert error["code"] == "bad_token"


async def test_the_same_device_under_another_name_is_told_to_the_staff(world: World) -> None:
    room, host = await world.room()
    first, second = fresh("viewer"), fresh("viewer")
    device = f"{DEVICE}-{fresh('d')}"
    banned = await world.join(first, auth={"token": token(first, "Lin"), "device": device})
    await banned.enter(room)
    await host.ok("moderate.ban", user=first, seconds=3600, reason="spam")
    again = await world.join(second, auth={"token": token(second, "Wu"), "device": device})
    await again.enter(room)
    hint = await host.until("staff", lambda event: event["kind"] == "evasion_hint")
    assert (hint["data"]["user"]["id"], hint["data"]["like"]["id"]) == (second, first)
    assert hint["data"]["by"] == "device"
    await again.ok("comment", text="a hint keeps nobody from anything")
    assert again.all("you") == []
