"""Points at a running node: who is seen watching, what a level does, and what HTTP says of it all."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from rooms.days import Days
from rooms.points.earning import Earnings
from rooms.points.rules import PointRules, Task
from rooms.points.store import read_day
from rooms.watching import Span
from server.auth import Identity
from server.live.connection import Connection
from server.points import PointsKeeper
from server.watching import GAP_MS, LOOK_EVERY_MS, PEOPLE_AT_ONCE, Watching
from tests.contract.house import House, house_at
from tests.server.world import World, fresh

RULES = PointRules({"watch": Task(1, per=1000, times=10_000), "visit": Task(3)}, a_day=10_000)


class Row:
    def __init__(self, room_id: str) -> None:
        self.id, self.host_id = room_id, "u-host"


class Room:
    """As much of a live room as watching looks at."""

    def __init__(self, room_id: str = "tea", status: str = "live") -> None:
        self.row = Row(room_id)
        self.members: dict[str, Connection] = {}
        self.view: Any = self
        self.state: Any = self
        self.room = {"status": status, "started_at_ms": 1000}

    def seat(self, connection: str, user: str | None) -> None:
        identity: Any = Identity(user, user or "") if user else Identity(None, "")
        self.members[connection] = Connection(connection, identity, None, "")  # type: ignore[arg-type]


def watching(*rooms: Room) -> Watching:
    return Watching(lambda: list(rooms), Days())  # type: ignore[arg-type]


async def test_whoever_is_there_is_seen_once() -> None:
    room = Room()
    seen = watching(room)
    room.seat("c1", "lin")
    room.seat("c2", "lin")
    room.seat("c3", None)
    room.seat("c4", "u-host")
    for n in range(4):
        await seen.look(n * LOOK_EVERY_MS)
    (minute,), names = seen.take(4 * LOOK_EVERY_MS)
    assert minute.spans == [Span("lin", 0, 3 * LOOK_EVERY_MS)]
    assert minute.others == {(0, "lin"): {"visit": 1}}
    assert names == {"lin": "lin"}
    await seen.look(4 * LOOK_EVERY_MS)
    (minute,), _ = seen.take(4 * LOOK_EVERY_MS)
    assert minute.spans == [Span("lin", 3 * LOOK_EVERY_MS, 4 * LOOK_EVERY_MS)]
    assert minute.others == {}, "somebody comes once a day"


async def test_who_was_away_is_not_seen_meanwhile() -> None:
    room = Room()
    seen = watching(room)
    room.seat("c1", "lin")
    await seen.look(0)
    await seen.look(5000)
    del room.members["c1"]
    await seen.look(10_000)
    room.seat("c1", "lin")
    back_ms = 5000 + GAP_MS + 1
    await seen.look(back_ms)
    await seen.look(back_ms + 5000)
    (minute,), _ = seen.take(back_ms + 5000)
    assert minute.spans == [Span("lin", 0, 5000), Span("lin", back_ms, back_ms + 5000)]


async def test_a_room_that_is_not_live_is_visited_and_not_watched() -> None:
    room = Room(status="interrupted")
    seen = watching(room)
    room.seat("c1", "lin")
    await seen.look(0)
    await seen.look(5000)
    (minute,), _ = seen.take(5000)
    assert (minute.stream, minute.spans, minute.others) == (None, (), {(0, "lin"): {"visit": 1}})


async def test_what_cannot_be_written_is_told_again() -> None:
    room = Room()
    seen = watching(room)
    for n in range(PEOPLE_AT_ONCE + 5):
        room.seat(f"c{n}", f"u{n}")
    await seen.look(0)
    seen.liked("tea", "u1", 7, 0)
    await seen.look(5000)
    minutes, _ = seen.take(5000)
    assert sorted(len(minute.spans) for minute in minutes) == [5, PEOPLE_AT_ONCE]
    for minute in minutes:
        seen.give_back(minute)
    again, _ = seen.take(5000)
    assert {s for m in again for s in m.spans} == {s for m in minutes for s in m.spans}
    assert sum(amounts.get("like", 0) for m in again for amounts in m.others.values()) == 7
    assert sum(amounts.get("visit", 0) for m in again for amounts in m.others.values()) == PEOPLE_AT_ONCE + 5


@pytest.fixture
async def house(tmp_path: Any) -> Any:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}", points=RULES) as house:
        yield house


async def test_a_node_writes_what_it_saw_and_tells_who_counts_fans(house: House) -> None:
    room, told = Room(), dict[str, int]()
    keeper = PointsKeeper(
        house.store,
        lambda: [room],  # type: ignore[list-item]
        Earnings(RULES, Days()),
        lambda: house.now_ms,
        CollectorRegistry(),
        watched=lambda host, user, ms, name: told.update({f"{host} {user} {name}": ms}),
        rest_s=0,
    )
    for n in range(200):
        room.seat(f"c{n}", f"u{n}")
    await keeper.see()
    house.now_ms += 10_000
    await keeper.see()
    await keeper.write()
    await keeper.write()
    assert len(told) == 200
    assert told["u-host u7 u7"] == 10_000
    day = Days().of(house.now_ms)
    row = await house.store.read(lambda conn: read_day(conn, day, "u7"))
    assert row is not None
    assert (row.done, row.total) == ({"watch": 10_000, "visit": 1}, 13)


async def test_what_http_says(world: World) -> None:
    room, host = await world.room()
    lin = await world.viewer(room)
    answer = await lin.ok("follow")
    assert answer["followers"] == 1
    assert (await lin.ok("share"))["points"] == 5
    page = (await world.get(f"/api/v1/rooms/{room}/followers?limit=1", host.user))[1]
    assert [f["user"]["id"] for f in page["items"]] == [lin.user]
    rest = (await world.get(f"/api/v1/rooms/{room}/followers?limit=1&cursor={page['next']}", host.user))[1]
    assert (rest["items"], rest["next"], rest["followers"]) == ([], None, 1)
    assert (await world.get(f"/api/v1/rooms/{room}/followers?cursor=x", host.user))[0] == 400
    assert (await world.get(f"/api/v1/rooms/{room}/followers", lin.user))[1]["code"] == "forbidden"
    mine = (await world.get(f"/api/v1/rooms/{room}/points", lin.user))[1]
    assert (mine["points"], mine["today"], mine["level"]["earned"]) == (5, 5, 5)
    assert {t["task"]: t["done"] for t in mine["tasks"]}["share"] == 1
    assert (await world.get(f"/api/v1/rooms/{room}/points"))[1]["code"] == "unauthenticated"
    assert (await world.get("/api/v1/points/offers", lin.user))[1]["code"] == "forbidden"
    terms = {"title": "C", "kind": "coupon", "amount": 5, "points": 5, "stock": 1}
    boss = fresh("boss")
    status, _, problem = await world.request(
        "POST", "/api/v1/points/offers", boss, claims={"operator": True}, json=terms
    )
    assert (status, problem["code"]) == (400, "bad_request")
    entered = (await (await world.join(lin.user)).enter(room))["you"]
    assert (entered["following"], entered["followers"]) == (True, 1)
    assert entered["level"] == {"level": 0, "earned": 5, "next": 20}
