"""HTTP for players: playlists with blocking reload, segments, parts (RFC 8216bis, 6.2)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import hdrs, web

from media.hls import playlist
from media.hls.hub import HlsHub
from media.hls.stream import Rendered, Stream, TooManyWaiting
from media.ports import Gate
from rooms.errors import Refused

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
MEDIA_TYPE = "video/mp4"

_IMMUTABLE = "max-age=31536000, immutable"
_URI = re.compile(rb"[\w.-]+\.(?:m4s|mp4|m3u8)")
_ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Date, ETag, Retry-After",
    "Timing-Allow-Origin": "*",
}
_PREFLIGHT = {
    **_ALLOWED,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Range, If-None-Match",
    "Access-Control-Max-Age": "86400",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(hub: HlsHub, gate: Gate) -> list[web.RouteDef]:
    """The routes under ``/hls/{room}``. Refusals are raised as ``Refused``."""
    views = Views(hub, gate)
    path = "/hls/{room}"
    return [
        web.get(f"{path}/index.m3u8", views.index),
        web.get(f"{path}/media.m3u8", views.media),
        web.get(rf"{path}/{{name:[\w.-]+\.(?:m4s|mp4)}}", views.file),
        web.options(rf"{path}/{{name:[\w.-]+}}", views.preflight),
    ]


class Views:
    """One method a route."""

    def __init__(self, hub: HlsHub, gate: Gate) -> None:
        self._hub, self._gate = hub, gate

    async def preflight(self, _: web.Request) -> web.Response:
        """Any origin may read; nothing is decided by cookies."""
        return web.Response(status=204, headers=_PREFLIGHT)

    async def index(self, request: web.Request) -> web.Response:
        """The multivariant playlist; waits for the first picture."""
        stream = await self._stream(request)
        await self._wait(request, stream, lambda: stream.video is not None)
        rendered = stream.multivariant()
        if rendered is None:
            raise Refused("not_live", retry_after_ms=1000)
        return self._playlist(request, rendered, cache="max-age=1")

    async def media(self, request: web.Request) -> web.Response:
        """The media playlist; waits for the part that is asked for, answers what there is in the end."""
        try:
            reload = playlist.parse_reload(request.query)
        except ValueError as error:
            raise Refused("bad_request", str(error)) from error
        stream = await self._stream(request)
        try:
            playlist.check_reload(reload, stream.window, self._hub.config)
        except ValueError as error:
            raise Refused("bad_request", str(error)) from error
        await self._wait(request, stream, lambda: playlist.satisfied(reload, stream.window))
        if not stream.window.segments:
            raise Refused("not_live", retry_after_ms=1000)
        cache = "no-cache" if reload.number is None else "max-age=1"
        return self._playlist(request, stream.media(skip=reload.skip), cache=cache)

    async def file(self, request: web.Request) -> web.Response:
        """An init section, segment or part; the part that comes next is waited for."""
        stream = await self._stream(request)
        name = request.match_info["name"]
        if stream.window.find(name) is None and name == stream.window.hint and not stream.window.ended:
            await self._wait(request, stream, lambda: stream.window.hint != name or stream.window.ended)
        data = stream.window.find(name)
        if data is None:
            raise Refused("not_found")
        headers = {**_ALLOWED, hdrs.CACHE_CONTROL: f"{_who(request)}, {_IMMUTABLE}", hdrs.ETAG: f'"{name}"'}
        if _matches(request, f'"{name}"'):
            return web.Response(status=304, headers=headers)
        return web.Response(body=data, content_type=MEDIA_TYPE, headers=headers)

    async def _stream(self, request: web.Request) -> Stream:
        room = request.match_info["room"]
        await self._gate.may_watch(room, _bearer(request))
        stream = self._hub.find(room)
        if stream is None:
            raise Refused("not_live", retry_after_ms=1000)
        return stream

    async def _wait(self, request: web.Request, stream: Stream, ready: Callable[[], bool]) -> None:
        """Waits for a bounded time; whoever hangs up meanwhile stops waiting with the next part."""
        try:
            await stream.wait(lambda: ready() or _gone(request), self._hub.config.wait_s)
        except TooManyWaiting as error:
            raise Refused("busy", retry_after_ms=1000) from error
        if stream.closed and not ready():
            raise Refused("not_live", retry_after_ms=1000)

    def _playlist(self, request: web.Request, rendered: Rendered, *, cache: str) -> web.Response:
        """Same bytes for everybody, but for callers whose token has to be in the addresses too."""
        headers = {
            **_ALLOWED,
            hdrs.CACHE_CONTROL: f"{_who(request)}, {cache}",
            hdrs.ETAG: rendered.etag,
            hdrs.VARY: "Accept-Encoding",
            hdrs.CONTENT_TYPE: PLAYLIST_TYPE,
        }
        if _matches(request, rendered.etag):
            return web.Response(status=304, headers=headers)
        token = request.query.get("token")
        if token:
            return web.Response(body=_with_token(rendered.body, token), headers=headers)
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(body=rendered.gzipped, headers=headers)
        return web.Response(body=rendered.body, headers=headers)


def _bearer(request: web.Request) -> str | None:
    """The credential: a header, or for players that can't set one a query parameter."""
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return request.query.get("token")


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _who(request: web.Request) -> str:
    """Which caches may keep the answer: what was given for a credential is not for others."""
    return "private" if _bearer(request) else "public"


def _matches(request: web.Request, etag: str) -> bool:
    wanted = request.headers.get(hdrs.IF_NONE_MATCH, "")
    return etag in (tag.strip().removeprefix("W/") for tag in wanted.split(","))


def _with_token(body: bytes, token: str) -> bytes:
    """Players resolve addresses without the playlist's query, so each gets the token."""
    return _URI.sub(lambda found: found[0] + b"?token=" + quote(token, safe="").encode(), body)
