"""A connection that is aiohttp's from request to request, until one comes that a player asks.

Browsers and proxies ask for pages, the API and parts on the same connections, in any order. Asked of aiohttp,
a part costs ten times as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp.web_protocol import RequestHandler

from server.socket.handshake import HEAD_END

PLAYERS_ASK = (b"GET /hls/", b"HEAD /hls/")
Take = Callable[[bytes, asyncio.Transport], asyncio.Protocol | None]


class Lent(asyncio.Protocol):
    """Passes everything on to ``handler``; ``take`` may have the connection when that has nothing to do.

    ``take`` gets a whole head and the transport, and returns the protocol that it has given it to.
    """

    __slots__ = ("_at_an_end", "_handler", "_take", "_transport")

    def __init__(self, handler: RequestHandler, take: Take) -> None:
        self._handler, self._take = handler, take
        self._transport: asyncio.Transport | None = None
        self._at_an_end = True  # what came so far is whole requests, as far as we can tell

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._at_an_end and data.startswith(PLAYERS_ASK) and self._given_away(data):
            return
        self._at_an_end = data.endswith(HEAD_END)
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        self._handler.eof_received()
        return None

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def _given_away(self, data: bytes) -> bool:
        end = data.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END) or self._transport is None or not is_idle(self._handler):
            return False
        heir = self._take(data[:end], self._transport)
        if heir is None:
            return False
        self._transport = None
        self._handler.transport = None  # it was only lent: it must not close what is another's now
        self._handler.connection_lost(None)
        heir.data_received(data)
        return True


def is_idle(handler: RequestHandler) -> bool:
    """Whether it waits for a request, with all that it was given answered.

    These names are aiohttp's own business; ``tests/server/test_hls.py`` fails should they change.
    """
    waiter = handler._waiter
    return (
        waiter is not None
        and not waiter.done()
        and not handler._messages
        and not handler._upgraded
        and not handler._close
        and not handler._force_close
    )
