"""Two nodes are one place: what happens on one is seen, and holds, on the other."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.cluster.world import Talk, Watcher, read_log, say
from tests.server.world import World, fresh

Cluster = list[World]


async def test_comments_of_both_nodes_are_seen_on_both_in_order(cluster: Cluster, database: str) -> None:
    a, b = cluster
    room, host = await a.room()
    watchers = [Watcher([a], room), Watcher([b], room)]
    for watcher in watchers:
        await watcher.enter()
    speakers = [await a.viewer(room), await b.viewer(room)]
    for number in range(20):
        await asyncio.gather(*(say(speaker, f"{number}") for speaker in speakers))
    log = await asyncio.to_thread(read_log, database, room)
    for watcher in watchers:
        await watcher.until(len(log), within_s=3)
        watcher.must_have_seen(log)
    await host.close()


async def test_an_idle_node_is_told_within_a_tenth_of_a_second(cluster: Cluster) -> None:
    a, b = cluster
    room, _ = await a.room()
    viewer = await b.viewer(room)
    speaker = await a.viewer(room)
    took = []
    for number in range(5):
        began = asyncio.get_running_loop().time()
        event = await say(speaker, f"{number}")
        await viewer.event("comment", lambda e, i=event["id"]: e["id"] == i)  # type: ignore[misc]
        took.append(asyncio.get_running_loop().time() - began)
    assert sorted(took)[2] < 0.3, took


async def test_a_mute_on_one_node_refuses_on_the_other(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    viewer = await b.viewer(room)
    assert (await viewer.do("comment", text="before"))["ok"]
    await host.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
    assert await viewer.code("comment", text="after") == "muted"
    told = await viewer.until("you", lambda event: event["kind"] == "muted")
    assert told["room"] == room


async def test_a_ban_on_one_node_puts_out_at_the_other_at_once(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    viewers = [await b.viewer(room), await b.viewer(room)]
    loop, took = asyncio.get_running_loop(), []
    for viewer in viewers:
        began = loop.time()
        await host.ok("moderate.ban", user=viewer.user, seconds=60, reason="spam")
        await viewer.until("you", lambda event: event["kind"] == "banned")
        took.append(loop.time() - began)
        assert await viewer.code("comment", text="after") == "banned"
        assert (await viewer.send("enter", {"room": room}))["error"]["code"] == "banned"
        assert (await a.get(f"/api/v1/rooms/{room}/events", viewer.user))[0] == 403
    assert min(took) < 0.5, took
    said = (await host.ok("comment", text="quiet now"))["event"]
    witness = await b.viewer(room)
    assert said["id"] in str((await witness.enter(room))["snapshot"]["comments"])
    assert not any(said["id"] in str(viewer.all("events")) for viewer in viewers)


async def test_settings_and_a_deletion_reach_the_other_node(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    moderator = await b.moderator(room, host)
    viewer = await b.viewer(room)
    event = await say(viewer, "a secret")
    await host.until("events", lambda f: any(i["id"] == event["id"] for i in f["items"]))
    await host.ok("moderate.delete", event=event["id"])
    await viewer.event("comment.deleted", lambda e: e["data"]["id"] == event["id"])
    note = await moderator.until("staff", lambda e: e["kind"] == "comment_deleted")
    assert note["data"]["text"] == "a secret"
    late = await b.join(fresh("late"))
    reply = await late.enter(room, after={"epoch": "", "offset": 0})
    assert "a secret" not in str(reply)
    again = await late.enter(room, after={"epoch": reply["epoch"], "offset": 1})
    assert again["recovered"]
    assert "a secret" not in str(again)


async def test_a_role_that_is_taken_away_on_one_node_is_gone_on_the_other(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    moderator, viewer = await b.moderator(room, host), await a.viewer(room)
    await moderator.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
    await host.ok("room.grant", user=moderator.user, role="viewer")
    assert await moderator.code("moderate.unmute", user=viewer.user) == "forbidden"


async def test_who_may_comment_is_known_on_the_other_node_at_once(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    viewer = await b.viewer(room)
    await host.ok("room.change", who_may_comment="moderators")
    assert await viewer.code("comment", text="may I?") == "comments_closed"
    await host.ok("room.change", who_may_comment="everyone")
    assert (await viewer.do("comment", text="thanks"))["ok"]


async def test_a_shield_and_a_purge_on_one_node_hold_on_the_other_at_once(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    viewer, watcher = await b.viewer(room), await b.viewer(room)
    for number in range(3):
        await say(viewer, f"spam {number}")
    await host.ok("room.modes", shield=True)
    told = await watcher.event("room.changed", within_s=0.5)
    assert told["data"]["shield"]["who_may_comment"] == "followers"
    assert await viewer.code("comment", text="more spam") == "followers_only"
    assert (await host.ok("moderate.purge", user=viewer.user))["count"] == 3
    purged = await watcher.event("comment.purged", within_s=0.5)
    assert purged["data"]["user"] == viewer.user
    late = await b.join(fresh("late"))
    assert "spam" not in str(await late.enter(room))
    again = await late.enter(room, after={"epoch": (await late.enter(room))["epoch"], "offset": 1})
    assert again["recovered"]
    assert "spam" not in str(again)
    await host.ok("room.modes", shield=False)
    assert (await viewer.do("comment", text="sorry"))["ok"]


async def test_somebody_at_two_nodes_is_two_viewers_and_one_person(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    user = fresh("twice")
    for world in (a, a, b):
        person = await world.join(user)
        await person.enter(room)
    await host.until("signals", lambda s: s.get("viewers") == 3, within_s=8)
    async with asyncio.timeout(8):
        while (await a.get(f"/api/v1/rooms/{room}", host.user))[1].get("viewers_unique") != 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    async with asyncio.timeout(8):
        while (card := (await b.get(f"/api/v1/rooms/{room}", user))[1])["viewers"] != 3:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert "viewers_unique" not in card


async def test_a_pace_holds_over_both_nodes(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    user = fresh("fast")
    here, there = await a.join(user), await b.join(user)
    for person in (here, there):
        await person.enter(room)
    await host.ok("room.change", slow_mode_s=30)
    assert (await here.do("comment", text="one"))["ok"]
    assert await there.code("comment", text="two") == "slow_mode"


async def test_a_client_that_is_ahead_of_a_node_goes_on_there(cluster: Cluster, database: str) -> None:
    a, b = cluster
    room, _ = await a.room()
    speaker = await a.viewer(room)
    await b.viewer(room)  # so that B follows the room, some ticks behind
    watcher = Watcher([a, b], room)
    await watcher.enter()
    talk = Talk([speaker], every_s=0)
    for _ in range(10):
        await watcher.until(watcher.offset + 3)
        await watcher.enter()
    await talk.stop()
    log = await asyncio.to_thread(read_log, database, room)
    await watcher.until(len(log))
    watcher.must_have_seen(log)


async def test_viewers_and_likes_are_counted_over_both(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    viewers = [await b.viewer(room) for _ in range(3)]

    def says(field: str, value: Any) -> Any:
        return lambda signals: signals.get(field) == value

    await host.until("signals", says("viewers", 4), within_s=8)
    await viewers[0].until("signals", says("viewers", 4), within_s=8)
    assert (await viewers[0].do("like", count=7))["counted"] == 7
    await host.until("signals", says("likes", 7), within_s=8)
    status, card = await a.get(f"/api/v1/rooms/{room}", host.user)
    assert (status, card["viewers"], card["viewers_unique"]) == (200, 4, 4)
    await viewers[0].close()
    await host.until("signals", says("viewers", 3), within_s=8)


async def test_buyers_on_both_nodes_never_get_more_than_there_is(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    _, sku = await a.product(host, stock=20)
    buyers = [await (a, b)[n % 2].viewer(room) for n in range(16)]
    answers = await asyncio.gather(*(buyer.do("buy", sku=sku, qty=1) for buyer in buyers for _ in range(3)))
    refused = [answer["error"]["code"] for answer in answers if not answer["ok"]]
    assert len(answers) - len(refused) == 20
    assert set(refused) <= {"sold_out", "stock_held"}
    await buyers[0].until("signals", lambda s: s.get("stock", {}).get(sku) == 0, within_s=8)
    await buyers[1].until("signals", lambda s: s.get("stock", {}).get(sku) == 0, within_s=8)
