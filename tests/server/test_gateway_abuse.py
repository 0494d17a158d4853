"""What clients should not send, and clients that don't read: an error, and nothing else happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server.deaf import deaf, stranger
from tests.server.world import DEADLINE_S, Person, World, fresh, key, refuse_gaps, running_world, token


class Raw:
    """A WebSocket that speaks Engine.IO by hand."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.ws.send_str(text)

    async def hear(self, beginning: str) -> Any:
        """The JSON after the next packet that begins so."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                text = await self.ws.receive_str()
                if text.startswith(beginning):
                    return json.loads(text.removeprefix(beginning) or "null")

    async def ask(self, name: str, payload: Any, number: int = 900) -> Any:
        await self.say(f"42/live,{number}{json.dumps([name, payload])}")
        return (await self.hear(f"43/live,{number}"))[0]

    async def closes(self) -> int | None:
        """Waits for the server to close; gives the code."""
        async with asyncio.timeout(DEADLINE_S):
            while (await self.ws.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                pass
        return self.ws.close_code


@asynccontextmanager
async def raw(world: World, user: str | None = None) -> AsyncIterator[Raw]:
    """A raw connection to the namespace, as ``user`` if one is given."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{world.url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0) as ws,
    ):
        client = Raw(ws)
        await client.hear("0")
        await client.say("40/live," + (json.dumps({"token": token(user)}) if user else ""))
        await client.hear("40/live,")
        yield client


# Payloads


def bad_payloads(room: str) -> dict[str, tuple[str, tuple[Any, ...]]]:
    comment = {"room": room, "text": "hello", "key": key()}
    nested: Any = "x"
    for _ in range(100):
        nested = [nested]
    return {
        "nothing": ("comment", ()),
        "null": ("comment", (None,)),
        "a text": ("comment", ("hello",)),
        "a list": ("comment", (["hello"],)),
        "two arguments": ("comment", (comment, comment)),
        "an unknown field": ("comment", ({**comment, "admin": True},)),
        "a number as text": ("comment", ({**comment, "text": 7},)),
        "an object as text": ("comment", ({**comment, "text": {"$ne": ""}},)),
        "deep nesting": ("comment", ({**comment, "text": nested},)),
        "bytes as text": ("comment", ({**comment, "text": b"\x00\x01"},)),
        "bytes as payload": ("comment", (b"\x00\x01",)),
        "a text for a number": ("like", ({"room": room, "count": "5"},)),
        "a fraction": ("like", ({"room": room, "count": 1.5},)),
        "a boolean": ("like", ({"room": room, "count": True},)),
        "a negative number": ("like", ({"room": room, "count": -5},)),
        "a number beyond all": ("buy", ({"room": room, "sku": "x", "qty": 10**30, "key": key()},)),
        "a colour that is none": ("comment", ({**comment, "color": "url(javascript:alert(1))"},)),
        "another room's name": ("comment", ({**comment, "room": "../../etc"},)),
        "a long text": ("comment", ({**comment, "text": "x" * 60_000},)),
        "a wrong position": ("enter", ({"room": room, "after": {"epoch": "e", "offset": -1}},)),
        "half a position": ("enter", ({"room": room, "after": {"epoch": "e"}},)),
        "an argument for none": ("time", ({"zone": "UTC"},)),
        "no token": ("refresh", ({"token": "x" * 9000},)),
    }


async def test_malformed_payloads_are_refused_and_change_nothing(world: World) -> None:
    room, host = await world.room()
    before = (await host.enter(room))["offset"]
    for what, (name, args) in bad_payloads(room).items():
        refused = await host.send(name, *args)
        assert not refused["ok"], what
        error = refused["error"]
        assert (error["code"], error["temporary"]) == ("bad_request", False), what
        assert error["message"]
        assert all(set(detail) == {"path", "message"} for detail in error.get("details", [])), what
        assert len(json.dumps(error)) < 5000, what
    await host.ok("comment", text="the only one")
    assert (await host.event("comment"))["offset"] == before + 1


@pytest.mark.parametrize("name", ["dance", "moderate", "connect", "disconnect", "__class__", "x" * 10_000])
async def test_unknown_command_is_refused(world: World, name: str) -> None:
    viewer = await world.join(fresh("viewer"))
    async with raw(world, viewer.user) as client:
        answer = await client.ask(name, {"room": "demo"})
        expected = "bad_request" if name in ("connect", "disconnect") else "unknown_command"
        assert answer["error"]["code"] == expected
        assert (await client.ask("time", {}))["ok"]


