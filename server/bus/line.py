"""One connection to Redis: pipelined commands out, replies in, every wait bounded.

A protocol of its own over hiredis: what arrives is handed on in the call that brought it, without a task and
a timer for each message, which are most of what redis-py's own reading costs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError, ResponseError

WITHIN_S = 2.0
"""How long Redis may take for anything: one that is stopped still takes connections, and never answers."""

AWAY = (RedisError, OSError, TimeoutError)
"""What tells that Redis is away."""

CLIENT_NAME = "danmart"
# After so many replies that were there already, others get the loop.
AT_ONCE = 64

_NOT_YET = object()

Heard = Callable[[Any], None]


class Line:
    """A connection that is opened, lost and opened again. Build it in a thread: redis-py reads files then.

    ``heard`` is given every reply and message that no ``ask`` waits for, as hiredis parses them (bytes, ints,
    lists, exceptions); it must not raise.
    """

    def __init__(self, url: str, heard: Heard = lambda reply: None) -> None:
        # Only for what the URL means: the addresses, credentials and certificates of redis-py's documents.
        pool = BlockingConnectionPool.from_url(url)
        self._options: dict[str, Any] = pool.connection_kwargs
        connection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._path: str | None = getattr(connection, "path", None)
        tls = getattr(connection, "ssl_context", None)
        self._tls: ssl.SSLContext | None = tls.get() if tls is not None else None
        self._heard = heard
        self._wire: _Wire | None = None

    async def open(self) -> None:
        """Raises one of ``AWAY``."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WITHIN_S):
            if self._path is not None:
                _, wire = await loop.create_unix_connection(lambda: _Wire(self._heard), self._path)
            else:
                host, port = self._options.get("host", "localhost"), self._options.get("port", 6379)
                _, wire = await loop.create_connection(lambda: _Wire(self._heard), host, port, ssl=self._tls)
            self._wire = wire
            await wire.ask(self._greeting())

    def _greeting(self) -> list[tuple[Any, ...]]:
        options, commands = self._options, list[tuple[Any, ...]]()
        if password := options.get("password"):
            user = options.get("username")
            commands.append(("AUTH", user, password) if user else ("AUTH", password))
        commands.append(("CLIENT", "SETNAME", CLIENT_NAME))
        if database := options.get("db"):
            commands.append(("SELECT", database))
        return commands

    def write(self, commands: Sequence[tuple[Any, ...]]) -> None:
        """Send commands; their replies go to ``heard``. Raises ``ConnectionError``.

        What a Redis that doesn't read leaves here is bounded by who writes: they find out by their pings.
        """
        self._up().write(commands)

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Commands and all their replies, one call at a time. Raises one of ``AWAY``; then the line is of no
        use any more, as it is after a cancelled call."""
        async with asyncio.timeout(WITHIN_S):
            return await self._up().ask(commands)

    async def lost(self) -> None:
        """Returns when the connection is gone. Cancelling is harmless."""
        if self._wire is not None:
            await asyncio.shield(self._wire.gone)

    async def close(self) -> None:
        """Drop the connection; ``open`` makes a new one. Idempotent."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()

    def _up(self) -> _Wire:
        if self._wire is None or self._wire.gone.done():
            raise ConnectionError("the connection to Redis is closed")
        return self._wire


class _Wire(asyncio.Protocol):
    """One connection, from its first byte to its last."""

    def __init__(self, heard: Heard) -> None:
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard = heard
        self._reader = hiredis.Reader(notEnoughData=_NOT_YET)
        self._transport: Any = None  # uvloop's is none of asyncio's classes
        self._replies: list[Any] = []
        self._expected = 0
        self._answer: asyncio.Future[list[Any]] | None = None
        self._paused = False

    def write(self, commands: Sequence[tuple[Any, ...]]) -> None:
        self._transport.write(b"".join(map(hiredis.pack_command, commands)))

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        self._answer = asyncio.get_running_loop().create_future()
        self._replies, self._expected = [], len(commands)
        self.write(commands)
        try:
            return await self._answer
        finally:
            self._answer = None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if not self._paused:
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("Redis closed the connection"))

    def _read(self) -> None:
        """Hand on what is there, a bounded number at a time."""
        self._paused = False
        try:
            for _ in range(AT_ONCE):
                reply = self._reader.gets()
                if reply is _NOT_YET:
                    self._transport.resume_reading()
                    return
                self._take(reply)
        except hiredis.HiredisError:  # what comes isn't Redis's protocol
            self.abort()
            return
        self._paused = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._read)

    def _take(self, reply: Any) -> None:
        if self._answer is None:
            self._heard(reply)
            return
        if isinstance(reply, hiredis.ReplyError):
            if not self._answer.done():
                self._answer.set_exception(ResponseError(str(reply)))
            return
        self._replies.append(reply)
        if len(self._replies) == self._expected and not self._answer.done():
            self._answer.set_result(self._replies)
