"""The external check, asked over HTTP: what it may say, and every way in which it may fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from moderation.filter.hook import FAILURES_MAX, REST_MS
from moderation.rulebook.rules import RoomRules
from rooms.commands import PostComment
from rooms.ports import Caller
from server.config.sections import Hook
from server.config.sections import Outbound as OutboundSettings
from server.filter_hook import FilterHook, HookMeters, HookPorts
from server.outbound import Outbound
from server.signing import verify
from server.texts import FixedBook, OneBook, Texts

SECRET = "between the shop and the tests alone"
LIN = Caller("u-lin", "Lin")
MODERATOR = Caller("u-mod", "Bao")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


LISTS = OneBook().book(None).words


class Shelf:
    """The lists that come along, read before any loop runs, with one room's rules."""

    def __init__(self, rules: RoomRules) -> None:
        self._book = FixedBook(rules, LISTS)

    def book(self, room_id: str | None) -> FixedBook:
        return self._book


def comment(text: str, key: str = "key-00000001") -> PostComment:
    return PostComment(room="tea", text=text, key=key)


class Shop:
    """A service that answers as the test says, and the hook that asks it."""

    def __init__(self) -> None:
        self.handler: Handler = self.says("allow")
        self.asked: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.now_ms = 1_800_000_000_000
        self.registry = CollectorRegistry()
        self.hook: FilterHook

    def says(self, verdict: str, reason: str = "") -> Handler:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response({"verdict": verdict, "reason": reason})

        return answer

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.body = await request.read()
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(orjson.loads(self.body))
        return await self.handler(request)

    async def ask(self, text: str, key: str = "key-00000001", caller: Caller = LIN) -> str:
        """The verdict that is added; "allow" if none is."""
        found = await self.hook.ask(comment(text, key), caller)
        return found[0].verdict if found else "allow"

    def count(self, outcome: str) -> float:
        return self.registry.get_sample_value("danmart_filter_hook_total", {"outcome": outcome}) or 0

    def circuit(self) -> str:
        for state in ("closed", "open", "half_open"):
            labels = {"danmart_filter_hook_circuit": state}
            if self.registry.get_sample_value("danmart_filter_hook_circuit", labels):
                return state
        raise AssertionError


