"""A right to publish that is taken away ends what is published under it, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.ports import Principal
from rooms.errors import Refused
from rooms.rows import Steps
from rooms.unit import Unit
from server import lookout
from server.bus.memory import MemoryBus
from server.bus.port import RoomListener, RoomNews
from server.credentials import STREAM_KEYS, StreamKeyRow
from server.rights import PublishRights
from server.store.group import Work
from tests.contract.house import OPERATOR, START_MS, House, house_at


class Air:
    """Who publishes, and who was stopped."""

    def __init__(self) -> None:
        self.on = [
            ("tea", Principal("key:one", "OBS")),
            ("tea", Principal("key:two", "phone")),
            ("tea", Principal("user:u-host", "Mei", is_host=True)),
            ("tea:g1", Principal("user:u-guest", "Wu")),
            ("tea:g2", Principal("guest:u-lin", "Lin")),
        ]
        self.stopped: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    def publishing(self) -> list[tuple[str, Principal]]:
        return self.on

    def stop_principal(self, stream: str, principal: str) -> None:
        self.stopped.append((stream, principal))
        self.on = [(name, one) for name, one in self.on if (name, one.id) != (stream, principal)]
        self.changed.set()


class TappedBus(MemoryBus):
    def __init__(self) -> None:
        super().__init__()
        self.listeners: dict[str, RoomListener] = {}
        self.called: list[str] = []
        self.heard = asyncio.Event()

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        self.listeners[room_id] = listener
        self.heard.set()

    async def leave_room(self, room_id: str, listener: RoomListener) -> None:
        del self.listeners[room_id]

    def call_origin(self, room_id: str) -> None:
        self.called.append(room_id)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        await change(house, lambda tx: put_keys(tx, None))
        yield house


async def change(house: House, steps: Callable[[Unit], Steps[Any]]) -> None:
    answer = await house.store.write(Work("test", steps))
    assert answer.ok


def put_keys(tx: Unit, revoked_at_ms: int | None) -> Steps[Any]:
    yield STREAM_KEYS.rows("one", "two")
    for name in ("one", "two"):
        if revoked_at_ms is None or name == "one":
            tx.put(STREAM_KEYS, StreamKeyRow(name, "tea", f"hash-{name}", name, START_MS, revoked_at_ms))
    return {}


async def begun(house: House, air: Air, bus: TappedBus) -> PublishRights:
    watch = PublishRights(house.store, bus, lambda: air, lambda: house.now_ms)
    await watch.start()
    watch.look()
    async with asyncio.timeout(10):
        await bus.heard.wait()
    return watch


async def test_a_revoked_key_ends_its_stream_when_another_node_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 3600)
    air, bus = Air(), TappedBus()
    watch = await begun(house, air, bus)
    await change(house, lambda tx: put_keys(tx, START_MS))
    bus.listeners["tea"](RoomNews("tea", origin=True))
    async with asyncio.timeout(10):
        await air.changed.wait()
    await watch.close()
    assert air.stopped == [("tea", "key:one")]
    assert bus.listeners == {}


async def test_a_revoked_key_ends_its_stream_where_it_is_revoked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 3600)
    air, bus = Air(), TappedBus()
    watch = await begun(house, air, bus)
    await change(house, lambda tx: put_keys(tx, START_MS))
    watch.revoked("tea")
    async with asyncio.timeout(10):
        await air.changed.wait()
    await watch.close()
    assert (air.stopped, bus.called) == ([("tea", "key:one")], ["tea"])


async def test_without_word_it_is_found_all_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 0.02)
    air, bus = Air(), TappedBus()
    air.on.append(("tea", Principal("user:u-op", "Root", is_host=True)))

    watch = await begun(house, air, bus)
    await house.sign_in(replace(OPERATOR, operator=False))
    async with asyncio.timeout(10):
        await air.changed.wait()
    await watch.close()
    assert air.stopped == [("tea", "user:u-op")]


async def test_nobody_is_stopped_while_the_database_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 0.01)
    air, bus, asked = Air(), TappedBus(), asyncio.Semaphore(0)
    read = house.store.read

    async def away(query: object) -> object:
        asked.release()
        raise Refused("temporarily_unavailable")

    house.store.read = away  # type: ignore[method-assign, assignment]
    watch = await begun(house, air, bus)
    async with asyncio.timeout(10):
        for _ in range(3):
            await asked.acquire()
    assert air.stopped == []
    house.store.read = read  # type: ignore[method-assign]
    await change(house, lambda tx: put_keys(tx, START_MS))
    async with asyncio.timeout(10):
        await air.changed.wait()
    await watch.close()
    assert air.stopped == [("tea", "key:one")]
