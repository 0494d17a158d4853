"""Thousands are written to in slices: whatever happens in a room, the loop goes round in between.

Turns of the loop are measured in the thread's CPU time, so that a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from rooms.history import RoomNow
from rooms.log import LogEvent, StaffEvent, Visibility
from rooms.state import EMPTY
from rooms.unit import News
from server.auth import Identity
from server.bus.memory import MemoryBus
from server.live.connection import Connection
from server.live.room import LiveRoom
from server.live.rooms import LiveRooms
from server.live.view import RoomView
from server.socket.admission import Admission
from server.socket.hub import Hub, Times
from server.socket.packets import Packet, encode_message
from tests.contract.house import ROOM, START_MS, house_at
from tests.server.socket.house import Host as Anybody

pytestmark = pytest.mark.alone

VIEWERS = 3000
SEND_S = 10e-6
TURN_MAX_S = 0.005


class Slow:
    """An outlet that takes as long as a real one."""

    is_open = True
    round_trip_ms = 0
    write = None

    def __init__(self) -> None:
        self.got: list[Packet] = []

    def send(self, packet: Packet, *, droppable: bool = False) -> bool:
        until = time.perf_counter() + SEND_S
        while time.perf_counter() < until:
            pass
        self.got.append(packet)
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None: ...


class Crowd:
    """A node's rooms with people in them."""

    def __init__(self, live: LiveRooms, bus: MemoryBus, first: LiveRoom) -> None:
        self.live = live
        self.bus = bus
        self.first = first
        self.offsets: dict[str, itertools.count[int]] = {}
        self.names = itertools.count()

    async def room(self, room_id: str) -> LiveRoom:
        """Another room, as if it had been opened."""
        room = LiveRoom(RoomView(room_id, RoomNow(EMPTY, self.first.view.epoch, 0)), self.first.row, {}, 0)
        room.row = type(self.first.row)(**{**vars_of(self.first.row), "id": room_id})
        self.live._rooms[room_id] = room
        await self.bus.join_room(room_id, self.live._on_news)
        return room

    def fill(self, room: LiveRoom, count: int, actions: frozenset[str] = frozenset()) -> list[Slow]:
        outlets = []
        for _ in range(count):
            user = f"u{next(self.names)}"
            connection = Connection(user, Identity(user, user), outlet := Slow(), "192.0.2.1")
            self.live.enter(room, connection, actions, room.staff_head)
            outlets.append(outlet)
        return outlets

    def event(self, room: LiveRoom, kind: str) -> LogEvent:
        offset = next(self.offsets.setdefault(room.row.id, itertools.count(room.view.head + 1)))
        data = {"id": "x", "text": "hello"}
        wire = {"id": f"{offset}", "offset": offset, "kind": kind, "at_ms": START_MS, "data": data}
        body, epoch = orjson.dumps(wire), room.view.epoch
        return LogEvent(
            room.row.id, epoch, offset, f"{offset}", kind, START_MS, "lin", Visibility.ALL, body, None
        )

    def say(self, *events: LogEvent, staff: list[StaffEvent] | None = None) -> None:
        self.bus.publish(News(list(events), [], staff or [], {}, {}))


