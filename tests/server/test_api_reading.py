"""What is read over HTTP, and by whom."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.server.problems import is_problem
from tests.server.world import DEADLINE_S, Person, World, fresh


async def test_the_log_is_read_page_by_page(world: World) -> None:
    room, host = await world.room()
    said = [(await host.ok("comment", text=f"comment {n}"))["event"] for n in range(5)]
    path = f"/api/v1/rooms/{room}/events"
    _, page = await world.get(f"{path}?limit=3")
    assert [event["kind"] for event in page["items"]] == ["room.created", "comment", "comment"]
    _, page = await world.get(f"{path}?limit=3&after={page['next']}")
    assert page["items"] == said[2:]
    _, page = await world.get(f"{path}?limit=3&after={page['next']}")
    assert (page["items"], page["next"]) == ([], None)
    assert is_problem(await world.request("GET", f"{path}?after=x"), "bad_request")


async def test_who_may_read_what(world: World) -> None:
    """Each list by role: guest, viewer, moderator, host, operator."""
    room, host = await world.room()
    moderator, viewer = await world.moderator(room, host), await world.viewer(room)
    operator = await world.join(fresh("operator"), operator=True)
    allowed = {
        "orders": "vmho",
        "mutes": "mho",
        "audit": "ho",
        "members": "ho",
        "stream-keys": "ho",
    }
    people = {"v": viewer.user, "m": moderator.user, "h": host.user, "o": operator.user}
    for what, who in allowed.items():
        path = f"/api/v1/rooms/{room}/{what}"
        assert is_problem(await world.request("GET", path), "unauthenticated")
        for letter, user in people.items():
            claims = {"operator": letter == "o"}
            answer = await world.request("GET", path, user, claims=claims)
            assert answer[0] == 200 if letter in who else is_problem(answer, "forbidden"), (what, letter)


async def test_orders_are_the_hosts_and_ones_own(world: World) -> None:
    room, host = await world.room()
    viewer, other = await world.viewer(room), await world.viewer(room)
    product, sku = await world.product(host, stock=5)
    mine = [(await viewer.ok("buy", sku=sku, qty=1))["order"] for _ in range(2)]
    path = f"/api/v1/rooms/{room}/orders"
    assert (await world.get(path, viewer.user))[1]["items"] == mine[::-1]
    assert (await world.get(path, other.user))[1]["items"] == []
    _, first = await world.get(f"{path}?limit=1", host.user)
    _, second = await world.get(f"{path}?limit=1&cursor={first['next']}", host.user)
    assert [*first["items"], *second["items"]] == mine[::-1]
    _, shelf = await world.get(f"/api/v1/rooms/{room}/products")
    assert [(item["id"], item["skus"][0]["stock"]) for item in shelf["items"]] == [(product, 3)]
    assert "held" not in shelf["items"][0]["skus"][0]
    _, shelf = await world.get(f"/api/v1/rooms/{room}/products", host.user)
    assert shelf["items"][0]["skus"][0]["held"] == 2


async def once_paid_back(world: World, path: str, buyer: Person) -> dict[str, Any]:
    """The order, when the provider has paid it back, which it does after the order is refunded."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            order: dict[str, Any] = (await world.get(path, buyer.user))[1]
            if order["payments"][-1]["status"] == "refunded":
                return order


