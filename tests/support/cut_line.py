"""A line between clients and a server that a test can mute and cut: what the server did, nobody heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _End(asyncio.Protocol):
    """One end of a connection: what it gets, the other end sends."""

    def __init__(self, line: CutLine) -> None:
        self.other: _End | None = None
        self.muted = False
        self._line = line
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._line.ends.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and not self.muted:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.ends.discard(self)
        if self.other is not None and not self.muted:
            self.other.abort()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class _Front(_End):
    """A client's end; it is read from once the server's is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.pause()
        self._line.tasks.create_task(self._line.join(self))


class CutLine:
    """``url`` is where clients connect; ``port`` the server's, which a test may change."""

    def __init__(self, port: int, tasks: asyncio.TaskGroup) -> None:
        self.port = port
        self.url = ""
        self.ends: set[_End] = set()
        self.tasks = tasks

    async def join(self, front: _End) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, behind = await loop.create_connection(lambda: _End(self), "127.0.0.1", self.port)
        except OSError:
            front.abort()
            return
        front.other, behind.other = behind, front
        front.resume()

    def mute(self) -> None:
        """On the connections that there are, the server is heard no more, not even that it hangs up. What
        clients say still gets to it."""
        for end in self.ends:
            end.muted = not isinstance(end, _Front)

    def cut(self) -> None:
        """Ends the connections that there are; new ones are as good as ever."""
        for end in list(self.ends):
            end.abort()


@asynccontextmanager
async def cut_line(port: int) -> AsyncIterator[CutLine]:
    """A line to the server on this port of 127.0.0.1."""
    async with asyncio.TaskGroup() as tasks:
        line = CutLine(port, tasks)
        server = await asyncio.get_running_loop().create_server(lambda: _Front(line), "127.0.0.1", 0)
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield line
        finally:
            server.close()
            line.cut()
    while line.ends:  # noqa: ASYNC110
        await asyncio.sleep(0)  # each says itself that it is closed
