"""Stream keys: bearer credentials for encoders. Scoped to one room, revocable, shown once, kept as a hash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import BigInteger, Column, Connection, String, Table, select

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Kind, Rank, Steps, new_id
from rooms.schema import metadata
from rooms.unit import Unit

KEYS_MAX = 50


@dataclass(frozen=True, slots=True)
class StreamKeyRow:
    id: str
    room_id: str
    hash: str
    label: str
    created_at_ms: int
    revoked_at_ms: int | None


stream_keys_table = Table(
    "stream_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("label", String(80), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
)

STREAM_KEYS: Kind[StreamKeyRow] = Kind(stream_keys_table, StreamKeyRow, Rank.GUARDED)


class NewStreamKey(BaseModel):
    """The body of ``POST …/stream-keys``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    label: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$"),
    ]


class StreamKeyring:
    """Making and revoking stream keys."""

    def __init__(self, standing: Standing, audit: Audit) -> None:
        self._standing = standing
        self._audit = audit

    def add(self, tx: Unit, room_id: str, label: str, key_hash: str, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``too_many``."""
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        tx.room(room_id)
        self._standing.require(tx, room_id, caller, "publish")
        if len(read_stream_keys(tx.conn, room_id)) >= KEYS_MAX:
            raise Refused("too_many", details={"limit": KEYS_MAX})
        row = tx.put(STREAM_KEYS, StreamKeyRow(new_id(), room_id, key_hash, label, tx.now_ms, None))
        self._audit.note(tx, room_id, caller, "stream_key.add", row.id, {"label": label})
        return {"id": row.id, "label": label}

    def revoke(self, tx: Unit, room_id: str, key_id: str, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``."""
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        yield STREAM_KEYS.rows(key_id)
        tx.room(room_id)
        self._standing.require(tx, room_id, caller, "publish")
        row = tx.get(STREAM_KEYS, key_id)
        if row is None or row.room_id != room_id or row.revoked_at_ms is not None:
            raise Refused("not_found")
        tx.put(STREAM_KEYS, replace(row, revoked_at_ms=tx.now_ms))
        self._audit.note(tx, room_id, caller, "stream_key.revoke", key_id, {})
        return {}


def read_stream_keys(conn: Connection, room_id: str) -> list[StreamKeyRow]:
    """The room's keys in force."""
    query = select(stream_keys_table).where(
        stream_keys_table.c.room_id == room_id, stream_keys_table.c.revoked_at_ms.is_(None)
    )
    return [StreamKeyRow(*record) for record in conn.execute(query.order_by(stream_keys_table.c.id))]


def find_stream_key(conn: Connection, key_hash: str) -> StreamKeyRow | None:
    """The key in force with this hash."""
    query = select(stream_keys_table).where(
        stream_keys_table.c.hash == key_hash, stream_keys_table.c.revoked_at_ms.is_(None)
    )
    record = conn.execute(query).one_or_none()
    return StreamKeyRow(*record) if record else None
