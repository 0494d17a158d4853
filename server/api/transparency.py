"""Moderation of all rooms in numbers, and whether the trails are whole as the node finds by itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
from aiohttp import web

from moderation.audit.days import DAY_MS
from rooms.errors import Refused
from server.api.audit import of_operator
from server.api.context import Api, int_arg, ok
from server.transparency import PERIOD_MAX, ROOMS_MAX, Asked
from server.transparency_files import sheet

routes = web.RouteTableDef()

FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@routes.get("/api/v1/moderation/transparency")
async def platform_transparency(request: web.Request) -> web.Response:
    """Operator: what moderation comes to in all rooms, in numbers, and in those with the most of it."""
    api, _ = await of_operator(request)
    return ok(await _told(request, api))


@routes.get("/api/v1/moderation/transparency/export")
async def export_transparency(request: web.Request) -> web.Response:
    """Operator: the same as a file, ``format`` csv or json."""
    api, _ = await of_operator(request)
    form = request.query.get("format", "csv")
    if form not in FORMATS:
        raise Refused("bad_request", f"format: one of {', '.join(FORMATS)}")
    told = await _told(request, api)
    body = sheet(told, bom=request.query.get("bom") == "true") if form == "csv" else orjson.dumps(told)
    name = f"transparency-{told['first_day']}-{told['last_day']}.{form}"
    return web.Response(
        body=body,
        headers={
            "Content-Type": FORMATS[form],
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


@routes.get("/api/v1/audit/watch")
async def audit_watch(request: web.Request) -> web.Response:
    """Operator: what verifying all trails in the background has come to."""
    api, _ = await of_operator(request)
    return ok(await api.audit_watch.told())


async def _told(request: web.Request, api: Api) -> dict[str, Any]:
    return await api.transparency.told(_asked(request, api.clock_ms()))


def _asked(request: web.Request, now_ms: int) -> Asked:
    """The period of the query: ``days`` of them, the last of which is ``to``, by default today."""
    days = int_arg(request, "days", 30, 1, PERIOD_MAX)
    rooms = int_arg(request, "rooms", 10, 0, ROOMS_MAX)
    last = now_ms // DAY_MS
    if (raw := request.query.get("to")) is not None:
        last = min(last, _day(raw))
    return Asked(max(0, last - days + 1), last, rooms)


def _day(raw: str) -> int:
    try:
        if len(raw) != 10:
            raise ValueError
        day = (date.fromisoformat(raw) - date(1970, 1, 1)).days
    except ValueError as error:
        raise Refused("bad_request", "to: a day as 2026-01-31") from error
    if day < 0:
        raise Refused("bad_request", "to: a day from 1970-01-01 on")
    return day
