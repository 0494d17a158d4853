"""What rooms look like, over HTTP."""

from __future__ import annotations

from aiohttp import web

from moderation.audit import AuditTrail
from moderation.permissions import Action
from rooms.errors import Refused
from rooms.rows import Steps
from rooms.unit import Unit
from server.api.context import API, Api, from_answer
from server.store.group import Work

routes = web.RouteTableDef()

PATH = "/api/v1/rooms/{room}/poster.jpg"
_NAMED_S, _LATEST_S = 300, 5


def poster_url(api: Api, room_id: str, *, public: bool) -> str | None:
    """Where a picture of the room's stream is, an address for each picture; None while there is none.

    A private room's has the room's signed path with it: pictures in pages can't send a token.
    """
    poster = api.posters.known(room_id)
    if poster is None:
        return None
    url = f"{PATH.replace('{room}', room_id)}?at={poster.at_ms}"
    return url if public else f"{url}&key={api.paths.sign(room_id, api.clock_ms())}"


@routes.get(PATH)
async def get_poster(request: web.Request) -> web.Response:
    """The picture of the room's stream, a few seconds old, at most 640 pixels a side."""
    api = request.app[API]
    room_id = request.match_info["room"]
    key = request.query.get("key")
    if key is not None:
        if not api.paths.verify(key, room_id, api.clock_ms()):
            raise Refused("forbidden", "This address has run out: ask for the room again.")
        public = True
    else:
        _, identity, row, _ = await api.in_room(request)
        public = bool(row.public) and identity.is_guest
    poster = await api.posters.find(room_id)
    if poster is None:
        raise Refused("not_found", "There is no picture of this room.")
    etag = f'"{poster.at_ms}"'
    # The picture under an address that names one may already be a newer one, never an older one.
    age_s = _NAMED_S if "at" in request.query else _LATEST_S
    headers = {
        "Cache-Control": f"{'public' if public else 'private'}, max-age={age_s}",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
    }
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=poster.body, content_type="image/jpeg", headers=headers)


@routes.delete(PATH)
async def delete_poster(request: web.Request) -> web.Response:
    """Take the picture away; the stream gets none any more."""
    api = request.app[API]
    room_id, caller = await api.allowed(request, Action.DELETE_COMMENT)
    await api.posters.hide(room_id)

    def note(tx: Unit) -> Steps[dict[str, str]]:
        yield from ()
        AuditTrail().note(tx, room_id, caller, "poster.remove", room_id, {})
        return {}

    return from_answer(await api.store.write(Work("poster.remove", note)))
