"""The Socket.IO gateway: connections, entering rooms, commands and their acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
import socketio
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import BaseModel, ConfigDict, StringConstraints

from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.log import LogEvent
from rooms.pace import Pacer
from server.answers import as_refused, error_object
from server.auth import GUEST, Identity, Tokens
from server.commands import SPECS, Commands
from server.live.connection import Connection
from server.live.entering import TRIES, Enter, Position, Side, read_missed, read_side, recoverable, room_part
from server.live.rooms import LiveRooms, UserChannels
from server.live.view import RoomView
from server.outlet import EngineOutlet, hang_up
from server.signins import SignIns
from server.store.store import Store
from server.wire import NAMESPACE, WireServer

log = structlog.get_logger(__name__)

MESSAGE_MAX_BYTES = 200_000
DRAIN_S = 3.0
EXPIRY_LOOK_S = 3600.0
COMMANDS_PER_WINDOW = 100
COMMANDS_WINDOW_MS = 5000


# The libraries log what clients do wrong, as errors with tracebacks. Our own errors are logged here.
_NOBODY = logging.getLogger("danmart.nobody")
_NOBODY.disabled = True


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Leave(_Model):
    room: RoomId


class Time(_Model):
    pass


class Refresh(_Model):
    token: Annotated[str, StringConstraints(max_length=8192)]


Handler = Callable[[Connection, Any], Awaitable[dict[str, Any]]]


class Gateway(socketio.AsyncNamespace):
    """Namespace ``/live``. One command of a connection at a time, in the order sent."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        signins: SignIns,
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
        self._signins = signins
        self._store = store
        self._commands = commands
        self._live = live
        self._users = users
        self._clock_ms = clock_ms
        self._client_address = client_address
        self._recovered_max = recovered_max
        self._connections: dict[str, Connection] = {}
        self._pacer = Pacer(COMMANDS_PER_WINDOW, COMMANDS_WINDOW_MS)
        self._closing = False
        self._hanging_up: list[asyncio.Task[None]] = []
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._answers = Counter(
            "danmart_commands_total", "Commands answered", ["command", "code"], registry=registry
        )
        malformed = Counter(
            "danmart_malformed_packets_total", "What clients sent and nobody could read", registry=registry
        )
        gauge = Gauge("danmart_connections", "Socket.IO connections", registry=registry)
        gauge.set_function(lambda: len(self._connections))
        self._own: dict[str, tuple[type[BaseModel], Handler]] = {
            "enter": (Enter, self._enter),
            "leave": (Leave, self._leave),
            "time": (Time, self._time),
            "refresh": (Refresh, self._refresh),
        }
        self.sio = WireServer(
            malformed.inc,
            async_mode="aiohttp",
            async_handlers=False,
            cors_allowed_origins="*",  # tokens are in the connect packet, never in a cookie
            max_http_buffer_size=MESSAGE_MAX_BYTES,
            ping_interval=20,
            ping_timeout=15,
            http_compression=False,
            transports=["websocket", "polling"],
            logger=_NOBODY,
            engineio_logger=_NOBODY,
        )
        self.sio.register_namespace(self)

    def attach(self, app: web.Application) -> None:
        self.sio.attach(app)

    async def close(self) -> None:
        """Answer the commands that are under way and no others, tell every client and close. Idempotent."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._idle.wait()
        for connection in list(self._connections.values()):
            connection.outlet.close("shutting_down", reconnect=True, retry_after_ms=1000)
        self.sio.refuse_all()
        # There are also those who never came as far as the namespace.
        strangers = [s for s in self.sio.eio.sockets.values() if not s.closed and not s.closing]
        self._hanging_up = [asyncio.create_task(hang_up(socket)) for socket in strangers]
        await asyncio.sleep(0)
        await self.sio.shutdown()

    # python-socketio calls this for everything: connecting, disconnecting, and each event

    async def trigger_event(self, event: str, *args: Any) -> Any:
        try:
            if event == "connect":
                return await self._connect(args[0], args[1], args[2] if len(args) > 2 else None)
            if event == "disconnect":
                return await self._disconnect(args[0])
            return await self._command(event, args[0], args[1:])
        except (asyncio.CancelledError, socketio.exceptions.ConnectionRefusedError):
            raise
        except Exception:
            log.exception("gateway_failed", event_name=event)
            raise

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        try:
            if self._closing:
                raise Refused("temporarily_unavailable", retry_after_ms=1000)
            identity = await self._identify(auth)
            await self._signins.note(identity)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            refusal = as_refused(error)
            raise socketio.exceptions.ConnectionRefusedError(refusal.message, error_object(refusal)) from None
        request: web.Request = environ["aiohttp.request"]
        eio_sid = self.sio.manager.eio_sid_from_sid(sid, NAMESPACE)
        engine = self.sio.eio.sockets.get(eio_sid)
        if engine is None or engine.closed or engine.closing:
            return  # it has gone meanwhile, and nobody would say so again
        connection = Connection(
            sid, identity, EngineOutlet(self.sio, eio_sid, request), self._client_address(request)
        )
        self._connections[sid] = connection
        self._watch_expiry(connection)
        await self._users.join(connection)

    async def _identify(self, auth: Any) -> Identity:
        if auth is None or auth == {}:
            return GUEST
        if not isinstance(auth, dict) or not isinstance(auth.get("token"), str):
            raise Refused("bad_token", "Give the token as auth: {token}, or no auth at all.")
        return await self._tokens.verify(auth["token"], self._clock_ms())

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
        left_s = (expires_at_ms - self._clock_ms()) / 1000
        if left_s <= 0:
            connection.outlet.close("token_expired", reconnect=False)
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(min(left_s + 0.001, EXPIRY_LOOK_S), self._watch_expiry, connection)
        connection.leaving.append(timer.cancel)

    # commands

    async def _command(self, name: str, sid: str, args: tuple[Any, ...]) -> Any:
        connection = self._connections.get(sid)
        if connection is None or not connection.outlet.is_open:
            return self.sio.not_handled  # who doesn't read the answers doesn't get any more either
        self._under_way += 1
        self._idle.clear()
        structlog.contextvars.bind_contextvars(user=connection.identity.id)
        try:
            payload = args[0] if args else {}
            if not name or len(args) > 1 or not isinstance(payload, dict):
                raise Refused("bad_request", "A command is a name and one JSON object.")
            reply, code = await self._run(connection, name, payload)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            refusal = as_refused(error)
            reply, code = {"ok": False, "error": error_object(refusal)}, refusal.code
        finally:
            structlog.contextvars.unbind_contextvars("user")
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        known = name if name in self._own or name in SPECS else "?"
        self._answers.labels(known, code or "ok").inc()
        return reply

    async def _run(
        self, connection: Connection, name: str, payload: dict[str, Any]
    ) -> tuple[Any, str | None]:
        if self._closing:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
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
        room = await self._live.open(cmd.room)
        side, missed = await self._read(connection, cmd, room.view)
        if connection.id not in self._connections:
            raise Refused("not_entered")  # it has gone meanwhile, and must not be counted as a viewer
        # Nothing is awaited from here to the answer: the next frame must continue exactly where it ends.
        self._live.leave(connection)
        self._live.enter(room, connection, frozenset(side.you["can"]), side.staff_seq)
        reply = room_part(room.view, missed, connection.identity.id)
        reply |= {"signals": room.signals(), "you": side.you, "now_ms": self._clock_ms()}
        if side.staff is not None:
            reply["staff"] = side.staff
        return reply

    async def _read(
        self, connection: Connection, cmd: Enter, view: RoomView
    ) -> tuple[Side, list[LogEvent] | None]:
        """The caller's side of the room and what was missed, neither older than what the caller was told."""
        for _ in range(TRIES):
            caller, now_ms = connection.caller, self._clock_ms()
            side = await self._store.read(lambda conn: read_side(conn, cmd, caller, now_ms))  # noqa: B023
            missed = await self._missed(view, cmd.after)
            if connection.you_seq <= side.you["seq"]:
                break
        return side, missed

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
        await self._signins.note(identity)
        if connection.id in self._connections:
            connection.identity = identity
            self._watch_expiry(connection)
        user = {"id": identity.id, "name": identity.name}
        return {"user": user, "expires_at_ms": identity.expires_at_ms}

    async def kick(self, user_id: str, code: str) -> None:
        """Close every connection of a user on this node."""
        for connection in self._users.connections(user_id):
            connection.outlet.close(code, reconnect=False)
