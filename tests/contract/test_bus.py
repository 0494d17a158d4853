"""What every bus keeps to: the one of a single node, and the one of several on a real Valkey."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import redis
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from rooms.log import LogEvent, PrivateEvent, StaffEvent
from rooms.unit import News
from server.bus.memory import MemoryBus
from server.bus.metrics import BusMetrics
from server.bus.port import Bus, RoomNews
from server.bus.redis import RedisBus
from tests.support.valkey import ValkeyServer


def event(offset: int, room: str = "tea") -> LogEvent:
    body = b'{"id":"e%d","data":{"text":"\xe8\x8c\xb6"}}' % offset
    return LogEvent(room, "epoch", offset, f"e{offset}", "comment", 1, "u-lin", "all", body, None)


def news(*events: LogEvent, private: int = 0) -> News:
    own = [PrivateEvent("u-lin", n + 1, 1, None, "order", b"{}") for n in range(private)]
    return News(list(events), own, [], {}, {})


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.rooms: list[RoomNews] = []
        self.private: list[PrivateEvent] = []

    def room(self, news: RoomNews) -> None:
        self.rooms.append(news)

    def user(self, events: list[PrivateEvent]) -> None:
        self.private += events

    @property
    def offsets(self) -> list[int]:
        return [e.offset for news in self.rooms for e in news.events]


async def until(true: Callable[[], bool], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@asynccontextmanager
async def node(url: str) -> AsyncIterator[RedisBus]:
    bus = RedisBus(url, BusMetrics(CollectorRegistry()), prefix="contract")
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture(params=["memory", "valkey"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus()
    else:
        async with node(request.getfixturevalue("redis_url")) as bus:
            yield bus


# every bus


async def test_listeners_here_are_told_at_once_and_in_order(bus: Bus) -> None:
    heard = Heard()
    await bus.join_room("tea", heard.room)
    await bus.join_user("u-lin", heard.user)
    bus.publish(news(event(1), event(1, "cake"), private=2))
    bus.publish(news(event(2)))
    assert heard.offsets == [1, 2]
    assert [e.seq for e in heard.private] == [1, 2]


async def test_each_news_comes_once(bus: Bus) -> None:
    heard, after = Heard(), Heard()
    await bus.join_room("tea", heard.room)
    for offset in range(1, 200):
        bus.publish(news(event(offset)))
    # A round trip by another channel, so that an echo would have come by now.
    await bus.join_room("cake", after.room)
    await asyncio.sleep(0.1)
    assert heard.offsets == list(range(1, 200))


async def test_who_left_hears_nothing_and_others_go_on(bus: Bus) -> None:
    gone, there = Heard(), Heard()
    for heard in (gone, there):
        await bus.join_room("tea", heard.room)
    await bus.leave_room("tea", gone.room)
    bus.publish(news(event(1)))
    assert (gone.offsets, there.offsets) == ([], [1])
    await bus.leave_room("tea", there.room)
    bus.publish(news(event(2)))
    assert there.offsets == [1]


async def test_a_listener_that_fails_stops_nobody(bus: Bus) -> None:
    heard = Heard()

    def fails(_: RoomNews) -> None:
        raise RuntimeError("a bug")

    await bus.join_room("tea", fails)
    await bus.join_room("tea", heard.room)
    with capture_logs() as logs:
        bus.publish(news(event(1)))
    assert heard.offsets == [1]
    assert [entry["event"] for entry in logs] == ["listener_failed"]


async def test_closing_twice_and_publishing_afterwards_are_harmless(bus: Bus) -> None:
    await bus.close()
    await bus.close()
    bus.publish(news(event(1), private=1))
    bus.share_likes("tea", 1)


# between nodes


async def test_another_node_is_told_everything_as_it_was(redis_url: str) -> None:
    async with node(redis_url) as here, node(redis_url) as there:
        heard = Heard()
        await there.join_room("tea", heard.room)
        await there.join_user("u-lin", heard.user)
        staff = StaffEvent("tea", 3, 1, "muted", "see_staff", b'{"seq":3}')
        private = PrivateEvent("u-lin", 7, 1, "tea", "order", b'{"seq":7}')
        here.publish(
            News(
                [event(5), event(6)],
                [private],
                [staff],
                {"tea": {"sku": 2}},
                {"tea": {"c": 3}},
            )
        )
        await until(lambda: bool(heard.rooms and heard.private))
        (told,) = heard.rooms
        assert told == RoomNews("tea", [event(5), event(6)], [staff], {"sku": 2}, coupons={"c": 3})
        assert heard.private == [private]
        here.share_likes("tea", 9)
        await until(lambda: len(heard.rooms) == 2)
        assert heard.rooms[1] == RoomNews("tea", likes=9)


async def test_what_is_published_after_joining_is_heard(redis_url: str) -> None:
    """Joining waits for the confirmation: nothing falls in between it and reading SQL."""
    async with node(redis_url) as here, node(redis_url) as there:
        for number in range(50):
            heard = Heard()
            await there.join_room(f"room-{number}", heard.room)
            here.publish(news(event(1, f"room-{number}")))
            await until(lambda heard=heard: heard.offsets == [1])  # type: ignore[misc]


async def test_what_is_published_in_a_rush_is_few_messages(redis_url: str) -> None:
    async with node(redis_url) as here, node(redis_url) as there:
        heard = Heard()
        await there.join_room("tea", heard.room)
        await there.join_user("u-lin", heard.user)
        for offset in range(1, 500):
            here.publish(news(event(offset), private=1))
            here.share_likes("tea", 1)
            if offset % 50 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(heard.offsets) == 499)
        assert heard.offsets == list(range(1, 500))
        assert sum(told.likes for told in heard.rooms) == 499
        assert len(heard.private) == 499
        assert len(heard.rooms) < 10


async def test_the_publishing_node_is_called(redis_url: str) -> None:
    async with node(redis_url) as here, node(redis_url) as there:
        heard, own = Heard(), Heard()
        await there.join_room("tea", heard.room)
        await here.join_room("tea", own.room)
        here.call_origin("tea")
        await until(lambda: bool(heard.rooms))
        assert heard.rooms == [RoomNews("tea", origin=True)]
        assert own.rooms == []


async def test_readers_of_logs_hear_which_rooms_go_on(redis_url: str) -> None:
    async with node(redis_url) as here, node(redis_url) as there, node(redis_url) as aside:
        heard, own = list[str](), list[str]()
        await there.join_grown(heard.extend)
        await here.join_grown(own.extend)
        here.tell_grown({"tea", "cake"})
        here.tell_grown({"tea"})
        await until(lambda: bool(heard))
        assert heard == ["cake", "tea"]  # gathered: a rush is one message
        there.tell_grown({"rice"})
        await until(lambda: bool(own))
        assert own == ["rice"]
        assert _received(aside) == 0


async def test_a_node_without_the_room_takes_nothing_in(redis_url: str) -> None:
    async with node(redis_url) as here, node(redis_url) as there, node(redis_url) as aside:
        heard = Heard()
        await there.join_room("tea", heard.room)
        await aside.join_room("cake", heard.room)
        here.publish(news(*(event(n) for n in range(1, 100))))
        await until(lambda: len(heard.offsets) == 99)
        assert _received(aside) == 0


def _received(bus: RedisBus) -> float:
    return bus._metrics.received._value.get()  # type: ignore[no-any-return]


@pytest.fixture
def broken() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    yield server
    server.stop()


async def test_it_comes_back_by_itself_with_every_subscription(broken: ValkeyServer) -> None:
    async with node(broken.url) as here, node(broken.url) as there:
        heard, changes = Heard(), []
        there.on_change = lambda: changes.append(there.healthy)
        await there.join_room("tea", heard.room)
        await asyncio.to_thread(broken.down)
        await until(lambda: not there.healthy and not here.healthy)
        began = asyncio.get_running_loop().time()
        here.publish(news(event(1)))
        await there.join_room("cake", heard.room)
        assert asyncio.get_running_loop().time() - began < 0.1
        broken.up()
        await until(lambda: there.healthy and here.healthy)
        await asyncio.sleep(0.6)  # as long as the publisher waits before it tries again
        here.publish(news(event(2), event(1, "cake")))
        await until(lambda: sorted(heard.offsets) == [1, 2])
        assert changes == [False, True]


async def test_one_that_answers_nobody_counts_as_away(broken: ValkeyServer) -> None:
    async with node(broken.url) as there:
        broken.pause()
        await until(lambda: not there.healthy)
        began = asyncio.get_running_loop().time()
        for offset in range(10_000):
            there.publish(news(event(offset)))
        assert asyncio.get_running_loop().time() - began < 15
        broken.resume()
        await until(lambda: there.healthy)


async def test_nonsense_on_a_channel_is_passed_over(redis_url: str) -> None:
    import redis.asyncio  # noqa: PLC0415

    async with node(redis_url) as there:
        heard = Heard()
        await there.join_room("tea", heard.room)
        async with redis.asyncio.from_url(redis_url) as client:
            for message in (
                b"",
                b"x",
                b"12345678\x01",
                b"12345678\x02\xc0",
                b"12345678\x01\x95\x01\x02\x03\x04\x05",
            ):
                await client.publish("contract:room:{tea}", message)
        async with node(redis_url) as here:
            here.publish(news(event(1)))
            await until(lambda: heard.offsets == [1])


async def test_credentials_and_database_are_taken_from_the_address(broken: ValkeyServer) -> None:
    with redis.Redis(port=broken.port) as client:
        client.config_set("requirepass", "secret")
    address = f"127.0.0.1:{broken.port}"
    async with (
        node(f"redis://:secret@{address}/3") as here,
        node(f"redis://default:secret@{address}") as there,
    ):
        assert here.healthy
        assert there.healthy
    async with node(f"redis://:wrong@{address}") as stranger:
        assert not stranger.healthy


async def test_what_is_no_redis_is_away(unused_tcp_port: int) -> None:
    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(cast("asyncio.Task[None]", asyncio.current_task()))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port)
    async with node(f"redis://127.0.0.1:{unused_tcp_port}") as bus:
        heard = Heard()
        await bus.join_room("tea", heard.room)
        bus.publish(news(event(1)))
        assert (bus.healthy, heard.offsets) == (False, [1])
    server.close()
    await server.wait_closed()
    await asyncio.gather(*answering)  # the bus has gone, so they end
