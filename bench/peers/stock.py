"""A room on stock python-socketio: ``python -m bench.peers.stock SNAPSHOT_BYTES``.

The shortest server that does what ours does for a viewer: the same check of the same token, a snapshot of the
same size on entering, an event with an offset to everybody in the room for each comment. It keeps nothing and
writes nothing to disk. The library's own ways throughout: ``AsyncServer.emit`` to a room.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import uuid
from typing import Any

import jwt
import socketio
import uvloop
from aiohttp import web

NAMESPACE = "/live"
ROOM = os.environ["PEER_ROOM"]
_EPOCH = "peer"


def make_event(offset: int, text: str) -> dict[str, Any]:
    """An event as ours are."""
    return {
        "id": str(uuid.uuid4()),
        "offset": offset,
        "kind": "comment",
        "at_ms": time.time_ns() // 1_000_000,
        "user": {"id": "load-0", "name": "Load 0", "badges": []},
        "data": {"text": text, "color": "white", "lane": "scroll"},
    }


def make_frame(event: dict[str, Any]) -> dict[str, Any]:
    """One event as it is sent to a room."""
    at = event["offset"]
    return {"room": ROOM, "epoch": _EPOCH, "from": at, "to": at, "items": [event], "skipped": {}}


def _snapshot(size: int) -> dict[str, Any]:
    """As many comments as fill ``size`` bytes."""
    one = len(socketio.packet.Packet.json.dumps(make_event(100, "." * 60), separators=(",", ":")))
    return {"comments": [make_event(n, "." * 60) for n in range(max(1, size // (one + 1)))]}


class Room(socketio.AsyncNamespace):  # type: ignore[misc]  # it comes without types
    """One room, whose log is a counter."""

    def __init__(self, snapshot_bytes: int) -> None:
        super().__init__(NAMESPACE)
        self._head = 0
        self._snapshot = _snapshot(snapshot_bytes)

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        claims = jwt.decode(
            auth["token"],
            os.environ["PEER_SECRET"],
            ["HS256"],
            issuer=os.environ["PEER_ISSUER"],
            audience=os.environ["PEER_AUDIENCE"],
        )
        await self.save_session(sid, {"user": claims["sub"]})

    async def on_enter(self, sid: str, payload: dict[str, Any]) -> dict[str, Any]:
        await self.enter_room(sid, ROOM)
        return {
            "ok": True,
            "epoch": _EPOCH,
            "offset": self._head,
            "recovered": False,
            "snapshot": self._snapshot,
            "skipped": {},
        }

    async def on_comment(self, sid: str, payload: dict[str, Any]) -> dict[str, Any]:
        self._head += 1
        event = make_event(self._head, payload["text"])
        await self.emit("events", make_frame(event), room=ROOM)
        return {"ok": True, "event": event}

    async def on_freeze(self, sid: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The collector leaves alone what is there now; else it would walk through every connection."""
        gc.collect()
        gc.freeze()
        return {"ok": True}


def make_server(**more: Any) -> socketio.AsyncServer:
    """The server with the settings that its documents advise for speed."""
    gc.set_threshold(100_000, 50, 50)
    return socketio.AsyncServer(
        async_mode="aiohttp",
        transports=["websocket"],
        http_compression=False,
        ping_interval=20,
        ping_timeout=15,
        max_http_buffer_size=200_000,
        **more,
    )


async def serve(app: web.Application) -> None:
    """Until the process is ended; prints where it listens."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"ready http://127.0.0.1:{runner.addresses[0][1]} ", flush=True)
    await asyncio.Event().wait()


async def main(snapshot_bytes: int) -> None:
    sio = make_server()
    sio.register_namespace(Room(snapshot_bytes))
    app = web.Application()
    sio.attach(app)
    await serve(app)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
