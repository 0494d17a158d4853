"""The HTTP API: what each address answers, and how it refuses."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rooms.errors import CATALOGUE
from server.api.openapi import asyncapi, openapi
from server.commands import SPECS
from tests.server.world import World, fresh, key, token

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
HOST = {"may_host": True, "name": "Mei"}


def is_problem(answer: tuple[int, Any, Any], code: str) -> bool:
    """RFC 9457, with the catalogue's code and what it says of it."""
    status, headers, body = answer
    kind = CATALOGUE[code]
    assert body["code"] == code, body
    assert headers["Content-Type"] == "application/problem+json"
    assert status == body["status"] == kind.http
    assert body["type"] == f"urn:danmart:error:{code}"
    assert (body["title"], body["temporary"]) == (kind.message, kind.temporary)
    assert isinstance(body["detail"], str)
    assert ("Retry-After" in headers) == ("retry_after_ms" in body)
    assert ("WWW-Authenticate" in headers) == (status == 401)
    return True


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
    assert made["settings"] == {"slow_mode_s": 0, "who_may_comment": "everyone"}
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


# Commands


async def test_commands_work_as_over_the_socket(world: World) -> None:
    room, host = await world.room()
    commands, user = f"/api/v1/rooms/{room}/commands", fresh("viewer")
    status, said = await world.post(f"{commands}/comment", {"text": "hello"}, user, key=key())
    assert status == 200
    assert "ok" not in said
    assert (await host.event("comment"))["id"] == said["event"]["id"]
    # Somebody who never had a socket can be acted upon all the same.
    await host.ok("moderate.mute", user=user, seconds=60, reason="spam")
    refused = await world.request(
        "POST", f"{commands}/comment", user, json={"text": "but"}, headers={"Idempotency-Key": key()}
    )
    assert is_problem(refused, "muted")
    assert refused[2]["errors"]["reason"] == "spam"
    assert int(refused[1]["Retry-After"]) == -(-refused[2]["retry_after_ms"] // 1000)


async def test_each_command_has_an_address(world: World) -> None:
    room, host = await world.room()
    for name in SPECS:
        answer = await world.request("POST", f"/api/v1/rooms/{room}/commands/{name}", host.user, json={})
        if name == "publish.token":
            assert answer[0] == 200
            assert set(answer[2]) == {"token", "expires_at_ms"}
        else:
            assert is_problem(answer, "bad_request")
            missing = {error["path"] for error in answer[2]["errors"]}
            assert ("key" in missing) == (name != "like")
    for name in ("enter", "leave", "time", "refresh", "nonsense"):
        answer = await world.request("POST", f"/api/v1/rooms/{room}/commands/{name}", host.user, json={})
        assert is_problem(answer, "unknown_command")


async def test_a_command_with_a_key_is_done_once(world: World) -> None:
    room, host = await world.room()
    mine, path = key(), f"/api/v1/rooms/{room}/commands/product.add"
    good = {"title": "Tea", "price_minor": 4900, "currency": "CNY", "stock": 5}
    first = await world.post(path, good, host.user, key=mine)
    assert await world.post(path, good, host.user, key=mine) == first
    assert (await world.post(path, {**good, "stock": 6}, host.user, key=mine))[1]["code"] == "key_conflict"
    assert await host.code("product.add", **{**good, "stock": 6}, key=mine) == "key_conflict"
    assert (await host.ok("product.add", **good, key=mine))["product"] == first[1]["product"]
    assert len((await world.get(f"/api/v1/rooms/{room}/products"))[1]["items"]) == 1


async def test_commands_of_guests_and_strangers_are_refused(world: World) -> None:
    room, _ = await world.room()
    path = f"/api/v1/rooms/{room}/commands"
    assert is_problem(
        await world.request("POST", f"{path}/comment", json={"text": "hi", "key": key()}), "unauthenticated"
    )
    for name, payload in (
        ("room.end", {}),
        ("room.change", {"slow_mode_s": 5}),
        ("moderate.mute", {"user": "u", "seconds": 60, "reason": ""}),
        ("product.add", {"title": "Tea", "price_minor": 1, "currency": "CNY", "stock": 1}),
        ("publish.token", None),
    ):
        body = {} if payload is None else {**payload, "key": key()}
        assert is_problem(await world.request("POST", f"{path}/{name}", fresh("v"), json=body), "forbidden")


async def test_tokens_are_checked(world: World) -> None:
    room, host = await world.room()
    for header, code in (
        ("Bearer nonsense", "bad_token"),
        ("Basic dTpw", "bad_token"),
        ("Bearer", "bad_token"),
        (f"Bearer {token('u', life_s=-3600)}", "token_expired"),
        (f"Bearer {token('u')}x", "bad_token"),
    ):
        for path in ("/api/v1/me", f"/api/v1/rooms/{room}"):
            answer = await world.request("GET", path, headers={"Authorization": header})
            assert is_problem(answer, code)
    assert host.user


# What hosts and moderators read


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
    _, whole = await world.get(path, viewer.user)
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


# Stream keys


async def whip(world: World, room: str, stream_key: str | None) -> tuple[int, Any, Any]:
    headers = {"Content-Type": "application/sdp"}
    if stream_key is not None:
        headers["Authorization"] = f"Bearer {stream_key}"
    return await world.request("POST", f"/whip/{room}", headers=headers, data="no offer")


async def test_a_stream_key_is_shown_once_and_opens_one_room_until_it_is_revoked(world: World) -> None:
    room, host = await world.room()
    other_room, _ = await world.room()
    path = f"/api/v1/rooms/{room}/stream-keys"
    status, made = await world.post(path, {"label": "OBS"}, host.user)
    assert (status, made["label"]) == (201, "OBS")
    _, listed = await world.get(path, host.user)
    assert [(item["id"], item["label"]) for item in listed["items"]] == [(made["id"], "OBS")]
    assert made["key"] not in json.dumps(listed)
    assert is_problem(await whip(world, room, made["key"]), "bad_sdp")  # the key was good
    assert is_problem(await whip(world, other_room, made["key"]), "forbidden")
    assert is_problem(await whip(world, room, made["key"] + "x"), "bad_token")
    assert is_problem(await whip(world, room, None), "unauthenticated")
    assert (await world.request("DELETE", f"{path}/{made['id']}", host.user))[0] == 200
    assert is_problem(await whip(world, room, made["key"]), "bad_token")
    assert is_problem(await world.request("DELETE", f"{path}/{made['id']}", host.user), "not_found")
    assert (await world.get(path, host.user))[1]["items"] == []
    _, audit = await world.get(f"/api/v1/rooms/{room}/audit", host.user)
    assert [entry["action"] for entry in audit["items"]][:2] == ["stream_key.revoke", "stream_key.add"]
    assert made["key"] not in json.dumps(audit)


async def test_stream_keys_of_another_room_are_out_of_reach(world: World) -> None:
    room, host = await world.room()
    _, made = await world.post(f"/api/v1/rooms/{room}/stream-keys", {"label": "OBS"}, host.user)
    other, stranger = await world.room()
    for path in (f"/api/v1/rooms/{other}/stream-keys/{made['id']}",):
        assert is_problem(await world.request("DELETE", path, stranger.user), "not_found")
    answer = await world.request("DELETE", f"/api/v1/rooms/{room}/stream-keys/{made['id']}", stranger.user)
    assert is_problem(answer, "forbidden")
    for payload in ({}, {"label": ""}, {"label": "x" * 81}, {"label": "OBS", "key": "mine"}):
        answer = await world.request("POST", f"/api/v1/rooms/{room}/stream-keys", host.user, json=payload)
        assert is_problem(answer, "bad_request")


# Pictures


def picture(form: str, size: tuple[int, int] = (1600, 800)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(out, form)
    return out.getvalue()


def bomb() -> bytes:
    """A small file of very many pixels."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG", optimize=True)
    return out.getvalue()


async def upload(world: World, room: str, user: str | None, body: bytes, kind: str) -> tuple[int, Any, Any]:
    return await world.request(
        "POST", f"/api/v1/rooms/{room}/pictures", user, data=io.BytesIO(body), headers={"Content-Type": kind}
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_is_encoded_anew(world: World, form: str) -> None:
    room, host = await world.room()
    marked = picture(form) + b"<script>alert(1)</script>"
    status, _, made = await upload(world, room, host.user, marked, f"image/{form.lower()}")
    assert (status, set(made)) == (201, {"url"})
    status, headers, body = await world.request("GET", made["url"])
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in headers["Cache-Control"]
    with Image.open(io.BytesIO(body)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (1024, 512))
    assert b"<script>" not in body
    answer = await host.ok(
        "product.add", title="Tea", price_minor=1, currency="CNY", stock=1, picture=made["url"]
    )
    assert answer["product"]["picture"] == made["url"]


async def test_what_is_no_picture_is_refused(world: World) -> None:
    room, host = await world.room()
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    jpeg = picture("JPEG")
    for body, kind, code in (
        (svg, "image/svg+xml", "unsupported_media_type"),
        (svg, "image/png", "bad_picture"),
        (picture("GIF"), "image/gif", "unsupported_media_type"),
        (picture("GIF"), "image/png", "bad_picture"),
        (b"", "image/png", "bad_picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image/png", "bad_picture"),
        (jpeg[: len(jpeg) // 2], "image/jpeg", "bad_picture"),
        (bomb(), "image/png", "bad_picture"),
        (b"\xff" * 5_242_881, "image/jpeg", "too_large"),
    ):
        assert is_problem(await upload(world, room, host.user, body, kind), code), kind
    assert is_problem(await upload(world, room, fresh("viewer"), jpeg, "image/jpeg"), "forbidden")
    assert is_problem(await upload(world, room, None, jpeg, "image/jpeg"), "unauthenticated")
    for name in ("nothing.webp", "..%2f..%2fetc%2fpasswd", "x.svg"):
        assert is_problem(await world.request("GET", f"/pictures/{name}"), "not_found")


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


def documented_paths() -> list[tuple[str, str]]:
    """Method and path of each address in the protocol's table of the HTTP API."""
    table = PROTOCOL[PROTOCOL.index("## HTTP API") : PROTOCOL.index("## Pages")]
    found: list[tuple[str, str]] = []
    for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE):
        methods = re.findall(r"\b(GET|POST|DELETE|PUT)\b", cell)
        paths = [path.partition("?")[0] for path in re.findall(r"/[a-z][\w/{}.\[\]-]*", cell)]
        found += [(method, path) for path in paths for method in methods]
    return found


def test_every_documented_address_is_in_the_description() -> None:
    described = json.loads(openapi())
    assert described["openapi"].startswith("3.1")
    known = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, operations in described["paths"].items()
        for method in operations
    }
    documented = documented_paths()
    assert len(documented) > 15
    for method, path in documented:
        if not path.startswith("/api/v1") or path.endswith("{command}"):
            continue
        whole = path.replace("[/{id}]", "/{id}" if method == "DELETE" else "")
        assert (method, re.sub(r"\{\w+\}", "{}", whole)) in known, path
    for name in SPECS:
        assert ("POST", f"/api/v1/rooms/{{}}/commands/{name}") in known


