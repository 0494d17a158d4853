"""Noticing that whoever started this process has gone."""

from __future__ import annotations

import asyncio
import os
import stat
import sys

_CHECK_S = 0.5


async def parent_gone() -> None:
    """Returns when the parent process has ended, or has closed the pipe that is our stdin."""
    parent = os.getppid()
    closed = asyncio.Event()
    transport = await _watch_stdin(closed)
    try:
        while os.getppid() == parent and not closed.is_set():
            try:
                async with asyncio.timeout(_CHECK_S):
                    await closed.wait()
            except TimeoutError:
                continue
    finally:
        if transport is not None:
            transport.close()


class _Eof(asyncio.Protocol):
    def __init__(self, closed: asyncio.Event) -> None:
        self._closed = closed

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()


async def _watch_stdin(closed: asyncio.Event) -> asyncio.ReadTransport | None:
    """Only a pipe or socket says something by its end; /dev/null and terminals don't."""
    if sys.stdin is None or sys.stdin.closed:
        return None
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return None
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: _Eof(closed), sys.stdin)
    return transport
