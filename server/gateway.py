"""The Socket.IO gateway: connections, entering rooms, commands and their acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Annotated, Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import BaseModel, ConfigDict, StringConstraints

from rooms.avatars import Faces
from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.log import LogEvent
from rooms.play.quizzes.rules import Arrival
from rooms.points.earning import Levels
from rooms.points.rules import LEVELS
from server.answers import as_refused, error_object
from server.auth import GUEST, Identity, Tokens
from server.commands import LENGTHY, SPECS, Commands
from server.evasion import Evasion
from server.gathering import Gathering
from server.handover import hand_over
from server.latency import Latencies, Stats
from server.limits import CommandLimits, site_of, too_many_connections
from server.live.connection import Connection, Outlet
from server.live.entering import (
    TRIES,
    Ask,
    Enter,
    Position,
    Side,
    read_missed,
    read_sides,
    recoverable,
    room_part,
)
from server.live.rooms import LiveRooms
from server.live.users import UserChannels
from server.live.view import RoomView
from server.names import Names
from server.proxies import parse_address
from server.signins import Place, SignIns
from server.socket.aside import StepAside, stay
from server.socket.packets import encode_message
from server.store.store import Store

log = structlog.get_logger(__name__)

_DEVICE = re.compile(r"[A-Za-z0-9_-]{16,64}")

DRAIN_S = 3.0
EXPIRY_LOOK_S = 3600.0
GOODBYES_AT_ONCE = 64
"""About a millisecond; then the loop does other things."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Leave(_Model):
    room: RoomId


class Time(_Model):
    pass


class Refresh(_Model):
    token: Annotated[str, StringConstraints(max_length=8192)]


Handler = Callable[[Connection, Any], Awaitable[dict[str, Any]]]


