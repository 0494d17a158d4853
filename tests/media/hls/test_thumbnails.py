"""Pictures of keyframes, and posters that come and go with their streams."""

from __future__ import annotations

import asyncio
import io

import av
import pytest
from PIL import Image

from media.hls import thumbnails
from media.hls.posters import Posters
from media.hls.thumbnails import NoPicture, keyframe_picture
from tests.media.hls import rules
from tests.media.hls.source import broadcast
from tests.media.hls.studio import ROOM, Studio

pytestmark = pytest.mark.may_block


async def first_part(studio: Studio) -> tuple[bytes, bytes]:
    studio.begin()
    await studio.feed(broadcast(3))
    segment = rules.check(studio.text()).segments[0]
    return studio.file(segment.init), studio.file(segment.parts[0].uri)


async def test_a_keyframe_becomes_a_picture_of_the_size_that_is_asked_for() -> None:
    studio = Studio()
    init, part = await first_part(studio)
    with Image.open(io.BytesIO(await keyframe_picture(init, part, 160))) as image:
        assert image.format == "JPEG"
        assert image.size == (160, 90)
        shown = image.convert("L").resize((320, 180))
    with av.open(io.BytesIO(init + part), "r") as container:
        frame: Image.Image = next(container.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
        frame = frame.convert("L")
    near = [abs(one - other) for one, other in zip(frame.tobytes(), shown.tobytes(), strict=True)]
    assert sum(near) / len(near) < 16  # it is this stream's picture
    await studio.hub.close()


async def test_what_is_no_picture_is_said_so() -> None:
    studio = Studio()
    init, part = await first_part(studio)
    for bad in ((b"", part), (init, b""), (b"x" * 500, b"y" * 500), (part, init)):
        with pytest.raises(NoPicture):
            await keyframe_picture(*bad, 160)
    await studio.hub.close()


async def test_no_more_wait_than_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "_MOST_WAITING", 2)
    studio = Studio()
    init, part = await first_part(studio)
    answers = await asyncio.gather(
        *(keyframe_picture(init, part, 64) for _ in range(5)), return_exceptions=True
    )
    assert sorted(isinstance(answer, NoPicture) for answer in answers) == [False, False, True, True, True]
    await studio.hub.close()


async def poster_of(posters: Posters) -> None:
    async with asyncio.timeout(30):
        while posters.find(ROOM) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_poster_is_there_from_the_first_keyframe_to_the_end() -> None:
    studio = Studio(poster_every_s=0)
    assert studio.hub.posters.find(ROOM) is None
    studio.begin()
    await studio.feed(broadcast(1))
    await poster_of(studio.hub.posters)
    studio.sink.interrupted()
    assert studio.hub.posters.find(ROOM) is not None
    await studio.sink.close()
    assert studio.hub.posters.find(ROOM) is None
    await studio.hub.close()


async def test_a_hidden_poster_stays_away_until_another_stream_begins() -> None:
    studio = Studio(poster_every_s=0)
    studio.begin()
    await studio.feed(broadcast(1))
    await poster_of(studio.hub.posters)
    assert studio.hub.posters.hide(ROOM)
    await studio.feed(packet for packet in broadcast(6) if packet.at_ms >= 1000)
    await asyncio.sleep(0.2)
    assert studio.hub.posters.find(ROOM) is None
    studio.sink = studio.hub.sink(ROOM)
    studio.begin()
    await studio.feed(broadcast(1))
    await poster_of(studio.hub.posters)
    await studio.hub.close()


async def test_posters_are_made_no_more_often_than_they_should() -> None:
    now = [100.0]
    studio = Studio()
    studio.hub.posters.clock = lambda: now[0]
    studio.begin()
    await studio.feed(broadcast(1))
    await poster_of(studio.hub.posters)
    first = studio.hub.posters.find(ROOM)
    await studio.feed(packet for packet in broadcast(5) if 1000 <= packet.at_ms < 5000)
    await asyncio.sleep(0.1)
    assert studio.hub.posters.find(ROOM) is first
    now[0] += 10
    await studio.feed(packet for packet in broadcast(8) if packet.at_ms >= 5000)
    async with asyncio.timeout(30):
        while studio.hub.posters.find(ROOM) is first:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await studio.hub.close()
