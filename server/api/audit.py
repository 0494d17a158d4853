"""Audit trails over HTTP: pages, files, whether a chain is whole, erasing a person; and what it comes to."""

from __future__ import annotations

import re

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from moderation.audit.reading import PAGE, Entry, Wanted, read_audit, read_page
from moderation.audit.transparency import DAYS_MAX, read_deeds, tally
from moderation.permissions import Action, Role, may
from rooms.commands import UserId
from rooms.errors import Refused
from rooms.ports import Caller
from rooms.wallet.corrections import NO_ROOM
from server.api.context import API, Api, from_answer, int_arg, ok, page_args, parsed
from server.audit_files import FORMATS, closing, opening, portion
from server.live.connection import as_caller

routes = web.RouteTableDef()

OFFSET_MAX_MIN = 14 * 60
_TRAIL_MAX = 64
_FILTER_MAX = 128


class EraseOfPerson(BaseModel):
    """The body of ``POST /api/v1/audit/erase``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    user: UserId


# A room's


@routes.get("/api/v1/rooms/{room}/audit")
async def list_audit(request: web.Request) -> web.Response:
    """Who did what, newest first."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_AUDIT)
    return await _page(request, api, room_id)


@routes.get("/api/v1/rooms/{room}/audit/export")
async def export_audit(request: web.Request) -> web.StreamResponse:
    """The room's trail as a file, oldest first."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_AUDIT)
    return await _file(request, api, room_id, f"audit-{room_id}")


@routes.get("/api/v1/rooms/{room}/audit/chain")
async def check_audit(request: web.Request) -> web.Response:
    """Whether the room's trail is whole, verified from its first entry to its head."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_AUDIT)
    return ok(await api.audit.verify(room_id))


@routes.get("/api/v1/rooms/{room}/transparency")
async def transparency(request: web.Request) -> web.Response:
    """What the room's moderation comes to in numbers."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_AUDIT)
    days = int_arg(request, "days", 30, 1, DAYS_MAX)
    offset_min = _offset_min(request)
    now_ms = api.clock_ms()
    return ok(
        await api.store.read(
            lambda conn: tally(
                read_deeds(conn, room_id, now_ms=now_ms, days=days, offset_min=offset_min),
                now_ms=now_ms,
                days=days,
                offset_min=offset_min,
            )
        )
    )


def _offset_min(request: web.Request) -> int:
    """How far the asker's clocks are ahead of UTC, in minutes; behind: less than 0."""
    raw = request.query.get("offset_min", "0")
    if not re.fullmatch(r"-?[0-9]{1,4}", raw) or abs(int(raw)) > OFFSET_MAX_MIN:
        raise Refused("bad_request", f"offset_min: -{OFFSET_MAX_MIN} to {OFFSET_MAX_MIN}")
    return int(raw)


# Everybody's


@routes.get("/api/v1/audit")
async def list_platform_audit(request: web.Request) -> web.Response:
    """Operator: what was done to people everywhere, or another trail by ``trail``, newest first."""
    api, _ = await _operator(request)
    return await _page(request, api, _trail(request) or NO_ROOM)


@routes.get("/api/v1/audit/export")
async def export_all_audit(request: web.Request) -> web.StreamResponse:
    """Operator: all trails as a file, or one by ``trail``, oldest first."""
    api, _ = await _operator(request)
    return await _file(request, api, _trail(request), "audit")


@routes.post("/api/v1/audit/erase")
async def erase_person(request: web.Request) -> web.Response:
    """Operator: erase what all trails say of a person, and their picture. The chains stay whole."""
    api, caller = await _operator(request)
    if not may(Role.OPERATOR, Action.ERASE):
        raise Refused("forbidden")
    user = (await parsed(request, EraseOfPerson)).user
    count = await api.audit.erase_person(user, caller)
    answer = await api.avatars.clear(user)
    if not answer.ok:
        return from_answer(answer)
    return ok({"entries": count.entries, "who": count.who, "what": count.what})


async def _operator(request: web.Request) -> tuple[Api, Caller]:
    api = request.app[API]
    identity = await api.identify(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    caller = as_caller(identity)
    if not caller.operator:
        raise Refused("forbidden")
    return api, caller


def _trail(request: web.Request) -> str | None:
    """None: not said; "" is a trail."""
    trail = request.query.get("trail")
    if trail is not None and (len(trail) > _TRAIL_MAX or "\0" in trail):
        raise Refused("bad_request", f"trail: at most {_TRAIL_MAX} characters")
    return trail


def wanted_of(request: web.Request, trail: str | None) -> Wanted:
    """The filters of the query. Raises ``Refused``."""

    def text(name: str) -> str:
        value = request.query.get(name, "")
        if len(value) > _FILTER_MAX or "\0" in value:
            raise Refused("bad_request", f"{name}: at most {_FILTER_MAX} characters")
        return value

    def time_ms(name: str) -> int | None:
        return int_arg(request, name, 0, 0, 2**53) if name in request.query else None

    return Wanted(
        trail, text("action"), text("actor"), text("target"), time_ms("since_ms"), time_ms("until_ms")
    )


async def _page(request: web.Request, api: Api, trail: str) -> web.Response:
    cursor, limit = page_args(request)
    wanted = wanted_of(request, trail)
    items = await api.store.read(
        lambda conn: read_audit(conn, trail, before=cursor, limit=limit, wanted=wanted)
    )
    return ok({"items": items, "next": str(items[-1]["seq"]) if len(items) == limit else None})


async def _file(request: web.Request, api: Api, trail: str | None, name: str) -> web.StreamResponse:
    form = request.query.get("format", "csv")
    if form not in FORMATS:
        raise Refused("bad_request", f"format: one of {', '.join(FORMATS)}")
    wanted = wanted_of(request, trail)
    bom = request.query.get("bom") == "true"

    async def page(after: tuple[str, int] | None) -> list[Entry]:
        return await api.store.read(lambda conn: read_page(conn, wanted, after))

    entries = await page(None)  # before anything is sent: a database that is away is still a problem then
    response = web.StreamResponse(
        headers={
            "Content-Type": FORMATS[form],
            "Content-Disposition": f'attachment; filename="{name}.{form}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(request)
    await response.write(opening(form, bom=bom))
    first = True
    while entries:
        await response.write(portion(form, entries, first=first))
        first, last = False, entries[-1].link
        entries = await page((last.trail, last.seq)) if len(entries) == PAGE else []
    await response.write(closing(form))
    await response.write_eof()
    return response
