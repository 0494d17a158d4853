"""Recordings over HTTP: a room's list, one of them, its title and visibility, its deletion."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from media.recording.playlist import INDEX_NAME
from moderation.permissions import Action, may
from rooms.errors import Refused
from rooms.ports import Caller
from rooms.recordings.commands import ChangeRecording
from rooms.recordings.store import RecordingRow, read_recording, read_recordings
from server.api.context import API, from_answer, ok, page_args, parsed
from server.live.connection import as_caller
from server.store.group import Work

routes = web.RouteTableDef()

_MANAGED = ("recording", "ready", "failed")


def recording_card(row: RecordingRow, *, managing: bool) -> dict[str, Any]:
    base = f"/recordings/{row.id}"
    card: dict[str, Any] = {
        "id": row.id,
        "room": row.room_id,
        "title": row.title,
        "status": row.status,
        "public": bool(row.public),
        "started_at_ms": row.started_at_ms,
        "ended_at_ms": row.ended_at_ms,
        "duration_ms": row.duration_ms,
        "bytes": row.bytes,
        "width": row.width,
        "height": row.height,
        "has_audio": bool(row.has_audio),
        "playlist": f"{base}/{INDEX_NAME}" if row.segments else None,
        "poster": f"{base}/{row.poster}" if row.poster else None,
    }
    if managing:
        card |= {
            "kept": bool(row.kept),
            "keep_until_ms": row.keep_until_ms,
            "reason": row.reason,
            "holes": row.holes,
        }
    return card


@routes.get("/api/v1/rooms/{room}/recordings")
async def list_recordings(request: web.Request) -> web.Response:
    """A room's recordings, the newest first: the public ones that are ready, to its host all."""
    api = request.app[API]
    room_id, _, _, role = await api.in_room(request)
    managing = may(role, Action.RECORD)
    cursor, limit = page_args(request)
    rows = await api.store.read(
        lambda conn: read_recordings(
            conn,
            room_id,
            statuses=_MANAGED if managing else ("ready",),
            public_only=not managing,
            before=cursor,
            limit=limit + 1,
        )
    )
    following = rows[limit - 1].id if len(rows) > limit else None
    return ok({"items": [recording_card(row, managing=managing) for row in rows[:limit]], "next": following})


@routes.get("/api/v1/recordings/{recording}")
async def get_recording(request: web.Request) -> web.Response:
    """One recording."""
    row, _, managing = await seen(request)
    return ok(recording_card(row, managing=managing))


@routes.patch("/api/v1/recordings/{recording}")
async def change_recording(request: web.Request) -> web.Response:
    """Title, visibility, how long it is kept."""
    api = request.app[API]
    row, caller, _ = await seen(request)
    change = await parsed(request, ChangeRecording)
    answer = await api.store.write(
        Work("recording.change", lambda tx: api.services.recordings.change(tx, row.id, change, caller))
    )
    if not answer.ok:
        return from_answer(answer)
    changed = await api.store.read(lambda conn: read_recording(conn, row.id))
    return ok(recording_card(changed or row, managing=True))


@routes.delete("/api/v1/recordings/{recording}")
async def delete_recording(request: web.Request) -> web.Response:
    """Delete it for good; its files follow within seconds."""
    api = request.app[API]
    row, caller, _ = await seen(request)
    answer = await api.store.write(
        Work("recording.delete", lambda tx: api.services.recordings.delete(tx, row.id, caller))
    )
    return from_answer(answer)


async def seen(request: web.Request) -> tuple[RecordingRow, Caller, bool]:
    """The path's recording, the caller, and whether the caller manages it. Raises ``Refused``: ``not_found``
    also for what the caller may not know of."""
    api = request.app[API]
    identity = await api.identify(request)
    recording_id = request.match_info["recording"]
    row = await api.store.read(lambda conn: read_recording(conn, recording_id))
    if row is None or row.status == "deleted":
        raise Refused("not_found")
    return row, as_caller(identity), await api.library.sees(identity, row)
