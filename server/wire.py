"""Socket.IO as this server speaks it: JSON by orjson, no binary, and strict where python-socketio is lax."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any

import orjson
import socketio.packet
from aiohttp import web
from engineio.async_drivers.aiohttp import WebSocket

from server.outlet import OutQueue, hang_up
from server.socket.aside import Asides, Spawn, StepAside, stay
from server.socket.packets import RESERVED, MalformedError

SEND_BUFFER_BYTES = 131_072
"""Left to itself, the kernel takes in megabytes for a client that doesn't read, before anybody notices."""

ANSWERS_WITHIN_S = 5.0
"""How long the answers to earlier commands may wait for a client that sends further ones."""

step_aside: ContextVar[StepAside] = ContextVar("step_aside", default=stay)
"""What the event that is being carried out calls when the connection's next one needn't wait for it."""

message_length: ContextVar[int] = ContextVar("message_length", default=0)
"""How many characters the message has that is being carried out."""

# Engine.IO packets that clients send: close, ping (an upgrade's probe), pong, message, upgrade, noop.
_FROM_CLIENTS = re.compile(r"4[0-6]|[1356]$|2(?:probe)?$")


class _Json:
    """What python-socketio takes for a json module."""

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return orjson.dumps(data).decode()

    @staticmethod
    def loads(data: str | bytes, **_: Any) -> Any:
        return orjson.loads(data)


class WirePacket(socketio.packet.Packet):
    """A packet of JSON alone.

    A binary event is taken as the plain event that it is without its attachments, so that its sender gets an
    answer; nobody waits for a thousand attachments because a client announced them.
    """

    uses_binary_events = False
    json = _Json
    data: Any

    def decode(self, encoded_packet: str) -> int:
        """Raises ``MalformedError``. What can't be read of an event makes it one without a name."""
        text = encoded_packet
        if text[:1] == str(socketio.packet.BINARY_EVENT):
            text = f"{socketio.packet.EVENT}{text[1:]}"
        try:
            super().decode(text)
        except ValueError as error:  # half an emoji (a lone surrogate) is enough for that
            if self.packet_type != socketio.packet.EVENT:
                raise MalformedError(str(error)) from None
        if self.packet_type == socketio.packet.EVENT:
            if not _is_event(self.data):
                self.data = [""]
        elif self.packet_type not in (socketio.packet.CONNECT, socketio.packet.DISCONNECT):
            raise MalformedError("clients don't send such packets")
        return 0


def _is_event(data: Any) -> bool:
    named = isinstance(data, list) and data and isinstance(data[0], str)
    return bool(named) and data[0] not in RESERVED


class WireServer(socketio.AsyncServer):
    """Drops what isn't Socket.IO, and counts it; python-socketio would log each piece with a traceback."""

    def __init__(
        self,
        malformed: Callable[[], None],
        arrived: Callable[[str, dict[str, Any]], None],
        gone: Callable[[str], None],
        too_slow: Callable[[], None],
        spawn: Spawn,
        lengthy: Callable[[], Collection[str]],
        **options: Any,
    ) -> None:
        super().__init__(serializer=WirePacket, **options)
        self._malformed = malformed
        self._arrived = arrived
        self._gone = gone
        self._too_slow = too_slow
        self._spawn = spawn
        self._lengthy = lengthy
        self._asides: dict[str, Asides] = {}
        self._hanging_up: dict[str, asyncio.Task[None]] = {}
        self.eio.create_queue = OutQueue
        self.eio.disconnect = self._disconnect
        self.eio._async = {**self.eio._async, "websocket": WireSocket}

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if not isinstance(data, str) or not data:
                raise MalformedError("an attachment, or JSON without Socket.IO around it")
            if await self._reads_answers(eio_sid):
                message_length.set(len(data))
                await super()._handle_eio_message(eio_sid, data)
        except MalformedError:
            self._malformed()

    async def _handle_event_internal(
        self, server: Any, sid: str, eio_sid: str, data: Any, namespace: str, number: Any
    ) -> None:
        """python-socketio's, in a task of its own for an event that may step aside."""
        carry_out = super()._handle_event_internal
        if data[0] not in self._lengthy() or eio_sid not in self.eio.sockets:
            await carry_out(server, sid, eio_sid, data, namespace, number)
            return

        async def run(aside: StepAside) -> None:
            step_aside.set(aside)
            await carry_out(server, sid, eio_sid, data, namespace, number)

        await self._asides.setdefault(eio_sid, Asides()).turn(self._spawn, run)

    async def _reads_answers(self, eio_sid: str) -> bool:
        """Whether the client may have another answer; who leaves them lying is sent away."""
        engine = self.eio.sockets.get(eio_sid)
        if engine is None or eio_sid in self._hanging_up:
            return False
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await engine.queue.answers_taken()
            return True
        except TimeoutError:
            if eio_sid not in self._hanging_up:
                self._too_slow()
                self.hang_up(engine)
            return False

    def forget_closed(self, eio_sid: str) -> None:
        """Have a session that has ended be unknown: engineio fails on some requests for it."""
        engine = self.eio.sockets.get(eio_sid)
        if engine is not None and engine.closed:
            del self.eio.sockets[eio_sid]

    async def _disconnect(self, eio_sid: str) -> None:
        """In place of engineio's, which waits until the client has taken everything: some never come."""
        if (engine := self.eio.sockets.get(eio_sid)) is not None:
            await engine.close(wait=False)

    def hang_up(self, engine: Any) -> None:
        """Close one of engineio's sockets, soon. Idempotent."""
        if engine.sid not in self._hanging_up:
            task = self._hanging_up[engine.sid] = asyncio.create_task(hang_up(engine))
            task.add_done_callback(lambda _: self._hanging_up.pop(engine.sid))

    def hang_up_all(self) -> None:
        """Close those too who never came as far as a namespace: nobody else will."""
        for engine in list(self.eio.sockets.values()):
            if not engine.closed and not engine.closing:
                self.hang_up(engine)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self._arrived(eio_sid, environ)
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any) -> None:
        try:
            await super()._handle_eio_disconnect(eio_sid, reason)
        finally:
            self._gone(eio_sid)
            self._asides.pop(eio_sid, None)
            if (engine := self.eio.sockets.get(eio_sid)) is not None:
                # A poll that waits is to end now, not with the next ping; after what is still to be told.
                asyncio.get_running_loop().call_soon(engine.queue.put_nowait, None)


class WireSocket(WebSocket):
    """The WebSocket under a connection.

    Never compressed: that would cost 90 KiB a viewer. What isn't Engine.IO closes it in order, where engineio
    would leave a connection without a reader behind; binary messages are passed over.
    """

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        request: web.Request = environ["aiohttp.request"]
        self._request = request
        self._sock = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(request)
        if request.transport is not None and (raw := request.transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.environ = environ
        engine = self.handler.__self__
        engine.wire = self  # so that whoever holds engineio's socket finds its transport
        try:
            await self.handler(self)
        finally:
            # Engineio forgets this when it is cancelled, as it is when the peer hangs up first.
            await engine.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
        return self._sock

    async def wait(self) -> str:
        while True:
            data = await super().wait()
            if isinstance(data, bytes):
                continue
            if not _FROM_CLIENTS.match(data):
                raise ConnectionError("not an Engine.IO packet")
            return str(data)

    def abort(self) -> None:
        """Drop the connection, with everything that waits to be written."""
        if (transport := self._request.transport) is not None:
            transport.abort()
