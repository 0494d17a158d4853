"""A connection's way out over python-engineio, whose own queue would grow with a client that doesn't read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import structlog
from engineio.packet import CLOSE
from engineio.packet import Packet as EnginePacket

from server.byes import bye
from server.socket.packets import News, Packet, encode_message

log = structlog.get_logger(__name__)

# Half of what our own driver allows: a client that has upgraded is sent everything that waits at once, and
# while that is being written as much may gather again.
SOFT_BYTES = 32_768
HARD_BYTES = 131_072
CLOSE_GRACE_S = 2.0
_OVERHEAD_BYTES = 64


class OutQueue(asyncio.Queue[Any]):
    """What waits for a client, in bytes: what it is sent unasked, and answers to its commands.

    ``_init``, ``_put`` and ``_get`` are what asyncio's queues leave to their subclasses.
    """

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self.news_bytes = 0
        self.answer_bytes = 0
        self._taken = asyncio.Event()

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._count(item, 1)

    def _get(self) -> Any:
        item = super()._get()
        self._count(item, -1)
        self._taken.set()
        return item

    def _count(self, item: Any, sign: int) -> None:
        data = getattr(item, "data", None)
        length = sign * (_OVERHEAD_BYTES + (len(data) if isinstance(data, str) else 0))
        if isinstance(item, News):
            self.news_bytes += length
        else:
            self.answer_bytes += length

    async def all_taken(self) -> None:
        """Returns when nothing waits. Cancelling it changes nothing."""
        while not self.empty():
            self._taken.clear()
            await self._taken.wait()

    async def answers_taken(self) -> None:
        """Returns when no more than ``SOFT_BYTES`` of answers wait. Cancelling it changes nothing."""
        while self.answer_bytes > SOFT_BYTES:
            self._taken.clear()
            await self._taken.wait()


class EngineOutlet:
    """Implements ``server.live.connection.Outlet``. A client with a full queue is closed: it comes back and
    asks for what it missed, which is cheaper than keeping it. ``too_slow`` is told of it; ``hang_up`` closes
    one of engineio's sockets, soon."""

    write = None
    round_trip_ms = 0  # engineio doesn't measure, and long polling would tell of its waiting

    def __init__(
        self,
        engine: Any,
        eio_sid: str,
        *,
        hang_up: Callable[[Any], None],
        too_slow: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._eio_sid = eio_sid
        self._hang_up = hang_up
        self._too_slow = too_slow
        self._is_closing = False

    @property
    def is_open(self) -> bool:
        """False when the client is gone, or is being sent away, also because it doesn't read."""
        return self._socket() is not None

    def send(self, packet: Packet, *, droppable: bool = False) -> bool:
        socket = self._socket()
        if socket is None:
            return False
        news = packet.engine
        waiting = socket.queue.news_bytes + len(news.data)
        if droppable and waiting > SOFT_BYTES:
            return False
        if waiting > HARD_BYTES:
            self._give_up(socket)
            return False
        socket.queue.put_nowait(news)
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        socket = self._socket()
        if socket is None:
            return
        message = bye(code, reconnect=reconnect, retry_after_ms=retry_after_ms)
        socket.queue.put_nowait(encode_message("bye", message).engine)
        self._is_closing = True
        self._hang_up(socket)

    def _socket(self) -> Any:
        """Engineio's socket while something can be sent by it, else None."""
        socket = self._engine.sockets.get(self._eio_sid)
        if socket is None or socket.closed or socket.closing or self._is_closing:
            return None
        return socket

    def _give_up(self, socket: Any) -> None:
        log.info("client_too_slow", connection=self._eio_sid)
        self._too_slow()
        while not socket.queue.empty():  # it will ask for these again; until then they only cost memory
            socket.queue.get_nowait()
            socket.queue.task_done()
        self.close("slow", reconnect=True, retry_after_ms=1000)


async def hang_up(socket: Any) -> None:
    """Close one of engineio's sockets: politely, and after two seconds in any case.

    Who polls, and doesn't at the moment, is given that time to come for what it is still to be told.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + CLOSE_GRACE_S
    socket.queue.put_nowait(EnginePacket(CLOSE))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(ends_at):
            await socket.queue.all_taken()
    with contextlib.suppress(Exception):
        await socket.close(wait=False, abort=True)
    await asyncio.sleep(ends_at - loop.time())
    # Who doesn't read doesn't see a polite close either.
    if (wire := getattr(socket, "wire", None)) is not None:
        wire.abort()
