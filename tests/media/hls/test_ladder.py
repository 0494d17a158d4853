"""A stream in several sizes: the same parts at the same times, or players are told that there are none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from media.hls.boxes import Sample
from media.hls.rungs import Encoded, Rung, Transcoder
from media.hls.stream import Stream
from tests.media.hls import rules
from tests.media.hls.source import H264, broadcast, pictures, video_packets
from tests.media.hls.studio import ROOM, Studio, decode
from tests.media.hls.test_http import running_site

pytestmark = pytest.mark.may_block
SETTINGS: dict[str, Any] = {
    "ladder_rooms": frozenset({ROOM}),
    "ladder_heights": (360, 120, 90),
    "ladder_preset": "ultrafast",
}


async def settled(studio: Studio) -> None:
    assert studio.stream.ladder is not None
    await studio.stream.ladder.drain()


def text_of(stream: Stream) -> str:
    return stream.media(skip=False).body.decode()


async def test_parts_and_segments_line_up_in_all_sizes() -> None:
    studio = Studio(**SETTINGS)
    studio.begin()
    await studio.feed(broadcast(6))
    await settled(studio)
    siblings = dict(studio.stream.siblings())
    assert list(siblings) == ["media.m3u8", "media-120.m3u8", "media-90.m3u8"]  # no larger than the source
    source = rules.check(studio.text())
    for name, stream in siblings.items():
        read = rules.check(text_of(stream), even=True)
        assert read.segments_alike(source), name
        data = bytes(stream.window.find(read.segments[0].init) or b"")
        for segment in read.segments:
            for part in segment.parts:
                data += bytes(stream.window.find(part.uri) or b"")
        frames = decode(data)
        sizes = {(frame.width, frame.height) for _, frame in frames["video"]}
        height = int(name.removeprefix("media-").removesuffix(".m3u8")) if "-" in name else 180
        assert sizes == {(height * 16 // 9 // 2 * 2, height)}
        assert len(frames["video"]) >= 140
        keyframes = [time for time, frame in frames["video"] if frame.key_frame]
        assert [round(time, 2) for time in keyframes][:3] == [0, 2, 4]
        assert len(frames["audio"]) > 250
    assert studio.metric("danmart_hls_ladder_cpu_seconds_total") > 0
    await studio.hub.close()


async def test_each_playlist_reports_the_others() -> None:
    studio = Studio(**SETTINGS)
    studio.begin()
    await studio.feed(broadcast(3))
    await settled(studio)
    siblings = dict(studio.stream.siblings())
    for name, stream in siblings.items():
        read = rules.check(text_of(stream))
        assert {report["URI"] for report in read.reports} == set(siblings) - {name}
        for report in read.reports:
            newest = siblings[report["URI"]].window.newest
            assert (int(report["LAST-MSN"]), int(report["LAST-PART"])) == newest
    rendered = studio.stream.multivariant()
    assert rendered is not None
    variants = rules.variants(rendered.body.decode())
    assert [uri for _, uri in variants] == list(siblings)
    assert [found["RESOLUTION"] for found, _ in variants] == ["320x180", "212x120", "160x90"]
    await studio.hub.close()


async def test_another_size_in_mid_stream_goes_on_in_all_playlists() -> None:
    studio = Studio(**SETTINGS)
    studio.begin(H264)
    packets = video_packets(pictures(3.0), sequence=0, timestamp=0)
    wide = pictures(3.0, size=(480, 270))
    packets += video_packets(wide, sequence=len(packets), timestamp=3 * 90_000, at_ms=3000)
    await studio.feed(packets)
    await settled(studio)
    source = rules.check(studio.text())
    assert any(segment.discontinuity for segment in source.segments)
    for _, stream in studio.stream.siblings():
        assert rules.check(text_of(stream)).segments_alike(source)
    await studio.sink.close()
    assert all(rules.check(text_of(stream)).ended for _, stream in studio.stream.siblings())
    await studio.hub.close()


async def test_what_comes_too_late_is_a_gap_until_the_next_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    hold.set()
    original = Transcoder.part

    def slow(self: Transcoder, video: Sequence[Sample]) -> dict[Rung, Encoded]:
        hold.wait(30)
        return original(self, video)

    monkeypatch.setattr(Transcoder, "part", slow)
    studio = Studio(**SETTINGS)
    studio.begin()
    packets = broadcast(7)
    await studio.feed(packet for packet in packets if packet.at_ms < 2500)
    await settled(studio)
    hold.clear()
    studio.hurried = True
    await studio.feed(packet for packet in packets if 2500 <= packet.at_ms < 5000)
    hold.set()
    studio.hurried = False
    await settled(studio)
    await studio.feed(packet for packet in packets if packet.at_ms >= 5000)
    await settled(studio)
    source = rules.check(studio.text())
    rung = dict(studio.stream.siblings())["media-90.m3u8"]
    read = rules.check(text_of(rung))
    assert read.segments_alike(source, but_gaps=True)
    missing = [part for segment in read.segments for part in segment.parts if part.gap]
    assert missing
    assert all(rung.window.find(part.uri) is None for part in missing)
    after = [part for segment in read.segments for part in segment.parts]
    last_gap = max(i for i, part in enumerate(after) if part.gap)
    assert after[last_gap + 1].independent
    assert studio.metric("danmart_hls_dropped_total", what="rung") == 1
    await studio.hub.close()


async def test_a_ladder_that_never_keeps_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr(Transcoder, "part", lambda *_: hold.wait(30) and {})
    async with running_site(0, **SETTINGS) as site:
        studio = site.studio
        studio.hurried = True
        studio.begin()
        ladder = studio.sink.stream.ladder
        assert ladder is not None
        ladder._behind.extend([ladder._clock()] * 2)
        waiting = asyncio.create_task(site.get("index.m3u8"))
        await studio.feed(broadcast(3))
        assert ladder.gave_up
        async with asyncio.timeout(30):
            status, body, _ = await waiting
        assert status == 200
        assert [uri for _, uri in rules.variants(body.decode())] == ["media.m3u8"]
        assert rules.check(await site.text("media.m3u8")).reports == []
        assert (await site.get("media-90.m3u8"))[0] == 404
        assert studio.metric("danmart_hls_ladder_given_up_total") == 1
        hold.set()


async def test_renditions_over_http() -> None:
    async with running_site(4, **SETTINGS) as site:
        await settled(site.studio)
        variants = rules.variants(await site.text("index.m3u8"))
        assert len(variants) == 3
        read = rules.check(await site.text("media-90.m3u8"))
        part = read.segments[0].parts[0]
        status, body, headers = await site.get(part.uri)
        assert status == 200
        assert "immutable" in headers["Cache-Control"]
        assert body[4:8] == b"moof"
        number, index = site.studio.stream.siblings()[2][1].window.next_part
        waiting = site.ask(f"media-90.m3u8?_HLS_msn={number}&_HLS_part={index}")
        await site.until_waiting(1)
        await site.studio.feed(packet for packet in broadcast(5) if packet.at_ms >= 4000)
        async with asyncio.timeout(30):
            assert (await waiting)[0] == 200


async def test_rooms_without_a_ladder_have_one_variant_and_no_more_than_allowed_have_one() -> None:
    studio = Studio(**{**SETTINGS, "ladder_rooms": frozenset({"*"})})
    studio.begin()
    await studio.feed(broadcast(1))
    other = studio.hub.sink("other")
    assert other.stream.ladder is None
    await studio.sink.close()
    assert studio.hub.sink("third").stream.ladder is not None
    await studio.hub.close()
