"""A balancer as plain as they come: each connection goes to the next node that answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.server.world import World


class _Side(asyncio.Protocol):
    """One end of a connection that is passed on: what it gets, the other end sends."""

    def __init__(self, ends: set[_Side]) -> None:
        self.other: _Side | None = None
        self._ends = ends
        self._early: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ends.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ends.discard(self)
        if self.other is not None:
            self.other.abort()

    def join(self, other: _Side) -> None:
        self.other, other.other = other, self
        for data in self._early:
            other.write(data)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def balancer(worlds: Sequence[World]) -> AsyncIterator[str]:
    """The one address of all of them."""
    loop, ends = asyncio.get_running_loop(), set[_Side]()
    turns = itertools.cycle([world.node.port for world in worlds])
    tasks: set[asyncio.Task[None]] = set()

    class Front(_Side):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            task = loop.create_task(find(self))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def find(front: _Side) -> None:
        for port in itertools.islice(turns, len(worlds)):
            with contextlib.suppress(OSError):
                _, behind = await loop.create_connection(lambda: _Side(ends), "127.0.0.1", port)
                front.join(behind)
                return
        front.abort()

    server = await loop.create_server(lambda: Front(ends), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*tasks)
        for end in list(ends):
            end.abort()
        while ends:  # noqa: ASYNC110
            await asyncio.sleep(0)
