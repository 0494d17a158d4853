"""Clips of recordings over HTTP, and whole recordings as files to download."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from sqlalchemy import Connection

from media.asking import stretch_of
from media.movie import Movie
from media.recording.archive import ArchiveError
from media.recording.sending import pour
from rooms.commands import Key, Line
from rooms.errors import Refused
from rooms.ports import Caller
from rooms.recordings.blurs import Stretch, overlap
from rooms.recordings.clips import ClipRow, Wanted, file_name, read_clip, read_clips
from rooms.recordings.store import RecordingRow, read_recording
from server.api.context import API, Api, from_answer, ok, parsed
from server.api.recordings import seen
from server.commands import request_hash
from server.store.group import Work
from server.store.keys import CommandKey

routes = web.RouteTableDef()

LONGEST_MS = 2**40
SOON_S = 3.0
"""A clip that is made within this is answered as made."""
_KEY: TypeAdapter[str] = TypeAdapter(Key)

Ms = Annotated[int, Field(ge=0, le=LONGEST_MS)]
Read = Callable[[int, int], AsyncIterator[bytes]]


class NewClip(BaseModel):
    """A stretch, or a product: then its first chapter, of which a clip takes ten minutes at most."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    from_ms: Ms | None = None
    to_ms: Ms | None = None
    product: Annotated[str, Field(max_length=36)] | None = None
    title: Line | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> NewClip:
        stretch = self.from_ms is not None and self.to_ms is not None
        if stretch == (self.product is not None) or (self.from_ms is None) != (self.to_ms is None):
            raise ValueError("from_ms and to_ms, or product")
        return self


@routes.post("/api/v1/recordings/{recording}/clips")
async def make_clip(request: web.Request) -> web.Response:
    """Cut a clip, without coding anything anew. ``Idempotency-Key`` is its key."""
    api, recording, caller = await _managed(request)
    asked = await parsed(request, NewClip)
    wanted, blurred = await api.store.read(lambda conn: _wanted(api, conn, recording, asked))
    if overlap(blurred, wanted.from_ms, wanted.to_ms):
        raise Refused("was_blurred", details={"blurred": [stretch.wire for stretch in blurred]})
    api.replay.maker.refuse_if_full()
    key = None
    if raw := request.headers.get("Idempotency-Key"):
        key = CommandKey(caller.id or "", "clip.make", _KEY.validate_python(raw))
    work = Work(
        "clip.make",
        lambda tx: api.replay.clips.ask(tx, recording.room_id, wanted, caller),
        key,
        request_hash(asked),
    )
    answer = await api.store.write(work)
    if not answer.ok:
        return from_answer(answer)
    clip_id = orjson.loads(answer.body)["clip"]
    clip = await _clip(api, recording, clip_id)
    api.replay.maker.begin(clip)
    await api.replay.maker.wait(clip_id, SOON_S)
    return ok({"clip": clip_card(api, await _clip(api, recording, clip_id))}, 201)


def _wanted(
    api: Api, conn: Connection, recording: RecordingRow, asked: NewClip
) -> tuple[Wanted, tuple[Stretch, ...]]:
    """The stretch, and what of the recording was blurred."""
    blurred = _blurred(api, conn, recording)
    if asked.product is None:
        title = asked.title or recording.title
        return Wanted(recording.id, title, asked.from_ms or 0, asked.to_ms or 0), blurred
    for chapter in api.replay.replays.chapters(conn, recording):
        if chapter.product == asked.product:
            to_ms = min(chapter.to_ms, chapter.from_ms + api.replay.clips.rules.longest_ms)
            title = asked.title or chapter.title
            return Wanted(recording.id, title, chapter.from_ms, to_ms, chapter.product), blurred
    raise Refused("not_found", "This product was neither pinned nor explained in the recording.")


def _blurred(api: Api, conn: Connection, recording: RecordingRow) -> tuple[Stretch, ...]:
    """Nothing, of one that can't be played."""
    try:
        return api.replay.replays.blurred(conn, recording)
    except Refused:
        return ()


@routes.get("/api/v1/recordings/{recording}/clips")
async def list_clips(request: web.Request) -> web.Response:
    """The recording's clips, newest first, each with a link that is good for a while."""
    api, recording, _ = await _managed(request)
    rows, blurred = await api.store.read(
        lambda conn: (read_clips(conn, recording.id), _blurred(api, conn, recording))
    )
    return ok({"items": [clip_card(api, row, blurred) for row in rows], "next": None})


@routes.delete("/api/v1/recordings/{recording}/clips/{clip}")
async def delete_clip(request: web.Request) -> web.Response:
    """The clip and its file."""
    api, recording, caller = await _managed(request)
    clip_id = request.match_info["clip"]
    answer = await api.store.write(
        Work(
            "clip.delete",
            lambda tx: api.replay.clips.delete(tx, recording.room_id, recording.id, clip_id, caller),
        )
    )
    if answer.ok:
        await api.replay.archive.delete(recording.id, file_name(clip_id))
    return from_answer(answer)


def clip_card(api: Api, clip: ClipRow, blurred: Sequence[Stretch] = ()) -> dict[str, Any]:
    """One that shows what was ``blurred`` has no link."""
    card: dict[str, Any] = {
        "id": clip.id,
        "recording": clip.recording_id,
        "title": clip.title,
        "product": clip.product_id,
        "status": clip.status,
        "reason": clip.reason,
        "from_ms": clip.from_ms,
        "to_ms": clip.to_ms,
        "duration_ms": clip.duration_ms,
        "bytes": clip.bytes,
        "width": clip.width,
        "height": clip.height,
        "created_at_ms": clip.created_at_ms,
        "url": None,
    }
    if clip.status == "ready" and overlap(blurred, clip.from_ms, clip.to_ms):
        card["reason"] = "was_blurred"
    elif clip.status == "ready":
        given = api.replay.pass_for(clip.recording_id)
        card["url"] = f"/recordings/{clip.recording_id}/clips/{clip.id}.mp4?pass={given}"
    return card


