"""A recording that a test puts into a running node's database and folder, as if it had been made there."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from media.recording.names import init_name, segment_name
from rooms.rows import new_id
from tests.media.movie.archive import Tape


def put_recording(data: Path, room: str, tape: Tape, segment_ms: int) -> str:
    """The tape's segments, of equal length and the last of which ends now, as a recording that is ready."""
    recording, count = new_id(), len(tape.segments)
    now_ms = time.time_ns() // 1_000_000
    began_ms = now_ms - count * segment_ms
    folder = data / "recordings" / recording
    folder.mkdir(parents=True)
    for period, init in enumerate(tape.inits, 1):
        (folder / init_name(period)).write_bytes(init)
    for number, (period, body) in enumerate(tape.segments, 1):
        (folder / segment_name(period + 1, number)).write_bytes(body)
    row = {
        "id": recording,
        "room_id": room,
        "title": "A stream",
        "status": "ready",
        "public": 1,
        "started_at_ms": began_ms,
        "ended_at_ms": now_ms,
        "duration_ms": count * segment_ms,
        "bytes": sum(len(body) for _, body in tape.segments),
        "segments": count,
        "periods": len(tape.inits),
        "width": 320,
        "height": 180,
        "has_audio": 0,
        "kept": 0,
        "archive": "folder",
        "node": "",
        "fence": 1,
        "wanted": 0,
        "holes": 0,
        "files_gone": 0,
        "changed_at_ms": now_ms,
    }
    with sqlite3.connect(data / "danmart.db", timeout=10) as db:
        _insert(db, "recordings", row)
        for number, (period, body) in enumerate(tape.segments):
            segment = {
                "recording_id": recording,
                "number": number + 1,
                "period": period + 1,
                "media_ms": number * segment_ms,
                "duration_ms": segment_ms,
                "ticks": number * segment_ms * 90,
                "started_ms": began_ms + number * segment_ms,
                "bytes": len(body),
                "discontinuity": 0,
                "independent": 1,
            }
            _insert(db, "recording_segments", segment)
    db.close()
    return recording


def _insert(db: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    places = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", list(row.values()))
