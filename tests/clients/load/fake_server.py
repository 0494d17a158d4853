"""A room that may be made to err: the real protocol, a log in a list, and a hand in the frames."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

Frame = dict[str, Any]
Meddle = Callable[[Frame], list[Frame]]
EPOCH = "e"


class FakeRoom:
    """Every comment is an event and a frame of its own. ``meddle`` says what is sent instead of a frame;
    ``hang_up_at`` is the entry before which every connection is cut."""

    def __init__(self, meddle: Meddle, hang_up_at: int | None = None) -> None:
        self._meddle = meddle
        self._hang_up_at = hang_up_at
        self.log: list[dict[str, Any]] = []
        self._sockets: list[web.WebSocketResponse] = []
        self._hang_up: dict[web.WebSocketResponse, Callable[[], None]] = {}

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert request.transport is not None
        self._hang_up[socket] = request.transport.close
        await socket.send_str('0{"sid":"s","upgrades":[],"pingInterval":20000,"pingTimeout":15000}')
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._packet(socket, message.data)
        self._sockets = [other for other in self._sockets if other is not socket]
        del self._hang_up[socket]
        return socket

    async def _packet(self, socket: web.WebSocketResponse, packet: str) -> None:
        if packet.startswith("40/live,"):
            await socket.send_str('40/live,{"sid":"t"}')
            return
        head, start, body = packet.partition("[")
        ack, (name, payload) = head.removeprefix("42/live,"), json.loads(start + body)
        await socket.send_str(f"43/live,{ack}{json.dumps([self._answer(socket, name, payload)])}")
        if name == "comment":
            await self._tell(self.log[-1])

    def _answer(self, socket: web.WebSocketResponse, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        if name == "comment":
            data = {"text": payload["text"]}
            self.log.append(
                {"id": payload["key"], "offset": len(self.log) + 1, "kind": "comment", "data": data}
            )
            return {"ok": True, "event": self.log[-1]}
        self._sockets.append(socket)
        place = {"ok": True, "epoch": EPOCH, "offset": len(self.log), "skipped": {}}
        if after := payload.get("after"):
            return place | {"recovered": True, "items": self.log[after["offset"] :]}
        return place | {"recovered": False, "snapshot": {}}

    async def _tell(self, event: dict[str, Any]) -> None:
        at = event["offset"]
        if at == self._hang_up_at:
            sockets, self._sockets = self._sockets, []
            for socket in sockets:
                self._hang_up[socket]()  # a polite close would wait for the one whose comment this is
            return  # who is back already has got it with the answer to enter, and the others will
        frame = {"room": "demo", "epoch": EPOCH, "from": at, "to": at, "items": [event], "skipped": {}}
        for sent in self._meddle(frame):
            text = "42/live," + json.dumps(["events", sent], separators=(",", ":"))
            for socket in list(self._sockets):
                await socket.send_str(text)

    async def events(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        return web.json_response({"epoch": EPOCH, "items": self.log[after:], "skipped": {}, "next": None})


@asynccontextmanager
async def fake_room(meddle: Meddle, hang_up_at: int | None = None) -> AsyncIterator[str]:
    """The address of a server with such a room."""
    room = FakeRoom(meddle, hang_up_at)
    app = web.Application()
    app.router.add_get("/socket.io/", room.socket)
    app.router.add_get("/api/v1/rooms/demo/events", room.events)
    async with TestServer(app) as server:
        yield f"http://{server.host}:{server.port}"
