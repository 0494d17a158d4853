"""A house behind a node's own doors: what it is asked goes over HTTP, or over Socket.IO."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp
import socketio

from rooms.ports import Caller
from server.auth.own import sign
from server.commands import SPECS
from server.config import load
from server.node import Node
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, SENIOR, VIEWER, House

SECRET = "a secret that only tests use, long enough"
Transport = Literal["http", "socket"]
TRANSPORTS: tuple[Transport, ...] = ("http", "socket")

_keys = (f"wire-{n:08d}" for n in itertools.count())


class WireHouse(House):
    """What tests set up goes the short way, by ``do``; what they ask goes over the wire, by ``ask``.

    One node serves many tests, each in a ``room`` of its own.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.url = node.settings.database_url
        self.now_ms = time.time_ns() // 1_000_000
        self.store, self.services, self.commands = node.store, node.services, node.commands
        self.tracer, self.registry = node.tracer, node.registry
        self.levels, self.earnings, self.fans = node.domain.levels, node.domain.earnings, node.domain.fans
        self._http = aiohttp.ClientSession(node.url)
        self._sockets: dict[str | None, socketio.AsyncClient] = {}

    def token(self, caller: Caller) -> str:
        return sign(
            SECRET.encode(),
            caller.id or "",
            caller.name,
            now_ms=self.now_ms,
            life_s=3600,
            operator=caller.operator,
            may_host=caller.may_host,
        )

    async def move_in(self) -> None:
        """A new room, with the same people in the same roles."""
        self.room = f"{ROOM}-{next(_keys)}"
        await self.create()
        await self.ok("room.grant", HOST, user=MODERATOR.id, role="moderator")
        await self.ok("room.grant", HOST, user=SENIOR.id, role="senior_moderator")
        client = self._sockets.get(HOST.id) or await self._connect(HOST)
        await client.call("enter", {"room": self.room}, namespace="/live", timeout=30)

    async def offer(self, **terms: Any) -> str:
        """The same; but one that nobody has the points for, as people earn some here."""
        return await super().offer(**({"points": 1_000_000} | terms))

    async def ask(
        self, transport: Transport, name: str, caller: Caller, **payload: Any
    ) -> dict[str, Any] | None:
        """The error object of a command that is sent as a client would; None: it was done."""
        payload = {"room": self.room, **payload}
        if "key" in SPECS[name].model.model_fields:
            payload.setdefault("key", next(_keys))
        if transport == "http":
            return await self._ask_http(name, caller, payload)
        return await self._ask_socket(name, caller, payload)

    async def _ask_http(self, name: str, caller: Caller, payload: dict[str, Any]) -> dict[str, Any] | None:
        room = payload.pop("room")
        headers = {"Authorization": f"Bearer {self.token(caller)}"} if caller.id else {}
        path = f"/api/v1/rooms/{room}/commands/{name}"
        async with self._http.post(path, json=payload, headers=headers) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            return None if response.status < 400 else answer

    async def _ask_socket(self, name: str, caller: Caller, payload: dict[str, Any]) -> dict[str, Any] | None:
        client = self._sockets.get(caller.id) or await self._connect(caller)
        answer = await client.call(name, payload, namespace="/live", timeout=30)
        if answer["ok"]:
            return None
        error: dict[str, Any] = answer["error"]
        return error

    async def _connect(self, caller: Caller) -> socketio.AsyncClient:
        client = socketio.AsyncClient(reconnection=False)
        auth = {"token": self.token(caller)} if caller.id else None
        await client.connect(self.node.url, namespaces=["/live"], auth=auth, transports=["websocket"])
        self._sockets[caller.id] = client
        return client

    async def fetch(self, method: str, path: str, caller: Caller) -> tuple[int, str | None]:
        """An answer's status, and its error code if it is a refusal; what changes has an empty body."""
        headers = {"Authorization": f"Bearer {self.token(caller)}"} if caller.id else {}
        body: dict[str, Any] | None = None if method in ("GET", "DELETE") else {}
        async with self._http.request(method, path, json=body, headers=headers) as response:
            if response.status < 400:
                return response.status, None
            return response.status, (await response.json(content_type=None))["code"]

    async def close(self) -> None:
        for client in self._sockets.values():
            await client.disconnect()
        await self._http.close()


@asynccontextmanager
async def wire_house_at(folder: Path) -> AsyncIterator[WireHouse]:
    """A node of its own on the database in ``folder``, with everybody signed in and no room yet."""
    values = {
        "node": {"data_dir": folder, "secret": SECRET},
        "listen": {"port": 0},
        "rooms": {"comments_per_10s": 1000},
        "coins": {"packs": [{"id": "small", "coins": 60, "price_minor": 600, "currency": "CNY"}]},
        "limits": {"commands_per_connection": 10_000, "commands_per_user": 10_000, "loop_lag_max_s": 30},
    }
    node = await asyncio.to_thread(lambda: Node(load(None, values, environ={})))
    await node.start()
    house = WireHouse(node)
    try:
        await house.sign_in(HOST, MODERATOR, SENIOR, VIEWER, OTHER, OPERATOR)
        yield house
    finally:
        await house.close()
        await node.close()
