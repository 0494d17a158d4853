"""Clips: stretches of recordings as MP4 files. Making one takes a while and is done beside the writer; here
is what is kept of it: ``making`` → ``ready`` | ``failed``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, select

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller, Standing
from rooms.recordings.store import RECORDINGS, RecordingRow, recordings_table
from rooms.rows import Kind, Rank, Steps, new_id
from rooms.schema import metadata
from rooms.unit import Unit

MANAGE = "record"


@dataclass(frozen=True, slots=True)
class ClipRules:
    """``longest_ms`` of a clip; ``most`` of one recording; ``patience_ms``: who has been making one for
    longer has died meanwhile."""

    shortest_ms: int = 1_000
    longest_ms: int = 600_000
    most: int = 100
    patience_ms: int = 600_000


@dataclass(frozen=True, slots=True)
class ClipRow:
    """``from_ms`` and ``to_ms``: as asked for; once it is ready, what is in it (it begins with a keyframe,
    so up to some seconds earlier). ``product_id``: what it is a clip of, if it was asked for by that."""

    id: str
    recording_id: str
    title: str
    product_id: str | None
    status: str
    reason: str | None
    from_ms: int
    to_ms: int
    duration_ms: int
    bytes: int
    width: int
    height: int
    made_by: str
    created_at_ms: int
    changed_at_ms: int


clips_table = Table(
    "recording_clips",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("recording_id", String(36), nullable=False),
    Column("title", Text, nullable=False),
    Column("product_id", String(36)),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("made_by", String(128), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Index("ix_recording_clips_recording", "recording_id", "id"),
)

CLIPS: Kind[ClipRow] = Kind(clips_table, ClipRow, Rank.RECORDINGS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The stretch that a clip is asked for, in the recording's ms."""

    recording_id: str
    title: str
    from_ms: int
    to_ms: int
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a clip has come to."""

    from_ms: int
    duration_ms: int
    bytes: int
    width: int
    height: int


def file_name(clip_id: str) -> str:
    """What a clip's file is called among its recording's."""
    return f"clip-{clip_id}.mp4"


class Clips:
    """The steps of a clip's life. ``room_id`` is the recording's, which never changes."""

    def __init__(self, standing: Standing, audit: Audit, rules: ClipRules | None = None) -> None:
        self._standing = standing
        self._audit = audit
        self.rules = rules or ClipRules()

    def ask(self, tx: Unit, room_id: str, wanted: Wanted, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found``, ``forbidden``, ``not_ready``, ``too_many``, and ``bad_request`` when
        the stretch is outside of the recording, too short or too long."""
        recording = yield from self._managed(tx, room_id, wanted.recording_id, caller)
        self._refuse_stretch(recording, wanted)
        # Nobody adds another while the recording is locked.
        there = tx.take_in(CLIPS, read_clips(tx.conn, recording.id))
        if sum(clip.recording_id == recording.id for clip in there) >= self.rules.most:
            raise Refused("too_many", details={"limit": self.rules.most})
        clip = ClipRow(
            id=new_id(),
            recording_id=recording.id,
            title=wanted.title,
            product_id=wanted.product_id,
            status="making",
            reason=None,
            from_ms=wanted.from_ms,
            to_ms=min(wanted.to_ms, recording.duration_ms),
            duration_ms=0,
            bytes=0,
            width=0,
            height=0,
            made_by=caller.id or "",
            created_at_ms=tx.now_ms,
            changed_at_ms=tx.now_ms,
        )
        tx.put(CLIPS, clip)
        detail = {"recording": recording.id, "from_ms": clip.from_ms, "to_ms": clip.to_ms}
        self._audit.note(tx, room_id, caller, "clip.make", clip.id, detail)
        return {"clip": clip.id}

    def _refuse_stretch(self, recording: RecordingRow, wanted: Wanted) -> None:
        if recording.status != "ready":
            raise Refused("not_ready", details={"status": recording.status})
        length_ms = min(wanted.to_ms, recording.duration_ms) - wanted.from_ms
        if not self.rules.shortest_ms <= length_ms <= self.rules.longest_ms:
            raise Refused(
                "bad_request",
                f"A clip lasts {self.rules.shortest_ms} to {self.rules.longest_ms} ms of the recording.",
                details={"duration_ms": recording.duration_ms},
            )

    def settle(self, tx: Unit, clip_id: str, made: Made | str) -> Steps[Any]:
        """It is made, or why it wasn't. One that was deleted meanwhile stays so: ``{"gone": True}``."""
        yield CLIPS.rows(clip_id)
        clip = tx.get(CLIPS, clip_id)
        if clip is None or clip.status != "making":
            return {"gone": clip is None}
        if isinstance(made, str):
            clip = replace(clip, status="failed", reason=made, changed_at_ms=tx.now_ms)
        else:
            clip = replace(
                clip,
                status="ready",
                from_ms=made.from_ms,
                to_ms=made.from_ms + made.duration_ms,
                duration_ms=made.duration_ms,
                bytes=made.bytes,
                width=made.width,
                height=made.height,
                changed_at_ms=tx.now_ms,
            )
        tx.put(CLIPS, clip)
        return {"gone": False}

    def delete(self, tx: Unit, room_id: str, recording_id: str, clip_id: str, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found`` and ``forbidden``. Its file is the caller's to delete afterwards."""
        yield CLIPS.rows(clip_id)
        yield from self._managed(tx, room_id, recording_id, caller)
        clip = tx.get(CLIPS, clip_id)
        if clip is None or clip.recording_id != recording_id:
            raise Refused("not_found", "There is no such clip.")
        tx.drop(CLIPS, clip.id)
        self._audit.note(tx, room_id, caller, "clip.delete", clip.id, {"recording": recording_id})
        return {}

    def _managed(self, tx: Unit, room_id: str, recording_id: str, caller: Caller) -> Steps[RecordingRow]:
        """The recording, locked, if the caller may manage the room's."""
        yield RECORDINGS.rows(recording_id)
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        self._standing.require(tx, room_id, caller, MANAGE)
        recording = tx.get(RECORDINGS, recording_id)
        if recording is None or recording.room_id != room_id or recording.status == "deleted":
            raise Refused("not_found", "There is no such recording.")
        return recording


def read_clips(conn: Connection, recording_id: str) -> list[ClipRow]:
    """A recording's clips, the newest first."""
    query = select(clips_table).where(clips_table.c.recording_id == recording_id)
    return [ClipRow(*row) for row in conn.execute(query.order_by(clips_table.c.id.desc()))]


def read_clip(conn: Connection, clip_id: str) -> ClipRow | None:
    """None as well when its recording was deleted."""
    query = (
        select(clips_table)
        .join(recordings_table, recordings_table.c.id == clips_table.c.recording_id)
        .where(clips_table.c.id == clip_id, recordings_table.c.status != "deleted")
    )
    row = conn.execute(query).one_or_none()
    return ClipRow(*row) if row else None


def forget_clips(conn: Connection, recording_id: str) -> None:
    """For whoever deletes the recording, in that transaction: its files go with the recording's."""
    conn.execute(clips_table.delete().where(clips_table.c.recording_id == recording_id))
