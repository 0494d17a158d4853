"""A recording as players get it: playlists, ranges, caches, tokens; FFmpeg and hls.js play it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from aiohttp import web
from playwright.async_api import Browser

from media.recording.archive import ArchiveError
from media.recording.folder import FolderArchive
from media.recording.http import Served, routes
from media.recording.names import POSTER, init_name, segment_name
from media.recording.playlist import Played, PlayedPeriod, PlayedSegment
from rooms.errors import Refused
from tests.media.hls.source import broadcast
from tests.media.hls.test_http import refusals
from tests.media.recording.studio import REC, RecordedStudio

HLS_JS = Path(__file__).parents[3] / "clients" / "web" / "node_modules" / "hls.js" / "dist" / "hls.min.js"
ID = "01990000-0000-7000-8000-000000000001"


class Shelf:
    """Implements ``Library`` for one recording; with a ``secret``, only for who has it."""

    def __init__(self, archive: FolderArchive, played: Played) -> None:
        self.archive, self.now, self.secret = archive, played, ""

    def _allow(self, recording: str, bearer: str | None) -> None:
        if recording != ID:
            raise Refused("not_found")
        if self.secret and bearer != self.secret:
            raise Refused("forbidden" if bearer else "unauthenticated")

    async def played(self, recording: str, bearer: str | None) -> Played:
        self._allow(recording, bearer)
        return self.now

    async def file(self, recording: str, name: str, bearer: str | None) -> Served:
        self._allow(recording, bearer)
        size = await self.archive.size(REC, name)
        if size is None:
            raise Refused("not_found")
        return Served(size, name, REC)

    async def is_open(self, recording: str) -> bool:
        return not self.secret

    def stream(self, file: Served, start: int, length: int) -> AsyncIterator[bytes]:
        return self.archive.stream(file.recording, file.name, start, length)


class Site:
    def __init__(self, shelf: Shelf, http: aiohttp.ClientSession, base: str) -> None:
        self.shelf, self.http, self.base = shelf, http, base

    async def get(self, name: str, method: str = "GET", **headers: str) -> tuple[int, bytes, Any]:
        async with self.http.request(method, f"/recordings/{ID}/{name}", headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers


def played(studio: RecordedStudio, *, running: bool = False) -> Played:
    segments = []
    for s in studio.book.segments:
        length_ms = (s.ticks + s.duration) // 90 - s.ticks // 90
        segments.append(PlayedSegment(s.number, s.period, length_ms, s.started_ms, s.bytes, s.discontinuity))
    periods = {
        number: PlayedPeriod(p.codecs, p.width, p.height, p.has_audio)
        for number, p in studio.book.periods.items()
    }
    return Played(running, segments, periods)


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[Site]:
    """A recording of four seconds, an interruption, and two more."""
    archive = FolderArchive(folder)
    studio = RecordedStudio(archive)
    studio.begin()
    await studio.feed(broadcast(4))
    studio.sink.interrupted()
    studio.begin()
    await studio.feed(broadcast(2))
    await studio.close()
    await archive.write(REC, POSTER, b"\xff\xd8\xff poster")
    shelf = Shelf(archive, played(studio))
    app = web.Application(middlewares=[refusals])
    app.add_routes(routes(shelf))

    async def page(_: web.Request) -> web.Response:
        return web.Response(
            text="<video muted></video><script src=/hls.js></script>", content_type="text/html"
        )

    async def script(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HLS_JS)

    app.add_routes([web.get("/", page), web.get("/hls.js", script)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(base) as http:
            yield Site(shelf, http, base)
    finally:
        await runner.cleanup()
        await archive.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as running:
        yield running


async def test_the_playlist_of_a_whole_recording(site: Site) -> None:
    status, body, headers = await site.get("media.m3u8")
    lines = body.decode().splitlines()
    assert (status, headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    assert lines[0] == "#EXTM3U"
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in lines
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert [line for line in lines if line.startswith("#EXT-X-MAP")] == [
        f'#EXT-X-MAP:URI="{init_name(1)}"',
        f'#EXT-X-MAP:URI="{init_name(2)}"',
    ]
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert lines.index("#EXT-X-DISCONTINUITY") < lines.index(f'#EXT-X-MAP:URI="{init_name(2)}"')
    assert sum(line.startswith("#EXT-X-PROGRAM-DATE-TIME:20") for line in lines) == 3
    lengths = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
    target = int(next(line for line in lines if "TARGETDURATION" in line).partition(":")[2])
    assert sum(lengths) == pytest.approx(6, abs=0.01)
    assert round(max(lengths)) <= target
    for name in (line for line in lines if line.endswith(".m4s")):
        assert (await site.get(name))[0] == 200


async def test_a_playlist_that_grows(site: Site) -> None:
    site.shelf.now = Played(True, site.shelf.now.segments[:1], site.shelf.now.periods)
    _, first, headers = await site.get("media.m3u8")
    assert b"#EXT-X-PLAYLIST-TYPE:EVENT" in first
    assert b"ENDLIST" not in first
    assert headers["Cache-Control"] == "public, max-age=1"
    index = (await site.get("index.m3u8"))[1].decode()
    assert 'CODECS="avc1.' in index
    assert "RESOLUTION=320x180" in index


async def test_ranges(site: Site) -> None:
    name = segment_name(1, 1)
    _, whole, headers = await site.get(name)
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    size = len(whole)
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=10-{size * 2}", 10, size),
        (f"bytes=-{size * 2}", 0, size),
    ):
        status, body, headers = await site.get(name, Range=asked)
        assert (status, body) == (206, whole[start:end]), asked
        assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert headers["Content-Length"] == str(end - start)
    for asked in (f"bytes={size}-", "bytes=-0"):
        status, _, headers = await site.get(name, Range=asked)
        assert (status, headers["Content-Range"]) == (416, f"bytes */{size}")
    for asked in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=-"):
        assert (await site.get(name, Range=asked))[:2] == (200, whole)
    assert (await site.get(name, **{"Range": "bytes=0-0", "If-Range": '"other"'}))[0] == 200
    status, body, headers = await site.get(name, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(size))


async def test_what_a_player_has_already_isnt_sent_again(site: Site) -> None:
    for name in ("index.m3u8", "media.m3u8", segment_name(1, 1), POSTER):
        _, _, headers = await site.get(name)
        status, body, _ = await site.get(name, **{"If-None-Match": headers["ETag"]})
        assert (status, body) == (304, b"")


async def test_a_token_goes_with_all_addresses(site: Site) -> None:
    site.shelf.secret = "s3cret"
    assert (await site.get("index.m3u8"))[0] == 401
    assert (await site.get("index.m3u8", Authorization="Bearer wrong"))[0] == 403
    for name in ("index.m3u8", "media.m3u8"):
        status, body, headers = await site.get(f"{name}?token=s3cret")
        assert status == 200
        assert headers["Cache-Control"].startswith("private")
        names = [line for line in body.decode().splitlines() if not line.startswith("#")]
        assert names
        assert all(line.endswith("?token=s3cret") for line in names)
        assert b'-init.mp4?token=s3cret"' in body or name == "index.m3u8"
        assert all([(await site.get(line))[0] == 200 for line in names])


@pytest.mark.parametrize(
    "name", ["p1-99.m4s", "p9-init.mp4", "..%2f..%2fdanmart.db", "%2e%2e/x", "p1-1.m4s.part", "nothing"]
)
async def test_what_is_not_there(site: Site, name: str) -> None:
    assert (await site.get(name))[0] == 404


async def test_ffmpeg_plays_it_over_the_interruption(site: Site) -> None:
    def play() -> tuple[int, int]:
        count = {"video": 0, "audio": 0}
        with av.open(f"{site.base}/recordings/{ID}/index.m3u8") as container:
            for packet in container.demux():
                count[packet.stream.type] += len(packet.decode())
        return count["video"], count["audio"]

    video, audio = await asyncio.to_thread(play)
    assert video == 150
    assert audio >= 5.5 * 48_000 / 1024


PLAY = """async (address) => {
    const video = document.querySelector('video'), problems = [];
    const hls = new Hls({enableWorker: false});
    hls.on(Hls.Events.ERROR, (_, data) => data.fatal && problems.push(data.details));
    hls.loadSource(address);
    hls.attachMedia(video);
    video.playbackRate = 4;
    await video.play();
    await new Promise(ended => video.addEventListener('ended', ended));
    return {at: video.currentTime, length: video.duration, size: video.videoWidth, problems};
}"""


@pytest.mark.browser
async def test_hls_js_plays_it_to_its_end(site: Site, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(site.base)
    seen = await page.evaluate(PLAY, f"/recordings/{ID}/index.m3u8")
    assert seen["problems"] == []
    assert seen["length"] == pytest.approx(6, abs=0.15)
    assert seen["at"] == pytest.approx(6, abs=0.2)
    assert seen["size"] == 320


class Breaking:
    """Reads a file's first half well."""

    def __init__(self, shelf: Shelf, error: Exception | None) -> None:
        self._read, self._error = shelf.archive.stream, error

    async def stream(self, file: Served, start: int, length: int) -> AsyncIterator[bytes]:
        async for piece in self._read(file.recording, file.name, start, length // 2):
            yield piece
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [None, FileNotFoundError("deleted"), ArchiveError("the disk is broken")])
async def test_a_file_that_breaks_off_is_never_taken_for_whole(
    tmp_path: Path, error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_site(tmp_path) as site:
        monkeypatch.setattr(site.shelf, "stream", Breaking(site.shelf, error).stream)
        with pytest.raises(aiohttp.ClientError):
            await site.get(segment_name(1, 1))


async def test_an_archive_that_is_away_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(file: Served, start: int, length: int) -> AsyncIterator[bytes]:
        raise ArchiveError("no answer")
        yield b""

    async with running_site(tmp_path) as site:
        monkeypatch.setattr(site.shelf, "stream", away)
        status, _, headers = await site.get(segment_name(1, 1))
        assert (status, headers.get("Content-Range")) == (503, None)
