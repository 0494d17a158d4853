"""Clients that begin with polling are held to the same, by what python-engineio leaves to be held by."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from server.outlet import HARD_BYTES, SOFT_BYTES
from server.socket.hub import Times
from server.socket.packets import encode_message
from tests.server.socket.house import House, open_house
from tests.server.socket.raw import dialled, request
from tests.server.world import Person

HURRY = Times(ping_interval_s=0.4, ping_timeout_s=0.2, connect_timeout_s=0.2, turn_s=0.02)
SEPARATOR = "\x1e"


class Poller:
    """A session by hand. Nothing is polled that the test doesn't ask for."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self.http = http
        self.address = address

    async def poll(self) -> list[str]:
        async with self.http.get(self.address) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.text()).split(SEPARATOR)

    async def post(self, *packets: str) -> int:
        async with self.http.post(self.address, data=SEPARATOR.join(packets)) as answer:
            return answer.status

    async def gone(self) -> bool:
        async with self.http.get(self.address) as answer:
            return answer.status == 400


@asynccontextmanager
async def polling(house: House, *, connect: bool = True) -> AsyncIterator[Poller]:
    """A session, in the namespace if ``connect``."""
    address = f"{house.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        async with http.get(address) as answer:
            sid = orjson.loads((await answer.text())[1:])["sid"]
        poller = Poller(http, f"{address}&sid={sid}")
        if connect:
            assert await poller.post("40/live,") == 200
            assert (await poller.poll())[0].startswith("40/live,{")
        yield poller


@asynccontextmanager
async def official(house: House, *transports: str) -> AsyncIterator[Person]:
    """The official client."""
    person = Person(None)
    await person.connect(house.url, {}, transports)
    try:
        yield person
    finally:
        await person.close()


async def knock(house: House) -> tuple[int, str, bytes]:
    """Status, ``Retry-After`` and body of the answer to somebody new."""
    address = f"{house.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http, http.get(address) as answer:
        return answer.status, answer.headers.get("Retry-After", ""), await answer.read()


async def test_slow_poller_goes_without_comments_first_and_is_sent_away_then() -> None:
    async with open_house() as house, polling(house) as poller:
        (outlet,) = await house.host.until(1)
        comments, pins = encode_message("events", "c" * 2000), encode_message("events", "p" * 2000)
        while outlet.send(comments, droppable=True):
            pass
        assert outlet.is_open
        assert outlet.send(pins)
        got = await poller.poll()
        assert len("".join(got)) <= SOFT_BYTES + 2 * 2000
        assert "ppp" in got[-1]
        assert outlet.send(comments, droppable=True), "who has read is shown everything again"
        sent = 0
        while outlet.send(pins):
            sent += 2000
        assert sent <= HARD_BYTES
        assert not outlet.is_open
        assert house.closed("slow") == 1
        *said, last = await poller.poll()
        assert (len(said), last) == (1, "1")  # what it hadn't read is not kept for it
        assert '"slow"' in said[0]
        await house.host.until(0)
        assert await poller.gone()


async def test_a_long_answer_is_not_held_against_who_asked_for_it() -> None:
    async with open_house() as house, polling(house) as poller:
        (outlet,) = await house.host.until(1)
        name = "x" * 2 * HARD_BYTES
        house.polling.sio.eio.max_http_buffer_size = 4 * HARD_BYTES
        assert await poller.post(f'42/live,1["{name}"]') == 200
        assert outlet.send(encode_message("events", "news"))
        # The answer to the next command waits until this one has been taken.
        second = asyncio.create_task(poller.post('42/live,2["next"]'))
        got = await poller.poll()
        assert [packet[:9] for packet in got] == ["43/live,1", "42/live,["]
        assert await second == 200
        assert (await poller.poll())[0].startswith("43/live,2")


async def test_who_leaves_answers_lying_gets_no_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.wire.ANSWERS_WITHIN_S", 0.1)
    async with open_house() as house, polling(house) as poller:
        name = "x" * SOFT_BYTES
        for number in range(3):
            await poller.post(f'42/live,{number}["{name}"]')
        assert house.closed("slow") == 1
        got = await poller.poll()
        assert sum(packet.startswith("43/live,") for packet in got) == 1
        await house.host.until(0)


async def test_a_poller_who_answers_no_ping_is_gone() -> None:
    async with open_house(times=HURRY) as house, polling(house) as poller:
        while (await poller.poll())[0] == "2":
            pass
        await house.host.until(0)
        assert await poller.gone()


async def test_a_poller_who_never_connects_is_gone() -> None:
    async with open_house(times=HURRY) as house, polling(house, connect=False) as poller:
        assert await poller.poll() == ["1"]
        assert house.closed("unconnected") == 1
        assert await poller.gone()


async def test_ten_megabytes_end_the_session() -> None:
    async with open_house() as house, polling(house) as poller:
        assert await poller.post("4" * 300_000) in (400, 413)
        async with poller.http.post(poller.address, data=io.BytesIO(bytes(10_000_000))) as answer:
            assert answer.status in (400, 413)
        await house.host.until(0)


@pytest.mark.parametrize("transports", [("polling",), ("polling", "websocket")])
async def test_addresses_are_counted_however_they_come(transports: tuple[str, ...]) -> None:
    async with open_house(per_address=2) as house:
        async with official(house, *transports), official(house, *transports):
            status, retry_after, body = await knock(house)
            assert (status, retry_after) == (429, "5")
            assert b"too_many_connections" in body
            async with dialled(house.port) as raw:
                raw.writer.write(request())
                assert (await raw.answer())[0] == 429
        await house.host.until(0)
        async with official(house, "websocket"):
            await house.host.until(1)


@pytest.mark.parametrize("transports", [("polling",), ("polling", "websocket")])
async def test_at_shutdown_they_are_told_and_hung_up_on(transports: tuple[str, ...]) -> None:
    async with open_house() as house, official(house, *transports) as person:
        await house.host.until(1)
        assert (await person.send("time"))["ok"]
        await house.close()
        await person.until("disconnect")
        assert [(bye["code"], bye["reconnect"]) for bye in person.all("bye")] == [("shutting_down", True)]
        status, retry_after, _ = await knock(house)
        assert (status, retry_after) == (503, "5")


@pytest.mark.alone
async def test_strangers_do_not_hold_the_shutdown_up() -> None:
    """A session that never came as far as the namespace, whose poll waits, is nobody's to say goodbye to."""
    async with contextlib.AsyncExitStack() as stack:
        async with open_house() as house:
            stranger = await stack.enter_async_context(polling(house, connect=False))
            waiting = asyncio.create_task(stranger.poll())
            await asyncio.sleep(0.05)  # until it waits: nothing tells
            started = time.monotonic()
        assert time.monotonic() - started < 1
        assert await waiting == ["1"]
