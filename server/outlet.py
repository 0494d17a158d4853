"""A connection's way out over python-engineio, whose own queue would grow with a client that doesn't read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from aiohttp import web

from server.byes import bye
from server.socket.packets import Packet, encode_message
from server.wire import WireServer

log = structlog.get_logger(__name__)

QUEUE_MAX = 256
"""Packets that wait for a client: twelve seconds of frames, beside what the kernel's buffers hold."""
QUEUE_SOFT = 64
CLOSE_GRACE_S = 2.0


class EngineOutlet:
    """Implements ``server.live.connection.Outlet``. A client with a full queue is closed: it comes back and
    asks for what it missed, which is cheaper than keeping it."""

    write = None

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

    def send(self, packet: Packet, *, droppable: bool = False) -> bool:
        socket = self._socket()
        if socket is None or (droppable and socket.queue.qsize() >= QUEUE_SOFT) or self._full(socket):
            return False
        socket.queue.put_nowait(packet.engine)
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        socket = self._socket()
        if socket is None:
            return
        message = bye(code, reconnect=reconnect, retry_after_ms=retry_after_ms)
        socket.queue.put_nowait(encode_message("bye", message).engine)
        self._closing = asyncio.create_task(self._shut(socket))

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

    async def _shut(self, socket: Any) -> None:
        with contextlib.suppress(Exception):
            await socket.close(wait=False)
        await asyncio.sleep(CLOSE_GRACE_S)
        # Who doesn't read doesn't see a polite close either.
        if (wire := getattr(socket, "wire", None)) is not None:
            wire.abort()
        elif (transport := self._request.transport) is not None:
            transport.abort()
