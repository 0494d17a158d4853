"""A room on several processes of stock python-socketio: ``python -m bench.peers.shared REDIS_URL``.

The library's own way of being many: an ``AsyncRedisManager``. ``GET /talk`` has this process emit to a room,
at a rate, as a handler would; what the others make of it is measured there.
"""

from __future__ import annotations

import asyncio
import sys

import socketio
import uvloop
from aiohttp import web

from bench.peers.pace import talk_route
from bench.peers.stock import Room, make_event, make_frame, make_server, serve

_SNAPSHOT_BYTES = 1000


async def main(redis_url: str) -> None:
    sio = make_server(client_manager=socketio.AsyncRedisManager(redis_url))
    sio.register_namespace(Room(_SNAPSHOT_BYTES))
    app = web.Application()
    sio.attach(app)
    offset = 0

    async def say(room: str, text: str) -> None:
        nonlocal offset
        offset += 1
        await sio.emit("events", make_frame(make_event(offset, text)), room=room, namespace="/live")

    app.router.add_get("/talk", talk_route(say))
    # The manager begins to listen with the first client of the process, or with this.
    sio.manager.initialize()
    sio.manager_initialized = True
    await asyncio.sleep(0)
    await serve(app)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
