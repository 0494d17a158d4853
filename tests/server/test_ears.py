"""Listening to just the rooms that matter at the moment."""

from __future__ import annotations

import asyncio

from server.bus.ears import Ears
from server.bus.memory import MemoryBus
from server.bus.port import RoomListener, RoomNews


class SlowBus(MemoryBus):
    """Joining takes until it is allowed; ``here`` are the rooms that are listened to."""

    def __init__(self) -> None:
        super().__init__()
        self.here: list[str] = []
        self.asked = asyncio.Event()
        self.allowed = asyncio.Event()

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        self.here.append(room_id)
        self.asked.set()
        await self.allowed.wait()

    async def leave_room(self, room_id: str, listener: RoomListener) -> None:
        self.here.remove(room_id)


def ignore(news: RoomNews) -> None:
    pass


async def test_who_asks_last_is_heard_whoever_waits() -> None:
    bus = SlowBus()
    ears = Ears(bus, ignore)
    first = asyncio.create_task(ears.listen(["tea"]))
    await bus.asked.wait()
    bus.allowed.set()
    await ears.listen(["tea", "silk"])
    await first
    assert sorted(bus.here) == ["silk", "tea"], "the first took away what the second asked for"
    await ears.listen(())
    assert bus.here == []


async def test_a_cancelled_call_is_made_right_by_the_next() -> None:
    bus = SlowBus()
    ears = Ears(bus, ignore)
    task = asyncio.create_task(ears.listen(["tea", "silk"]))
    await bus.asked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    bus.allowed.set()
    await ears.listen(["silk"])
    assert bus.here == ["silk"]
