"""What players ask with, over HTTP: a credential, a range, and addresses that carry the credential on."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import hdrs, web

from media.http import bearer

_URI = re.compile(rb"[\w.-]+\.(?:m4s|mp4|m3u8)")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Stretch(NamedTuple):
    """Which bytes to answer with, ``start`` up to ``stop``, and the status: 200, 206, or 416 without any."""

    start: int
    stop: int
    status: int

    def content_range(self, size: int) -> dict[str, str]:
        """The header that goes with it (RFC 9110, 14.4)."""
        if self.status == 200:
            return {}
        said = "*" if self.status == 416 else f"{self.start}-{self.stop - 1}"
        return {hdrs.CONTENT_RANGE: f"bytes {said}/{size}"}


def bearer_of(request: web.Request) -> str | None:
    """The credential: a header, or for players that can't set one a query parameter."""
    return bearer(request) or request.query.get("token")


def with_token(playlist: bytes, token: str) -> bytes:
    """Players resolve addresses without the playlist's query, so each gets the token."""
    return _URI.sub(lambda found: found[0] + b"?token=" + quote(token, safe="").encode(), playlist)


def stretch_of(request: web.Request, size: int, etag: str) -> Stretch:
    """The one range of ``size`` bytes that is asked for (RFC 9110, 14.2), or everything: without one, for
    several, for what makes no sense, and when ``If-Range`` names another ``etag``."""
    found = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, "").strip())
    if not found or not (found[1] or found[2]) or request.headers.get(hdrs.IF_RANGE, etag) != etag:
        return Stretch(0, size, 200)
    if found[1]:
        start, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return Stretch(0, size, 200)
    else:
        start, stop = size - min(size, int(found[2])), size
    return Stretch(start, stop, 206) if start < stop else Stretch(0, 0, 416)
