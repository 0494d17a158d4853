"""Who is told what, and in which order, while others come and go: without sockets, turn by turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from rooms.log import PrivateEvent, StaffEvent
from rooms.unit import News
from server.auth import Identity
from server.bus.memory import MemoryBus
from server.live.connection import Connection
from server.live.rooms import LiveRooms
from server.live.users import UserChannels
from tests.contract.house import ROOM, START_MS, House, house_at

STAFF = frozenset({"see_staff"})


class Sent:
    """An outlet that only remembers."""

    is_open = True
    round_trip_ms = 0
    write = None

    def __init__(self) -> None:
        self.messages: list[tuple[str, Any]] = []

    def send(self, packet: Any, *, droppable: bool = False) -> bool:
        name, payload = packet.said
        self.messages.append((name, orjson.loads(orjson.dumps(payload))))
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        self.messages.append(("bye", code))

    def numbers(self, name: str) -> list[int]:
        return [payload["seq"] for kind, payload in self.messages if kind == name]


def _plain(name: str, payload: Any) -> Any:
    """In place of encoding."""
    return SimpleNamespace(said=(name, payload), frame=b"")


class Stage:
    """A bus, the rooms on it, and people."""

    def __init__(self, house: House) -> None:
        self.bus = MemoryBus()
        self.live = LiveRooms(house.store, self.bus, _plain, CollectorRegistry())
        self.users = UserChannels(house.store, self.bus, _plain)

    async def person(self, user: str) -> tuple[Connection, Sent]:
        sent = Sent()
        connection = Connection(user, Identity(user, user), sent, "127.0.0.1")
        await self.users.join(connection)
        return connection, sent

    def brief(self, seq: int, action: str = "see_staff") -> None:
        body = orjson.dumps({"room": ROOM, "seq": seq})
        staff = StaffEvent(ROOM, seq, START_MS, "muted", action, body)
        if (room := self.live.get(ROOM)) is not None:
            room.staff_head = seq - 1  # those before it have been seen here
        self.bus.publish(News([], [], [staff], {}, {}))

    def give_role(self, user: str, seq: int, *can: str) -> None:
        body = orjson.dumps({"seq": seq, "data": {"can": list(can)}})
        self.bus.publish(News([], [PrivateEvent(user, seq, START_MS, ROOM, "role", body)], [], {}, {}))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        yield Stage(house)


async def test_staff_events_committed_while_somebody_enters_follow_the_answer_in_order(stage: Stage) -> None:
    room = await stage.live.open(ROOM)
    moderator, told = await stage.person("mod")
    viewer, nothing = await stage.person("lin")
    stage.brief(101)  # in the answer, which was read as of this one
    stage.brief(102)  # committed after the reading
    stage.live.enter(room, moderator, STAFF, staff_seq=101)
    stage.live.enter(room, viewer, frozenset(), staff_seq=101)
    stage.brief(103)  # committed before the answer is on its way
    assert told.messages == []
    await asyncio.sleep(0)
    assert told.numbers("staff") == [102, 103]
    stage.brief(104)
    stage.brief(104)  # a repeat
    stage.brief(105, action="see_orders")
    stage.brief(106)
    assert told.numbers("staff") == [102, 103, 104, 106]
    assert nothing.messages == []


async def test_somebody_who_enters_twice_is_told_once(stage: Stage) -> None:
    room = await stage.live.open(ROOM)
    moderator, told = await stage.person("mod")
    for seq in (101, 102):
        stage.live.leave(moderator)
        stage.live.enter(room, moderator, STAFF, staff_seq=seq)
    stage.brief(103)
    await asyncio.sleep(0)
    assert told.numbers("staff") == [103]
    stage.live.leave(moderator)
    stage.brief(104)
    assert told.numbers("staff") == [103]


async def test_a_role_that_is_taken_ends_the_staffs_events_also_right_after_entering(stage: Stage) -> None:
    room = await stage.live.open(ROOM)
    moderator, told = await stage.person("mod")
    stage.live.enter(room, moderator, STAFF, staff_seq=100)
    stage.give_role("mod", 1, "comment")
    stage.brief(101)
    await asyncio.sleep(0)
    stage.brief(102)
    assert told.numbers("staff") == []
    assert told.numbers("you") == [1]
    assert moderator.you_seq == 1
    stage.give_role("mod", 2, "comment", "see_staff")
    stage.brief(103)
    assert told.numbers("staff") == [103]


async def test_a_room_that_is_about_to_be_entered_is_not_dropped(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.rooms.SIGNALS_S", 0.01)
    monkeypatch.setattr("server.live.rooms.LINGER_S", 0.15)
    await stage.live.start()
    try:
        room = await stage.live.open(ROOM)
        for _ in range(15):  # longer than a room lingers in all, never so long between two looks
            await asyncio.sleep(0.02)
            assert await stage.live.open(ROOM) is room
        async with asyncio.timeout(5):
            while stage.live.get(ROOM) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await stage.live.open(ROOM) is not room
    finally:
        await stage.live.close()


@pytest.mark.may_block  # the traceback that is logged is read from the source
async def test_trouble_in_one_room_does_not_stop_the_signals(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.rooms.SIGNALS_S", 0.01)
    room = await stage.live.open(ROOM)
    viewer, told = await stage.person("lin")
    stage.live.enter(room, viewer, frozenset(), staff_seq=0)

    room.members = _Broken(room.members)
    await stage.live.start()
    try:
        async with asyncio.timeout(5):
            while not told.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        await stage.live.close()
    assert told.messages[0][0] == "signals"


class _Broken(dict[str, Connection]):
    """Fails once."""

    def __init__(self, whole: dict[str, Connection]) -> None:
        super().__init__(whole)
        self._failed = False

    def __bool__(self) -> bool:
        if not self._failed:
            self._failed = True
            raise RuntimeError("broken once")
        return len(self) > 0