async def _clip(api: Api, recording: RecordingRow, clip_id: str) -> ClipRow:
    clip = await api.store.read(lambda conn: read_clip(conn, clip_id))
    if clip is None or clip.recording_id != recording.id:
        raise Refused("not_found", "There is no such clip.")
    return clip


# files


@routes.post("/api/v1/recordings/{recording}/download")
async def prepare_download(request: web.Request) -> web.Response:
    """Where the whole recording can be downloaded as one file, for a while: without what was blurred, unless
    it is asked for with ``blurred=1``."""
    api, recording, _ = await _managed(request)
    _refuse_unfinished(recording)
    whole = request.query.get("blurred") == "1"
    without = await _without(api, recording, whole=whole)
    movie = await _movie(api, recording, without)
    given = api.replay.pass_for(recording.id, whole=whole)
    url = f"/recordings/{recording.id}/download.mp4?{'blurred=1&' if whole else ''}pass={given}"
    left_out = [stretch.wire for stretch in without]
    return ok({"url": url, "bytes": movie.size, "duration_ms": movie.duration // 90, "left_out": left_out})


async def _without(api: Api, recording: RecordingRow, *, whole: bool) -> tuple[Stretch, ...]:
    return () if whole else await api.store.read(lambda conn: _blurred(api, conn, recording))


@routes.get("/recordings/{recording}/download.mp4")
async def download(request: web.Request) -> web.StreamResponse:
    """The whole recording as one MP4, or what of it wasn't blurred. Ranges are served."""
    whole = request.query.get("blurred") == "1"
    api, recording = await _handed_out(request, whole=whole)
    _refuse_unfinished(recording)
    without = await _without(api, recording, whole=whole)
    movie = await _movie(api, recording, without)
    etag = f"{recording.id}-{movie.size}"
    return await _send(
        request,
        movie.size,
        etag,
        _download_name(recording.title, recording.id),
        lambda start, stop: api.replay.downloads.read(recording.id, start, stop, without),
    )


@routes.get("/recordings/{recording}/clips/{clip}.mp4")
async def clip_file(request: web.Request) -> web.StreamResponse:
    """A clip's file. Ranges are served. Who manages the recording gets one that shows what was blurred, too;
    whoever has been given a link doesn't."""
    api, recording = await _handed_out(request)
    clip = await _clip(api, recording, request.match_info["clip"])
    if clip.status != "ready":
        raise Refused("not_ready", "The clip isn't made.", details={"status": clip.status})
    blurred = await _without(api, recording, whole="pass" not in request.query)
    if overlap(blurred, clip.from_ms, clip.to_ms):
        raise Refused("was_blurred")
    name = file_name(clip.id)
    return await _send(
        request,
        clip.bytes,
        clip.id,
        _download_name(clip.title, clip.id),
        lambda start, stop: api.replay.archive.stream(recording.id, name, start, stop - start),
    )


async def _movie(api: Api, recording: RecordingRow, without: Sequence[Stretch]) -> Movie:
    try:
        return (await api.replay.downloads.movie(recording.id, without))[1]
    except (FileNotFoundError, ValueError) as error:
        if without:
            raise Refused("was_blurred", details={"blurred": [one.wire for one in without]}) from error
        raise Refused("not_found", "There is nothing of this recording to play.") from error
    except ArchiveError as error:
        raise Refused("temporarily_unavailable", retry_after_ms=2_000) from error


async def _send(request: web.Request, size: int, etag: str, name: str, read: Read) -> web.StreamResponse:
    """A file of which any stretch can be read, or the range that is asked for (RFC 9110, 14)."""
    quoted = f'"{etag}"'
    wanted = stretch_of(request, size, quoted)
    headers = {
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.ETAG: quoted,
        hdrs.CACHE_CONTROL: "private, max-age=60",
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    } | wanted.content_range(size)
    if wanted.status == 416:
        return web.Response(status=416, headers=headers)
    response = web.StreamResponse(status=wanted.status, headers=headers)
    response.content_type = "video/mp4"
    response.content_length = length = wanted.stop - wanted.start
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    return await pour(request, response, read(wanted.start, wanted.stop), length)


def _download_name(title: str, unique: str) -> str:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_ ") else "-" for c in title).strip(" -")
    return f"{plain[:60] or 'danmart'}-{unique[-6:]}.mp4"


# who may


async def _managed(request: web.Request) -> tuple[Api, RecordingRow, Caller]:
    """The recording, if the caller manages those of its room. Raises ``Refused``."""
    recording, caller, managing = await seen(request)
    if not managing:
        raise Refused("forbidden" if caller.id else "unauthenticated")
    return request.app[API], recording, caller


async def _handed_out(request: web.Request, *, whole: bool = False) -> tuple[Api, RecordingRow]:
    """The recording, if the address has a pass of its (for the ``whole``, one for that), or else the caller
    manages it. Raises ``Refused``."""
    api = request.app[API]
    given = request.query.get("pass")
    if given is None:
        return (await _managed(request))[:2]
    recording_id = request.match_info["recording"]
    if not api.replay.has_pass(recording_id, given, whole=whole):
        raise Refused("forbidden", "This link has run out: get a new one.")
    recording = await api.store.read(lambda conn: read_recording(conn, recording_id))
    if recording is None or recording.status == "deleted":
        raise Refused("not_found")
    return api, recording


def _refuse_unfinished(recording: RecordingRow) -> None:
    if recording.status != "ready":
        raise Refused("not_ready", details={"status": recording.status})
