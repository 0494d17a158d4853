"""When a stream is recorded, and what its host does with a recording afterwards.

The row of a recording with the status ``recording`` and ``wanted`` is the word that all nodes go by:
whichever publishes the room writes it. The room's log says when a recording begins and ends, so that
everybody in the room knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, RoomRow, TimerRow
from rooms.ports import About, Audit, Caller, Standing, TextRules
from rooms.recordings.clips import forget_clips
from rooms.recordings.commands import ChangeRecording, RecordStream
from rooms.recordings.store import RECORDINGS, RecordingRow, read_running, read_usage
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from rooms.wording import worded

TITLE_MAX_CHARS = 100
OVER_TIMER = "recording.room_over"
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """``by_default``: rooms that don't say record their streams. ``public``: what a new recording is.
    ``archive`` is where files go to. Of the bounds, None is no bound."""

    by_default: bool = False
    public: bool = True
    archive: str = "folder"
    room_max_bytes: int | None = None
    max_bytes: int | None = None

    def wants(self, room: RoomRow) -> bool:
        """Whether the room's streams are recorded by themselves."""
        return room.recording == "on" or (room.recording == "" and self.by_default)


class Recordings:
    """The commands ``recording.start`` and ``recording.stop``, what follows from the room's life, and
    changing and deleting over HTTP."""

    def __init__(self, standing: Standing, texts: TextRules, audit: Audit, rules: RecordingRules) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._rules = rules

    def start(self, tx: Unit, cmd: RecordStream, caller: Caller) -> Steps[Any]:
        """Record the stream from now on; one that is recorded goes on being. Refuses with ``forbidden``,
        ``not_live``, ``recordings_full``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "record")
        if room.status not in ("live", "interrupted"):
            raise Refused("not_live")
        running = self._running(tx, cmd.room)
        if running is None:
            if self._is_full(tx, cmd.room):
                raise Refused("recordings_full")
            running = self._begin(tx, room)
            self._audit.note(tx, cmd.room, caller, "recording.start", running.id, {})
        return {"recording": running.id}

    def stop(self, tx: Unit, cmd: RecordStream, caller: Caller) -> Steps[Any]:
        """End the recording; the stream goes on. Refuses with ``forbidden``, ``not_recording``."""
        row = yield from self._load_running(tx, cmd.room)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "record")
        if row is None:
            raise Refused("not_recording")
        end(tx, row, "host")
        self._audit.note(tx, cmd.room, caller, "recording.stop", row.id, {})
        return {"recording": row.id}

    def went_live(self, tx: Unit, room: RoomRow) -> None:
        """The room's stream begins: record it if that is wanted. The room is locked."""
        if self._rules.wants(room) and self._running(tx, room.id) is None and not self._is_full(tx, room.id):
            self._begin(tx, room)

    def room_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a room's end: its recording ends with it, if the room hasn't begun another stream in
        which it was begun."""
        yield TIMERS.rows(timer.id)
        row = yield from self._load_running(tx, timer.room_id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        room = tx.get(ROOMS, timer.room_id)
        if row is None or room is None:
            return {}
        if room.status == "ended":
            end(tx, row, "ended")
        elif row.started_at_ms < (room.started_at_ms or 0):
            end(tx, row, "ended")
            self.went_live(tx, room)
        return {}

    def give_up(self, tx: Unit, recording_id: str, reason: str) -> Steps[Any]:
        """End a recording that can't go on."""
        yield RECORDINGS.rows(recording_id)
        row = tx.get(RECORDINGS, recording_id)
        if row is None:
            return {}
        yield ROOMS.rows(row.room_id)
        if row.status == "recording" and row.wanted:
            end(tx, row, reason)
            tx.brief(
                row.room_id, "recording_trouble", {"recording": row.id, "trouble": reason}, action="record"
            )
        return {}

    def change(self, tx: Unit, recording_id: str, change: ChangeRecording, caller: Caller) -> Steps[Any]:
        """Title, visibility, how long it is kept. Refuses with ``not_found``, ``forbidden``, ``text_…``."""
        row = yield from self._load(tx, recording_id, caller)
        changes: dict[str, Any] = {}
        if change.title is not None:
            changes["title"] = worded(
                self._texts, change.title, TITLE_MAX_CHARS, About("title", row.room_id, caller.id)
            )
        if change.public is not None:
            changes["public"] = int(change.public)
        if change.kept is not None:
            changes["kept"] = int(change.kept)
        if "keep_days" in change.model_fields_set:
            days = change.keep_days
            changes["keep_until_ms"] = None if days is None else tx.now_ms + days * DAY_MS
        tx.put(RECORDINGS, replace(row, changed_at_ms=tx.now_ms, **changes))
        self._audit.note(tx, row.room_id, caller, "recording.change", row.id, changes)
        return {"recording": row.id}

    def delete(self, tx: Unit, recording_id: str, caller: Caller) -> Steps[Any]:
        """Delete it; its files follow. Refuses with ``not_found``, ``forbidden``, ``recording_running``."""
        row = yield from self._load(tx, recording_id, caller)
        if row.status == "recording":
            raise Refused("recording_running")
        forget(tx, row)
        self._audit.note(tx, row.room_id, caller, "recording.delete", row.id, {})
        return {}

    def _load(self, tx: Unit, recording_id: str, caller: Caller) -> Steps[RecordingRow]:
        yield RECORDINGS.rows(recording_id)
        row = tx.get(RECORDINGS, recording_id)
        if row is None or row.status == "deleted":
            raise Refused("not_found")
        yield ROOMS.rows(row.room_id)
        yield from self._standing.load(row.room_id, caller.id)
        self._standing.require(tx, row.room_id, caller, "record")
        return row

    def _load_running(self, tx: Unit, room_id: str) -> Steps[RecordingRow | None]:
        """The room's running recording, locked (before the room, which must be locked next)."""
        found = read_running(tx.conn, [room_id]).get(room_id)
        ids = {row.id for row in tx.fresh(RECORDINGS) if row.room_id == room_id} | (
            {found.id} if found else set()
        )
        yield RECORDINGS.rows(*sorted(ids))
        rows = [
            row for id_ in sorted(ids) if (row := tx.get(RECORDINGS, id_)) is not None and is_running(row)
        ]
        return rows[0] if rows else None

    def _running(self, tx: Unit, room_id: str) -> RecordingRow | None:
        """The same, not to be changed: the room's lock keeps another one from beginning."""
        for row in tx.fresh(RECORDINGS):
            if row.room_id == room_id and is_running(row):
                return row
        found = read_running(tx.conn, [room_id]).get(room_id)
        if found is not None and tx.asked(RECORDINGS, found.id):
            now = tx.get(RECORDINGS, found.id)  # this unit may have ended it
            return now if now is not None and is_running(now) else None
        return found

    def _is_full(self, tx: Unit, room_id: str) -> bool:
        if self._rules.room_max_bytes is None and self._rules.max_bytes is None:
            return False
        usage = read_usage(tx.conn)
        return quota_share(usage, room_id, self._rules) >= 1

    def _begin(self, tx: Unit, room: RoomRow) -> RecordingRow:
        row = RecordingRow(
            id=new_id(),
            room_id=room.id,
            title=room.title,
            status="recording",
            public=int(self._rules.public),
            started_at_ms=tx.now_ms,
            archive=self._rules.archive,
            changed_at_ms=tx.now_ms,
        )
        tx.put(RECORDINGS, row)
        tx.append(room.id, "recording.started", {"id": row.id})
        return row


