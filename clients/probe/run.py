"""One look at a room: a reader a protocol, all at once, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

import aiohttp

from clients.probe.figures import Figures, Watch
from clients.probe.hls import HlsReader
from clients.probe.whep import WhepReader, wall_ms
from clients.publish.whip import WhipRefused, WhipTarget

Via = Literal["whep", "hls"]
JOIN_S = 20.0
"""Who has no picture by then gets none."""


async def probe(url: str, room: str, token: str | None, via: Sequence[Via], seconds: float) -> list[Figures]:
    """Watches ``room`` at ``url`` for ``seconds`` from the first picture on. Raises nothing but
    ``CancelledError``: what goes wrong is in the figures. Safe to cancel."""
    async with aiohttp.ClientSession() as http:
        return list(await asyncio.gather(*(_one(http, url, room, token, one, seconds) for one in via)))


async def _one(
    http: aiohttp.ClientSession, url: str, room: str, token: str | None, via: Via, seconds: float
) -> Figures:
    watch = Watch(via, wall_ms())
    name = quote(room, safe=":")
    if via == "whep":
        reading = WhepReader(WhipTarget(f"{url}/whep/{name}", token), watch).run(http)
    else:
        reading = HlsReader(f"{url}/hls/{name}/index.m3u8", token, watch).run(http)
    task = asyncio.create_task(reading)
    ended_early = False
    try:
        async with asyncio.timeout(JOIN_S):
            while not watch.frames and not task.done():  # noqa: ASYNC110  frames come from a thread
                await asyncio.sleep(0.02)
    except TimeoutError:
        pass
    else:
        await asyncio.wait([task], timeout=seconds if watch.frames else 0)
        ended_early = task.done()
    finally:
        failed = await _end(task)
    figures = watch.figures(wall_ms())
    if figures.error is not None and failed:
        return replace(figures, error=f"{figures.error}: {failed}")
    return replace(figures, error=f"it stopped: {failed}") if ended_early and failed else figures


async def _end(task: asyncio.Task[None]) -> str | None:
    """Stops the reader; why it had ended by itself, if it was an error."""
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled() or task.exception() is None:
        return None
    error = task.exception()
    if isinstance(error, (WhipRefused, aiohttp.ClientError, OSError, ValueError, TimeoutError)):
        return str(error) or type(error).__name__
    raise RuntimeError("the reader failed") from error
