"""The Socket.IO gateway: connections, entering rooms, commands and their acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
import socketio
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import BaseModel, ConfigDict, StringConstraints

from rooms import people
from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.log import LogEvent
from rooms.pace import Pacer
from server.answers import as_refused, error_object
from server.auth import GUEST, Identity, PublishTokens, Tokens
from server.commands import Commands
from server.live.connection import Connection, as_caller
from server.live.entering import TRIES, Enter, Position, read_missed, read_side, recoverable, room_part
from server.live.rooms import LiveRooms, UserChannels
from server.live.view import RoomView
from server.store.group import Work
from server.store.store import Store
from server.wire import NAMESPACE, WirePacket, encode_message

log = structlog.get_logger(__name__)

MESSAGE_MAX_BYTES = 200_000
QUEUE_MAX = 256
COMMANDS_PER_WINDOW = 100
COMMANDS_WINDOW_MS = 5000


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Leave(_Model):
    room: RoomId


class Time(_Model):
    pass


class Refresh(_Model):
    token: Annotated[str, StringConstraints(max_length=8192)]


class PublishToken(_Model):
    room: RoomId


class EngineOutlet:
    """A connection's way out over python-engineio, with a bounded queue."""

    def __init__(self, sio: socketio.AsyncServer, eio_sid: str, request: web.Request) -> None:
        self._sio = sio
        self._eio_sid = eio_sid
        self._request = request
        self._closing: asyncio.Task[None] | None = None

    def send(self, packet: Any) -> bool:
        socket = self._sio.eio.sockets.get(self._eio_sid)
        if socket is None or socket.closed or socket.closing or self._closing is not None:
            return False
        if socket.queue.qsize() >= QUEUE_MAX:
            log.info("client_too_slow", connection=self._eio_sid)
            self.close("slow", reconnect=True, retry_after_ms=1000)
            return False
        socket.queue.put_nowait(packet)
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        if self._closing is not None:
            return
        bye: dict[str, Any] = {"code": code, "message": _BYES[code], "reconnect": reconnect}
        if retry_after_ms is not None:
            bye["retry_after_ms"] = retry_after_ms
        socket = self._sio.eio.sockets.get(self._eio_sid)
        if socket is None:
            return
        if socket.queue.qsize() < QUEUE_MAX:
            socket.queue.put_nowait(encode_message("bye", bye))
        self._closing = asyncio.create_task(self._shut(socket))

    async def _shut(self, socket: Any) -> None:
        with contextlib.suppress(Exception):
            await socket.close(wait=False)
        await asyncio.sleep(CLOSE_GRACE_S)
        # Who doesn't read doesn't see a polite close either.
        if (transport := self._request.transport) is not None:
            transport.abort()


CLOSE_GRACE_S = 2.0

_BYES = {
    "token_expired": "Your token has run out: connect again with a new one.",
    "slow": "Your connection could not keep up.",
    "shutting_down": "This server is going away: connect again.",
    "room_gone": "The room is gone.",
    "banned": "You are banned.",
    "replaced": "You are connected elsewhere.",
}

Handler = Callable[[Connection, Any], Awaitable[dict[str, Any]]]


