"""The gateway as clients meet it: real sockets against a running node."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from rooms.state import SETTINGS
from tests.server.world import Person, World, fresh, key, refuse_gaps, running_world, token

# Connecting


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_guest_watches_and_may_not_act(world: World, transport: str) -> None:
    room, host = await world.room()
    guest = await world.join(transports=(transport,))
    entered = await guest.enter(room)
    assert (entered["you"]["user"], entered["you"]["role"], entered["you"]["can"]) == (None, "guest", [])
    assert entered["snapshot"]["room"]["title"] == "Tea evening"
    assert await guest.code("comment", text="hello") == "unauthenticated"
    await host.ok("comment", text="welcome")
    assert (await guest.event("comment"))["data"]["text"] == "welcome"


async def test_client_that_begins_with_polling_may_upgrade(world: World) -> None:
    room, _ = await world.room()
    viewer = await world.join(fresh("viewer"), transports=("polling", "websocket"))
    assert viewer.sio.transport() == "websocket"
    await viewer.enter(room)
    await viewer.ok("comment", text="hello")
    await viewer.event("comment")


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({"token": "nonsense"}, "bad_token"),
        ({"token": token("somebody") + "x"}, "bad_token"),
        ({"token": token("somebody", life_s=-3600)}, "token_expired"),
        ({"token": 7}, "bad_token"),
        ({"jwt": "nonsense"}, "bad_token"),
        ("nonsense", "bad_token"),
        (["nonsense"], "bad_token"),
    ],
)
async def test_wrong_token_is_refused_with_an_error_object(world: World, auth: Any, code: str) -> None:
    error = await world.refusal(auth)
    assert error is not None
    assert (error["code"], error["temporary"]) == (code, False)
    assert error["message"]


@pytest.mark.parametrize("transports", [("websocket",), ("polling",), ("polling", "websocket")])
async def test_connection_ends_when_its_token_does(world: World, transports: tuple[str, ...]) -> None:
    # Tokens are accepted for half a minute longer than they say.
    viewer = await world.join(fresh("viewer"), transports=transports, life_s=-28)
    bye = await viewer.until("bye")
    assert (bye["code"], bye["reconnect"]) == ("token_expired", False)
    await viewer.until("disconnect")


async def test_refresh_goes_on_with_a_new_token(world: World) -> None:
    room, _ = await world.room()
    viewer = await world.join(fresh("viewer"), life_s=-27)
    await viewer.enter(room)
    assert await viewer.code("refresh", token=token("somebody else")) == "bad_token"
    assert await viewer.code("refresh", token="nonsense") == "bad_token"
    refreshed = await viewer.ok("refresh", token=token(str(viewer.user), "Lin the Second"))
    assert refreshed["user"] == {"id": viewer.user, "name": "Lin the Second"}
    assert refreshed["expires_at_ms"] > (await viewer.ok("time"))["now_ms"] + 3_000_000
    posted = await viewer.ok("comment", text="still here")
    assert posted["event"]["user"]["name"] == "Lin the Second"
    await asyncio.sleep(3.2)  # the first token's end must pass without a trace: there is nothing to wait for
    assert viewer.all("bye") == []
    assert (await viewer.ok("time"))["now_ms"]


async def test_refresh_is_for_who_has_a_token(world: World) -> None:
    guest = await world.join()
    assert await guest.code("refresh", token=token("somebody")) == "bad_token"


# Entering and recovering


async def comments(person: Person, count: int) -> list[dict[str, Any]]:
    """Comments that everybody has been shown: before, ``enter`` would still answer as of the frame before."""
    said = [(await person.ok("comment", text=f"comment {n}"))["event"] for n in range(count)]
    await shown(person, said[-1])
    return said


async def shown(person: Person, event: dict[str, Any]) -> None:
    await person.until("events", lambda frame: frame["to"] >= event["offset"])


async def test_snapshot_is_the_room_as_it_is(world: World) -> None:
    room, host = await world.room()
    product, sku = await world.product(host, stock=7)
    await host.ok("pin", product=product)
    await host.ok("room.change", slow_mode_s=3, title="Late tea")
    said = await comments(host, 2)
    viewer = await world.join(fresh("viewer"), "Lin")
    entered = await viewer.enter(room)
    snapshot = entered["snapshot"]
    assert (entered["recovered"], entered["skipped"], entered["room"]) == (False, {}, room)
    assert snapshot["room"]["title"] == "Late tea"
    assert snapshot["room"]["host"] == {"id": host.user, "name": "Mei"}
    assert snapshot["room"]["status"] == "idle"
    assert snapshot["settings"] == {**SETTINGS, "slow_mode_s": 3}
    assert [p["id"] for p in snapshot["products"]] == snapshot["pins"] == [product]
    assert snapshot["comments"] == said
    assert entered["signals"]["stock"] == {sku: 7}
    assert entered["you"]["can"] == [
        "comment",
        "like",
        "buy",
        "gift",
        "play",
        "follow",
        "join_stage",
        "report",
    ]
    told = {"room", "viewers", "likes", "stock", "coupons", "plays", "followers", "reaction"}
    assert set(entered["signals"]) == told
    assert "staff" not in entered


async def test_rooms_that_are_not_there(world: World) -> None:
    guest = await world.join()
    guest.room = fresh("nowhere")
    assert await guest.code("enter") == "room_not_found"
    assert await guest.code("enter", room="Not A Room") == "bad_request"


async def test_private_room_is_for_who_is_signed_in(world: World) -> None:
    room, _ = await world.room(public=False)
    guest = await world.join()
    guest.room = room
    assert await guest.code("enter") == "unauthenticated"
    await world.viewer(room)


async def test_recovery_gives_what_was_missed_and_nothing_else(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    said = await comments(host, 5)
    for seen in range(5):
        position = {"epoch": (await viewer.enter(room))["epoch"], "offset": said[seen]["offset"]}
        entered = await viewer.enter(room, after=position)
        assert entered["recovered"]
        assert entered["items"] == said[seen + 1 :]
        assert entered["offset"] == said[-1]["offset"]
        assert "snapshot" not in entered


async def test_positions_that_cannot_be_continued_get_a_snapshot(world: World) -> None:
    room, host = await world.room()
    await comments(host, 2)
    entered = await host.enter(room)
    there = {"epoch": entered["epoch"], "offset": entered["offset"]}
    for after in ({**there, "offset": there["offset"] + 1}, {**there, "epoch": "another"}):
        again = await host.enter(room, after=after)
        assert not again["recovered"]
        assert len(again["snapshot"]["comments"]) == 2


async def test_recovery_from_sql_and_too_far_back(tmp_path: Path) -> None:
    """What memory no longer has comes from SQL, up to a limit; a restart of the node is no other epoch."""
    limit = {"DANMART_ROOMS__RECOVERED_EVENTS_MAX": "20"}
    async with running_world(tmp_path, **limit) as world:
        room, host = await world.room()
        epoch = (await host.enter(room))["epoch"]
        said = await comments(host, 30)
    async with running_world(tmp_path, **limit) as world:
        viewer = await world.join(fresh("viewer"))
        last = said[-1]["offset"]
        entered = await viewer.enter(room, after={"epoch": epoch, "offset": last - 20})
        assert entered["recovered"]
        assert entered["items"] == said[10:]
        later = await viewer.ok("comment", text="later")
        await shown(viewer, later["event"])
        entered = await viewer.enter(room, after={"epoch": epoch, "offset": last - 19})
        assert entered["recovered"]
        assert entered["items"] == [*said[11:], later["event"]]
        entered = await viewer.enter(room, after={"epoch": epoch, "offset": last - 20})
        assert not entered["recovered"]


async def test_deleted_words_are_gone_from_recovery_and_snapshot(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    before = await viewer.enter(room)
    said = (await viewer.ok("comment", text="words to regret"))["event"]
    await host.ok("moderate.delete", event=said["id"])
    gone = await viewer.event("comment.deleted")
    assert gone["data"] == {"id": said["id"]}
    told = await viewer.until("you", lambda you: you["kind"] == "comment_deleted")
    assert told["data"]["id"] == said["id"]
    recovered = await viewer.enter(room, after={"epoch": before["epoch"], "offset": before["offset"]})
    assert recovered["items"][0]["data"] == {"deleted": True}
    newcomer = await world.join()
    for entered in (recovered, await newcomer.enter(room)):
        assert "regret" not in repr(entered)


async def test_masked_and_purged_words_are_gone_from_recovery_and_snapshot(world: World) -> None:
    room, host = await world.room()
    viewer, other = await world.viewer(room), await world.viewer(room)
    before = await viewer.enter(room)
    here = {"epoch": before["epoch"], "offset": before["offset"]}
    rude = (await viewer.ok("comment", text="words to regret"))["event"]
    await other.ok("comment", text="oh", reply_to=rude["id"])
    await host.ok("moderate.mask", event=rude["id"])
    assert (await other.event("comment.masked"))["data"] == {"id": rude["id"], "text": "***"}
    assert (await viewer.until("you", lambda you: you["kind"] == "comment_masked"))["room"] == room
    newcomer = await world.join()
    for entered in (await viewer.enter(room, after=here), await newcomer.enter(room)):
        assert "regret" not in repr(entered)
        assert repr(entered).count("'text': '***'") >= 2
    await host.ok("moderate.purge", user=viewer.user)
    purged = await other.event("comment.purged")
    assert purged["data"] == {"user": viewer.user, "from": 1, "to": purged["offset"] - 1}
    recovered, fresh_one = await viewer.enter(room, after=here), await newcomer.enter(room)
    assert recovered["items"][0]["data"] == {"deleted": True, "purged": purged["data"]["to"]}
    assert [comment["data"]["text"] for comment in fresh_one["snapshot"]["comments"]] == ["oh"]
    for entered in (recovered, fresh_one):
        assert "***" not in repr(entered["snapshot"]["comments"] if "snapshot" in entered else [])
    _, page = await world.get(f"/api/v1/rooms/{room}/events?after=0", viewer.user)
    assert "regret" not in repr(page)


async def test_entering_a_second_room_leaves_the_first(world: World) -> None:
    first, host = await world.room()
    second, _ = await world.room()
    viewer = await world.viewer(first)
    await viewer.enter(second)
    await host.ok("comment", text="to the first room")
    await host.event("comment")
    await viewer.ok("comment", text="to the second")
    await viewer.event("comment")
    assert {frame["room"] for frame in viewer.all("events")} == {second}
    await viewer.ok("leave")
    await viewer.ok("comment", text="from outside")
    await viewer.ok("time")
    assert len(viewer.all("events")) == 1


async def test_who_enters_in_a_flood_has_no_hole_and_no_repeat(world: World) -> None:
    room, host = await world.room()
    speakers = [await world.viewer(room) for _ in range(4)]
    epoch = (await host.enter(room))["epoch"]
    enough = asyncio.Event()

    async def flood(speaker: Person) -> int:
        for said in itertools.count(1):  # noqa: B007
            await speaker.ok("comment", text="and again")
            await asyncio.sleep(0.05)  # below what a connection may ask for
            if enough.is_set():
                break
        return said

    floods = [asyncio.create_task(flood(speaker)) for speaker in speakers]
    newcomers = []
    for turn in range(20):
        newcomer = await world.join(fresh("viewer"))
        await newcomer.enter(room, **({} if turn % 2 else {"after": {"epoch": epoch, "offset": turn}}))
        newcomers.append(newcomer)
    enough.set()
    said = sum(await asyncio.gather(*floods))
    last = (await host.ok("comment", text="the last word"))["event"]["offset"]
    for person in (*speakers, *newcomers):
        await person.until("events", lambda frame: frame["to"] == last)
        assert refuse_gaps(person) == last
    assert last == said + 2


# Commands


async def test_commands_of_a_connection_keep_their_order(world: World) -> None:
    room, _ = await world.room()
    viewer = await world.viewer(room)
    sent = [viewer.do("comment", text=f"number {n}") for n in range(40)]
    sent.insert(20, viewer.do("time"))
    answers = await asyncio.gather(*sent)
    assert [name for name, *_ in (ack for ack in viewer.all("ack"))][1:] == ["comment"] * 20 + ["time"] + [
        "comment"
    ] * 20
    offsets = [answer["event"]["offset"] for answer in answers if "event" in answer]
    assert offsets == sorted(offsets)
    assert len(offsets) == 40


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_payment_that_hangs_holds_up_nothing_else(world: World, transport: str) -> None:
    room, host = await world.room()
    _, sku = await world.product(host)
    buyer = await world.viewer(room, transports=(transport,))
    order = (await buyer.ok("buy", sku=sku, qty=1))["order"]["id"]
    mine = key()
    paying = asyncio.create_task(buyer.do("order.pay", order=order, card="late", key=mine))
    await asyncio.sleep(0)  # so that it is sent first
    said = await buyer.ok("comment", text="while I wait")
    assert not paying.done()
    # What was sent after it finds the payment under way, however quick it is.
    assert await buyer.code("order.cancel", order=order) == "payment_pending"
    assert await buyer.code("order.pay", order=order) == "payment_pending"
    paid = await paying
    assert paid["order"]["status"] == "paid"
    assert await buyer.ok("order.pay", order=order, card="late", key=mine) == paid
    assert said["event"]["data"]["text"] == "while I wait"


async def test_the_same_key_gives_the_same_answer_once(world: World) -> None:
    room, _ = await world.room()
    viewer = await world.viewer(room)
    other = await world.join(viewer.user)  # the same user elsewhere, as after a lost connection
    other.room = room
    mine = key()
    first = await viewer.ok("comment", text="once", key=mine)
    assert await other.ok("comment", text="once", key=mine) == first
    assert await other.code("comment", text="twice", key=mine) == "key_conflict"
    assert await viewer.code("comment", text="once", key="short") == "bad_request"
    await shown(viewer, first["event"])
    entered = await viewer.enter(room)
    assert [comment["id"] for comment in entered["snapshot"]["comments"]] == [first["event"]["id"]]


async def test_too_many_commands_are_refused_for_a_while(world: World) -> None:
    viewer = await world.join(fresh("viewer"))
    answers = await asyncio.gather(*(viewer.do("time") for _ in range(105)))
    refused = [answer["error"] for answer in answers if not answer["ok"]]
    assert [error["code"] for error in refused] == ["rate_limited"] * 5
    assert all(0 < error["retry_after_ms"] <= 5000 and error["temporary"] for error in refused)


async def test_publish_token_is_for_the_host(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    assert await viewer.code("publish.token") == "forbidden"
    granted = await host.ok("publish.token")
    left_ms = granted["expires_at_ms"] - (await host.ok("time"))["now_ms"]
    assert 0 < left_ms <= 300_000
    # The token opens the door of WHIP, where only the offer is wrong then.
    status, _, problem = await world.request(
        "POST",
        f"/whip/{room}",
        headers={"Authorization": f"Bearer {granted['token']}", "Content-Type": "application/sdp"},
        data="nonsense",
    )
    assert (status, problem["code"]) == (400, "bad_sdp")


async def test_operator_may_publish_where_others_host(world: World) -> None:
    room, _ = await world.room()
    operator = await world.join(fresh("operator"), operator=True)
    operator.room = room
    granted = await operator.ok("publish.token")
    status, _, problem = await world.request(
        "POST",
        f"/whip/{room}",
        headers={"Authorization": f"Bearer {granted['token']}", "Content-Type": "application/sdp"},
        data="nonsense",
    )
    assert (status, problem["code"]) == (400, "bad_sdp")


# Who is told what


async def test_a_mute_is_told_to_the_muted_and_the_staff_only(world: World) -> None:
    room, host = await world.room()
    moderator = await world.moderator(room, host)
    viewer, other = await world.viewer(room, "Lin"), await world.viewer(room, "Wu")
    elsewhere = await world.join(viewer.user, "Lin")  # another window of the same user
    answer = await moderator.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
    for person in (viewer, elsewhere):
        you = await person.until("you", lambda you: you["kind"] == "muted")
        assert you["data"]["sanction"] == answer["sanction"]
        assert (you["room"], you["seq"]) == (room, 1)
    for person in (host, moderator):
        told = await person.until("staff", lambda staff: staff["kind"] == "muted")
        assert told["data"]["sanction"]["user"] == {"id": viewer.user, "name": "Lin"}
    refused = await viewer.do("comment", text="but")
    assert refused["error"]["code"] == "muted"
    assert refused["error"]["details"]["reason"] == "spam"
    assert 0 < refused["error"]["details"]["left_ms"] <= 60_000
    # It holds in a new connection too, which is told at once.
    again = await world.join(viewer.user, "Lin")
    assert (await again.enter(room))["you"]["mute"]["reason"] == "spam"
    assert await again.code("comment", text="but") == "muted"
    await host.ok("moderate.unmute", user=viewer.user)
    await viewer.until("you", lambda you: you["kind"] == "unmuted")
    said = (await again.ok("comment", text="sorry"))["event"]
    await other.event("comment", lambda event: event["id"] == said["id"])
    assert other.all("you") == other.all("staff") == viewer.all("staff") == []


async def test_orders_are_told_to_the_buyer_and_the_host(world: World) -> None:
    room, host = await world.room()
    moderator = await world.moderator(room, host)
    viewer, other = await world.viewer(room), await world.viewer(room)
    _, sku = await world.product(host, stock=3)
    order = (await viewer.ok("buy", sku=sku, qty=2))["order"]
    assert (await viewer.until("you"))["data"]["order"] == order
    assert (await host.until("staff", lambda staff: staff["kind"] == "order"))["data"]["order"] == order
    await other.until("signals", lambda signals: signals.get("stock") == {sku: 1})
    assert await other.code("order.pay", order=order["id"]) == "not_found"
    await viewer.ok("order.pay", order=order["id"])
    await host.until("staff", lambda s: s["kind"] == "order" and s["data"]["order"]["status"] == "paid")
    entered = await viewer.enter(room)
    assert [o["status"] for o in entered["you"]["orders"]] == ["paid"]
    assert "staff" not in entered
    assert [o["id"] for o in (await host.enter(room))["staff"]["orders"]] == [order["id"]]
    assert "orders" not in (await moderator.enter(room))["staff"]
    assert {s["kind"] for s in moderator.all("staff")} <= {"role"}
    assert other.all("you") == []


async def test_private_and_staff_events_are_recovered_by_their_numbers(world: World) -> None:
    room, host = await world.room()
    moderator = await world.moderator(room, host)
    viewer = await world.viewer(room)
    before = await viewer.enter(room)
    assert before["you"]["items"] == []
    await viewer.close()
    for _ in range(3):
        await moderator.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
    viewer = await world.join(viewer.user)
    you = (await viewer.enter(room, after_you=before["you"]["seq"] + 1))["you"]
    assert [item["seq"] for item in you["items"]] == [2, 3]
    assert you["seq"] == 3
    staff = (await moderator.enter(room))["staff"]
    assert [mute["reason"] for mute in staff["mutes"]] == ["spam"]
    later = (await moderator.enter(room, after_staff=staff["seq"] - 2))["staff"]
    assert [item["seq"] for item in later["items"]] == [staff["seq"] - 1, staff["seq"]]


async def test_staff_events_follow_the_role(world: World) -> None:
    """A role given to somebody inside works at once, and ends at once."""
    room, host = await world.room()
    helper, viewer = await world.viewer(room), await world.viewer(room)
    await host.ok("room.grant", user=helper.user, role="moderator")
    told = await helper.until("you", lambda you: you["kind"] == "role")
    assert told["data"]["role"] == "moderator"
    assert "mute" in told["data"]["can"]
    await host.ok("moderate.mute", user=viewer.user, seconds=60, reason="first")
    await helper.until("staff", lambda staff: staff["kind"] == "muted")
    await host.ok("room.grant", user=helper.user, role="viewer")
    await helper.until("you", lambda you: you["kind"] == "role" and you["data"]["role"] == "viewer")
    await host.ok("moderate.mute", user=viewer.user, seconds=60, reason="second")
    await host.until("staff", lambda s: s["kind"] == "muted" and s["data"]["sanction"]["reason"] == "second")
    await helper.ok("time")
    reasons = [s["data"]["sanction"]["reason"] for s in helper.all("staff") if s["kind"] == "muted"]
    assert reasons == ["first"]
    assert await helper.code("moderate.mute", user=viewer.user, seconds=60, reason="third") == "forbidden"


async def test_staff_miss_nothing_while_they_enter(world: World) -> None:
    """The answer to ``enter`` and the staff events after it are the staff's whole log."""
    room, host = await world.room()
    moderator = await world.moderator(room, host)
    viewer = await world.viewer(room)
    start = (await moderator.enter(room))["staff"]["seq"]
    done = asyncio.Event()

    async def mute_on_and_on() -> None:
        while not done.is_set():
            await host.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
            await asyncio.sleep(0.06)

    muting = asyncio.create_task(mute_on_and_on())
    for _ in range(25):
        await moderator.enter(room, after_staff=start)
        await asyncio.sleep(0.01)
    done.set()
    await muting
    last = (await host.enter(room))["staff"]["seq"]
    await moderator.until("staff", lambda staff: staff["seq"] == last)
    expected, entered = None, False
    for name, payload in moderator.inbox:
        if name == "ack" and payload[0] == "enter":
            expected, entered = payload[1]["staff"]["seq"] + 1, True
        if name == "staff" and entered:
            assert payload["seq"] == expected
            expected += 1


