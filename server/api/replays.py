"""Replays over HTTP: what happened in a recording by its own time, and its chapters."""

from __future__ import annotations

import hashlib

import orjson
from aiohttp import hdrs, web

from rooms.errors import Refused
from rooms.recordings.chapters import as_webvtt
from rooms.recordings.store import RecordingRow
from server.api.context import API, Api, int_arg, page_args
from server.api.recordings import seen
from server.replay import Asked

routes = web.RouteTableDef()

LONGEST_MS = 2**40
PAGE, PAGE_MAX = 500, 1000


@routes.get("/api/v1/recordings/{recording}/timeline")
async def timeline(request: web.Request) -> web.StreamResponse:
    """The log's entries by media time, a page at a time; with ``snapshot=1`` the room's state before them."""
    api, recording, shared = await _watched(request)
    cursor, limit = page_args(request, limit_max=PAGE_MAX)
    if cursor is not None and not (cursor.isdigit() and len(cursor) < 16):
        raise Refused("bad_request", "cursor: not one of ours")
    asked = Asked(
        from_ms=int_arg(request, "from_ms", 0, 0, LONGEST_MS),
        to_ms=int_arg(request, "to_ms", 0, 0, LONGEST_MS) if "to_ms" in request.query else None,
        cursor=None if cursor is None else int(cursor),
        limit=limit if "limit" in request.query else PAGE,
        snapshot=int_arg(request, "snapshot", 0, 0, 1) == 1,
    )
    made = await api.store.read(lambda conn: api.replay.replays.timeline(conn, recording, asked))
    return _fresh(request, made, "application/json", shared=shared)


@routes.get("/api/v1/recordings/{recording}/chapters")
async def chapters(request: web.Request) -> web.StreamResponse:
    """What was pinned or explained when."""
    api, recording, shared = await _watched(request)
    found = await api.store.read(lambda conn: api.replay.replays.chapters(conn, recording))
    made = orjson.dumps({"items": [chapter.wire for chapter in found], "next": None})
    return _fresh(request, made, "application/json", shared=shared)


@routes.get("/recordings/{recording}/chapters.vtt")
async def chapters_vtt(request: web.Request) -> web.StreamResponse:
    """The chapters as WebVTT."""
    api, recording, shared = await _watched(request)
    found = await api.store.read(lambda conn: api.replay.replays.chapters(conn, recording))
    return _fresh(request, as_webvtt(found).encode(), "text/vtt", shared=shared)


def _fresh(request: web.Request, body: bytes, kind: str, *, shared: bool) -> web.Response:
    """To be asked for again each time, as comments may have been deleted since; but not sent again."""
    etag = hashlib.blake2b(body, digest_size=12).hexdigest()
    headers = {
        hdrs.CACHE_CONTROL: "public, no-cache" if shared else "private, no-cache",
        hdrs.ETAG: f'"{etag}"',
        hdrs.VARY: "Authorization",
        "X-Content-Type-Options": "nosniff",
    }
    if any(given.value == etag for given in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)
    if len(body) > 2_000:
        response.enable_compression()
    return response


async def _watched(request: web.Request) -> tuple[Api, RecordingRow, bool]:
    """The recording, if the caller may see it, and whether everybody may. Raises ``Refused``."""
    api = request.app[API]
    recording, _, managing = await seen(request)
    return api, recording, not managing and await api.library.is_open(recording.id)