class Gateway(socketio.AsyncNamespace):
    """Namespace ``/live``. One command of a connection at a time, in the order sent."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        publish_tokens: PublishTokens,
        store: Store,
        commands: Commands,
        live: LiveRooms,
        users: UserChannels,
        clock_ms: Callable[[], int],
        client_address: Callable[[web.Request], str],
        registry: CollectorRegistry,
        recovered_max: int,
    ) -> None:
        super().__init__(NAMESPACE)
        self._tokens = tokens
        self._publish_tokens = publish_tokens
        self._store = store
        self._commands = commands
        self._live = live
        self._users = users
        self._clock_ms = clock_ms
        self._client_address = client_address
        self._recovered_max = recovered_max
        self._connections: dict[str, Connection] = {}
        self._seen: dict[str, tuple[str, bool]] = {}
        self._pacer = Pacer(COMMANDS_PER_WINDOW, COMMANDS_WINDOW_MS)
        self._closing = False
        self._answers = Counter(
            "danmart_commands_total", "Commands answered", ["command", "code"], registry=registry
        )
        gauge = Gauge("danmart_connections", "Socket.IO connections", registry=registry)
        gauge.set_function(lambda: len(self._connections))
        self._own: dict[str, tuple[type[BaseModel], Handler]] = {
            "enter": (Enter, self._enter),
            "leave": (Leave, self._leave),
            "time": (Time, self._time),
            "refresh": (Refresh, self._refresh),
            "publish.token": (PublishToken, self._publish_token),
        }
        self.sio = socketio.AsyncServer(
            async_mode="aiohttp",
            serializer=WirePacket,
            async_handlers=False,
            cors_allowed_origins="*",  # tokens are in the connect packet, never in a cookie
            max_http_buffer_size=MESSAGE_MAX_BYTES,
            ping_interval=20,
            ping_timeout=15,
            http_compression=False,
            transports=["websocket", "polling"],
            logger=False,
            engineio_logger=False,
        )
        self.sio.register_namespace(self)

    def attach(self, app: web.Application) -> None:
        self.sio.attach(app)

    async def close(self) -> None:
        """Tell every client and close. Idempotent."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.outlet.close("shutting_down", reconnect=True, retry_after_ms=1000)
        await asyncio.sleep(0)
        await self.sio.shutdown()

    # python-socketio calls this for everything: connecting, disconnecting, and each event

    async def trigger_event(self, event: str, *args: Any) -> Any:
        if event == "connect":
            return await self._connect(args[0], args[1], args[2] if len(args) > 2 else None)
        if event == "disconnect":
            return await self._disconnect(args[0])
        return await self._command(event, args[0], args[1:])

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        if self._closing:
            self._refuse(Refused("temporarily_unavailable", retry_after_ms=1000))
        try:
            identity = await self._identify(auth)
            await self._note_seen(identity)
        except Refused as error:
            self._refuse(error)
        request: web.Request = environ["aiohttp.request"]
        eio_sid = self.sio.manager.eio_sid_from_sid(sid, NAMESPACE)
        outlet = EngineOutlet(self.sio, eio_sid, request)
        connection = Connection(sid, identity, outlet, self._client_address(request))
        self._connections[sid] = connection
        self._watch_expiry(connection)
        await self._users.join(connection)

    def _refuse(self, error: Refused) -> None:
        raise socketio.exceptions.ConnectionRefusedError(error.message, error_object(error))

    async def _identify(self, auth: Any) -> Identity:
        if auth is None or auth == {}:
            return GUEST
        if not isinstance(auth, dict) or not isinstance(auth.get("token"), str):
            raise Refused("bad_token", "Give the token as auth: {token}, or no auth at all.")
        return await self._tokens.verify(auth["token"], self._clock_ms())

    async def _note_seen(self, identity: Identity) -> None:
        """Write a user down once, and again when the name or the operator's claim changes."""
        if identity.id is None or self._seen.get(identity.id) == (identity.name, identity.operator):
            return
        caller = as_caller(identity)
        answer = await self._store.write(Work("user.seen", lambda tx: people.seen(tx, caller)))
        if not answer.ok:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        if len(self._seen) > 100_000:
            self._seen.clear()
        self._seen[identity.id] = (identity.name, identity.operator)

    async def _disconnect(self, sid: str) -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:
            return
        for undo in connection.leaving:
            undo()
        self._live.leave(connection)
        await self._users.leave(connection)

    def _watch_expiry(self, connection: Connection) -> None:
        for undo in connection.leaving:
            undo()
        connection.leaving.clear()
        expires_at_ms = connection.identity.expires_at_ms
        if expires_at_ms is None:
            return
        left_s = max(0, expires_at_ms - self._clock_ms()) / 1000
        if left_s > 7 * 86_400:
            return
        timer = asyncio.get_running_loop().call_later(
            left_s, lambda: connection.outlet.close("token_expired", reconnect=False)
        )
        connection.leaving.append(timer.cancel)

    # commands

    async def _command(self, name: str, sid: str, args: tuple[Any, ...]) -> Any:
        connection = self._connections.get(sid)
        if connection is None:
            return None
        structlog.contextvars.bind_contextvars(user=connection.identity.id)
        try:
            payload = args[0] if args else {}
            if len(args) > 1 or not isinstance(payload, dict):
                raise Refused("bad_request", "A command takes one JSON object.")
            reply, code = await self._run(connection, name, payload)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            refusal = as_refused(error)
            reply, code = {"ok": False, "error": error_object(refusal)}, refusal.code
        finally:
            structlog.contextvars.unbind_contextvars("user")
        known = name if name in self._own or code != "unknown_command" else "?"
        self._answers.labels(known, code or "ok").inc()
        return reply

    async def _run(
        self, connection: Connection, name: str, payload: dict[str, Any]
    ) -> tuple[Any, str | None]:
        now_ms = self._clock_ms()
        wait_ms = self._pacer.wait_ms(connection.id, now_ms)
        if wait_ms:
            raise Refused("rate_limited", retry_after_ms=wait_ms)
        self._pacer.take(connection.id, now_ms)
        if own := self._own.get(name):
            model, handler = own
            return {"ok": True, **await handler(connection, model.model_validate(payload))}, None
        room_id = payload.get("room")
        if isinstance(room_id, str) and not connection.identity.may_enter(room_id):
            raise Refused("forbidden", "Your token is for another room.")
        answer = await self._commands.run(name, payload, connection.caller, connection.viewer_id)
        return orjson.Fragment(answer.body), answer.code

    async def _enter(self, connection: Connection, cmd: Enter) -> dict[str, Any]:
        if not connection.identity.may_enter(cmd.room):
            raise Refused("forbidden", "Your token is for another room.")
        caller, now_ms = connection.caller, self._clock_ms()
        room = await self._live.open(cmd.room)
        side = await self._store.read(lambda conn: read_side(conn, cmd, caller, now_ms))
        missed = await self._missed(room.view, cmd.after)
        # Nothing is awaited from here to the answer: the next frame must continue exactly where it ends.
        self._live.leave(connection)
        connection.actions = frozenset(side.you["can"])
        self._live.enter(room, connection)
        reply = room_part(room.view, missed, caller.id)
        reply |= {"room": cmd.room, "signals": room.signals(), "you": side.you, "now_ms": self._clock_ms()}
        if side.staff is not None:
            reply["staff"] = side.staff
        return reply

    async def _missed(self, view: RoomView, after: Position | None) -> list[LogEvent] | None:
        """Everything after a position up to the view's last frame; None: a snapshot is to be given."""
        if after is None:
            return None
        older: list[LogEvent] = []
        for _ in range(TRIES):
            at = older[-1].offset if older else after.offset
            if not recoverable(view, after, self._recovered_max):
                return None
            recent = view.missed(at)
            if recent is not None:
                return older + recent
            start = at
            older += await self._store.read(lambda conn: read_missed(conn, view, start))  # noqa: B023
        return None

    async def _leave(self, connection: Connection, cmd: Leave) -> dict[str, Any]:
        if connection.room_id == cmd.room:
            self._live.leave(connection)
        return {}

    async def _time(self, connection: Connection, cmd: Time) -> dict[str, Any]:
        return {"now_ms": self._clock_ms()}

    async def _refresh(self, connection: Connection, cmd: Refresh) -> dict[str, Any]:
        identity = await self._tokens.verify(cmd.token, self._clock_ms())
        if identity.id != connection.identity.id:
            raise Refused("bad_token", "This token is for somebody else: connect anew.")
        await self._note_seen(identity)
        connection.identity = identity
        self._watch_expiry(connection)
        user = {"id": identity.id, "name": identity.name}
        return {"user": user, "expires_at_ms": identity.expires_at_ms}

    async def _publish_token(self, connection: Connection, cmd: PublishToken) -> dict[str, Any]:
        caller = connection.caller
        if caller.id is None:
            raise Refused("unauthenticated")
        if not connection.identity.may_enter(cmd.room):
            raise Refused("forbidden", "Your token is for another room.")
        enter, now_ms = Enter(room=cmd.room), self._clock_ms()
        side = await self._store.read(lambda conn: read_side(conn, enter, caller, now_ms))
        if "publish" not in side.you["can"]:
            raise Refused("forbidden")
        token, expires_at_ms = self._publish_tokens.mint(cmd.room, caller.id, now_ms)
        return {"token": token, "expires_at_ms": expires_at_ms}

    async def kick(self, user_id: str, code: str) -> None:
        """Close every connection of a user on this node."""
        for connection in self._users.connections(user_id):
            connection.outlet.close(code, reconnect=False)
