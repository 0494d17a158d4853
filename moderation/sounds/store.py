"""What is known against streams' sound, and the seconds of it that moderators listen to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, String, Table, select

from moderation.pictures.store import STREAM_CHARS
from rooms.rows import Kind, Rank
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class SoundState:
    """A stream's. ``quiet_until_ms``: a moderator has listened, and until then hits lead to nothing;
    ``refused_until_ms``: it was interrupted, and nobody may publish it before."""

    stream: str
    room_id: str
    quiet_until_ms: int
    refused_until_ms: int


sound_states_table = Table(
    "sound_states",
    metadata,
    Column("stream", String(STREAM_CHARS), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("quiet_until_ms", BigInteger, nullable=False),
    Column("refused_until_ms", BigInteger, nullable=False),
)

SOUND_STATES: Kind[SoundState] = Kind(sound_states_table, SoundState, Rank.GUARDED)

sounds_table = Table(
    "kept_sounds",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_kept_sounds_room", "room_id", "id"),
    Index("ix_kept_sounds_at", "at_ms"),
)
"""Opus in Ogg; kept as long, and as many, as stills are (``moderation.pictures.store``)."""


def read_sound_state(conn: Connection, stream: str) -> SoundState | None:
    row = conn.execute(select(sound_states_table).where(sound_states_table.c.stream == stream)).one_or_none()
    return SoundState(*row) if row else None


def read_sound(conn: Connection, room_id: str, sound_id: str) -> bytes | None:
    """Opus in Ogg."""
    table = sounds_table.c
    return conn.scalar(select(table.body).where(table.id == sound_id, table.room_id == room_id))
