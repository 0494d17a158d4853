"""What WHIP and WHEP share on HTTP: CORS, bearer credentials, bodies, conditional requests (RFC 9725)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from media.rtc import sdp
from rooms.errors import Refused

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
EXPOSED = "Location, ETag, Link, Retry-After"
ALLOWED_HEADERS = "Authorization, Content-Type, If-Match, X-Danmart-Takeover"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Links = Callable[[web.Request], Awaitable[tuple[str, ...]]]
_HEADERS = web.RequestKey("danmart.media.headers", dict[str, str])


def resource(handlers: dict[str, Handler], advertised: dict[str, str], links: Links | None = None) -> Handler:
    """One handler for all methods of an address.

    OPTIONS is answered with ``advertised`` (Accept-Post, Accept-Patch) without credentials, as browsers ask
    (CORS); other methods that aren't in ``handlers`` are refused with 405. ``links`` are the ``Link`` headers
    for who may connect, given to OPTIONS that is no preflight (RFC 9725, 4.6); it may raise ``Refused``.
    """
    allow = ", ".join([*handlers, "OPTIONS"])
    cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}

    async def handle(request: web.Request) -> web.StreamResponse:
        request[_HEADERS] = dict(cors)
        if request.method == "OPTIONS":
            preflight = {
                "Allow": allow,
                "Access-Control-Allow-Methods": allow,
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": "86400",
            }
            response = web.Response(status=200, headers={**advertised, **preflight})
            if links is not None and "Access-Control-Request-Method" not in request.headers:
                with suppress(Refused):
                    add_links(response, await links(request))
            return response
        handler = handlers.get(request.method)
        if handler is None:
            add_header(request, "Allow", allow)
            raise Refused("method_not_allowed")
        return await handler(request)

    return handle


def add_header(request: web.Request, name: str, value: str) -> None:
    """A header for whatever answer the request gets, a refusal included."""
    request[_HEADERS][name] = value


async def on_response_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Signal of the application: puts the headers on answers that were made elsewhere, from a refusal."""
    for name, value in request.get(_HEADERS, {}).items():
        response.headers.setdefault(name, value)


def bearer(request: web.Request) -> str | None:
    """The credential of ``Authorization: Bearer`` (RFC 6750, 2.1)."""
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() or None if scheme.lower() == "bearer" else None


async def read_text(request: web.Request, content_type: str, limit_bytes: int) -> str:
    """The body. Raises ``Refused``: another type, too large, not UTF-8."""
    if request.content_type != content_type:
        raise Refused("unsupported_media_type", f"Send the body as {content_type}.")
    body = bytearray()
    if (request.content_length or 0) > limit_bytes:
        raise Refused("too_large")
    async for chunk in request.content.iter_chunked(16384):
        body += chunk
        if len(body) > limit_bytes:
            raise Refused("too_large")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        code = "bad_sdp" if content_type == SDP_TYPE else "bad_sdp_fragment"
        raise Refused(code) from error


def created(answer: str, location: str, etag: str, links: tuple[str, ...]) -> web.Response:
    """201 with the answer (RFC 9725, 4.2)."""
    response = web.Response(status=201, body=answer.encode(), content_type=SDP_TYPE)
    response.headers["Location"] = location
    response.headers["ETag"] = etag
    add_links(response, links)
    return response


def add_links(response: web.Response, links: tuple[str, ...]) -> None:
    """A ``Link`` header for each. They may hold credentials, so no cache keeps the answer."""
    if links:
        response.headers["Cache-Control"] = "no-store"
    for link in links:
        response.headers.add("Link", link)


def check_precondition(request: web.Request, etag: str, *, restart: bool) -> None:
    """RFC 9725, 4.3.1: a trickle names the current ICE session, a restart may say ``*``."""
    condition = request.headers.get("If-Match")
    if condition is None:
        raise Refused("precondition_required")
    tags = [tag.strip() for tag in condition.split(",")]
    if etag not in tags and not (restart and "*" in tags):
        raise Refused("precondition_failed")


def fragment_response(local: sdp.Local, etag: str) -> web.Response:
    """200 with new credentials: an ICE restart was done (RFC 9725, 4.3.3)."""
    body = sdp.write_fragment(local).encode()
    return web.Response(status=200, body=body, content_type=FRAGMENT_TYPE, headers={"ETag": etag})
