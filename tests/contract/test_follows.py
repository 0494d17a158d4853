"""Following a host: counted exactly, told to who follows, and noted for the staff now and then."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry

from rooms.follows import (
    TELL_EVERY_MS,
    follows_table,
    read_follower_page,
    read_followers,
    read_following,
)
from rooms.ports import Caller
from server.bus.memory import MemoryBus
from server.live.rooms import LiveRooms
from tests.contract.house import HOST, OTHER, ROOM, VIEWER, House, house_at, open_house

CROWD = [Caller(f"u-fan{n:02}", f"Fan {n}") for n in range(40)]


async def followers(house: House) -> int:
    return await house.store.read(lambda conn: read_followers(conn, HOST.id or ""))


async def test_whoever_follows_is_counted_once(house: House) -> None:
    assert await house.ok("follow", VIEWER) == {"ok": True, "following": True, "followers": 1}
    assert (await house.ok("follow", VIEWER))["followers"] == 1
    assert (await house.ok("follow", OTHER))["followers"] == 2
    assert await house.ok("unfollow", VIEWER) == {"ok": True, "following": False, "followers": 1}
    assert (await house.ok("unfollow", VIEWER))["followers"] == 1
    assert await followers(house) == 1
    said = [e["data"] for e in house.told(VIEWER, "follow")]
    assert [(d["following"], d["followers"]) for d in said] == [(True, 1), (False, 1)]
    assert not [e for e in house.events if "follow" in e.kind]
    found = await house.store.read(
        lambda conn: read_following(conn, HOST.id or "", [VIEWER.id or "", OTHER.id or "", "nobody"])
    )
    assert found == {OTHER.id: house.now_ms}


async def test_everybody_in_the_room_hears_how_many_follow(house: House) -> None:
    live = LiveRooms(house.store, MemoryBus(), lambda name, payload: None, CollectorRegistry())  # type: ignore[arg-type,return-value]
    await house.ok("follow", VIEWER)
    room = await live.open(ROOM)
    assert room.signals()["followers"] == 1
    room.next_signals()
    await house.ok("follow", OTHER)
    for play_id, counts in house.counts.items():
        room.count(play_id, counts)
    assert room.signals()["plays"] == {}, "it is no play"
    assert room.next_signals() == {"room": ROOM, "followers": 2}
    assert room.next_signals() is None
    await live.close()


async def test_following_is_of_the_host_in_all_rooms(house: House) -> None:
    await house.create("silk")
    await house.ok("follow", VIEWER)
    assert (await house.ok("follow", VIEWER, room="silk"))["followers"] == 1
    assert (await house.ok("unfollow", VIEWER, room="silk"))["followers"] == 0


async def test_nobody_follows_themselves(house: House) -> None:
    assert await house.code("follow", HOST) == "follow_self"
    assert await followers(house) == 0


async def test_a_crowd_is_counted_exactly_and_noted_once(house: House) -> None:
    await asyncio.gather(*(house.ok("follow", fan) for fan in CROWD))
    await asyncio.gather(*(house.ok("unfollow", fan) for fan in CROWD[::2]))
    assert await followers(house) == len(CROWD) // 2
    assert len(await house.rows(follows_table.select())) == len(CROWD) // 2
    assert len(house.briefed("followed")) == 1
    house.now_ms += TELL_EVERY_MS
    await house.ok("follow", VIEWER)
    note = house.briefed("followed")[-1]["data"]
    assert note == {"user": VIEWER.card, "followers": len(CROWD) // 2 + 1}


async def test_the_list_of_followers_is_paged(house: House) -> None:
    for n, fan in enumerate(CROWD[:5]):
        house.now_ms += n % 2  # some at the same time
        await house.sign_in(fan)
        await house.ok("follow", fan)
    seen: list[dict[str, Any]] = []
    before: tuple[int, str] | None = None
    while True:
        page = await house.store.read(
            lambda conn, b=before: read_follower_page(conn, HOST.id or "", before=b, limit=2)  # type: ignore[misc]
        )
        seen += page
        if len(page) < 2:
            break
        before = (page[-1]["since_ms"], page[-1]["user"]["id"])
    assert [f["user"]["name"] for f in seen] == [f"Fan {n}" for n in (4, 3, 2, 1, 0)]


async def test_two_nodes_count_together(shared_url: str) -> None:
    async with house_at(shared_url) as one, open_house(shared_url, node="two") as two:
        await asyncio.gather(
            *((one, two)[n % 2].ok("follow", fan) for n, fan in enumerate(CROWD)),
            *((two, one)[n % 2].ok("follow", fan) for n, fan in enumerate(CROWD)),
        )
        assert await followers(one) == len(CROWD)