# Signals


async def test_signals_are_coalesced_and_seldom(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    loop = asyncio.get_running_loop()
    came: list[float] = []
    viewer.sio.on("signals", lambda _: came.append(loop.time()), namespace="/live")
    started = loop.time()
    while loop.time() - started < 2.5:
        await viewer.ok("like", count=1)
        await asyncio.sleep(0.1)
    assert 2 <= len(came) <= 4
    assert all(after - before > 0.8 for before, after in itertools.pairwise(came))
    likes = [signals["likes"] for signals in host.all("signals") if "likes" in signals]
    assert likes == sorted(likes)


async def test_likes_are_capped_for_each_viewer(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    counted = 0
    for _ in range(5):
        counted += (await viewer.ok("like", count=50))["counted"]
    assert 20 <= counted <= 40  # twenty a second, and the second may turn in between
    signals = await host.until("signals", lambda s: s.get("likes") == counted)
    assert signals["reaction"] <= counted
    assert await viewer.code("like", count=51) == "bad_request"
    assert (await viewer.enter(room))["signals"]["likes"] == counted


async def test_viewers_are_counted_by_user(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    await (await world.join(viewer.user)).enter(room)  # a second window
    guest = await world.join()
    assert (await guest.enter(room))["signals"]["viewers"] == 3
    await host.until("signals", lambda s: s.get("viewers") == 3)
    await guest.close()
    await host.until("signals", lambda s: s.get("viewers") == 2)
    assert (await world.get(f"/api/v1/rooms/{room}"))[1]["viewers"] == 2
