"""Players of Debian take what is served: FFmpeg without a warning, GStreamer with both of its demuxers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.media.hls import rules
from tests.media.hls.programs import decode, needs_ffmpeg, needs_gstreamer, probe, show
from tests.media.hls.test_http import Site, running_site

pytestmark = pytest.mark.may_block
PICTURES = 125


@pytest.fixture
async def ended() -> AsyncIterator[Site]:
    """Five seconds of a stream, which is over: a player can read all of it."""
    async with running_site(5) as site:
        await site.studio.sink.close()
        yield site


@needs_ffmpeg
async def test_ffmpeg_decodes_all_of_it_without_a_word(ended: Site) -> None:
    for name in ("index.m3u8", "media.m3u8"):
        address = f"{ended.base}/hls/demo/{name}"
        found = await probe(address)
        assert (found["video"]["codec_name"], found["video"]["width"]) == ("h264", "320")
        assert (found["audio"]["codec_name"], found["audio"]["profile"]) == ("aac", "LC")
        assert await decode(address, start=0) == PICTURES


@needs_ffmpeg
async def test_ffprobe_takes_each_segment_and_each_part_that_begins_with_a_keyframe(ended: Site) -> None:
    files: dict[str, bytes] = {}

    async def file(name: str) -> bytes:
        if name not in files:
            files[name] = (await ended.get(name))[1]
        return files[name]

    read = rules.check(await ended.text("media.m3u8"))
    units: list[Any] = [*read.segments]
    units += [part for segment in read.segments for part in segment.parts if part.independent]
    assert len(units) > len(read.segments)
    for unit in units:
        found = await probe("pipe:0", await file(read.segments[0].init) + await file(unit.uri))
        assert {kind: entry["codec_name"] for kind, entry in found.items()} == {
            "video": "h264",
            "audio": "aac",
        }


@needs_gstreamer
@pytest.mark.parametrize("legacy", [False, True], ids=["hlsdemux2", "hlsdemux"])
async def test_gstreamer_decodes_it(ended: Site, legacy: bool) -> None:
    seen = await show(f"{ended.base}/hls/demo/index.m3u8", PICTURES, legacy=legacy)
    assert len(seen) == PICTURES
    assert len(set(seen)) > PICTURES * 0.9  # a bar moves through each
