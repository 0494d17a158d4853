"""The peer of ``bench.hls``: the least that one writes with aiohttp to serve Low-Latency HLS.

One playlist and one part of the usual sizes every quarter of a second, kept in memory; a reload waits on an
``asyncio.Event``. No rooms, no permissions, no middlewares, no access log.
"""

from __future__ import annotations

import asyncio
import os
import time

import uvloop
from aiohttp import web

PART_S, PART_BYTES, PARTS = 0.25, 50_000, 8
_LINES = "".join(f'#EXT-X-PART:DURATION=0.25000,URI="feed1234-{n}.0.m4s"\n' for n in range(40))


class Stream:
    """What is there by now."""

    def __init__(self) -> None:
        self.count = 0
        self.event = asyncio.Event()
        self.body = os.urandom(PART_BYTES)
        self.text = b""
        self.times: list[tuple[int, int, float]] = []

    async def run(self) -> None:
        started = time.monotonic()
        while True:
            self.count += 1
            number, part = divmod(self.count - 1, PARTS)
            self.text = (
                f"#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-MEDIA-SEQUENCE:{number}\n{_LINES}"
                f'#EXT-X-PART:DURATION=0.25000,URI="feed1234-{number}.{part}.m4s"\n'
                f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="feed1234-{number}.{part + 1}.m4s"\n'
            ).encode()
            event, self.event = self.event, asyncio.Event()
            event.set()
            await asyncio.sleep(max(0.0, started + self.count * PART_S - time.monotonic()))

    async def media(self, request: web.Request) -> web.Response:
        wanted = request.query.get("_HLS_msn")
        if wanted is not None:
            at = int(wanted) * PARTS + int(request.query["_HLS_part"])
            while self.count <= at:
                await self.event.wait()
        headers = {"Cache-Control": "max-age=1", "Access-Control-Allow-Origin": "*"}
        return web.Response(body=self.text, content_type="application/vnd.apple.mpegurl", headers=headers)

    async def part(self, _: web.Request) -> web.Response:
        headers = {"Cache-Control": "max-age=31536000, immutable", "Access-Control-Allow-Origin": "*"}
        return web.Response(body=self.body, content_type="video/mp4", headers=headers)


async def main() -> None:
    stream = Stream()
    app = web.Application()
    app.router.add_get("/hls/{room}/media.m3u8", stream.media)
    app.router.add_get(r"/hls/{room}/{name:[\w.-]+\.m4s}", stream.part)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(f"ready http://127.0.0.1:{runner.addresses[0][1]} ", flush=True)
    await stream.run()


if __name__ == "__main__":
    uvloop.run(main())