class Gateway:
    """Namespace ``/live``, whichever driver a client comes by. Implements ``server.socket.hub.Handler``; the
    drivers hand in one command of a connection at a time, in the order sent; the next one begins when it is
    answered, or has stepped aside to wait for a payment's provider."""

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
        registry: CollectorRegistry,
        recovered_max: int,
        limits: CommandLimits,
        connections_per_user: int,
        levels: Levels | None = None,
        faces: Faces | None = None,
        latencies: Latencies | None = None,
        evasion: Evasion | None = None,
        names: Names | None = None,
    ) -> None:
        self._tokens = tokens
        self._signins = signins
        self._store = store
        self._commands = commands
        self._live = live
        self._users = users
        self._levels = levels or Levels(LEVELS)
        self._faces = faces or Faces()
        self._latencies = latencies
        self._evasion = evasion
        self._names = names
        if evasion is not None:
            evasion.ranges.changed.append(self._put_out_guests)
        self._clock_ms = clock_ms
        self._recovered_max = recovered_max
        self._arrivals: Gathering[Ask, Side] = Gathering(self._read_sides)
        self._connections: dict[str, Connection] = {}
        self.put_out: Callable[[str, str | None], None] = lambda user_id, room_id: None
        """Told of users who are connected here and were banned, from a room or (None) from all."""
        users.banned = self._banned
        self._limits = limits
        self._connections_per_user = connections_per_user
        self._full = False
        self._closing = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
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
            "stats": (Stats, self._stats),
        }

    async def hand_over(self, within_s: float) -> None:
        """Take no newcomers any more, and send everybody to the other nodes within that time."""
        self._full = True
        await hand_over(list(self._connections.values()), within_s)

    async def close(self) -> None:
        """Answer the commands that are under way and no others, tell every client and close. Idempotent."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._idle.wait()
        for number, connection in enumerate(list(self._connections.values()), 1):
            connection.outlet.close("shutting_down", reconnect=True, retry_after_ms=1000)
            if number % GOODBYES_AT_ONCE == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def connect(self, sid: str, auth: Any, outlet: Outlet, address: str) -> None:
        """Let a client in. Raises ``Refused``."""
        if self._full or self._closing:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        identity = await self._identify(auth)
        place = Place(parse_address(address), _device(auth))
        await self._signins.note(identity, place)
        if not outlet.is_open:
            return  # it has gone meanwhile, and nobody would say so again
        self._check_connections(identity)
        # Nothing is awaited from here until the connection is counted, in `join`.
        connection = Connection(sid, identity, outlet, address, device=place.device)
        self._connections[sid] = connection
        self._watch_expiry(connection)
        await self._users.join(connection)

    def _check_connections(self, identity: Identity) -> None:
        if identity.id is not None:
            limit = self._connections_per_user
            if len(self._users.connections(identity.id)) >= limit:
                raise too_many_connections("user", limit)

    async def _identify(self, auth: Any) -> Identity:
        if auth is None or (isinstance(auth, dict) and auth.keys() <= {"device"}):
            return GUEST
        if not isinstance(auth, dict) or not isinstance(auth.get("token"), str):
            raise Refused("bad_token", "Give the token as auth: {token}, or no auth at all.")
        return await self._tokens.verify(auth["token"], self._clock_ms())

    async def disconnect(self, sid: str) -> None:
        """The client is gone, if it ever was let in."""
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

    @property
    def lengthy(self) -> Collection[str]:
        return LENGTHY

    async def command(
        self, sid: str, name: str, args: tuple[Any, ...], length: int, step_aside: StepAside = stay
    ) -> Any:
        """The acknowledgement of a client's event. Raises nothing but ``CancelledError``."""
        connection = self._connections.get(sid)
        if connection is None or not connection.outlet.is_open:
            return None  # who doesn't read the answers doesn't get any more either
        self._under_way += 1
        self._idle.clear()
        structlog.contextvars.bind_contextvars(user=connection.identity.id)
        try:
            self._check(connection, length)
            payload = args[0] if args else {}
            if not name or len(args) > 1 or not isinstance(payload, dict):
                raise Refused("bad_request", "A command is a name and one JSON object.")
            reply, code = await self._run(connection, name, payload, step_aside)
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

    def _check(self, connection: Connection, length: int) -> None:
        if self._closing:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        self._limits.count(
            connection=connection.id,
            user=connection.identity.id,
            address=site_of(connection.address),
            now_ms=self._clock_ms(),
        )
        self._limits.check_size(length)

    async def _run(
        self, connection: Connection, name: str, payload: dict[str, Any], step_aside: StepAside
    ) -> tuple[Any, str | None]:
        if own := self._own.get(name):
            model, handler = own
            return {"ok": True, **await handler(connection, model.model_validate(payload))}, None
        arrival = Arrival(self._clock_ms(), connection.outlet.round_trip_ms)
        room_id = payload.get("room")
        if isinstance(room_id, str) and not connection.identity.may_enter(room_id):
            raise Refused("forbidden", "Your token is for another room.")
        tell = partial(_tell, connection.outlet)
        answer = await self._commands.run(
            name,
            payload,
            connection.caller,
            connection.viewer_id,
            tell,
            step_aside,
            arrival,
            present=connection.room_id is not None and connection.room_id == room_id,
        )
        return orjson.Fragment(answer.body), answer.code

    async def _enter(self, connection: Connection, cmd: Enter) -> dict[str, Any]:
        if not connection.identity.may_enter(cmd.room):
            raise Refused("forbidden", "Your token is for another room.")
        if self._evasion is not None:
            await self._evasion.ranges.ask(cmd.room, connection.identity, _place(connection))
        room = await self._live.open(cmd.room)
        if cmd.after is not None and cmd.after.epoch == room.view.epoch:
            await self._live.reach(room, cmd.after.offset)
        side, missed = await self._read(connection, cmd, room.view)
        if connection.id not in self._connections:
            raise Refused("not_entered")  # it has gone meanwhile, and must not be counted as a viewer
        # Nothing is awaited from here to the answer: the next frame must continue exactly where it ends.
        self._live.leave(connection)
        self._live.enter(room, connection, frozenset(side.you["can"]), side.staff_seq)
        self._users.told(connection, side.you["seq"])
        if connection.identity.id is not None:
            self._levels.heard(connection.identity.id, side.you["level"]["earned"])
            self._faces.heard(connection.identity.id, side.you["user"].get("avatar"))
            if self._evasion is not None:
                self._evasion.entered(cmd.room, connection.identity.id)
        reply = room_part(room.view, missed, connection.identity.id)
        reply |= {"signals": room.signals(), "you": side.you, "now_ms": self._clock_ms()}
        if side.staff is not None:
            reply["staff"] = side.staff
        return reply

    async def _read(
        self, connection: Connection, cmd: Enter, view: RoomView
    ) -> tuple[Side, list[LogEvent] | None]:
        """The caller's side of the room and what was missed, neither older than what the caller was told."""
        caller = connection.caller
        if self._names is not None:
            with contextlib.suppress(Refused):  # the room's rules are being read: it is shown in time
                caller = self._names.in_room(cmd.room, caller)
        for _ in range(TRIES):
            side = await self._arrivals.ask(Ask(cmd, caller))
            missed = await self._missed(view, cmd.after)
            if connection.you_seq <= side.you["seq"]:
                break
        return side, missed

    async def _read_sides(self, asked: Sequence[Ask]) -> list[Side | Refused]:
        now_ms = self._clock_ms()
        return await self._store.read(lambda conn: read_sides(conn, asked, now_ms, self._levels.levels))

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
        await self._signins.note(identity, _place(connection))
        if connection.id in self._connections:
            connection.identity = identity
            self._watch_expiry(connection)
        user = {"id": identity.id, "name": identity.name}
        return {"user": user, "expires_at_ms": identity.expires_at_ms}

    async def _stats(self, connection: Connection, cmd: Stats) -> dict[str, Any]:
        if self._latencies is not None:
            self._latencies.take(connection, cmd)
        return {}

    def _banned(self, connection: Connection, room_id: str | None) -> None:
        """Whoever is banned sees nothing more of the room; the connection stays, to hear of the ban's end."""
        if connection.room_id is not None and room_id in (None, connection.room_id):
            self._live.leave(connection)
        self.put_out(connection.identity.id or "", room_id)

    def _put_out_guests(self) -> None:
        """Guests from ranges that were banned meanwhile; who has an account is banned by name."""
        for connection in list(self._connections.values()):
            if connection.identity.is_guest and connection.room_id is not None and self._evasion is not None:
                try:
                    self._evasion.ranges.refuse_guest(connection.room_id, _place(connection))
                except Refused:
                    connection.outlet.close("banned", reconnect=False)

    async def kick(self, user_id: str, code: str) -> None:
        """Close every connection of a user on this node."""
        for connection in self._users.connections(user_id):
            connection.outlet.close(code, reconnect=False)


def _place(connection: Connection) -> Place:
    return Place(parse_address(connection.address), connection.device)


def _device(auth: Any) -> str | None:
    """What a client calls its device, if it says so. Raises ``Refused("bad_request")``."""
    device = auth.get("device") if isinstance(auth, dict) else None
    if device is None or (isinstance(device, str) and _DEVICE.fullmatch(device)):
        return device
    raise Refused("bad_request", "device: 16 to 64 letters, digits, _ or -, chosen by the client once.")


def _tell(outlet: Outlet, name: str, payload: dict[str, Any]) -> None:
    """Something that may be lost, for who doesn't keep up."""
    outlet.send(encode_message(name, payload), droppable=True)
