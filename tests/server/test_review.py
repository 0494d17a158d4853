"""The node's side of the queue: claims of who has gone, and how long decisions take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from server.review import ReviewDesk
from tests.contract.house import MODERATOR, OTHER, ROOM, SENIOR, VIEWER, House, house_at


@dataclass
class Room:
    """Who is where, as far as the node knows."""

    house: House
    desk: ReviewDesk
    registry: CollectorRegistry
    here: dict[str, list[Any]] = field(default_factory=dict)

    def connection(self, user: str | None, *actions: str) -> Any:
        identity = SimpleNamespace(id=user)
        return SimpleNamespace(identity=identity, actions=frozenset(actions), room_id=ROOM)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        here: dict[str, list[Any]] = {}
        registry = CollectorRegistry()
        desk = ReviewDesk(
            house.store,
            house.services.queue.review,
            lambda user: here.get(user, []),
            lambda: house.now_ms,
            registry,
            kept_days=1,
            left_s=0.05,
        )
        yield Room(house, desk, registry, here)
        await desk.close()


async def reported(room: Room) -> str:
    """The id of an item that the moderator has taken."""
    event: str = (await room.house.say(VIEWER, "hm"))["id"]
    await room.house.ok("report", OTHER, event=event, why="spam")
    await room.house.ok("review.claim", MODERATOR, item=event)
    return event


async def free(room: Room, item: str) -> None:
    async with asyncio.timeout(20):
        while not (await room.house.do("review.claim", SENIOR, item=item))["ok"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # a command tells what it is asked, and nothing else


async def test_who_goes_for_good_leaves_what_they_had(room: Room) -> None:
    item = await reported(room)
    room.desk.left(room.connection(MODERATOR.id, "review"), ROOM)
    await free(room, item)


async def test_who_reloads_the_page_goes_on_with_it(room: Room) -> None:
    item = await reported(room)
    gone, back = room.connection(MODERATOR.id, "review"), room.connection(MODERATOR.id, "review")
    room.desk.left(gone, ROOM)
    room.here[MODERATOR.id or ""] = [back]
    # Another one who leaves at the same moment is dealt with after the first.
    other = (await room.house.say(VIEWER, "hm hm"))["id"]
    await room.house.ok("report", OTHER, event=other, why="spam")
    await room.house.ok("review.claim", SENIOR, item=other)
    room.desk.left(room.connection(SENIOR.id, "review"), ROOM)
    async with asyncio.timeout(20):
        while not (await room.house.do("review.claim", MODERATOR, item=other))["ok"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await room.house.code("review.claim", SENIOR, item=item) == "claimed"


async def test_viewers_and_guests_who_leave_are_nobodys_business(room: Room) -> None:
    for connection in (room.connection(None, "review"), room.connection(VIEWER.id, "comment")):
        room.desk.left(connection, ROOM)
    assert not room.desk.waiting


async def test_decisions_are_measured_once_each(room: Room) -> None:
    item = await reported(room)
    room.house.now_ms += 42_000
    done = await room.house.ok("review.decide", MODERATOR, item=item, decision="dismiss")
    assert done["item"]["waited_ms"] == 42_000
    room.desk.news(SimpleNamespace(staff=room.house.staff))  # type: ignore[arg-type]
    name = "danmart_review_wait_seconds"
    assert room.registry.get_sample_value(f"{name}_count", {"kind": "report"}) == 1
    assert room.registry.get_sample_value(f"{name}_sum", {"kind": "report"}) == 42


async def test_old_items_are_forgotten_in_steps(room: Room) -> None:
    item = await reported(room)
    await room.house.ok("review.decide", MODERATOR, item=item, decision="dismiss")
    assert await room.desk.prune() is False
    assert await room.house.code("review.claim", MODERATOR, item=item) == "over"
    room.house.now_ms += 86_400_001
    await room.desk.prune()
    assert await room.house.code("review.claim", MODERATOR, item=item) == "not_found"
