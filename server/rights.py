"""Whether those who publish here still may: a right that is taken away ends the stream at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from sqlalchemy import Connection, select

from media.ports import Principal
from moderation.permissions import Action, may
from moderation.sanctions.store import read_ban
from moderation.standing import read_role
from rooms.heads import RoomRow, users_table
from rooms.history import read_room
from rooms.ports import Caller
from server.bus.port import Bus, RoomNews
from server.credentials import stream_keys_table
from server.lookout import Lookout, tells_of_ban
from server.store.store import Store

log = structlog.get_logger(__name__)

Pair = tuple[str, str]
"""A stream's name and the id of a principal that publishes it."""


class Publishing(Protocol):
    """What is published at this node."""

    def publishing(self) -> Sequence[tuple[str, Principal]]:
        """Every stream with each principal that publishes it, or is about to."""
        ...

    def stop_principal(self, stream: str, principal: str) -> None:
        """Ends what that principal publishes there, as its goodbye would."""
        ...


class PublishRights:
    """Looks at the rights of who publishes here: when word comes, and every two seconds.

    Word of ``revoked`` comes from whichever node by the bus. What the bus loses is found by the next look, as
    is an operator who isn't one any more; while the database is away, nobody is stopped.
    """

    def __init__(
        self, store: Store, bus: Bus, media: Callable[[], Publishing], clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._bus = bus
        self._media = media
        self._lookout = Lookout("publish rights", bus, self._look, _touches_rights)

    async def start(self) -> None:
        await self._lookout.start()

    async def close(self) -> None:
        """Idempotent."""
        await self._lookout.close()

    def look(self) -> None:
        """Look now, soon: somebody has begun to publish, or a right has changed."""
        self._lookout.nudge()

    def revoked(self, room: str) -> None:
        """A right to publish in ``room`` was taken away: look here, and have its origin look."""
        self.look()
        self._bus.call_origin(room)

    async def _look(self) -> None:
        publishing = [(stream, principal.id) for stream, principal in self._media().publishing()]
        await self._lookout.listen(stream.partition(":")[0] for stream, _ in publishing)
        if not publishing:
            return
        now_ms = self._clock_ms()
        lost = await self._store.read(lambda conn: _without_right(conn, publishing, now_ms))
        for stream, principal in lost:
            log.warning("publisher_has_lost_its_right", stream=stream, principal=principal)
            self._media().stop_principal(stream, principal)


def _touches_rights(news: RoomNews) -> bool:
    return news.origin or tells_of_ban(news)


def _without_right(conn: Connection, publishing: Sequence[Pair], now_ms: int) -> list[Pair]:
    """Those that may publish no more. Principals of other kinds than keys and users aren't judged here, nor
    users in a guest's place: that is given and taken by the host."""
    keys = {principal[4:] for _, principal in publishing if principal.startswith("key:")}
    query = select(stream_keys_table.c.id).where(
        stream_keys_table.c.id.in_(keys), stream_keys_table.c.revoked_at_ms.is_(None)
    )
    in_force = set(conn.scalars(query)) if keys else set()
    lost = []
    for stream, principal in publishing:
        kind, _, who = principal.partition(":")
        if kind == "key" and (who not in in_force or is_host_banned(conn, stream, now_ms)):
            lost.append((stream, principal))
        if kind == "user" and ":" not in stream:
            room = read_room(conn, stream)
            if room is None or not may_publish(conn, room, who, now_ms):
                lost.append((stream, principal))
    return lost


def is_host_banned(conn: Connection, room_id: str, now_ms: int) -> bool:
    """Whether a room's host is banned everywhere: a stream key of theirs is good for nothing then."""
    room = read_room(conn, room_id)
    return room is not None and read_ban(conn, room_id, room.host_id, now_ms) is not None


def may_publish(conn: Connection, room: RoomRow, user_id: str, now_ms: int) -> bool:
    """Whether a user's role in a room lets them publish, and no ban keeps them from it."""
    # A publish token doesn't say who is an operator; the user's latest sign-in did.
    operator = conn.scalar(select(users_table.c.operator).where(users_table.c.id == user_id))
    if not operator and read_ban(conn, room.id, user_id, now_ms) is not None:
        return False
    return may(
        read_role(conn, room.id, Caller(user_id, operator=bool(operator)), room.host_id), Action.PUBLISH
    )
