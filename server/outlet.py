"""A connection's way out over python-engineio, whose own queue would grow with a client that doesn't read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from aiohttp import web

from server.wire import WireServer, encode_message

log = structlog.get_logger(__name__)

QUEUE_MAX = 256
"""Packets that wait for a client: twelve seconds of frames, beside what the kernel's buffers hold."""
CLOSE_GRACE_S = 2.0

_BYES = {
    "token_expired": "Your token has run out: connect again with a new one.",
    "slow": "Your connection could not keep up.",
    "shutting_down": "This server is going away: connect again.",
    "room_gone": "The room is gone.",
    "banned": "You are banned.",
    "replaced": "You are connected elsewhere.",
}


class EngineOutlet:
    """Implements ``server.live.connection.Outlet``. A client with a full queue is closed: it comes back and
    asks for what it missed, which is cheaper than keeping it."""

    def __init__(self, sio: WireServer, eio_sid: str, request: web.Request) -> None:
        self._sio = sio
        self._eio_sid = eio_sid
        self._request = request
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """False when the client is gone, or is being sent away, also because it doesn't read."""
        socket = self._socket()
        return socket is not None and not self._full(socket)

    def send(self, packet: Any) -> bool:
        socket = self._socket()
        if socket is None or self._full(socket):
            return False
        socket.queue.put_nowait(packet)
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        socket = self._socket()
        if socket is None:
            return
        bye: dict[str, Any] = {"code": code, "message": _BYES[code], "reconnect": reconnect}
        if retry_after_ms is not None:
            bye["retry_after_ms"] = retry_after_ms
        socket.queue.put_nowait(encode_message("bye", bye))
        self._closing = asyncio.create_task(hang_up(socket, self._request))

    def _socket(self) -> Any:
        """Engineio's socket while something can be sent by it, else None."""
        socket = self._sio.eio.sockets.get(self._eio_sid)
        if socket is None or socket.closed or socket.closing or self._closing is not None:
            return None
        return socket

    def _full(self, socket: Any) -> bool:
        if socket.queue.qsize() < QUEUE_MAX:
            return False
        log.info("client_too_slow", connection=self._eio_sid)
        while not socket.queue.empty():  # it will ask for these again; until then they only cost memory
            socket.queue.get_nowait()
            socket.queue.task_done()
        self.close("slow", reconnect=True, retry_after_ms=1000)
        return True


async def hang_up(socket: Any, request: web.Request | None = None) -> None:
    """Close one of engineio's sockets: politely, and after two seconds in any case."""
    with contextlib.suppress(Exception):
        await socket.close(wait=False)
    await asyncio.sleep(CLOSE_GRACE_S)
    # Who doesn't read doesn't see a polite close either.
    if (wire := getattr(socket, "wire", None)) is not None:
        wire.abort()
    elif request is not None and request.transport is not None:
        request.transport.abort()
