"""A publisher for as long as it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clients.publish.feed import Source
from clients.publish.publisher import Publisher
from clients.publish.whip import WhipTarget

_LIVE_WITHIN_S = 15.0
_SETTLE_S = 0.5


@asynccontextmanager
async def published(url: str, key: str, source: Source) -> AsyncIterator[None]:
    """``source`` is published at ``url`` meanwhile. Raises ``TimeoutError`` if it can't be."""
    live = asyncio.Event()

    def told(state: str) -> None:
        if state == "live":
            live.set()

    publisher = Publisher(WhipTarget(url, key), source, on_state=told)
    task = asyncio.create_task(publisher.run())
    try:
        async with asyncio.timeout(_LIVE_WITHIN_S):
            await live.wait()
        await asyncio.sleep(_SETTLE_S)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
