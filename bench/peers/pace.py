"""``GET /talk?room=R&rate=N&seconds=S&bytes=B``: a peer that says something by itself, at a rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from clients.load.wire import stamped

Say = Callable[[str, str], Awaitable[None]]


def talk_route(say: Say) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler; it answers, when all has been said, with how many that were."""

    async def talk(request: web.Request) -> web.Response:
        query = request.query
        room, rate, size = query["room"], float(query["rate"]), int(query["bytes"])
        started, count = time.monotonic(), round(rate * float(query["seconds"]))
        for n in range(count):
            while (left := started + n / rate - time.monotonic()) > 0:  # noqa: ASYNC110  a clock
                await asyncio.sleep(left)
            await say(room, stamped(size, time.time_ns()))
        return web.json_response({"said": count})

    return talk
