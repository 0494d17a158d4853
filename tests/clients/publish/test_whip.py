"""The publisher against a real WebRTC peer: it gets through, steps aside, comes back and says goodbye."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from clients.publish import barcode
from clients.publish.drawn import DrawnSource
from clients.publish.publisher import Publisher, retry_delay
from clients.publish.whip import WhipRefused, WhipSession, WhipTarget, parse_retry_after
from tests.clients.publish.whip_server import WhipServer, running_whip_server


@pytest.fixture(scope="module")
def source() -> DrawnSource:
    return DrawnSource(320, 180, 25, 400_000)


@pytest.fixture
async def server() -> AsyncIterator[WhipServer]:
    async with running_whip_server() as running:
        yield running


@asynccontextmanager
async def running(publisher: Publisher) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(publisher.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_picture_and_sound_arrive(server: WhipServer, source: DrawnSource) -> None:
    states: list[str] = []
    target = WhipTarget(server.url, "key")
    async with running(Publisher(target, source, states.append)):
        await server.until(lambda: len(server.frames) >= 10 and server.samples >= 10_000)
        latency_ms = time.time() * 1000 - (barcode.read_barcode(server.frames[-1]) or 0)
        assert 0 <= latency_ms < 1000
        assert states == ["live"]
        assert server.bearers == ["Bearer key"]
        assert "a=sendonly" in server.offers[0]
        assert "profile-level-id=42e01f" in server.offers[0]
        assert "VP8" not in server.offers[0]
    assert server.deleted == ["0 Bearer key"]  # said goodbye


async def test_a_keyframe_comes_when_the_server_asks(server: WhipServer, source: DrawnSource) -> None:
    async with aiohttp.ClientSession() as http:
        session = WhipSession(http, WhipTarget(server.url), source.feeds())
        async with session:
            await server.until(lambda: len(server.frames) >= 3)
            receiver = next(r for r in server.peers[0].getReceivers() if r.track.kind == "video")
            ssrc = next(iter(receiver._RTCRtpReceiver__remote_streams))  # type: ignore[attr-defined]
            await receiver._send_rtcp_pli(ssrc)
            seen = len(server.frames)
            async with asyncio.timeout(5):  # unasked, the next one comes after ten seconds
                await server.until(lambda: any(frame.key_frame for frame in server.frames[seen:]))


async def test_it_steps_aside_and_comes_back(server: WhipServer, source: DrawnSource) -> None:
    server.refusals = [
        web.json_response({"detail": "somebody is live"}, status=409, headers={"Retry-After": "0"}),
        web.Response(status=503, headers={"Retry-After": "0"}),
        web.Response(status=500),
    ]
    states: list[str] = []
    async with running(Publisher(WhipTarget(server.url), source, states.append, rng=lambda: 0.0)):
        await server.until(lambda: bool(server.frames))
    assert states == ["waiting", "waiting", "waiting", "live"]
    assert len(server.bearers) == 4


async def test_it_publishes_again_when_dropped(server: WhipServer, source: DrawnSource) -> None:
    async with running(Publisher(WhipTarget(server.url), source, rng=lambda: 0.0)):
        await server.until(lambda: bool(server.frames))
        await server.peers[0].close()
        await server.until(lambda: len(server.peers) == 2)
        seen = len(server.frames)
        await server.until(lambda: len(server.frames) > seen + 3)


async def test_an_answer_that_cannot_be_used_is_tried_again(server: WhipServer, source: DrawnSource) -> None:
    server.spoil_answer = True
    async with running(Publisher(WhipTarget(server.url), source, rng=lambda: 0.0)):
        await server.until(lambda: bool(server.frames))
    assert server.deleted[0].startswith("x ")  # the session that came to nothing is given back


async def test_a_wrong_key_is_final(server: WhipServer, source: DrawnSource) -> None:
    server.refusals = [
        web.json_response(
            {"detail": "The token is not valid"}, status=401, content_type="application/problem+json"
        )
    ]
    with pytest.raises(WhipRefused, match="401 The token is not valid"):
        async with asyncio.timeout(10):
            await Publisher(WhipTarget(server.url, "wrong"), source).run()
    assert server.deleted == []


async def test_a_server_that_is_not_there_is_waited_for(source: DrawnSource) -> None:
    waiting = asyncio.Event()
    target = WhipTarget("http://127.0.0.1:9/whip/demo")
    async with running(Publisher(target, source, lambda _: waiting.set())) as task:
        async with asyncio.timeout(10):
            await waiting.wait()
        assert not task.done()


@given(st.integers(0, 100), st.one_of(st.none(), st.floats(0, 1000)), st.floats(0, 1))
def test_the_delay_is_capped_and_grows(failures: int, asked: float | None, chance: float) -> None:
    delay = retry_delay(failures, asked, chance)
    assert 0 <= delay <= 61
    if asked is None:
        assert 0.25 <= delay <= 15
        assert retry_delay(failures + 1, None, chance) >= delay
    else:
        assert delay >= min(asked, 60)


def test_retry_after() -> None:
    assert parse_retry_after("3") == 3
    assert parse_retry_after(None) is None
    assert parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT") is None


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8080/whip/demo", True),
        ("http://localhost/whip/demo", True),
        ("http://[::1]:8080/whip/demo", True),
        ("https://live.example/whip/demo", False),
        ("http://192.168.1.5/whip/demo", False),
    ],
)
def test_loopback_targets(url: str, loopback: bool) -> None:
    assert WhipTarget(url).is_loopback is loopback