@pytest.mark.parametrize(
    "text",
    [
        "a\u202eb\u0000c",
        "👨‍👩‍👧‍👦" * 500,
        "z̷̢̛" + "̴̡̢" * 3000,
        "\u0000\u0007\u200b\u2066",
        "<script>alert(1)</script>",
        "'; DROP TABLE rooms; --",
    ],
)
async def test_strange_text_harms_nobody(world: World, text: str) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    answer = await viewer.do("comment", text=text)
    if answer["ok"]:
        shown = (await host.event("comment"))["data"]["text"]
        assert len(shown) <= 2000
        assert not re.search("[\u0000-\u001f\u202a-\u202e\u2066-\u2069]", shown)
    else:
        assert answer["error"]["code"] in ("text_too_long", "text_empty")
    assert (await viewer.enter(room))["snapshot"]


# Packets


@pytest.mark.parametrize(
    "packet",
    [
        "42/live,17{",
        '42/live,17["comment",{"text":"\\ud83d"}]',  # half an emoji
        '42/live,17{"comment":1}',
        "42/live,17[]",
        "42/live,17[[]]",
        "42/live,17",
        '451-/live,17["comment",{"_placeholder":true,"num":0}]',
        '42/live,17["disconnect","transport close"]',
        '42/live,17["connect",{"aiohttp.request":1}]',
        '42/live,17["comment",' + "[" * 50_000,
    ],
)
async def test_event_that_cannot_be_read_is_answered(world: World, packet: str) -> None:
    async with raw(world, fresh("viewer")) as client:
        await client.say(packet)
        answer = (await client.hear("43/live,17"))[0]
        assert answer["error"]["code"] == "bad_request"
        assert (await client.ask("time", {}))["ok"]


@pytest.mark.parametrize(
    "packet",
    [
        "42",
        "42/live,",
        '42["comment",{}]',
        '42/elsewhere,1["comment",{}]',
        "43/live,1[]",
        "44/live,{}",
        "46/live,1[]",
        "4599999999999-/live,1[]",
        "42/live," + "1" * 200 + '["time",{}]',
        "42/live,²[]",
        "40/live,{",
        "3",
        "6",
    ],
)
async def test_packet_that_means_nothing_is_passed_over(world: World, packet: str) -> None:
    async with raw(world, fresh("viewer")) as client:
        await client.say(packet)
        await client.ws.send_bytes(b"\x00\x01")
        await client.ws.send_bytes(b'2/live,1["time",{}]')
        assert (await client.ask("time", {}))["ok"]


async def test_what_is_no_engine_io_closes_the_connection(world: World) -> None:
    room, host = await world.room()
    user = fresh("viewer")
    nonsense = ("", "x", "9", "4", "0{}", "47", "4[" * 5000, "²", "bAAAA", "hello")
    async with contextlib.AsyncExitStack() as stack:
        for text in nonsense:
            client = await stack.enter_async_context(raw(world, user))
            assert (await client.ask("enter", {"room": room}))["ok"]
            await client.say(text)
            await client.closes()
        # Whoever hung up first is gone at once, not when the next ping finds nobody.
        await host.until("signals", lambda signals: signals.get("viewers") == 1, within_s=5)
        assert (await host.enter(room))["signals"]["viewers"] == 1


async def test_connecting_twice_on_one_socket_is_connecting_once(world: World) -> None:
    room, host = await world.room()
    async with raw(world) as client:
        await client.say("40/live,")
        await client.hear("44/live,")
        assert (await client.ask("enter", {"room": room}))["signals"]["viewers"] == 2
        await host.ok("comment", text="once")
        frame = (await client.hear("42/live,"))[1]
        assert [event["data"]["text"] for event in frame["items"]] == ["once"]
        # And after leaving the namespace one may come back, as a viewer who is counted once.
        await client.say("41/live,")
        await host.until("signals", lambda signals: signals.get("viewers") == 1)
        await client.say("40/live,")
        await client.hear("40/live,")
        assert (await client.ask("enter", {"room": room}))["signals"]["viewers"] == 2


async def test_who_hangs_up_while_entering_is_no_viewer(world: World) -> None:
    room, host = await world.room()
    for _ in range(20):
        async with raw(world, fresh("viewer")) as client:
            for number in range(3):
                await client.say(f"42/live,{number}" + json.dumps(["enter", {"room": room}]))
    await host.until("signals", lambda signals: signals.get("viewers") == 1)
    async with asyncio.timeout(DEADLINE_S):
        while (await host.enter(room))["signals"]["viewers"] != 1:  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.1)


async def test_message_just_below_the_limit_is_an_error_and_above_closes(world: World) -> None:
    room, host = await world.room()
    async with raw(world, fresh("viewer")) as client:
        answer = await client.ask("comment", {"room": room, "text": "x" * 199_000, "key": key()})
        error = answer["error"]
        assert (error["code"], error["details"]) == ("too_large", {"max_bytes": 65_536})
        assert (await client.ask("time", {}))["ok"]
        await client.say('42/live,1["comment","' + "x" * 200_000 + '"]')
        assert await client.closes() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await host.ok("comment", text="the others go on")