@asynccontextmanager
async def shop_with(rules: RoomRules | None = None, **more: Any) -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_post("/check", shop.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    given = {"url": f"http://127.0.0.1:{port}/check", "secret": SecretStr(SECRET), **more}
    settings = Hook.model_validate(given)
    reach = OutboundSettings(allow_private=(ip_network("127.0.0.0/8"),), timeout_s=0.2)

    async def is_staff(room: str, caller: Caller) -> bool:
        return caller == MODERATOR

    texts = Texts(Shelf(rules or RoomRules()))
    ports = HookPorts(Outbound(reach), texts, is_staff, lambda: shop.now_ms)
    shop.hook = FilterHook(settings, ports, HookMeters(shop.registry), max_chars=200)
    try:
        yield shop
    finally:
        await runner.cleanup()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with shop_with() as shop:
        yield shop


@pytest.mark.parametrize("verdict", ["allow", "mask", "hold", "deny"])
async def test_its_verdict_counts(shop: Shop, verdict: str) -> None:
    shop.handler = shop.says(verdict, "looks odd")
    assert await shop.ask("hello there") == verdict
    assert shop.count(verdict) == 1


async def test_what_is_asked_is_signed_and_says_what_the_filter_found(shop: Shop) -> None:
    await shop.ask("a  damn idiot")
    assert shop.asked == [
        {
            "text": "a damn idiot",
            "room": "tea",
            "user": {"id": "u-lin", "name": "Lin"},
            "kind": "comment",
            "local": {"verdict": "mask", "codes": ["insult"]},
        }
    ]
    verify(SECRET.encode(), shop.headers, shop.body, shop.now_ms)


async def test_who_isnt_asked_about(shop: Shop) -> None:
    """Staff; what is denied anyway; what the writer refuses; and the same command again."""
    shop.handler = shop.says("deny")
    assert await shop.ask("hello", caller=MODERATOR) == "allow"
    assert await shop.ask("kill yourself") == "allow"
    assert await shop.ask("  ") == "allow"
    assert await shop.ask("x" * 300) == "allow"
    assert shop.asked == []
    assert await shop.ask("hello") == "deny"
    shop.handler = shop.says("allow")
    assert await shop.ask("hello") == "deny"
    assert len(shop.asked) == 1
    assert await shop.ask("hello again") == "allow"
    assert len(shop.asked) == 2


async def test_a_room_may_do_without(shop: Shop) -> None:
    async with shop_with(RoomRules(ask_hook=False)) as quiet:
        await quiet.ask("hello")
        assert quiet.asked == []


async def hang(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def die(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def pour(request: web.Request) -> web.Response:
    return web.Response(body=b'{"verdict": "allow", "reason": "' + b"x" * 100_000 + b'"}')


async def mumble(request: web.Request) -> web.Response:
    return web.Response(body=b"\xff\xfe not json")


async def shout(request: web.Request) -> web.Response:
    return web.json_response({"verdict": "DENY EVERYTHING"})


async def fail(request: web.Request) -> web.Response:
    return web.json_response({"verdict": "allow"}, status=503)


async def send_elsewhere(request: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:1/")


FAULTS = [hang, die, drip, pour, mumble, shout, fail, send_elsewhere]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("fallback", ["allow", "deny"])
async def test_whatever_becomes_of_it_the_comment_goes_on(fault: Handler, fallback: str) -> None:
    async with shop_with(fallback=fallback) as shop:
        shop.handler = fault
        begun = asyncio.get_running_loop().time()
        assert await shop.ask("hello") == fallback
        # A fifth of a second, and what a busy machine needs to notice.
        assert asyncio.get_running_loop().time() - begun < 2
        assert shop.count("failed") == 1
        # Nothing that a list denies needs it.
        assert shop.hook._ports.texts.check("kill yourself").verdict == "deny"


async def test_it_rests_while_nobody_answers_and_then_tries_again(shop: Shop) -> None:
    shop.handler = fail
    for n in range(FAILURES_MAX + 3):
        await shop.ask(f"hello {n}")
    assert len(shop.asked) == FAILURES_MAX
    assert (shop.circuit(), shop.count("open")) == ("open", 3)
    shop.now_ms += REST_MS
    await shop.ask("still there?")
    assert (len(shop.asked), shop.circuit()) == (FAILURES_MAX + 1, "open")
    shop.now_ms += REST_MS
    shop.handler = shop.says("hold")
    assert await shop.ask("and now?") == "hold"
    assert shop.circuit() == "closed"


async def test_no_more_are_under_way_than_may_be() -> None:
    """Whoever comes while as many are goes by the fallback, at once."""
    async with shop_with(concurrent=2, fallback="deny") as shop:
        both, go = asyncio.Semaphore(0), asyncio.Event()

        async def wait(request: web.Request) -> web.Response:
            both.release()
            await go.wait()
            return web.json_response({"verdict": "mask"})

        shop.handler = wait
        waiting = [asyncio.create_task(shop.ask(f"hello {n}")) for n in range(2)]
        for _ in waiting:
            await both.acquire()
        assert await shop.ask("one too many") == "deny"
        assert shop.count("full") == 1
        go.set()
        assert await asyncio.gather(*waiting) == ["mask", "mask"]


async def test_who_is_cancelled_leaves_no_place_taken(shop: Shop) -> None:
    arrived = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        arrived.set()
        return await hang(request)

    shop.handler = wait
    asking = asyncio.create_task(shop.ask("hello"))
    await arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert shop.hook._under_way == 0
    assert shop.count("failed") == 0
