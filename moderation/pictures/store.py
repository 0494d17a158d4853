"""What is known against streams' pictures, and the stills that moderators look at. In SQL, so that every node
has them, and a node that starts again goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, String, Table, select

from rooms.rows import Kind, Rank
from rooms.schema import metadata

STREAM_CHARS = 96


@dataclass(frozen=True, slots=True)
class PictureState:
    """A stream's. ``quiet_until_ms``: a moderator has looked, and until then hits lead to nothing;
    ``refused_until_ms``: it was interrupted, and nobody may publish it before."""

    stream: str
    room_id: str
    blurred: int
    quiet_until_ms: int
    refused_until_ms: int


picture_states_table = Table(
    "picture_states",
    metadata,
    Column("stream", String(STREAM_CHARS), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("blurred", Integer, nullable=False),
    Column("quiet_until_ms", BigInteger, nullable=False),
    Column("refused_until_ms", BigInteger, nullable=False),
)

PICTURE_STATES: Kind[PictureState] = Kind(picture_states_table, PictureState, Rank.GUARDED)

stills_table = Table(
    "picture_stills",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("still", LargeBinary, nullable=False),
    Column("blurred", LargeBinary, nullable=False),
    Index("ix_picture_stills_room", "room_id", "id"),
    Index("ix_picture_stills_at", "at_ms"),
)


def read_state(conn: Connection, stream: str) -> PictureState | None:
    row = conn.execute(
        select(picture_states_table).where(picture_states_table.c.stream == stream)
    ).one_or_none()
    return PictureState(*row) if row else None


def read_still(conn: Connection, room_id: str, still_id: str, *, clear: bool) -> bytes | None:
    """A JPEG: the picture itself if ``clear``, else one in which nothing can be made out."""
    table = stills_table.c
    column = table.still if clear else table.blurred
    return conn.scalar(select(column).where(table.id == still_id, table.room_id == room_id))


def keep_newest(conn: Connection, room_id: str, count: int, kept: Table = stills_table) -> None:
    """Drop the room's stills, or what else is kept like them, but the newest ``count``."""
    table = kept.c
    ids = select(table.id).where(table.room_id == room_id).order_by(table.id.desc()).offset(count).limit(100)
    old = list(conn.scalars(ids))
    if old:
        conn.execute(kept.delete().where(table.id.in_(old)))


def drop_older(conn: Connection, before_ms: int, limit: int, kept: Table = stills_table) -> int:
    """Drop up to ``limit`` stills, or what else is kept like them, from before then; how many there were."""
    table = kept.c
    old = list(
        conn.scalars(select(table.id).where(table.at_ms < before_ms).order_by(table.at_ms).limit(limit))
    )
    if old:
        conn.execute(kept.delete().where(table.id.in_(old)))
    return len(old)
