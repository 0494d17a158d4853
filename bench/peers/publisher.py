"""Our bus alone: ``python -m bench.peers.publisher REDIS_URL``. ``GET /talk`` publishes, one event each."""

from __future__ import annotations

import os
import sys
import time

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from bench.peers.pace import talk_route
from bench.peers.stock import serve
from rooms.log import LogEvent, encode_event
from rooms.rows import new_id
from rooms.unit import News
from server.bus.metrics import BusMetrics
from server.bus.redis import RedisBus

# Apart from the nodes', which would take this for a hole in their logs.
_PREFIX = "bench"


async def main(redis_url: str) -> None:
    bus = RedisBus(redis_url, BusMetrics(CollectorRegistry()), prefix=_PREFIX)
    await bus.start()
    room_id, offset = os.environ["PEER_ROOM"], 0

    async def say(room: str, text: str) -> None:
        nonlocal offset
        offset += 1
        bus.publish(News([_event(room_id, offset, text)], [], [], {}, {}))

    app = web.Application()
    app.router.add_get("/talk", talk_route(say))
    await serve(app)


def _event(room_id: str, offset: int, text: str) -> LogEvent:
    """As a commit has it: encoded already, which the writer did for the database."""
    at_ms, event_id = time.time_ns() // 1_000_000, new_id()
    body = encode_event(
        event_id=event_id,
        offset=offset,
        kind="comment",
        at_ms=at_ms,
        user={"id": "load-0", "name": "Load 0", "badges": []},
        data={"text": text, "color": "white", "lane": "scroll"},
        media_ms=None,
    )
    return LogEvent(room_id, "peer", offset, event_id, "comment", at_ms, "load-0", "all", body)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
