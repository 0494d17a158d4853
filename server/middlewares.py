"""What every HTTP request goes through: an id for the logs, and errors turned into problem details."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import TypeAdapter

from media.names import split_stream
from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.rows import new_id
from server.answers import as_refused, problem

_ROOM: TypeAdapter[str] = TypeAdapter(RoomId)
_HTTP = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    503: "temporarily_unavailable",
}


@web.middleware
async def request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bind the request's id and room to the log lines, and name the id in the answer."""
    name = new_id()[-12:]
    with structlog.contextvars.bound_contextvars(request=name, room=request.match_info.get("room")):
        response = await handler(request)
    if not response.prepared:
        response.headers["X-Request-Id"] = name
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error as RFC 9457 problem details."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status not in _HTTP:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem(Refused(_HTTP[error.status]), headers)
    except ConnectionResetError:
        raise
    except Exception as error:
        if request.writer.output_size > 0:
            raise  # an answer has begun: aiohttp breaks it off, where a second head would pass for its body
        headers = dict(getattr(error, "headers", None) or {})
        return problem(as_refused(error), headers)


def _room_of(path: str, name: str) -> str:
    """The room that an address is about: pictures go by their stream's name, everything else by the room's.
    Raises ``ValueError`` for what is no stream's."""
    return split_stream(name)[0] if path.startswith(_PICTURES) else name


@web.middleware
async def room_names(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A room that can't be called so doesn't exist; no database needs to be asked, and none chokes on it."""
    if (room := request.match_info.get("room")) is not None:
        try:
            _ROOM.validate_python(_room_of(request.path, room))
        except ValueError:  # pydantic's ValidationError is one
            raise Refused("room_not_found") from None
    return await handler(request)


def host_check(allowed: frozenset[str]) -> Middleware:
    """A demo answers only to names of this machine, so that no website can reach it by DNS rebinding."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = (request.url.host or "").lower()
        if name not in allowed:
            return problem(
                Refused(
                    "forbidden", f"The demo answers to {', '.join(sorted(allowed))} only, not to {name!r}."
                )
            )
        return await handler(request)

    return check


_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Retry-After, X-Request-Id",
}
_PREFLIGHT = _CORS | {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}
_PICTURES = ("/whip/", "/whep/", "/hls/", "/internal/")
_OPEN_TO_ALL = ("/api/", "/pictures/", "/avatars/", "/hls/")


@web.middleware
async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pages of any origin may use the API: who calls is said by a token, never by a cookie."""
    if not request.path.startswith(_OPEN_TO_ALL):
        return await handler(request)
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return web.Response(status=204, headers=_PREFLIGHT)
    response = await handler(request)
    if not response.prepared:
        for name, value in _CORS.items():
            response.headers.setdefault(name, value)
    return response
