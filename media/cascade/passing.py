"""Requests that belong to another node, passed on to it: publishers' and viewers' sessions."""

from __future__ import annotations

from urllib.parse import quote

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict

from media.cascade.ports import Neighbour, Neighbours
from media.cascade.pull import CREDENTIAL
from rooms.errors import Refused

PURPOSE = "pass"
MAX_BODY_BYTES = 128 * 1024
_WITHIN_S = 10.0
_ASKED = (
    hdrs.AUTHORIZATION,
    hdrs.CONTENT_TYPE,
    hdrs.IF_MATCH,
    hdrs.ACCEPT,
    hdrs.ORIGIN,
    hdrs.USER_AGENT,
    "X-Danmart-Takeover",
)
# Of the connection, or made anew here.
NOT_COPIED = frozenset(
    name.lower()
    for name in (
        hdrs.CONNECTION,
        hdrs.KEEP_ALIVE,
        hdrs.TRANSFER_ENCODING,
        hdrs.CONTENT_LENGTH,
        hdrs.CONTENT_ENCODING,
        hdrs.DATE,
        hdrs.SERVER,
        "X-Request-Id",
    )
)


class Passing:
    """Sends a request on to the internal listener of another node, under this node's credential."""

    def __init__(self, neighbours: Neighbours, http: aiohttp.ClientSession) -> None:
        self._neighbours = neighbours
        self._http = http

    async def on(self, request: web.Request, neighbour: Neighbour) -> web.Response:
        """The other node's answer.

        Raises ``Refused``: ``too_large``; ``temporarily_unavailable`` when the node doesn't answer, which may
        have died a moment ago.
        """
        body = await _body(request)
        stream = request.match_info["room"]
        headers = [(name, request.headers[name]) for name in _ASKED if name in request.headers]
        headers.append((CREDENTIAL, self._neighbours.credential(neighbour, PURPOSE, stream)))
        url = f"{neighbour.url}/internal{quote(request.path, safe='/:')}"
        asked = self._http.request(
            request.method,
            url,
            params=request.query,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=_WITHIN_S),
        )
        try:
            async with asked as answer:
                return await _copy(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from error


async def _copy(answer: aiohttp.ClientResponse) -> web.Response:
    data = bytearray()
    async for chunk in answer.content.iter_chunked(16_384):
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise Refused("internal", "Another node's answer is too large.")
    headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in NOT_COPIED]
    return web.Response(status=answer.status, body=bytes(data), headers=CIMultiDict(headers))


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_chunked(16_384):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refused("too_large")
    return bytes(body)
