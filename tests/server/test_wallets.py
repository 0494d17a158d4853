"""Wallets through a whole node: bought, told, spent, listed, corrected, paid out."""

from __future__ import annotations

from typing import Any

from tests.server.world import World, key

OPERATOR: dict[str, Any] = {"operator": True}


async def correct(world: World, user: str | None, amount: int, **more: Any) -> tuple[int, Any]:
    body = {"amount": amount, "reason": "a test", **more}
    path = f"/api/v1/wallets/{user}/corrections"
    return await world.post(path, body, "root", key=key(), claims=OPERATOR)


async def test_from_the_pack_to_the_statement(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    _, sku = await world.product(host)
    packs = (await world.get("/api/v1/coins"))[1]
    assert packs["items"][0] == {"id": "coins-60", "coins": 60, "price_minor": 600, "currency": "CNY"}
    assert packs["worth_minor"] == {"CNY": 1000}
    await viewer.ok("wallet.topup", pack="coins-980")
    told = await viewer.until("you", lambda event: event["kind"] == "wallet")
    assert (told["room"], told["data"]["coins"]) == (room, 980)
    order = (await viewer.ok("buy", sku=sku, qty=1))["order"]
    await viewer.ok("order.pay", order=order["id"], method="coins")
    entered = await (await world.join(viewer.user)).enter(room)
    assert entered["you"]["wallet"] == {"coins": 490, "points": 0}

    _, mine = await world.get("/api/v1/wallet", viewer.user)
    assert (mine["coins"], mine["accounts"]["earnings"]) == (490, 0)
    _, page = await world.get("/api/v1/wallet/statement?limit=1", viewer.user)
    assert [(e["kind"], e["amount"], e["balance"], e["room"]) for e in page["items"]] == [
        ("order", -490, 490, room)
    ]
    _, page = await world.get(f"/api/v1/wallet/statement?cursor={page['next']}", viewer.user)
    assert [(e["kind"], e["amount"]) for e in page["items"]] == [("topup", 980)]
    assert page["next"] is None
    _, host_side = await world.get(f"/api/v1/rooms/{room}/earnings", host.user)
    assert host_side["accounts"]["takings"] == 490
    assert (await world.get(f"/api/v1/rooms/{room}/earnings", viewer.user))[0] == 403


async def test_nobody_sees_or_moves_what_isnt_theirs(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    order = (await viewer.ok("wallet.topup", pack="coins-60"))["order"]["id"]
    theirs = f"/api/v1/wallets/{viewer.user}"
    for path in (theirs, f"{theirs}/statement", "/api/v1/audit"):
        assert (await world.get(path))[0] == 401
        assert (await world.get(path, host.user, claims={"may_host": True}))[0] == 403
        assert (await world.get(path, "root", claims=OPERATOR))[0] == 200
    for path in ("/api/v1/wallet", "/api/v1/wallet/statement", "/api/v1/payouts"):
        assert (await world.get(path))[0] == 401
    assert (await world.get("/api/v1/wallet/statement?account=issued", viewer.user))[0] == 400
    assert (await world.get(f"/api/v1/orders/{order}", host.user))[0] == 404
    assert (await world.get(f"/api/v1/orders/{order}", viewer.user))[1]["coins"] == 60
    assert (await world.get(f"/api/v1/rooms/{room}/orders", host.user))[1]["items"] == []
    body = {"amount": 5, "reason": "me too"}
    path = f"/api/v1/wallets/{viewer.user}/corrections"
    assert (await world.post(path, body, viewer.user, key=key()))[0] == 403


async def test_corrections_happen_once(world: World) -> None:
    viewer = (await world.viewer((await world.room())[0])).user
    path, body = f"/api/v1/wallets/{viewer}/corrections", {"amount": 50, "reason": "a present"}
    once = key()
    first = await world.post(path, body, "root", key=once, claims=OPERATOR)
    assert first[0] == 201
    assert await world.post(path, body, "root", key=once, claims=OPERATOR) == first
    other = {**body, "amount": 51}
    assert (await world.post(path, other, "root", key=once, claims=OPERATOR))[1]["code"] == "key_conflict"
    elsewhere = f"/api/v1/wallets/{viewer}-2/corrections"
    assert (await world.post(elsewhere, body, "root", key=once, claims=OPERATOR))[1]["code"] == "key_conflict"
    assert (await world.post(path, body, "root", claims=OPERATOR))[0] == 400
    assert (await correct(world, viewer, 0))[0] == 400
    assert (await correct(world, viewer, 5, account="issued"))[0] == 400
    assert (await correct(world, viewer, -51))[1]["code"] == "insufficient_coins"
    assert (await correct(world, viewer, 7, account="points"))[1]["balance"] == 7
    _, found = await world.get(f"/api/v1/wallets/{viewer}", "root", claims=OPERATOR)
    assert (found["coins"], found["points"]) == (50, 7)
    assert found["accounts"]["correction"] == -50
    _, trail = await world.get("/api/v1/audit?limit=2", "root", claims=OPERATOR)
    assert [line["target"] for line in trail["items"]] == [viewer, viewer]


async def test_a_payout_from_the_host_to_the_operator(world: World) -> None:
    _, host = await world.room()
    await correct(world, host.user, 500, account="earnings")
    body = {"coins": 300}
    assert (await world.post("/api/v1/payouts", body, host.user))[0] == 400  # without a key
    few = await world.post("/api/v1/payouts", {"coins": 5}, host.user, key=key())
    assert (few[1]["code"], few[1]["errors"]) == ("below_minimum", {"minimum": 100})
    status, asked = await world.post("/api/v1/payouts", body, host.user, key=key())
    assert (status, asked["payout"]["status"]) == (201, "requested")
    more = await world.post("/api/v1/payouts", body, host.user, key=key())
    assert (more[1]["code"], more[1]["errors"]["balance"]) == ("insufficient_funds", 200)
    payout = asked["payout"]["id"]
    _, waiting = await world.get("/api/v1/payouts?status=requested", "root", claims=OPERATOR)
    assert payout in [each["id"] for each in waiting["items"]]
    assert (await world.get("/api/v1/payouts", "somebody"))[1]["items"] == []
    done = f"/api/v1/payouts/{payout}/done"
    assert (await world.post(done, {}, host.user))[0] == 403
    assert (await world.post(done, {"note": "transfer 17"}, "root", claims=OPERATOR))[0] == 200
    assert (await world.post(done, {}, "root", claims=OPERATOR))[1]["code"] == "payout_settled"
    told = await host.until("you", lambda e: e["data"].get("payout", {}).get("status") == "done")
    assert told["data"]["payout"]["note"] == "transfer 17"
    _, mine = await world.get("/api/v1/wallet", host.user)
    assert mine["accounts"] == {"earnings": 200, "takings": 0, "payout": 0, "paid_out": 300}
