"""HTTP for recordings: playlists, init sections and segments with Range, the poster."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from aiohttp import hdrs, web

from media.asking import Stretch, bearer_of, stretch_of, with_token
from media.hls.answers import MEDIA_TYPE, PLAYLIST_TYPE, matches
from media.recording import playlist
from media.recording.names import POSTER
from media.recording.playlist import Played
from media.recording.sending import pour

_FILE = rf"p\d+-(?:init\.mp4|\d+\.m4s)|{re.escape(POSTER)}"
_IMMUTABLE = "max-age=31536000, immutable"
_GROWING = "max-age=1"
_COMPLETE = "max-age=60"  # it may be deleted, or become private
_ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, Date, ETag",
    "Timing-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}
_PREFLIGHT = {
    **_ALLOWED,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Range, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A file: its length as it is served, and its bytes from ``start``, ``length`` of them."""

    bytes: int
    name: str
    recording: str


class Library(Protocol):
    """Who may see which recording, and what there is of it. All raise ``Refused``: ``not_found`` (also for
    what the caller may not know of), ``unauthenticated``, ``forbidden``, ``temporarily_unavailable``."""

    async def played(self, recording: str, bearer: str | None) -> Played: ...

    async def file(self, recording: str, name: str, bearer: str | None) -> Served: ...

    async def is_open(self, recording: str) -> bool:
        """Whether anybody may see it, so that caches may keep it for all."""
        ...

    def stream(self, file: Served, start: int, length: int) -> AsyncIterator[bytes]:
        """Raises ``FileNotFoundError``, ``ArchiveError``."""
        ...


def routes(library: Library) -> list[web.RouteDef]:
    """The routes under ``/recordings/{recording}``. Refusals are raised as ``Refused``."""
    views = Views(library)
    path = "/recordings/{recording:[0-9a-f-]{36}}"
    return [
        web.get(f"{path}/{playlist.INDEX_NAME}", views.index),
        web.get(f"{path}/{playlist.MEDIA_NAME}", views.media),
        web.get(rf"{path}/{{name:{_FILE}}}", views.file),
        web.options(rf"{path}/{{name:(?:index|media)\.m3u8|{_FILE}}}", views.preflight),
    ]


class Views:
    """One method a route."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def preflight(self, _: web.Request) -> web.Response:
        """Any origin may read; nothing is decided by cookies."""
        return web.Response(status=204, headers=_PREFLIGHT)

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The multivariant playlist."""
        played = await self._played(request)
        return await self._playlist(request, played, playlist.multivariant(played))

    async def media(self, request: web.Request) -> web.StreamResponse:
        """The media playlist."""
        played = await self._played(request)
        return await self._playlist(request, played, playlist.media(played))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """An init section, a segment or the poster. One range, or the whole."""
        recording, name = request.match_info["recording"], request.match_info["name"]
        file = await self._library.file(recording, name, bearer_of(request))
        etag = f'"{recording}-{name}-{file.bytes}"'
        cache = _COMPLETE if name == POSTER else _IMMUTABLE
        headers = await self._headers(request, cache) | {hdrs.ETAG: etag, hdrs.ACCEPT_RANGES: "bytes"}
        if _has(request, etag):
            return web.Response(status=304, headers=headers)
        wanted = stretch_of(request, file.bytes, etag)
        headers |= wanted.content_range(file.bytes)
        if wanted.status == 416:
            return web.Response(status=416, headers=headers)
        headers[hdrs.CONTENT_TYPE] = "image/jpeg" if name == POSTER else MEDIA_TYPE
        headers[hdrs.CONTENT_LENGTH] = str(wanted.stop - wanted.start)
        if request.method == "HEAD":
            return web.Response(status=wanted.status, headers=headers)
        return await self._send(
            request, file, wanted, web.StreamResponse(status=wanted.status, headers=headers)
        )

    async def _send(
        self, request: web.Request, file: Served, wanted: Stretch, response: web.StreamResponse
    ) -> web.StreamResponse:
        length = wanted.stop - wanted.start
        return await pour(request, response, aiter(self._library.stream(file, wanted.start, length)), length)

    async def _played(self, request: web.Request) -> Played:
        return await self._library.played(request.match_info["recording"], bearer_of(request))

    async def _playlist(self, request: web.Request, played: Played, text: str) -> web.Response:
        body = text.encode()
        etag = f'"{zlib.crc32(body):08x}-{len(body)}"'
        cache = _GROWING if played.running else _COMPLETE
        headers = await self._headers(request, cache) | {hdrs.ETAG: etag, hdrs.CONTENT_TYPE: PLAYLIST_TYPE}
        if _has(request, etag):
            return web.Response(status=304, headers=headers)
        if token := request.query.get("token"):
            return web.Response(body=with_token(body, token), headers=headers)
        response = web.Response(body=body, headers=headers)
        response.enable_compression()
        return response

    async def _headers(self, request: web.Request, cache: str) -> dict[str, str]:
        """What was given for a credential is not for others."""
        is_open = bearer_of(request) is None and await self._library.is_open(request.match_info["recording"])
        return {**_ALLOWED, hdrs.CACHE_CONTROL: f"{'public' if is_open else 'private'}, {cache}"}


def _has(request: web.Request, etag: str) -> bool:
    return matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag)