def is_running(row: RecordingRow) -> bool:
    return row.status == "recording" and bool(row.wanted)


def end(tx: Unit, row: RecordingRow, reason: str) -> RecordingRow:
    """Nothing more is to be recorded; whoever writes it finishes it. Recording and room are locked."""
    tx.append(row.room_id, "recording.stopped", {"id": row.id, "reason": reason})
    return tx.put(
        RECORDINGS, replace(row, wanted=0, ended_at_ms=tx.now_ms, reason=reason, changed_at_ms=tx.now_ms)
    )


def forget(tx: Unit, row: RecordingRow) -> None:
    """What stays of a deleted recording: that there was one. The recording is locked."""
    tx.at_flush(lambda conn: forget_clips(conn, row.id))
    tx.put(
        RECORDINGS,
        replace(
            row,
            title="",
            status="deleted",
            public=0,
            wanted=0,
            poster=None,
            keep_until_ms=None,
            changed_at_ms=tx.now_ms,
        ),
    )


def quota_share(usage: dict[str, int], room_id: str, rules: RecordingRules) -> float:
    """How much of its bounds the room has used, 1 being all: of its own, or of that of all rooms."""
    shares = [0.0]
    if rules.room_max_bytes is not None:
        shares.append(usage.get(room_id, 0) / rules.room_max_bytes)
    if rules.max_bytes is not None:
        shares.append(sum(usage.values()) / rules.max_bytes)
    return max(shares)
