"""The rows that nearly every command needs: a room's head, a user's head, and timers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from rooms.log import LogEvent, room_events
from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room's head: whoever holds its lock gives the log its next offsets.

    ``recording``: whether its streams are recorded by themselves, ``on`` or ``off``; empty: as the node's
    settings say. ``followed_for_s``, ``member_level``, ``emoji_only`` and ``shield`` (None: down) are modes:
    ``rooms/modes.py`` says what they ask of who comments.
    """

    id: str
    title: str
    host_id: str
    host_name: str
    status: str
    public: int
    epoch: str
    head: int
    staff_head: int
    slow_mode_s: int
    who_may_comment: str
    likes: int
    created_at_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    status_at_ms: int
    recording: str = ""
    followed_for_s: int = 0
    member_level: int = 1
    emoji_only: int = 0
    shield: dict[str, Any] | None = None


rooms_table = Table(
    "rooms",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("host_id", String(128), nullable=False, index=True),
    Column("host_name", Text, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("public", Integer, nullable=False),
    Column("epoch", String(16), nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("staff_head", BigInteger, nullable=False),
    Column("slow_mode_s", Integer, nullable=False),
    Column("who_may_comment", String(16), nullable=False),
    Column("likes", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    Column("status_at_ms", BigInteger, nullable=False),
    Column("recording", String(8), nullable=False, server_default=""),
    Column("followed_for_s", Integer, nullable=False, server_default="0"),
    Column("member_level", Integer, nullable=False, server_default="1"),
    Column("emoji_only", Integer, nullable=False, server_default="0"),
    Column("shield", Json),
)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user's head: numbers the user's private events. ``operator`` is the latest token's claim,
    ``since_ms`` when the user was first heard of, 0 if nobody wrote that down then. ``avatar`` names the
    user's picture, empty if there is none; see ``rooms/avatars.py``."""

    id: str
    name: str
    operator: int
    seq: int
    seen_at_ms: int
    since_ms: int = 0
    avatar: str = ""


users_table = Table(
    "users",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    Column("operator", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False, server_default="0"),
    Column("avatar", String(22), nullable=False, server_default=""),
)


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A wake-up call, never the truth: who is woken looks at what is so, and does nothing if it's done."""

    id: str
    kind: str
    ref: str
    room_id: str
    due_at_ms: int


timers_table = Table(
    "timers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("ref", String(300), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("due_at_ms", BigInteger, nullable=False, index=True),
)

ROOMS: Kind[RoomRow] = Kind(rooms_table, RoomRow, Rank.ROOMS)
USERS: Kind[UserRow] = Kind(users_table, UserRow, Rank.USERS)
TIMERS: Kind[TimerRow] = Kind(timers_table, TimerRow, Rank.TIMERS, skip_locked=True)
# Single entries of a log, found by id, for who holds their room's lock.
EVENTS: Kind[LogEvent] = Kind(room_events, LogEvent, Rank.GUARDED, key=("id",))
