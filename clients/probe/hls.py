"""An LL-HLS player that decodes: blocking reloads, delta updates, parts as they appear, preload hints."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import aiohttp

from clients.probe.beep import Beeps
from clients.probe.decoder import PartReader, Picture, Sound
from clients.probe.figures import Playout, Watch
from clients.probe.playlist import MediaPlaylist, Part, first_variant, holds_back, parse_media, starting_part

_TIMEOUT = aiohttp.ClientTimeout(total=20)
_NO_LIVE_YET_S = 0.25


def wall_ms() -> float:
    """Unix time in milliseconds."""
    return time.time() * 1000


class HlsReader:
    """Watches one playlist until cancelled. Use once.

    It begins PART-HOLD-BACK before the end and plays in step from there (see ``Playout``); what an address is
    asked for is what a player asks for, the part that comes next included.
    """

    def __init__(self, url: str, bearer: str | None, watch: Watch) -> None:
        self._url, self._watch = url, watch
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._playout: Playout | None = None
        self._reader: PartReader | None = None
        self._init = ""
        self._after = (-1, -1)
        self._hint: tuple[str, asyncio.Task[bytes]] | None = None
        self._beeps = Beeps()
        self._behind_s = 0.0

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Returns at the end of the stream; otherwise until cancelled.

        Raises ``aiohttp.ClientError``, ``TimeoutError`` and ``ValueError`` (no playlist, no fMP4).
        """
        pool = ThreadPoolExecutor(1, "probe-hls")
        try:
            media_url = await self._media_url(http)
            playlist = parse_media(await self._text(http, media_url))
            await self._begin(http, media_url, playlist, pool)
            while not playlist.ended:
                playlist = await self._reload(http, media_url, playlist)
                for part in playlist.parts:
                    if (part.number, part.index) > self._after:
                        await self._take(http, media_url, part, pool)
                self._ask_for_hint(http, media_url, playlist)
        finally:
            if self._hint is not None:
                self._hint[1].cancel()
                await asyncio.gather(self._hint[1], return_exceptions=True)
            pool.shutdown(wait=False)

    async def _media_url(self, http: aiohttp.ClientSession) -> str:
        variant = first_variant(await self._text(http, self._url))
        return self._url if variant is None else urljoin(self._url, variant)

    async def _begin(
        self, http: aiohttp.ClientSession, base: str, playlist: MediaPlaylist, pool: ThreadPoolExecutor
    ) -> None:
        start = starting_part(playlist)
        while (start is None or not holds_back(playlist, start)) and not playlist.ended:
            playlist = await self._reload(http, base, playlist)
            start = starting_part(playlist)
        if start is None:
            raise ValueError("the stream has ended")
        parts = playlist.parts[start:]
        self._behind_s = max(0.0, sum(part.duration_s for part in parts) - playlist.hold_back_s)
        self._ask_for_hint(http, base, playlist)
        # A player fetches what it needs to begin with at once, and not one after the other.
        bodies = await asyncio.gather(*(self._bytes(http, urljoin(base, part.uri)) for part in parts))
        for part, body in zip(parts, bodies, strict=True):
            await self._play(http, base, part, body, pool)

    async def _reload(self, http: aiohttp.ClientSession, url: str, playlist: MediaPlaylist) -> MediaPlaylist:
        query = ""
        if playlist.can_block:
            query = f"?_HLS_msn={playlist.next_number}&_HLS_part={playlist.next_index}"
            query += "&_HLS_skip=YES" if playlist.can_skip else ""
        else:
            await asyncio.sleep(max(playlist.part_target_s, _NO_LIVE_YET_S))
        try:
            return parse_media(await self._text(http, url + query))
        except aiohttp.ClientResponseError as error:
            if not query or error.status != 503:
                raise
        # The publisher is away for longer than a request is kept waiting (RFC 8216bis, 6.2.5.2).
        return parse_media(await self._text(http, url))

    def _ask_for_hint(self, http: aiohttp.ClientSession, base: str, playlist: MediaPlaylist) -> None:
        if playlist.hint is None or (self._hint is not None and self._hint[0] == playlist.hint):
            return
        if self._hint is not None:
            self._hint[1].cancel()
        url = urljoin(base, playlist.hint)
        self._hint = (playlist.hint, asyncio.create_task(self._bytes(http, url)))

    async def _take(
        self, http: aiohttp.ClientSession, base: str, part: Part, pool: ThreadPoolExecutor
    ) -> None:
        if self._hint is not None and self._hint[0] == part.uri:
            (_, task), self._hint = self._hint, None
            try:
                body = await task
            except aiohttp.ClientResponseError:
                body = await self._bytes(http, urljoin(base, part.uri))
        else:
            body = await self._bytes(http, urljoin(base, part.uri))
        await self._play(http, base, part, body, pool)

    async def _play(
        self, http: aiohttp.ClientSession, base: str, part: Part, body: bytes, pool: ThreadPoolExecutor
    ) -> None:
        if part.init != self._init or self._reader is None:
            self._init = part.init
            self._reader = PartReader(await self._bytes(http, urljoin(base, part.init)))
        self._after = (part.number, part.index)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(pool, self._reader.read, body)
        self._show(found, part, wall_ms())

    def _show(self, found: list[Picture | Sound], part: Part, now_ms: float) -> None:
        pictures = [one for one in found if isinstance(one, Picture)]
        first_ms = pictures[0].media_ms if pictures else 0.0
        for one in found:
            if isinstance(one, Sound):
                for began in self._beeps.add(one.samples, one.media_ms):
                    self._watch.beep_at(began)
                continue
            if self._playout is None:
                self._playout = Playout(one.media_ms + self._behind_s * 1000)
            if one.made_ms is not None:
                self._watch.picture_at(one.media_ms, one.made_ms)
            shown = self._playout.show(one.media_ms, now_ms)
            if shown is None:
                continue
            told = None if part.started_ms is None else part.started_ms + one.media_ms - first_ms
            size = (one.width, one.height)
            if one.made_ms is not None:
                self._watch.frame(shown, size, one.made_ms, "pattern")
            else:
                self._watch.frame(shown, size, told, "program_date_time")

    async def _text(self, http: aiohttp.ClientSession, url: str) -> str:
        return (await self._bytes(http, url)).decode()

    async def _bytes(self, http: aiohttp.ClientSession, url: str) -> bytes:
        async with http.get(url, headers=self._headers, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            return await response.read()
