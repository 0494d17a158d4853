"""Who publishes a room: one node at a time, and nobody's any more when its node is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rooms.errors import Refused
from rooms.guests.rules import Guest, GuestRules
from rooms.guests.store import read_holder
from rooms.history import read_room
from rooms.origins import (
    LEASE_MS,
    OriginRow,
    is_elsewhere,
    is_mine,
    may_take_over,
    read_abandoned,
    read_origin,
)
from server.bus.memory import MemoryBus
from server.origins import GUEST, Origins
from tests.contract.house import HOST, OTHER, ROOM, VIEWER, House, house_at, open_house


def origins(house: House, node: str, lost: list[str] | None = None) -> Origins:
    return Origins(
        house.store,
        MemoryBus(),
        house.services.lifecycle,
        house.services.guests,
        node,
        alone=False,
        clock_ms=lambda: house.now_ms,
        lost=(lost if lost is not None else []).append,
    )


def alone(house: House, node: str) -> Origins:
    return Origins(
        house.store,
        MemoryBus(),
        house.services.lifecycle,
        house.services.guests,
        node,
        alone=True,
        clock_ms=lambda: house.now_ms,
    )


async def status(house: House) -> str:
    row = await house.store.read(lambda conn: read_room(conn, ROOM))
    assert row is not None
    return row.status


async def lease(house: House) -> OriginRow:
    row = await house.store.read(lambda conn: read_origin(conn, ROOM))
    assert row is not None
    return row


async def may_begin(node: Origins, principal: str = "key:1", **how: bool) -> None:
    await node.claim(ROOM, principal, **{"takeover": False, "is_host": False, **how})


@pytest.fixture
async def two(shared_url: str) -> AsyncIterator[tuple[House, House]]:
    """Two houses on one database, as two nodes are."""
    async with house_at(shared_url, node="a") as a, open_house(shared_url, node="b") as b:
        yield a, b


async def test_a_room_that_is_live_on_one_node_is_refused_on_another(two: tuple[House, House]) -> None:
    a, b = two
    lost: list[str] = []
    here, there = origins(a, "a"), origins(b, "b", lost)
    await here.tell(ROOM, "publishing", None)
    await may_begin(here)
    with pytest.raises(Refused, match="publisher_busy"):
        await may_begin(there)
    await there.tell(ROOM, "publishing", None)
    assert lost == [ROOM]
    await there.tell(ROOM, "stopped", None)
    assert await status(a) == "live"
    assert (await lease(a)).node == "a"


async def test_an_interrupted_room_goes_on_elsewhere_and_the_old_node_is_not_heard(
    two: tuple[House, House],
) -> None:
    a, b = two
    lost: list[str] = []
    here, there = origins(a, "a", lost), origins(b, "b")
    await here.tell(ROOM, "publishing", None)
    await here.tell(ROOM, "lost", "publisher_away")
    await may_begin(there)
    await there.tell(ROOM, "publishing", None)
    assert (await lease(a)).node == "b"
    await here._renew()
    assert lost == [ROOM]
    await here.tell(ROOM, "gave_up", "lost")
    assert await status(a) == "live"
    assert (await lease(a)).fence == 2


async def test_the_rooms_of_a_dead_node_are_interrupted_once(two: tuple[House, House]) -> None:
    a, b = two
    await origins(a, "a").tell(ROOM, "publishing", None)
    watching = origins(b, "b")
    await watching._look_for_abandoned()
    assert await status(b) == "live"
    b.now_ms += LEASE_MS
    await watching._look_for_abandoned()
    assert await status(b) == "live", "its owner may only have waited for the database"
    await watching._look_for_abandoned()
    await watching._look_for_abandoned()
    assert await status(b) == "interrupted"
    assert [e.data["status"] for e in await b.log() if e.kind == "room.status"] == ["live", "interrupted"]


async def test_who_renews_is_left_alone(two: tuple[House, House]) -> None:
    a, b = two
    here, there = origins(a, "a"), origins(b, "b")
    await here.tell(ROOM, "publishing", None)
    for _ in range(5):
        a.now_ms += LEASE_MS // 2
        b.now_ms = a.now_ms
        await here._renew()
        await there._look_for_abandoned()
    assert await status(b) == "live"


async def test_who_was_taken_for_dead_by_mistake_goes_live_again(two: tuple[House, House]) -> None:
    a, b = two
    lost: list[str] = []
    here, there = origins(a, "a", lost), origins(b, "b")
    await here.tell(ROOM, "publishing", None)
    b.now_ms += LEASE_MS
    await there._look_for_abandoned()
    await there._look_for_abandoned()
    assert await status(b) == "interrupted"
    a.now_ms = b.now_ms
    await here._renew()
    assert (await status(a), lost) == ("live", [])
    assert (await lease(a)).node == "a"


async def test_a_goodbye_leaves_the_room_to_others_at_once(two: tuple[House, House]) -> None:
    a, b = two
    here, there = origins(a, "a"), origins(b, "b")
    await here.start()
    await here.tell(ROOM, "publishing", None)
    await here.close()
    await may_begin(there)
    await there.tell(ROOM, "publishing", None)
    assert (await lease(a)).node == "b"


async def test_a_node_alone_takes_back_what_the_past_left(house: House) -> None:
    before = alone(house, "old")
    await before.tell(ROOM, "publishing", None)
    now = alone(house, "new")
    await now.start()
    await now.close()
    assert await status(house) == "interrupted"


async def test_a_room_from_before_there_were_leases_counts_as_abandoned(house: House) -> None:
    await house.picture("publishing")
    found = await house.store.read(lambda conn: read_abandoned(conn, house.now_ms))
    assert found == {ROOM: 0}


def test_whose_lease_it_is() -> None:
    row = OriginRow(ROOM, "a", 3, 1000)
    assert is_elsewhere(row, "b", 999)
    assert not is_elsewhere(row, "b", 1000)
    assert not is_elsewhere(row, "a", 0)
    assert not is_elsewhere(None, "a", 0)
    assert is_mine(row, "a", 3)
    assert not is_mine(row, "a", 2)
    assert not is_mine(row, "b", 3)


async def test_a_room_that_its_host_ended_on_another_node_ends_where_it_is_published(
    two: tuple[House, House],
) -> None:
    a, b = two
    lost: list[str] = []
    here = origins(a, "a", lost)
    await here.tell(ROOM, "publishing", None, "key:1")
    await b.ok("room.end", HOST)
    assert await status(a) == "ended"
    await here._renew()
    assert lost == [ROOM]
    # What the picture's end has to tell comes too late to change anything.
    await here.tell(ROOM, "stopped", "stopped")
    assert (await status(a), (await lease(a)).node) == ("ended", "")
    assert [e.data["status"] for e in await b.log() if e.kind == "room.status"] == ["live", "ended"]


async def test_who_goes_live_again_after_an_end_elsewhere_is_left_alone(two: tuple[House, House]) -> None:
    a, b = two
    lost: list[str] = []
    here = origins(a, "a", lost)
    await here.tell(ROOM, "publishing", None, "key:1")
    await b.ok("room.end", HOST)
    await here.tell(ROOM, "publishing", None, "key:1")
    await here._renew()
    assert (await status(a), lost) == ("live", [])


async def test_a_key_in_use_is_taken_over_explicitly_from_another_node(two: tuple[House, House]) -> None:
    a, b = two
    lost: list[str] = []
    here, there = origins(a, "a", lost), origins(b, "b")
    await here.tell(ROOM, "publishing", None, "key:1")
    with pytest.raises(Refused, match="publisher_busy"):
        await may_begin(there)
    with pytest.raises(Refused, match="publisher_busy"):
        await may_begin(there, "key:2", takeover=True)
    await may_begin(there, "key:1", takeover=True)
    assert (await lease(a)).node == "a", "only with packets"
    await there.tell(ROOM, "publishing", None, "key:1")
    assert (await lease(a)).node == "b"
    await here._renew()
    assert lost == [ROOM]
    await here.tell(ROOM, "stopped", "stopped")
    assert await status(b) == "live"
    assert [e.data["status"] for e in await b.log() if e.kind == "room.status"] == ["live"]


async def test_leave_to_take_over_is_for_the_publisher_that_it_was_given_against(
    two: tuple[House, House],
) -> None:
    a, b = two
    lost: list[str] = []
    here, there = origins(a, "a"), origins(b, "b", lost)
    await here.tell(ROOM, "publishing", None, "key:1")
    await may_begin(there, "user:host", takeover=True, is_host=True)
    await here.tell(ROOM, "stopped", "stopped")
    await here.tell(ROOM, "publishing", None, "key:2")
    await there.tell(ROOM, "publishing", None, "user:host")
    assert lost == [ROOM]
    assert (await lease(a)).node == "a"


def test_who_may_take_over() -> None:
    row = OriginRow(ROOM, "a", 3, 1000, "key:1")
    assert may_take_over(row, "key:1", is_host=False)
    assert not may_take_over(row, "key:2", is_host=False)
    assert may_take_over(row, "user:host", is_host=True)


GUEST_STREAM, LIN = f"{ROOM}:g1", f"{GUEST}{VIEWER.id}"


async def on_stage(house: House, node: Origins) -> None:
    """The room is live, and a guest is seen in its slot."""
    await node.tell(ROOM, "publishing", None)
    await house.ok("guest.invite", HOST, user=VIEWER.id)
    await house.ok("guest.answer", VIEWER, accept=True)
    await node.tell(GUEST_STREAM, "publishing", None, LIN)


async def guest(house: House) -> Guest | None:
    return await house.store.read(lambda conn: read_holder(conn, ROOM, "g1"))


async def test_a_guest_of_a_dead_node_has_the_grace_period_to_come_back_elsewhere(
    two: tuple[House, House],
) -> None:
    a, b = two
    here, there = origins(a, "a"), origins(b, "b")
    await on_stage(a, here)
    with pytest.raises(Refused, match="publisher_busy"):
        await there.claim(GUEST_STREAM, "guest:other", takeover=False, is_host=False)
    b.now_ms += LEASE_MS
    for _ in range(3):
        await there._look_for_abandoned()
    away = await guest(b)
    assert away is not None
    assert (away.status, away.due_at_ms) == ("on", b.now_ms + GuestRules().grace_ms)
    await there.claim(GUEST_STREAM, LIN, takeover=False, is_host=False)
    await there.tell(ROOM, "publishing", None)
    await there.tell(GUEST_STREAM, "publishing", None, LIN)
    b.now_ms += GuestRules().grace_ms
    await there._renew()
    await b.run_timers()
    assert (found := await guest(b)) is not None
    assert found.has_picture
    # The dead one comes to, and finds that both are seen elsewhere.
    lost: list[str] = []
    here.lost = lost.append
    a.now_ms = b.now_ms
    await here._renew()
    assert lost == [ROOM, GUEST_STREAM]
    await here.tell(GUEST_STREAM, "stopped", "stopped", LIN)
    assert await guest(b) is not None
    assert [e.kind for e in await b.log() if e.kind.startswith("guest.")] == ["guest.joined"]


async def test_a_guest_of_a_dead_node_who_doesnt_come_back_leaves(two: tuple[House, House]) -> None:
    a, b = two
    await on_stage(a, origins(a, "a"))
    there = origins(b, "b")
    b.now_ms += LEASE_MS
    for _ in range(3):
        await there._look_for_abandoned()
    b.now_ms += GuestRules().grace_ms
    await b.run_timers()
    assert await guest(b) is None
    left = [e.data for e in await b.log() if e.kind == "guest.left"]
    assert left == [{"slot": "g1", "reason": "lost"}]


async def test_a_node_alone_takes_its_guests_back_too(house: House) -> None:
    await on_stage(house, alone(house, "old"))
    now = alone(house, "new")
    await now.start()
    await now.close()
    away = await guest(house)
    assert away is not None
    assert away.due_at_ms == house.now_ms + GuestRules().grace_ms


async def test_a_picture_for_a_slot_that_is_somebody_elses_is_ended(house: House) -> None:
    lost: list[str] = []
    node = alone(house, "node")
    node.lost = lost.append
    await on_stage(house, node)
    await house.ok("guest.remove", HOST, user=VIEWER.id)
    await house.ok("guest.invite", HOST, user=OTHER.id)
    await house.ok("guest.answer", OTHER, accept=True)
    # Word of the removal was lost; the next look finds it.
    await node._renew()
    assert lost == [GUEST_STREAM]
    await node.tell(GUEST_STREAM, "stopped", "stopped", LIN)
    await node.tell(GUEST_STREAM, "publishing", None, LIN)
    assert lost == [GUEST_STREAM] * 2
    await node.tell(GUEST_STREAM, "publishing", None, f"{GUEST}{OTHER.id}")
    assert (found := await guest(house)) is not None
    assert (found.name, found.has_picture) == (OTHER.name, True)
    assert await status(house) == "live"


async def test_the_names_of_guests_streams_fit(house: House) -> None:
    room = "r" * 64
    await house.create(room)
    await house.picture("publishing", room)
    await house.ok("guest.invite", HOST, room=room, user=VIEWER.id)
    await house.ok("guest.answer", VIEWER, room=room, accept=True)
    node = alone(house, "node")
    await node.tell(f"{room}:g1", "publishing", None, LIN)
    row = await house.store.read(lambda conn: read_origin(conn, f"{room}:g1"))
    assert row is not None
    assert (row.node, row.principal) == ("node", LIN)
