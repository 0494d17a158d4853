"""Coupons through a whole node: dropped, seen at once, claimed, redeemed, and found again."""

from __future__ import annotations

import time

from tests.server.world import World

TERMS = {"title": "30 off", "kind": "fixed", "value": 3000, "currency": "CNY", "quota": 2, "valid_s": 600}


async def test_from_the_drop_to_the_order(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    _, sku = await world.product(host, stock=5)
    coupon = (await host.ok("coupon.create", **TERMS))["coupon"]
    dropped = (await host.ok("coupon.drop", coupon=coupon["id"], seconds=60))["coupon"]
    assert (await viewer.event("coupon.dropped"))["data"] == {"coupon": dropped}
    assert 50_000 < dropped["drop_until_ms"] - time.time() * 1000 < 70_000

    claimed = (await viewer.ok("coupon.claim", coupon=coupon["id"]))["coupon"]
    told = await viewer.until("you", lambda event: event["kind"] == "coupon")
    assert (told["room"], told["data"]) == (room, {"coupon": claimed, "status": "free"})
    again = await world.join(viewer.user)
    entered = await again.enter(room)
    assert entered["snapshot"]["coupons"] == [dropped]
    assert entered["you"]["coupons"] == [claimed]

    order = (await viewer.ok("buy", sku=sku, qty=1, coupons=[claimed["id"]]))["order"]
    assert order["discount_minor"] == min(3000, order["subtotal_minor"])
    _, mine = await world.get("/api/v1/coupons", viewer.user)
    assert mine["items"] == [claimed | {"status": "reserved", "order": order["id"]}]
    await viewer.ok("order.pay", order=order["id"])
    assert (await world.get("/api/v1/coupons", viewer.user))[1]["items"] == []

    await host.ok("coupon.close", coupon=coupon["id"])
    closed = await viewer.event("coupon.closed")
    assert closed["data"] == {"id": coupon["id"], "reason": "host"}
    assert (await again.enter(room))["snapshot"]["coupons"] == []
    assert await again.code("coupon.claim", coupon=coupon["id"]) == "already_claimed"


async def test_everybody_sees_how_many_are_left(world: World) -> None:
    room, host = await world.room()
    claimers = [await world.viewer(room) for _ in range(3)]
    terms = TERMS | {"quota": 5}
    shut = (await host.ok("coupon.create", **terms))["coupon"]["id"]
    coupon = (await host.ok("coupon.create", **terms))["coupon"]["id"]
    await host.ok("coupon.drop", coupon=coupon, seconds=60)
    await claimers[0].until("signals", lambda s: s.get("coupons") == {coupon: 5})
    for claimer in claimers:
        await claimer.ok("coupon.claim", coupon=coupon)
    await claimers[0].until("signals", lambda s: s.get("coupons") == {coupon: 2})
    entered = await (await world.join()).enter(room)
    assert entered["signals"]["coupons"] == {coupon: 2}, "whoever comes later sees it at once"
    told = [s["coupons"][coupon] for s in claimers[1].all("signals") if "coupons" in s]
    assert told == sorted(told, reverse=True)
    assert len(told) <= 4
    await host.ok("coupon.close", coupon=coupon)
    await claimers[0].event("coupon.closed")
    assert (await (await world.join()).enter(room))["signals"]["coupons"] == {}
    await host.ok("coupon.drop", coupon=shut, seconds=60)
    await claimers[2].until("signals", lambda s: s.get("coupons") == {shut: 5})


async def test_a_drop_that_is_over_is_taken_away(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    coupon = (await host.ok("coupon.create", **TERMS))["coupon"]["id"]
    until_ms = (await host.ok("coupon.drop", coupon=coupon, seconds=3))["coupon"]["drop_until_ms"]
    closed = await viewer.event("coupon.closed")
    assert closed["data"] == {"id": coupon, "reason": "over"}
    assert until_ms <= closed["at_ms"] < until_ms + 1000
    assert await viewer.code("coupon.claim", coupon=coupon) == "over"


async def test_who_sees_what_over_http(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    ids = [(await host.ok("coupon.create", **TERMS))["coupon"]["id"] for _ in range(2)]
    await host.ok("coupon.drop", coupon=ids[0], seconds=60)
    await viewer.ok("coupon.claim", coupon=ids[0])
    path = f"/api/v1/rooms/{room}/coupons"
    _, first = await world.get(f"{path}?limit=1", host.user)
    _, second = await world.get(f"{path}?limit=1&cursor={first['next']}", host.user)
    items = [*first["items"], *second["items"]]
    assert [(c["id"], c["phase"], c["claimed"]) for c in items] == [(ids[1], "new", 0), (ids[0], "open", 1)]
    assert {(c["reserved"], c["used"]) for c in items} == {(0, 0)}
    assert (await world.get(path, viewer.user))[1]["code"] == "forbidden"
    assert (await world.get("/api/v1/coupons"))[1]["code"] == "unauthenticated"
    assert (await world.get("/api/v1/coupons", host.user))[1] == {"items": [], "next": None}
