"""Who publishes a room: one node at a time, and nobody's any more when its node is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rooms.errors import Refused
from rooms.history import read_room
from rooms.origins import LEASE_MS, OriginRow, is_elsewhere, is_mine, read_abandoned, read_origin
from server.origins import Origins
from tests.contract.house import ROOM, House, house_at, open_house


def origins(house: House, node: str, lost: list[str] | None = None) -> Origins:
    return Origins(
        house.store,
        house.services.lifecycle,
        node,
        alone=False,
        clock_ms=lambda: house.now_ms,
        lost=(lost if lost is not None else []).append,
    )


async def status(house: House) -> str:
    row = await house.store.read(lambda conn: read_room(conn, ROOM))
    assert row is not None
    return row.status


async def lease(house: House) -> OriginRow:
    row = await house.store.read(lambda conn: read_origin(conn, ROOM))
    assert row is not None
    return row


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
    await here.refuse_elsewhere(ROOM)
    with pytest.raises(Refused, match="publisher_busy"):
        await there.refuse_elsewhere(ROOM)
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
    await there.refuse_elsewhere(ROOM)
    await there.tell(ROOM, "publishing", None)
    assert (await lease(a)).node == "b"
    await here.tell(ROOM, "gave_up", "lost")
    assert await status(a) == "live"
    await here._renew()
    assert lost == [ROOM]
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
    await there.refuse_elsewhere(ROOM)
    await there.tell(ROOM, "publishing", None)
    assert (await lease(a)).node == "b"


async def test_a_node_alone_takes_back_what_the_past_left(house: House) -> None:
    before = Origins(house.store, house.services.lifecycle, "old", alone=True, clock_ms=lambda: house.now_ms)
    await before.tell(ROOM, "publishing", None)
    now = Origins(house.store, house.services.lifecycle, "new", alone=True, clock_ms=lambda: house.now_ms)
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