def vars_of(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


@asynccontextmanager
async def crowd(folder: Path) -> AsyncIterator[Crowd]:
    async with house_at(f"sqlite:///{folder / 'danmart.db'}") as house:
        bus = MemoryBus()
        live = LiveRooms(house.store, bus, encode_message, CollectorRegistry())
        first = await live.open(ROOM)
        await live.start()
        try:
            yield Crowd(live, bus, first)
        finally:
            await live.close()


class Turns:
    """The longest turn of the loop while this is watched."""

    longest_s = 0.0


@contextmanager
def watched() -> Iterator[Turns]:
    turns, loop = Turns(), asyncio.get_running_loop()
    last_s, over = time.thread_time(), False

    def note() -> None:
        nonlocal last_s
        now_s = time.thread_time()
        turns.longest_s, last_s = max(turns.longest_s, now_s - last_s), now_s

    def look() -> None:
        note()
        if not over:
            loop.call_soon(look)

    loop.call_soon(look)
    gc.disable()
    try:
        yield turns
    finally:
        note()
        gc.enable()
        over = True


def play(folder: Path, scene: Callable[[Crowd], Awaitable[None]]) -> None:
    """In a loop without debugging, whose bookkeeping would be most of what is measured."""

    async def run() -> None:
        async with crowd(folder) as people:
            await scene(people)

    with asyncio.Runner(debug=False) as runner:
        runner.run(run())


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110  each turn of the loop is what is measured
            await asyncio.sleep(0)


def test_frames_to_thousands(tmp_path: Path) -> None:
    async def scene(people: Crowd) -> None:
        outlets = people.fill(people.first, VIEWERS)
        await asyncio.sleep(0)
        with watched() as turns:
            people.say(*(people.event(people.first, "comment") for _ in range(50)))
            await until(lambda: all(outlet.got for outlet in outlets))
            people.say(people.event(people.first, "product.pinned"))
            await until(lambda: all(len(outlet.got) == 2 for outlet in outlets))
        assert turns.longest_s < TURN_MAX_S

    play(tmp_path, scene)


def test_urgent_news_of_many_rooms_at_once(tmp_path: Path) -> None:
    async def scene(people: Crowd) -> None:
        rooms = [await people.room(f"room-{number}") for number in range(60)]
        outlets = [outlet for room in rooms for outlet in people.fill(room, 50)]
        await asyncio.sleep(0)
        with watched() as turns:
            people.say(*(people.event(room, "product.pinned") for room in rooms))
            await until(lambda: all(outlet.got for outlet in outlets))
        assert turns.longest_s < TURN_MAX_S

    play(tmp_path, scene)


def test_news_for_the_staff_among_thousands(tmp_path: Path) -> None:
    async def scene(people: Crowd) -> None:
        viewers = people.fill(people.first, VIEWERS)
        staff = people.fill(people.first, 2, frozenset({"see_staff"}))
        await asyncio.sleep(0)
        head = people.first.staff_head
        body = orjson.dumps({"room": ROOM})
        with watched() as turns:
            news = [StaffEvent(ROOM, head + n, START_MS, "muted", "see_staff", body) for n in range(1, 101)]
            people.say(staff=news)
            await until(lambda: all(len(outlet.got) == 100 for outlet in staff))
        assert turns.longest_s < TURN_MAX_S
        assert not any(outlet.got for outlet in viewers)

    play(tmp_path, scene)


class Patient:
    """A connection that the ticker sees, and that takes as long as a real one."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def _act(self, what: str) -> None:
        until = time.perf_counter() + SEND_S
        while time.perf_counter() < until:
            pass
        self.seen.append(what)

    def ping(self) -> None:
        self._act("ping")

    def check_answered(self) -> None:
        self._act("answered")

    def check_connected(self) -> None:
        self._act("connected")

    def go_away(self) -> None:
        self._act("away")


def test_pings_of_thousands_who_came_in_the_same_moment() -> None:
    times = Times(ping_interval_s=0.2, ping_timeout_s=0.1, connect_timeout_s=0.1, turn_s=0.05)

    async def run() -> None:
        hub = Hub(Anybody(), Admission(1, time.monotonic), CollectorRegistry(), times)
        members = [Patient() for _ in range(VIEWERS)]
        for member in members:
            hub.wheel.join(member)
        with watched() as turns:
            await hub.start()
            await until(lambda: all("ping" in member.seen for member in members))
            await hub.close()
        assert turns.longest_s < TURN_MAX_S
        assert all(set(member.seen) == {"ping", "answered", "connected", "away"} for member in members)

    with asyncio.Runner(debug=False) as runner:
        runner.run(run())


@pytest.mark.parametrize("kind", ["comment", "product.pinned"])
def test_writing_takes_half_of_the_loop_at_most(tmp_path: Path, kind: str) -> None:
    async def scene(people: Crowd) -> None:
        outlets = people.fill(people.first, 2 * VIEWERS)
        shares = [
            await measure(people, outlets) for _ in range(3)
        ]  # others may have taken the core meanwhile
        # What is urgent may take a quarter beside it; a frame is never left half written.
        assert any(0.2 < share < (0.6 if kind == "comment" else 0.85) for share in shares), shares

    async def measure(people: Crowd, outlets: list[Slow]) -> float:
        fan, already = people.live._fan, len(outlets[0].got)
        started_s, written_s = time.perf_counter(), fan.written_s
        while time.perf_counter() - started_s < 1.0:
            people.say(people.event(people.first, kind))
            await asyncio.sleep(0.005)
        assert len(outlets[0].got) - already < 1.5 / 0.05
        return (fan.written_s - written_s) / (time.perf_counter() - started_s)

    play(tmp_path, scene)


def test_an_arrival_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    async def scene(people: Crowd) -> None:
        def cost(count: int) -> float:
            started_s = time.thread_time()
            for _ in range(count):
                people.fill(people.first, 1)
                people.first.signals()
            return time.thread_time() - started_s

        gc.disable()
        try:
            cost(200)
            few = min(cost(200) for _ in range(3))
            people.fill(people.first, VIEWERS)
            assert min(cost(200) for _ in range(3)) < 5 * few
        finally:
            gc.enable()
        assert people.first.viewers == len(people.first.members)

    play(tmp_path, scene)