async def test_an_orders_whole_history_is_its_buyers_and_the_hosts(world: World) -> None:
    room, host = await world.room()
    moderator, viewer = await world.moderator(room, host), await world.viewer(room)
    other, operator = await world.viewer(room), await world.join(fresh("operator"), operator=True)
    _, sku = await world.product(host, stock=5)
    wish = {"address": {"name": "Lin", "lines": ["1 Tea Road"]}, "note": "Ring twice"}
    order = (await viewer.ok("buy", sku=sku, qty=1, **wish))["order"]
    paid = (await viewer.ok("order.pay", order=order["id"]))["order"]
    refunded = (await host.ok("order.refund", order=order["id"], reason="broken"))["order"]
    assert refunded["status"] == "refunded"
    path = f"/api/v1/orders/{order['id']}"
    whole = await once_paid_back(world, path, viewer)
    assert {name: whole[name] for name in refunded} == refunded
    assert {name: whole[name] for name in wish} == wish
    assert whole["history"] == [
        {"status": "held", "at_ms": order["created_at_ms"], "by": viewer.user},
        {"status": "paid", "at_ms": paid["paid_at_ms"], "by": viewer.user},
        {"status": "refunded", "at_ms": refunded["refunded_at_ms"], "by": host.user, "reason": "broken"},
    ]
    assert (await world.get(path, host.user))[1] == whole
    claims = {"operator": True}
    assert (await world.request("GET", path, operator.user, claims=claims))[2] == whole
    for stranger in (other.user, moderator.user):
        assert is_problem(await world.request("GET", path, stranger), "not_found")
    assert is_problem(await world.request("GET", path), "unauthenticated")
    for nonsense in ("nothing", "%00", "x" * 300):
        assert is_problem(await world.request("GET", f"/api/v1/orders/{nonsense}", host.user), "not_found")
    told = [payload for name, payload in [*viewer.inbox, *host.inbox] if name in ("you", "staff")]
    assert "Tea Road" not in json.dumps(told)
    assert "Ring twice" not in json.dumps(told)


async def test_sales_are_announced_to_the_room_and_listed(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    _, sku = await world.product(host, stock=5)
    plan = {"sku": sku, "price_minor": 1, "quantity": 5, "per_buyer": 2, "duration_s": 60}
    sale = (await host.ok("sale.start", **plan))["sale"]
    path = f"/api/v1/rooms/{room}/sales"
    assert (await world.get(path))[1] == {"items": [sale], "next": None}
    entered = await (await world.viewer(room)).ok("enter", room=room)
    assert entered["snapshot"]["sales"] == [sale]
    await host.ok("sale.end", sale=sale["id"])
    _, listed = await world.get(path, viewer.user)
    assert [(item["id"], item["ended_reason"]) for item in listed["items"]] == [(sale["id"], "host")]


async def test_mutes_members_and_audit(world: World) -> None:
    room, host = await world.room()
    moderator, viewer = await world.moderator(room, host), await world.viewer(room, "Lin")
    sanction = (await moderator.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam"))["sanction"]
    assert (await world.get(f"/api/v1/rooms/{room}/mutes", moderator.user))[1]["items"] == [sanction]
    _, members = await world.get(f"/api/v1/rooms/{room}/members", host.user)
    assert [(m["user"]["id"], m["role"]) for m in members["items"]] == [(moderator.user, "moderator")]
    _, audit = await world.get(f"/api/v1/rooms/{room}/audit?limit=2", host.user)
    assert [entry["action"] for entry in audit["items"]] == ["moderate.mute", "room.grant"]
    _, more = await world.get(f"/api/v1/rooms/{room}/audit?limit=2&cursor={audit['next']}", host.user)
    assert [entry["action"] for entry in more["items"]] == ["room.create"]
    await moderator.ok("moderate.unmute", user=viewer.user)
    assert (await world.get(f"/api/v1/rooms/{room}/mutes", moderator.user))[1]["items"] == []


async def test_me(world: World) -> None:
    assert (await world.get("/api/v1/me"))[1] == {
        "user": None,
        "operator": False,
        "may_host": False,
        "expires_at_ms": None,
    }
    _, me = await world.get("/api/v1/me", "lin", claims={"name": "Lin", "operator": True})
    assert (me["user"], me["operator"], me["may_host"]) == ({"id": "lin", "name": "Lin"}, True, False)
    assert me["expires_at_ms"] > 1_700_000_000_000


async def test_publisher_while_nobody_publishes(world: World) -> None:
    room, host = await world.room()
    answer = await world.request("GET", f"/api/v1/rooms/{room}/publisher", host.user)
    assert is_problem(answer, "not_live")


async def test_demo_tokens_are_given_by_a_demo_only(world: World) -> None:
    answer = await world.request("POST", "/api/v1/demo/token", json={"name": "Lin", "role": "host"})
    assert is_problem(answer, "not_found")
