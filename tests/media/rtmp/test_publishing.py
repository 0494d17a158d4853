"""FFmpeg publishes by RTMP; aiortc watches by WHEP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from media.hls import HlsConfig, HlsHub
from tests.media.hls.studio import decode
from tests.media.rtmp.encoder import FPS, encoding
from tests.media.world import World, running_world, until


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(
        grace_s=3.0, takeover_silence_s=1.0, rtmp_port=0, rtmp_host="127.0.0.1"
    ) as running:
        yield running


def url(world: World, name: str) -> str:
    return f"rtmp://127.0.0.1:{world.service.rtmp_port}/live/{name}"


async def test_two_rooms_at_once_are_seen_and_heard(world: World) -> None:
    async with encoding(url(world, "demo?key=alice")) as first, encoding(url(world, "other?key=bob")):
        await until(lambda: sorted(world.stage.said) == ["live:alice", "live:bob"], "both are live")
        for room in ("demo", "other"):
            viewer = await world.watch(room)
            await viewer.see(10)
            await until(lambda v=viewer: v.samples > 9600, "sound is heard")  # type: ignore[misc]
            assert (viewer.frames[-1].width, viewer.frames[-1].height) == (160, 120)
        stats = world.service.publisher_stats("demo")
        assert stats is not None
        assert (stats.protocol, stats.label, stats.loss) == ("rtmp", "alice", 0.0)
        assert stats.rtt_ms is not None
        assert stats.audio is not None
        first.stop()
        await until(lambda: "ended:stopped" in world.stage.said, "a goodbye ends the stream")
        assert await first.failed() == ""


async def test_enhanced_rtmp_brings_opus_as_it_is(world: World) -> None:
    async with encoding(url(world, "demo?key=alice"), audio="libopus"):
        await world.until_said("live:alice")
        viewer = await world.watch()
        await until(lambda: viewer.samples > 9600, "sound is heard")


@pytest.mark.soak
async def test_only_a_picture_is_a_stream_too(world: World) -> None:
    async with encoding(url(world, "demo?key=alice"), sound=0):
        await world.until_said("live:alice")
        await (await world.watch()).see(3)
        stats = world.service.publisher_stats("demo")
        assert stats is not None
        assert stats.audio is None


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("demo?key=bad", {}, "token is not valid"),
        ("demo", {}, "sign in"),
        ("demo?key=alice", {"video": "flv"}, "Send H.264"),
        ("demo?key=alice", {"audio": "libmp3lame"}, "Send AAC"),
    ],
)
async def test_refusals_are_said_to_the_encoder(
    world: World, name: str, options: dict[str, object], said: str
) -> None:
    async with encoding(url(world, name), **options) as encoder:
        assert said in await encoder.failed()
    assert world.stage.said == []


async def test_who_publishes_is_settled_as_with_whip(world: World) -> None:
    async with encoding(url(world, "demo?key=alice")) as first:
        await world.until_said("live:alice")
        async with encoding(url(world, "demo?key=bob")) as second:
            assert "Somebody is publishing" in await second.failed()
        async with encoding(url(world, "demo?key=host&takeover=1")):
            await world.until_said("live:alice", "live:host")
            assert await first.failed() != ""


async def test_silence_interrupts_and_the_next_one_goes_on_for_the_same_viewers(world: World) -> None:
    async with encoding(url(world, "demo?key=alice")) as first:
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(3)
        first.hold()
        await world.until_said("live:alice", "interrupted:alice")
        async with encoding(url(world, "demo?key=alice")):
            await world.until_said("live:alice", "interrupted:alice", "live:alice")
            await viewer.see(5)
            before, after = viewer.packets["video"][0], viewer.packets["video"][-1]
            assert before.ssrc == after.ssrc


@pytest.mark.soak
async def test_an_encoder_that_is_killed_is_awaited(world: World) -> None:
    async with encoding(url(world, "demo?key=alice")) as encoder:
        await world.until_said("live:alice")
        encoder.kill()
        await world.until_said("live:alice", "interrupted:alice")


async def test_b_frames_are_told_of_and_hls_plays_them() -> None:
    hub = HlsHub(HlsConfig(), CollectorRegistry())
    async with (
        running_world(sinks=lambda room: [hub.sink(room)], rtmp_port=0, rtmp_host="127.0.0.1") as world,
        encoding(url(world, "demo?key=alice"), bframes=2),
    ):
        await until(lambda: hub.find("demo") is not None, "a stream")
        stream = hub.find("demo")
        assert stream is not None
        window = stream.window
        assert await stream.wait(lambda: window.has(1, 2), 20)
        stats = world.service.publisher_stats("demo")
        assert stats is not None
        assert "b_frames" in stats.advice
        init = window.find(window.segments[-1].init)
        assert init is not None
        parts = b"".join(segment.data or b"" for segment in window.segments)
    await hub.close()
    frames = await asyncio.to_thread(decode, bytes(init) + parts)
    assert len(frames["video"]) >= FPS
    shown = [time_s for time_s, _ in frames["video"]]
    assert shown == sorted(shown)
    assert len(frames["audio"]) > len(frames["video"])
