"""A file goes on the air as it is where that can be, and ends when it ends."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import aiohttp
import av
import pytest
from aiohttp import web

from clients.publish import command
from clients.publish.demux import Unusable
from clients.publish.feed import Feed
from clients.publish.show import Show
from tests.clients.publish.test_media_file import write
from tests.clients.publish.whip_server import running_whip_server

FPS = 20


def film(path: Path, *, seconds: int = 2, bframes: int = 0, gop: int = FPS, codec: str = "libx264") -> Path:
    """Each picture is brighter than the one before; with sound."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, FPS, width=160, height=120, pix_fmt="yuv420p")
        assert isinstance(video, av.VideoStream)
        if codec == "libx264":
            video.options = {"preset": "ultrafast", "bf": str(bframes), "g": str(gop), "sc_threshold": "0"}
        audio = out.add_stream("aac", 48_000, layout="stereo")
        for number in range(seconds * FPS):
            frame = av.VideoFrame(160, 120, "yuv420p")
            for plane, value in zip(frame.planes, (16 + number % 220, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
            sound = av.AudioFrame("fltp", "stereo", 48_000 // FPS)
            for channel in sound.planes:
                channel.update(bytes(channel.buffer_size))
            sound.sample_rate, sound.pts, sound.time_base = (
                48_000,
                number * 48_000 // FPS,
                Fraction(1, 48_000),
            )
            out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return path


def times(feed: Feed, most: int = 10_000) -> list[float]:
    found = []
    for _ in range(most):
        try:
            found.append(feed.advance(0.0))
        except StopIteration:
            break
        assert feed.packet(keyframe=False)
    return found


def test_h264_without_b_frames_is_sent_as_it_is(tmp_path: Path) -> None:
    show = Show(str(film(tmp_path / "a.mp4")))
    assert show.passes
    video, audio = show.feeds()
    assert video.advance(0.0) == 0.0
    first = video.packet(keyframe=False)
    assert first.startswith(b"\0\0\0\1")
    assert {unit[0] & 0x1F for unit in first.split(b"\0\0\0\1")[1:] if unit} >= {7, 8}
    assert len(times(video)) == 2 * FPS - 1
    heard = times(audio)
    assert heard[-1] == pytest.approx(2.0, abs=0.1)
    assert all(b - a == pytest.approx(0.02, abs=0.001) for a, b in pairwise(heard))


@pytest.mark.parametrize("how", [{"bframes": 2}, {"gop": 200, "seconds": 5}, {"codec": "mpeg4"}])
def test_everything_else_is_encoded_anew(tmp_path: Path, how: dict[str, int]) -> None:
    show = Show(str(film(tmp_path / "a.mp4", **how)))  # type: ignore[arg-type]
    assert not show.passes
    seen = times(show.feeds()[0], 30)
    assert len(seen) == 30
    assert seen == sorted(seen)


def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    for transcode in (False, True):
        video, audio = Show(str(film(tmp_path / "a.mp4", seconds=1)), loop=True, transcode=transcode).feeds()
        seen = times(video, 3 * FPS)
        assert len(seen) == 3 * FPS
        assert all(0.02 < b - a < 0.15 for a, b in pairwise(seen))
        assert all(0.01 < b - a < 0.15 for a, b in pairwise(times(audio, 120)))


def test_it_begins_where_it_is_told_and_goes_on_where_it_was(tmp_path: Path) -> None:
    show = Show(str(film(tmp_path / "a.mp4", seconds=4)), start_s=2.0)
    assert len(times(show.feeds()[0])) == 2 * FPS
    again = Show(str(tmp_path / "a.mp4"))
    times(again.feeds()[0], FPS + 5)
    assert len(times(again.feeds()[0])) == 3 * FPS  # from the keyframe before
    with pytest.raises(Unusable, match="only 4 s"):
        Show(str(tmp_path / "a.mp4"), start_s=10.0).feeds()


def test_what_is_larger_is_made_to_fit(tmp_path: Path) -> None:
    path = str(film(tmp_path / "a.mp4", seconds=1, bframes=2))
    assert Show(path).fitted == (160, 120)
    assert Show(path, size=(80, 80)).fitted == (80, 60)


@pytest.mark.parametrize("name", ["none.mp4", "text.mp4", "sound.mp4", "list.m3u8"])
def test_what_cannot_be_published_says_why(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.mp4").write_text("this is no film")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    write(tmp_path / "sound.mp4", video=False)
    with pytest.raises(Unusable, match=r"no such file|can't be opened|no picture"):
        Show(str(tmp_path / name))


def test_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (command.KEY_VARIABLE, command.TOKEN_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    assert command.main(["tea", "none.mp4"]) == 2
    assert command.KEY_VARIABLE in capsys.readouterr().err
    monkeypatch.setenv(command.KEY_VARIABLE, "dm_live_x")
    assert command.main(["tea", str(tmp_path / "none.mp4")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert command._seconds("1:02:03") == 3723.0
    assert command._seconds("90.5") == 90.5


@pytest.mark.parametrize("transcode", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_a_film_is_seen_and_its_end_is_a_goodbye(tmp_path: Path, *, transcode: bool) -> None:
    show = await asyncio.to_thread(Show, str(film(tmp_path / "a.mp4")), transcode=transcode)
    async with running_whip_server() as server, aiohttp.ClientSession() as http:
        credential = command._Credential(http, "", "tea", "key", "")
        async with asyncio.timeout(30):
            await command._publish(http, server.url, credential, show, takeover=True)
        assert len(server.frames) > FPS
        assert server.samples > 48_000
        assert server.deleted == ["0 Bearer key"]


@pytest.mark.soak
async def test_a_film_goes_on_where_it_was_when_its_session_breaks(tmp_path: Path) -> None:
    show = await asyncio.to_thread(Show, str(film(tmp_path / "a.mp4", seconds=3)))
    async with running_whip_server() as server, aiohttp.ClientSession() as http:
        server.refusals = [web.Response(status=503, headers={"Retry-After": "0"})]
        credential = command._Credential(http, "", "tea", "key", "")
        task = asyncio.create_task(command._publish(http, server.url, credential, show, takeover=False))
        await server.until(lambda: len(server.frames) > FPS)
        await server.peers[0].close()
        async with asyncio.timeout(30):
            await task
        assert len(server.offers) == 2
        assert len(server.frames) < 5 * FPS
