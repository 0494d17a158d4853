"""One connection to Redis: pipelined commands out, replies in, every wait bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

WITHIN_S = 2.0
"""How long Redis may take for anything: one that is stopped still takes connections, and never answers."""

AWAY = (RedisError, OSError, TimeoutError)
"""What tells that Redis is away."""


class Line:
    """A connection that is opened, lost and opened again. Build it in a thread: redis-py reads files then."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=WITHIN_S,
            retry=Retry(NoBackoff(), 0),
            client_name="danmart",
        )
        self._connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]

    async def open(self) -> None:
        """Raises one of ``AWAY``."""
        async with asyncio.timeout(WITHIN_S):
            await self._connection.connect()  # type: ignore[no-untyped-call]

    async def send(self, commands: Sequence[tuple[Any, ...]]) -> None:
        """Write commands without waiting for their replies. Raises one of ``AWAY``."""
        packed = self._connection.pack_commands(commands)
        async with asyncio.timeout(WITHIN_S):
            await self._connection.send_packed_command(packed, check_health=False)

    async def receive(self, within_s: float = WITHIN_S) -> Any:
        """The next reply or message; None: nothing came in that time. Raises one of ``AWAY``.

        Cancelling loses nothing that had arrived as a whole.
        """
        return await self._connection.read_response(
            disable_decoding=True, timeout=within_s, disconnect_on_error=False
        )

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Commands and all their replies. Raises one of ``AWAY``; then the line is of no use any more."""
        await self.send(commands)
        async with asyncio.timeout(WITHIN_S):
            return [await self._reply() for _ in commands]

    async def _reply(self) -> Any:
        return await self._connection.read_response(
            disable_decoding=True, timeout=float("inf"), disconnect_on_error=False
        )

    async def close(self) -> None:
        """Drop the connection; ``open`` makes a new one. Idempotent."""
        await self._connection.disconnect(nowait=True)