async def test_polling_is_held_to_the_same(world: World) -> None:
    polling = f"{world.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http:
        async with http.get(polling) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        address = f"{polling}&sid={sid}"

        async def post(body: str) -> int:
            async with http.post(address, data=body) as answer:
                return answer.status

        async def poll() -> str:
            async with http.get(address) as answer:
                return await answer.text()

        assert await post("40/live,") == 200
        assert (await poll()).startswith("40/live,")
        for body in ("x", "4" * 50, "[[[[", "bAAAA", '42/live,3["connect"]', "\x1e\x1e"):
            assert await post(body) == 200
        assert "bad_request" in await poll()
        assert await post('42/live,4["time",{}]') == 200
        assert "now_ms" in await poll()
        # Too much ends the session; engineio says so only to who polls meanwhile, so nobody waits for that.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                assert await post("x" * 200_001) == 400
        async with http.get(address) as answer:
            assert answer.status == 400


# Clients that don't read


UNLIMITED = {
    "DANMART_LIMITS__COMMANDS_PER_CONNECTION": "1000000",
    "DANMART_LIMITS__COMMANDS_PER_USER": "1000000",
    "DANMART_ROOMS__COMMENTS_PER_10S": "100000",
}


async def talk(speakers: list[Person], room: str) -> None:
    """Long comments as fast as they are answered, until somebody cancels."""

    async def speak(person: Person) -> None:
        while True:
            # Each like no other: the same from many would be taken for an advert.
            text = "".join(map(chr, random.sample(range(0x4E00, 0x9FA5), 200)))
            await person.ok("comment", room=room, text=text)

    async with asyncio.TaskGroup() as group:
        for person in speakers:
            group.create_task(speak(person))


@asynccontextmanager
async def talking(speakers: list[Person], room: str) -> AsyncIterator[None]:
    task = asyncio.create_task(talk(speakers, room))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def resident_mb(world: World) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{world.node.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads the node's memory from /proc")
async def test_client_that_does_not_read_is_sent_away(tmp_path: Path) -> None:
    """It costs bounded memory, and the others notice nothing."""
    async with running_world(tmp_path, **UNLIMITED) as world:
        room, host = await world.room()
        for _ in range(50):
            await host.ok("comment", text="茶" * 200)
        reader = await world.viewer(room)
        before = resident_mb(world)
        clients = [await deaf(world, room) for _ in range(6)]
        await host.until("signals", lambda signals: signals.get("viewers") == 8)
        host.inbox.clear()
        # What the host says is never left out.
        hands = [await world.join(host.user) for _ in range(10)]
        async with talking(hands, room):
            await host.until("signals", lambda signals: signals.get("viewers") == 2, within_s=30)
        # The goodbye is behind what they haven't read, and cut off after two seconds.
        _, metrics = await world.get("/metrics")
        assert b'danmart_sockets_closed_total{reason="slow"} 6.0' in metrics
        last = (await host.ok("comment", text="the last word"))["event"]["offset"]
        await reader.until("events", lambda frame: frame["to"] == last)
        assert refuse_gaps(reader) == last
        assert reader.all("bye") == []
        assert resident_mb(world) - before < 40
        for client in clients:
            client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the sizes of the kernel's buffers are Linux's")
async def test_slow_reader_goes_without_comments_and_stays(tmp_path: Path) -> None:
    """It reads, but less than is said. What it doesn't get is counted, and what the host does arrives."""
    async with running_world(tmp_path, **UNLIMITED) as world:
        room, host = await world.room()
        product, _ = await world.product(host)
        reader = await world.viewer(room)
        slow = await stranger(world)
        await slow.say("40/live," + json.dumps({"token": token(fresh("slow"))}))
        await slow.say("42/live,0" + json.dumps(["enter", {"room": room}]))
        position = (await slow.answer("43/live,0"))[0]["offset"]
        speakers = [await world.viewer(room) for _ in range(10)]
        async with talking(speakers, room):
            # Nothing is read until it is behind; then everything up to a pin.
            await shortened_frames(world, at_least=20)
            pinned = asyncio.create_task(host.ok("pin", product=product))
            seen, skipped, kinds = await slow.follow(position, "product.pinned")
            await pinned
        assert skipped > 0
        assert "comment" in kinds
        # And afterwards everything comes again.
        last = (await host.ok("comment", text="the last word"))["event"]["offset"]
        while seen < last:
            seen, _, _ = await slow.follow(seen, "comment")
        assert seen == last
        await reader.until("events", lambda frame: frame["to"] == last)
        assert sum(frame["skipped"].get("comment", 0) for frame in reader.all("events")) == 0
        assert refuse_gaps(reader) == last
        slow.close()


async def shortened_frames(world: World, at_least: int) -> None:
    """Returns when so many frames went out without their comments."""
    async with asyncio.timeout(30):
        while True:
            _, metrics = await world.get("/metrics")
            found = re.search(rb"^danmart_frames_shortened_total (\S+)$", metrics, re.MULTILINE)
            assert found is not None
            if float(found[1]) >= at_least:
                return
            await asyncio.sleep(0.05)  # it is another process
