"""What players ask with: a credential, and what they have already."""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import hdrs, web

_URI = re.compile(rb"[\w.-]+\.(?:m4s|mp4|m3u8)")


def bearer_of(request: web.Request) -> str | None:
    """The credential: a header, or for players that can't set one a query parameter."""
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return request.query.get("token")


def matches(request: web.Request, etag: str) -> bool:
    """Whether the caller has it already (RFC 9110, 13.1.2)."""
    wanted = request.headers.get(hdrs.IF_NONE_MATCH, "")
    return etag in (tag.strip().removeprefix("W/") for tag in wanted.split(","))


def with_token(playlist: bytes, token: str) -> bytes:
    """Players resolve addresses without the playlist's query, so each gets the token."""
    return _URI.sub(lambda found: found[0] + b"?token=" + quote(token, safe="").encode(), playlist)
