"""A room from its creation to the end of its stream, and over again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from moderation.audit import read_audit
from rooms.heads import RoomRow, rooms_table
from rooms.history import read_now, read_room
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.state import EMPTY, SETTINGS, fold_all
from rooms.unit import Unit
from server.pictures import pictures_table
from server.store.group import Work
from tests.contract.house import (
    GUEST,
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    ROOM,
    SENIOR,
    VIEWER,
    House,
    house_at,
    open_house,
)

GRACE_MS = 30_000


async def room_of(house: House, room: str = ROOM) -> RoomRow:
    row = await house.store.read(lambda conn: read_room(conn, room))
    assert row is not None
    return row


async def statuses(house: House) -> list[tuple[str, str | None]]:
    """What the log says of the status, oldest first."""
    told = [e.data for e in await house.log() if e.kind == "room.status"]
    return [(data["status"], data.get("reason")) for data in told]


async def test_whoever_creates_a_room_is_its_host(house: House) -> None:
    assert await house.try_to_create(VIEWER, id="mine", title="Mine") == "forbidden"
    assert await house.try_to_create(GUEST, id="mine", title="Mine") == "unauthenticated"
    assert await house.try_to_create(HOST, id="mine", title=" My \u202e room\n") is None
    assert await house.try_to_create(OPERATOR, id="ops", title="Ops") is None
    assert await house.try_to_create(HOST, id="mine", title="Again") == "room_exists"
    assert await house.try_to_create(OPERATOR, id="mine", title="Mine now") == "room_exists"
    assert await house.try_to_create(HOST, id="empty", title="\u200b ") == "text_empty"
    assert await house.try_to_create(HOST, id="long", title="x" * 101) == "text_too_long"

    row = await room_of(house, "mine")
    assert (row.host_id, row.title, row.status, row.head) == (HOST.id, "My room", "idle", 1)
    (created,) = await house.log("mine")
    assert created.data == {"title": "My room", "host": {"id": HOST.id, "name": HOST.name}}
    rooms = {r["id"] for r in await house.rows(select(rooms_table.c.id))}
    assert rooms == {ROOM, "mine", "ops"}


async def test_a_room_without_an_id_gets_one(house: House) -> None:
    assert await house.try_to_create(HOST, title="One") is None
    assert await house.try_to_create(HOST, title="Two") is None
    rooms = await house.rows(select(rooms_table.c.id, rooms_table.c.epoch))
    assert len({r["id"] for r in rooms}) == len({r["epoch"] for r in rooms}) == 3


async def test_settings_are_the_hosts(house: House) -> None:
    for caller, code in ((VIEWER, "forbidden"), (MODERATOR, "forbidden"), (SENIOR, "forbidden")):
        assert await house.code("room.change", caller, slow_mode_s=5) == code
    assert await house.code("room.change", HOST) == "bad_request"
    for bad in ({"slow_mode_s": 3601}, {"slow_mode_s": -1}, {"who_may_comment": "nobody"}):
        assert await house.code("room.change", HOST, **bad) == "bad_request"
    assert await house.code("room.change", HOST, title="\u202e\n") == "text_empty"

    answer = await house.ok("room.change", HOST, title=" New\n title ", slow_mode_s=10)
    assert answer["settings"] == {**SETTINGS, "slow_mode_s": 10, "recording": "default"}
    assert (await house.log())[-1].data == {"title": "New title", "slow_mode_s": 10}
    head = (await room_of(house)).head
    await house.ok("room.change", HOST, slow_mode_s=10)
    assert (await room_of(house)).head == head  # nothing changed, so nothing is said
    answer = await house.ok("room.change", OPERATOR, who_may_comment="moderators")
    assert answer["settings"].pop("recording") == "default"
    assert answer["settings"] == {**SETTINGS, "slow_mode_s": 10, "who_may_comment": "moderators"}
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    assert now.state.settings == answer["settings"]
    assert now.state.room["title"] == "New title"


async def test_the_picture_drives_the_status(house: House) -> None:
    for happening in ("lost", "stopped", "gave_up"):
        await house.picture(happening)
    assert await statuses(house) == []
    started_ms = house.now_ms
    await house.picture("publishing")
    await house.picture("publishing")
    house.now_ms += 1000
    await house.picture("lost")
    await house.picture("lost")
    assert (await room_of(house)).status == "interrupted"
    await house.picture("publishing")
    row = await room_of(house)
    assert (row.status, row.started_at_ms, row.ended_at_ms) == ("live", started_ms, None)
    house.now_ms += 1000
    await house.picture("stopped")
    await house.picture("stopped")
    row = await room_of(house)
    assert (row.status, row.started_at_ms, row.ended_at_ms) == ("ended", started_ms, house.now_ms)
    assert [status for status, _ in await statuses(house)] == ["live", "interrupted", "live", "ended"]


async def test_the_second_stream_starts_afresh(house: House) -> None:
    await house.picture("publishing")
    house.now_ms += 5000
    await house.picture("stopped")
    house.now_ms += 5000
    await house.picture("publishing")
    row = await room_of(house)
    assert (row.started_at_ms, row.ended_at_ms) == (house.now_ms, None)
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    assert (now.state.room["status"], now.state.room["started_at_ms"]) == ("live", house.now_ms)
    assert now.state.room["ended_at_ms"] is None


async def test_an_interruption_ends_the_room_after_the_grace(house: House) -> None:
    await house.picture("publishing")
    await house.picture("lost")
    house.now_ms += GRACE_MS - 1
    assert await house.run_timers() == 0
    house.now_ms += 1
    assert await house.run_timers() == 1
    row = await room_of(house)
    assert (row.status, row.ended_at_ms) == ("ended", house.now_ms)
    assert (await statuses(house))[-1] == ("ended", "lost")
    assert await house.run_timers() == 4  # quizzes, polls, the stage and a recording end with their room
    assert await house.run_timers() == 0


async def test_the_grace_ends_only_the_interruption_it_belongs_to(house: House) -> None:
    await house.picture("publishing")
    await house.picture("lost")
    house.now_ms += 20_000
    await house.picture("publishing")
    house.now_ms += 5_000
    await house.picture("lost")
    house.now_ms += 5_000  # the first interruption's grace would be over
    assert await house.run_timers() == 1
    assert (await room_of(house)).status == "interrupted"
    house.now_ms += 25_000
    assert await house.run_timers() == 1
    assert (await room_of(house)).status == "ended"


async def test_a_grace_that_passed_while_no_node_was_alive(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        await house.picture("publishing")
        await house.picture("lost")
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + 3_600_000) as house:
        await house.run_timers()
        assert (await room_of(house)).status == "ended"


@pytest.mark.parametrize("caller", [HOST, OPERATOR])
async def test_the_host_ends_the_stream(house: House, caller: Caller) -> None:
    await house.picture("publishing")
    for other in (VIEWER, OTHER, MODERATOR, SENIOR):
        assert await house.code("room.end", other) == "forbidden"
    assert house.ended == []
    await house.ok("room.end", caller)
    assert (await statuses(house))[-1] == ("ended", "host")
    assert house.ended == [ROOM]  # the publisher's session is to end too
    await house.picture("stopped")  # which is what that reports
    assert [s for s, _ in await statuses(house)] == ["live", "ended"]
    await house.ok("room.end", HOST)
    actions = [a["action"] for a in await house.store.read(lambda conn: read_audit(conn, ROOM))]
    assert actions.count("room.end") == 1


def put_break(tx: Unit) -> Steps[Any]:
    """The room's picture for pauses, as an upload leaves it."""
    yield from ()
    tx.insert(
        pictures_table, {"name": "break.webp", "room_id": ROOM, "user_id": "", "at_ms": 1, "body": b"x"}
    )
    return {}


async def test_a_pause_is_for_who_is_on_the_air_and_over_with_the_stream(house: House) -> None:
    assert await house.code("room.pause", HOST, on=True) == "not_live"
    await house.store.write(Work("picture", put_break))
    await house.ok("room.pause", HOST, on=False, picture="/pictures/break.webp")
    await house.go_live()
    await house.ok("room.pause", HOST, on=True, picture="/pictures/break.webp")
    paused = fold_all(EMPTY, await house.log()).room["pause"]
    assert paused == {"on": True, "picture": "/pictures/break.webp"}
    await house.ok("room.end", HOST)
    assert fold_all(EMPTY, await house.log()).room["pause"] == paused | {"on": False}
