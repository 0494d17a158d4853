"""HTTP for players: playlists with blocking reload, segments, parts (RFC 8216bis, 6.2)."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import hdrs, web

from media.asking import bearer_of, stretch_of, with_token
from media.hls import answers, playlist
from media.hls.hub import HlsHub
from media.hls.stream import Rendered, Stream, TooManyWaiting
from media.hls.wire import accepts_gzip
from media.http import Handler
from media.ports import Gate, OpenGate, Whence
from rooms.errors import Refused

UNCHANGED = "The stream stands still: there is no such part yet."
RUN_OUT = "This address has run out: ask for the room's playback again."


def routes(hub: HlsHub, gate: Gate, paths: OpenGate | None = None) -> list[web.RouteDef]:
    """The routes under ``/hls/{room}``; under ``/hls/{room}/~{key}`` the same for whom ``paths`` opens them.

    Refusals are raised as ``Refused``, with ``headers`` that keep caches from remembering them.
    """
    views = Views(hub, gate, paths)
    found = []
    for path in ("/hls/{room}", r"/hls/{room}/~{key:[\w.-]{1,64}}"):
        found += [
            web.get(f"{path}/index.m3u8", unremembered(views.index)),
            web.get(f"{path}/{{playlist:media(?:-[0-9]+)?\\.m3u8}}", unremembered(views.media)),
            web.get(rf"{path}/{{name:[\w.-]+\.(?:m4s|mp4)}}", unremembered(views.file)),
            web.options(rf"{path}/{{name:[\w.-]+}}", views.preflight),
        ]
    return found


def unremembered(handler: Handler) -> Handler:
    """A cache must not answer the next player with a refusal: what isn't there may be a moment later."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refusal:
            refusal.headers = {**answers.ALLOWED, hdrs.CACHE_CONTROL: "no-store"}  # type: ignore[attr-defined]
            raise

    return handle


class Views:
    """One method a route."""

    def __init__(self, hub: HlsHub, gate: Gate, paths: OpenGate | None) -> None:
        self._hub, self._gate, self._paths = hub, gate, paths

    async def preflight(self, _: web.Request) -> web.Response:
        """Any origin may read; nothing is decided by cookies."""
        return web.Response(status=204, headers=answers.PREFLIGHT)

    async def index(self, request: web.Request) -> web.Response:
        """The multivariant playlist; waits for the first picture."""
        stream = await self._stream(request)
        await self._wait(request, stream, lambda: stream.is_ready)
        rendered = stream.multivariant()
        if rendered is None:
            raise Refused("not_live", retry_after_ms=1000)
        return self._playlist(request, rendered, cache=answers.MULTIVARIANT)

    async def media(self, request: web.Request) -> web.Response:
        """The media playlist; waits for the part that is asked for, and is never given without it: a player
        that asked for more than there is takes the same playlist again for a broken server.
        """
        try:
            reload = playlist.parse_reload(request.query)
        except ValueError as error:
            raise Refused("bad_request", str(error)) from error
        found = (await self._stream(request)).rendition(request.match_info["playlist"])
        if found is None:
            raise Refused("not_found")
        stream = found
        try:
            playlist.check_reload(reload, stream.window, self._hub.config)
        except ValueError as error:
            raise Refused("bad_request", str(error)) from error
        await self._wait(request, stream, lambda: playlist.satisfied(reload, stream.window))
        if not stream.window.segments:
            raise Refused("not_live", retry_after_ms=1000)
        if not playlist.satisfied(reload, stream.window):
            raise Refused("busy", UNCHANGED, retry_after_ms=1000)
        cache = answers.UNNAMED if reload.number is None else answers.RELOADED
        return self._playlist(request, stream.media(skip=reload.skip), cache=cache)

    async def file(self, request: web.Request) -> web.Response:
        """An init section, segment or part; the part that comes next is waited for."""
        name = request.match_info["name"]
        stream = (await self._stream(request)).holder(name)
        if stream.window.find(name) is None and name == stream.window.hint and not stream.window.ended:
            await self._wait(request, stream, lambda: stream.window.hint != name or stream.window.ended)
        data = stream.window.find(name)
        if data is None:
            raise Refused("not_found")
        etag = f'"{name}"'
        headers = answers.of_file(etag, who=_who(request))
        if answers.matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
            return web.Response(status=304, headers=headers)
        return ranged(request, data, headers)

    async def _stream(self, request: web.Request) -> Stream:
        room = request.match_info["room"]
        key = request.match_info.get("key")
        if key is None:
            await self._gate.may_watch(room, bearer_of(request), Whence.of(request))
        elif self._paths is None or not self._paths.opens(room, key):
            raise Refused("forbidden", RUN_OUT)
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
        headers = answers.of_playlist(rendered.etag, who=_who(request), cache=cache)
        if answers.matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), rendered.etag):
            return web.Response(status=304, headers=headers)
        token = request.query.get("token")
        if token:
            return web.Response(body=with_token(rendered.body, token), headers=headers)
        if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(body=rendered.gzipped, headers=headers)
        return web.Response(body=rendered.body, headers=headers)


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _who(request: web.Request) -> str:
    """Which caches may keep the answer: what was given for a credential is not for others."""
    return "private" if bearer_of(request) else "public"


def ranged(request: web.Request, data: bytes | memoryview, headers: dict[str, str]) -> web.Response:
    """All of it, or the one range that is asked for (RFC 9110, 14.2)."""
    wanted = stretch_of(request, len(data), headers["ETag"])
    said = wanted.content_range(len(data))
    if wanted.status == 416:
        return web.Response(status=416, headers=answers.ALLOWED | said)
    return web.Response(status=wanted.status, body=data[wanted.start : wanted.stop], headers=headers | said)
