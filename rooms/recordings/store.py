"""The recordings' tables and rows, and what is read of them outside of commands.

A *period* is what shares one init section; a *segment* is a file of some seconds. Numbers of segments rise
in the order in which they are played, with gaps where another node went on; media time has no gaps.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, func, select, text

from rooms.heads import rooms_table
from rooms.rows import Kind, Rank
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording. ``status``: ``recording``, ``ready``, ``failed`` (there is nothing to play), ``deleted``
    (the row stays, with nothing personal in it).

    ``public``: shown to everybody who may watch its room, else to those who manage its recordings. ``kept``:
    never deleted by age; ``keep_until_ms``: deleted then, None: as the settings say. ``archive``: where its
    files are (``folder``, ``s3``). ``node`` writes it while ``fence`` is the one that it was given; an empty
    ``node`` is nobody. ``wanted``: 0 once it is to end. ``holes``: how often something wasn't written.
    ``files_gone``: 1 when a deleted one's files are gone too. ``poster``: its file's name.
    """

    id: str
    room_id: str
    title: str
    status: str
    public: int
    started_at_ms: int
    ended_at_ms: int | None = None
    duration_ms: int = 0
    bytes: int = 0
    segments: int = 0
    periods: int = 0
    width: int = 0
    height: int = 0
    has_audio: int = 0
    poster: str | None = None
    kept: int = 0
    keep_until_ms: int | None = None
    archive: str = "folder"
    node: str = ""
    fence: int = 0
    wanted: int = 1
    holes: int = 0
    reason: str | None = None
    files_gone: int = 0
    changed_at_ms: int = 0


recordings_table = Table(
    "recordings",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("public", Integer, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("duration_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("segments", Integer, nullable=False),
    Column("periods", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("has_audio", Integer, nullable=False),
    Column("poster", String(64)),
    Column("kept", Integer, nullable=False),
    Column("keep_until_ms", BigInteger),
    Column("archive", String(16), nullable=False),
    Column("node", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("holes", Integer, nullable=False),
    Column("reason", String(32)),
    Column("files_gone", Integer, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Index("ix_recordings_room", "room_id", "status", "id"),
    Index("ix_recordings_status", "status", "files_gone", "id"),
    Index(
        "ux_recordings_running",
        "room_id",
        unique=True,
        sqlite_where=text("status = 'recording' AND wanted = 1"),
        postgresql_where=text("status = 'recording' AND wanted = 1"),
    ),
)


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """Its init section is a file of its own. ``codecs`` as in RFC 6381; sizes in pixels."""

    recording_id: str
    period: int
    codecs: str
    width: int
    height: int
    has_audio: int


periods_table = Table(
    "recording_periods",
    metadata,
    Column("recording_id", String(36), primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("codecs", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("has_audio", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """``media_ms``: where it begins in the recording, the sum of the lengths before it. ``ticks``: the
    decoding time that its file begins with (90 kHz), which starts anew at any discontinuity. ``started_ms``:
    the clock at its first picture. ``bytes``: so much of the file is whole and is served. ``independent``:
    it begins with a keyframe."""

    recording_id: str
    number: int
    period: int
    media_ms: int
    duration_ms: int
    ticks: int
    started_ms: int
    bytes: int
    discontinuity: int
    independent: int


segments_table = Table(
    "recording_segments",
    metadata,
    Column("recording_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("period", Integer, nullable=False),
    Column("media_ms", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("ticks", BigInteger, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("discontinuity", Integer, nullable=False),
    Column("independent", Integer, nullable=False),
)

# A lock of its own, before the room's: what is written every second must not hold up what people say.
RECORDINGS: Kind[RecordingRow] = Kind(recordings_table, RecordingRow, Rank.RECORDINGS)


def read_recording(conn: Connection, recording_id: str) -> RecordingRow | None:
    row = conn.execute(select(recordings_table).where(recordings_table.c.id == recording_id)).one_or_none()
    return RecordingRow(*row) if row else None


def read_recordings(
    conn: Connection,
    room_id: str,
    *,
    statuses: Collection[str],
    public_only: bool,
    before: str | None = None,
    limit: int = 50,
) -> list[RecordingRow]:
    """A room's recordings, the newest first; ``before`` is the last id of the page before."""
    table = recordings_table.c
    query = select(recordings_table).where(table.room_id == room_id, table.status.in_(statuses))
    if public_only:
        query = query.where(table.public == 1)
    if before is not None:
        query = query.where(table.id < before)
    return [RecordingRow(*row) for row in conn.execute(query.order_by(table.id.desc()).limit(limit))]


def read_running(conn: Connection, room_ids: Collection[str]) -> dict[str, RecordingRow]:
    """The recording of each of the rooms that is to go on, by room; at most one each."""
    table = recordings_table.c
    query = select(recordings_table).where(
        table.room_id.in_(room_ids), table.status == "recording", table.wanted == 1
    )
    return {row.room_id: RecordingRow(*row) for row in conn.execute(query)}


def read_unfinished(conn: Connection, room_id: str | None = None) -> list[RecordingRow]:
    """Those with the status ``recording``, the oldest first: of a room, or all."""
    query = select(recordings_table).where(recordings_table.c.status == "recording")
    if room_id is not None:
        query = query.where(recordings_table.c.room_id == room_id)
    return [RecordingRow(*row) for row in conn.execute(query.order_by(recordings_table.c.id))]


def read_segments(conn: Connection, recording_id: str) -> list[SegmentRow]:
    """All segments in the order in which they are played."""
    table = segments_table.c
    query = select(segments_table).where(table.recording_id == recording_id).order_by(table.number)
    return [SegmentRow(*row) for row in conn.execute(query)]


def read_segment(conn: Connection, recording_id: str, number: int) -> SegmentRow | None:
    table = segments_table.c
    query = select(segments_table).where(table.recording_id == recording_id, table.number == number)
    row = conn.execute(query).one_or_none()
    return SegmentRow(*row) if row else None


def read_last_segment(conn: Connection, recording_id: str) -> SegmentRow | None:
    table = segments_table.c
    query = select(segments_table).where(table.recording_id == recording_id).order_by(table.number.desc())
    row = conn.execute(query.limit(1)).one_or_none()
    return SegmentRow(*row) if row else None


def read_periods(conn: Connection, recording_id: str) -> dict[int, PeriodRow]:
    """The periods by their numbers."""
    query = select(periods_table).where(periods_table.c.recording_id == recording_id)
    return {row.period: PeriodRow(*row) for row in conn.execute(query)}


def read_usage(conn: Connection) -> dict[str, int]:
    """Bytes in the archive by room, deleted recordings included until their files are gone."""
    table = recordings_table.c
    query = select(table.room_id, func.sum(table.bytes)).where(table.files_gone == 0).group_by(table.room_id)
    return {room: int(total) for room, total in conn.execute(query)}


def read_statuses(conn: Connection, room_ids: Collection[str]) -> dict[str, str]:
    """The rooms' statuses."""
    rooms = rooms_table.c
    found = conn.execute(select(rooms.id, rooms.status).where(rooms.id.in_(room_ids)))
    return {row.id: row.status for row in found}
