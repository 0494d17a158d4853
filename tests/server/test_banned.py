"""Who is banned is put out, at once and wherever they are; who is in the shadow notices nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from media.ports import Whence
from media.whep import Watcher
from moderation.evasion.address_bans import AddressBanRow
from moderation.evasion.ranges import NEW_MS
from rooms import people
from rooms.errors import Refused
from rooms.ports import Caller
from server import banned, lookout
from server.banned import Bans, PutOut
from server.bus.port import RoomNews
from server.store.group import Work
from tests.contract.house import MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House, house_at
from tests.server.test_rights import TappedBus
from tests.server.world import World, fresh, shared_node
from tests.support import node as nodes
from tests.support.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with shared_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
async def world(node: Node) -> AsyncIterator[World]:
    nodes.logs_of_this_test.append(node.log)
    world = World(node)
    yield world
    await world.close()


async def test_who_is_banned_is_put_out_of_the_room_and_may_come_back_after(world: World) -> None:
    room, host = await world.room()
    target, witness = await world.viewer(room), await world.viewer(room, "Wu")
    ban = {"user": target.user, "seconds": 3600, "reason": "threats"}
    sanction = (await host.ok("moderate.ban", **ban))["sanction"]
    told = await target.until("you", lambda event: event["kind"] == "banned")
    assert told["data"] == {"sanction": sanction}
    after = (await host.ok("comment", text="he is gone"))["event"]
    await witness.event("comment", lambda e: e["id"] == after["id"])
    assert await target.code("comment", text="I am here") == "banned"
    # The witness's frame was written before; and what the target was sent since is only its own answers.
    assert not any(item["id"] == after["id"] for frame in target.all("events") for item in frame["items"])
    assert (await target.send("enter", {"room": room}))["error"]["code"] == "banned"
    assert (await target.send("like", {"room": room, "count": 1}))["error"]["code"] == "banned"
    assert (await target.send("gift.top", {"room": room, "span": "week"}))["error"]["code"] == "banned"
    await host.ok("moderate.unban", user=target.user)
    await target.until("you", lambda event: event["kind"] == "unbanned")
    assert (await target.enter(room))["you"]["user"]["id"] == target.user
    await target.ok("comment", text="sorry")


async def test_over_http_the_room_is_closed_to_them_but_for_what_is_theirs(world: World) -> None:
    room, host = await world.room(public=False)
    target = await world.viewer(room)
    pages = ("", "/events", "/products", "/points", "/quizzes")
    for page in pages:
        assert (await world.get(f"/api/v1/rooms/{room}{page}", target.user))[0] == 200
    await host.ok("moderate.ban", user=target.user, seconds=None, reason="")
    for page in pages:
        status, problem = await world.get(f"/api/v1/rooms/{room}{page}", target.user)
        assert (status, problem["code"]) == (403, "banned"), page
        assert problem["errors"]["until_ms"] is None
    assert (await world.get(f"/api/v1/rooms/{room}/orders", target.user))[0] == 200
    sdp = {"Content-Type": "application/sdp"}
    status, _, problem = await world.request("POST", f"/whep/{room}", target.user, data=b"v=0", headers=sdp)
    assert (status, problem["code"]) == (403, "banned")
    listed = (await world.get(f"/api/v1/rooms/{room}/sanctions?in_force=true", host.user))[1]["items"]
    assert [(one["kind"], one["user"]["id"], one["over"]) for one in listed] == [("ban", target.user, None)]
    assert (await world.get(f"/api/v1/rooms/{room}/sanctions?in_force=maybe", host.user))[0] == 400


async def test_all_tabs_of_who_is_in_the_shadow_see_what_nobody_else_does(world: World) -> None:
    room, host = await world.room()
    sender = await world.viewer(room)
    tab = await world.join(sender.user)
    await tab.enter(room)
    witness = await world.viewer(room, "Wu")
    await host.ok("moderate.shadow", user=sender.user, seconds=600, reason="")
    unseen = (await sender.ok("comment", text="buy at my shop"))["event"]
    seen = (await host.ok("comment", text="hello"))["event"]
    for person in (sender, tab):
        assert await person.event("comment", lambda e: e["id"] == unseen["id"]) == unseen
    note = await host.until("staff", lambda event: event["kind"] == "comment_shadowed")
    assert note["data"]["event"] == unseen
    for person in (sender, tab, witness):
        await person.event("comment", lambda e: e["id"] == seen["id"])
        frames = [(frame["from"], frame["to"]) for frame in person.all("events")]
        assert all(after[0] == before[1] + 1 for before, after in pairwise(frames))
    seen_by_others = witness.all("events")
    assert not any(item["id"] == unseen["id"] for frame in seen_by_others for item in frame["items"])
    assert all(frame["skipped"] == {} for frame in seen_by_others)
    assert not any(event["kind"] != "role" for event in sender.all("you"))
    # After a break each recovers what they had.
    late = await world.join(sender.user)
    entered = await late.enter(room)
    position = {"epoch": entered["epoch"], "offset": 1}
    for user, ids in ((sender.user, [unseen["id"], seen["id"]]), (fresh("new"), [seen["id"]])):
        again = await (await world.join(user)).enter(room, after=position)
        assert [item["id"] for item in again["items"]] == ids
        assert again["skipped"] == {}


class Pictures:
    """Who watches by WebRTC, and who was put out."""

    def __init__(self) -> None:
        self.rooms = {ROOM}
        self.stopped: list[tuple[str, str | None]] = []
        self.news = asyncio.Event()

        self.here: dict[str, Watcher] = {}

    def watched_rooms(self) -> set[str]:
        return self.rooms

    def watchers(self) -> list[Watcher]:
        return list(self.here.values())

    def stop_session(self, session: str) -> None:
        self.here.pop(session, None)
        self.news.set()

    def stop_viewer(self, user: str, room: str | None) -> None:
        self.stopped.append((user, room))
        self.news.set()

    async def until(self, wanted: set[tuple[str | None, str | None]]) -> None:
        async with asyncio.timeout(10):
            while not wanted <= set(self.stopped):
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        yield house


async def ban(house: House, user: str | None, **more: Any) -> None:
    await house.ok("moderate.ban", OPERATOR, user=user, seconds=60, reason="", **more)


@pytest.mark.parametrize("by_word", [True, False])
async def test_a_picture_ends_by_word_of_the_ban_and_without(
    house: House, monkeypatch: pytest.MonkeyPatch, by_word: bool
) -> None:
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 0.02)
    pictures, bus = Pictures(), TappedBus()
    put_out = PutOut(house.store, bus, lambda: pictures, lambda: house.now_ms)
    await put_out.start()
    async with asyncio.timeout(10):
        await bus.heard.wait()
    if by_word:
        monkeypatch.setattr(lookout, "LOOK_EVERY_S", 3600)
    await ban(house, VIEWER.id)
    await ban(house, OTHER.id, everywhere=True)
    if by_word:
        bus.listeners[ROOM](RoomNews(ROOM, staff=house.staff[-2:]))
    await pictures.until({(VIEWER.id, ROOM), (OTHER.id, None)})
    await put_out.close()
    assert bus.listeners == {}


async def test_what_was_lifted_or_has_run_out_puts_nobody_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 0.02)
    await ban(house, VIEWER.id)
    await house.ok("moderate.unban", OPERATOR, user=VIEWER.id)
    await ban(house, OTHER.id)
    house.now_ms += 60_000
    await ban(house, MODERATOR.id)
    pictures = Pictures()
    put_out = PutOut(house.store, TappedBus(), lambda: pictures, lambda: house.now_ms)
    await put_out.start()
    await pictures.until({(MODERATOR.id, ROOM)})
    await put_out.close()
    assert set(pictures.stopped) == {(MODERATOR.id, ROOM)}


async def test_those_end_who_watch_from_a_range_that_is_banned_and_are_new(house: House) -> None:
    old, new, unseen = VIEWER.id, "u-new", "u-unseen"
    house.now_ms += NEW_MS + 1
    seen = Work("user.seen", lambda tx: people.seen(tx, Caller(new, "New")))
    await house.store.write(seen)
    pictures, banned_from = Pictures(), {"203.0.113.7"}
    of = {"guest": None, "old": old, "new": new, "unseen": unseen}
    for session, user in of.items():
        pictures.here[session] = Watcher(session, ROOM, user, Whence("203.0.113.7"))
    pictures.here["far"] = Watcher("far", ROOM, None, Whence("198.51.100.9"))
    pictures.here["other"] = Watcher("other", "silk", None, Whence("203.0.113.7"))
    ban_row = AddressBanRow(
        "b", ROOM, 0, "d", "address", "u", "U", "", "", "", house.now_ms, house.now_ms + 60_000
    )

    def bans_on(room: str, whence: Whence) -> list[AddressBanRow]:
        return [ban_row] if room == ROOM and whence.peer in banned_from else []

    put_out = PutOut(house.store, TappedBus(), lambda: pictures, lambda: house.now_ms, bans_on)
    await put_out.start()
    put_out.ranges_changed()
    async with asyncio.timeout(10):
        while pictures.here.keys() != {"old", "far", "other"}:
            pictures.news.clear()
            await pictures.news.wait()
    await put_out.close()


async def test_a_ban_is_remembered_for_a_moment(house: House) -> None:
    bans = Bans(house.store, lambda: house.now_ms)
    viewer, operator = VIEWER, replace(VIEWER, operator=True)
    await bans.refuse(ROOM, viewer)
    await ban(house, VIEWER.id)
    await bans.refuse(ROOM, viewer)  # as of a moment ago
    house.now_ms += banned.FRESH_MS
    with pytest.raises(Refused, match="banned"):
        await bans.refuse(ROOM, viewer)
    await bans.refuse(ROOM, operator)
    await bans.refuse(ROOM, OTHER)
    house.now_ms += 60_000
    await bans.refuse(ROOM, viewer)
