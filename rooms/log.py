"""The log of a room: its entries, and the three tables that events are kept in.

``room_events`` is public and ordered by ``offset`` (1, 2, 3, … without holes within an ``epoch``);
``user_events`` are private to one user and numbered by ``seq``; ``staff_events`` are for a room's moderators
and numbered by ``seq`` too. All three are written in the transaction that commits what they tell of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from rooms import bulk
from rooms.schema import metadata


class Visibility(StrEnum):
    """Who is shown an entry: everybody, only its sender (left out by the reading budget; or of somebody
    who is shadow-muted, which counts nowhere), or nobody."""

    ALL = "all"
    SENDER = "sender"
    SHADOW = "shadow"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An entry of a room's log. ``body`` is the whole event as it goes over the wire, JSON in UTF-8;
    ``reply_to`` is the comment that a comment quotes."""

    room_id: str
    epoch: str
    offset: int
    id: str
    kind: str
    at_ms: int
    user_id: str | None
    visibility: str
    body: bytes
    reply_to: str | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The event's ``data`` object, decoded anew at each call."""
        data: dict[str, Any] = orjson.loads(self.body)["data"]
        return data


@dataclass(frozen=True, slots=True)
class PrivateEvent:
    """An entry of a user's own log. ``body`` is the whole event as sent, JSON in UTF-8."""

    user_id: str
    seq: int
    at_ms: int
    room_id: str | None
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class StaffEvent:
    """An entry of a room's log for its staff; ``action`` is what one must be allowed to do to see it."""

    room_id: str
    seq: int
    at_ms: int
    kind: str
    action: str
    body: bytes


RARE = "kind NOT IN ('comment', 'comment.deleted', 'gift')"
"""What is not most of a log. To be put into queries as it stands: so it is indexed, and a state at any place
of a long log is found without reading what people have said before."""

room_events = Table(
    "room_events",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("epoch", String(16), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", String(128)),
    Column("visibility", String(8), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("reply_to", String(36)),
    Index("ux_room_events_id", "id", unique=True),
    Index(
        "ix_room_events_reply_to",
        "reply_to",
        sqlite_where=text("reply_to IS NOT NULL"),
        postgresql_where=text("reply_to IS NOT NULL"),
    ),
    Index("ix_room_events_user", "room_id", "user_id", "epoch", "offset"),
    Index(
        "ix_room_events_rare",
        "room_id",
        "epoch",
        "offset",
        sqlite_where=text(RARE),
        postgresql_where=text(RARE),
    ),
)

user_events = Table(
    "user_events",
    metadata,
    Column("user_id", String(128), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("room_id", String(64)),
    Column("kind", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

staff_events = Table(
    "staff_events",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("action", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("epoch", String(16), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("fold_version", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)


def encode_event(
    *,
    event_id: str,
    offset: int,
    kind: str,
    at_ms: int,
    user: dict[str, Any] | None,
    data: dict[str, Any],
    media_ms: int | None = None,
) -> bytes:
    """The wire form of an event; encoded once, when it is committed."""
    event: dict[str, Any] = {"id": event_id, "offset": offset, "kind": kind, "at_ms": at_ms}
    if media_ms is not None:
        event["media_ms"] = media_ms
    if user is not None:
        event["user"] = user
    event["data"] = data
    return orjson.dumps(event)


def redact(body: bytes, **why: Any) -> bytes:
    """A deleted comment's wire form: its place, time and sender stay, its text is gone for good."""
    event = orjson.loads(body)
    event["data"] = {"deleted": True, **why}
    return orjson.dumps(event)


def unquote(body: bytes) -> bytes:
    """The wire form of what repeats the words of a comment that was deleted, without them: of a reply, or of
    the entry that once brought the comment back."""
    event = orjson.loads(body)
    event["data"].pop("comment", None)
    quoted = event["data"].get("reply_to")
    if quoted is not None:
        quoted["text"] = ""
    return orjson.dumps(event)


def without_text(event: LogEvent, gone: Collection[str], **why: Any) -> LogEvent:
    """The entry without the words of the deleted comments ``gone``: its own, or those that it quotes."""
    if event.id in gone:
        body, visibility = redact(event.body, **why), Visibility.DELETED.value
        if event.visibility == Visibility.SHADOW:
            visibility = Visibility.SHADOW.value  # nobody is to find out that there was anything
        return replace(event, body=body, visibility=visibility, reply_to=None)
    if event.reply_to is not None and event.reply_to in gone:
        return replace(event, body=unquote(event.body), reply_to=None)
    return event


def masked(event: LogEvent, text: str) -> LogEvent:
    """The entry with other words; it says of itself that it was masked."""
    wire = orjson.loads(event.body)
    if wire["data"].get("deleted"):
        return event
    wire["data"] |= {"text": text, "masked": True}
    return replace(event, body=orjson.dumps(wire))


def requoted(event: LogEvent, text: str) -> LogEvent:
    """The reply with other words of the comment that it quotes."""
    wire = orjson.loads(event.body)
    if wire["data"].get("reply_to"):
        wire["data"]["reply_to"]["text"] = text
    return replace(event, body=orjson.dumps(wire))


def write_events(conn: Connection, events: Sequence[LogEvent]) -> None:
    """Write entries as they have become; one statement, however many. Their room must be locked."""
    rows = [(e.body, e.visibility, e.reply_to, e.room_id, e.epoch, e.offset) for e in events]
    key = ("room_id", "epoch", "offset")
    bulk.update(conn, room_events, ("body", "visibility", "reply_to"), key, rows)