async def test_the_description_is_whole(world: World) -> None:
    status, described = await world.get("/api/openapi.json")
    assert status == 200
    names = set(described["components"]["schemas"])
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references <= names
    for path, operations in described["paths"].items():
        placeholders = set(re.findall(r"\{(\w+)\}", path))
        for operation in operations.values():
            assert operation["summary"]
            given = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert given == placeholders, path
            assert operation["responses"]
    problem = described["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["code"]["enum"]) == set(CATALOGUE)


async def test_the_socket_is_described_too(world: World) -> None:
    status, described = await world.get("/api/asyncapi.json")
    assert (status, described["asyncapi"]) == (200, "3.0.0")
    messages = set(described["channels"]["live"]["messages"])
    assert messages >= {
        *SPECS,
        "enter",
        "leave",
        "time",
        "refresh",
        "events",
        "you",
        "staff",
        "signals",
        "bye",
    }
    text = asyncapi().decode()
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) <= set(described["components"]["schemas"])
    for name in re.findall(r"#/channels/live/messages/([\w.]+)", text):
        assert name in messages


def test_the_catalogue_is_the_documented_one() -> None:
    table = PROTOCOL[PROTOCOL.index("## Error codes") :]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", table, re.MULTILINE)
    assert {code: (int(http), temporary == "yes") for code, http, temporary in rows} == {
        kind.code: (kind.http, kind.temporary) for kind in CATALOGUE.values()
    }


async def test_a_room_is_as_described(world: World) -> None:
    """One user's connections are one viewer, each guest's is one; without Redis nobody tells them apart."""
    room, host = await world.room()
    for user in ("twice", "twice", None, None):
        person = await world.join(user)
        await person.enter(room)
    _, card = await world.get(f"/api/v1/rooms/{room}", host.user)
    assert card["viewers"] == 4
    assert "viewers_unique" not in card
    described = json.loads(openapi())
    schema = described["components"]["schemas"]["Room"]
    assert set(schema["required"]) <= set(card) <= set(schema["properties"])
    assert all(schema["properties"][name]["description"] for name in ("viewers", "viewers_unique"))
    _, rooms = await world.get("/api/v1/rooms")
    answer = described["paths"]["/api/v1/rooms"]["get"]["responses"]["200"]
    listed = answer["content"]["application/json"]["schema"]["properties"]
    assert set(rooms) == set(listed)
    assert all(set(schema["required"]) <= set(item) for item in rooms["items"])
