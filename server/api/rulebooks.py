"""Rulebooks over HTTP: rules and word lists, the platform's for operators and a room's for its host."""

from __future__ import annotations

import re
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from moderation.permissions import Action, may
from moderation.rulebook.effective import RulesChange
from moderation.rulebook.forms import FORMS, MEDIA_TYPES
from moderation.rulebook.store import PLATFORM
from moderation.standing import role_of
from rooms.errors import Refused
from rooms.ports import Caller
from server.api.context import API, Made, ok, parsed
from server.api.desk import read_bounded
from server.filter_desk import PLATFORM_LIST_BYTES, ROOM_LIST_BYTES, Upload
from server.live.connection import as_caller

routes = web.RouteTableDef()

_OF_ROOM, _OF_ALL = "/api/v1/rooms/{room}/moderation", "/api/v1/moderation"
_TYPES: dict[str, str] = {form: media_type for media_type, form in MEDIA_TYPES.items()}
_VERSION = re.compile(r'"(\d{1,18})"')


class TryText(BaseModel):
    """A text to try on the filter, and what it would be."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=4000)
    kind: Literal["comment", "name", "title", "product"] = "comment"


@routes.get(f"{_OF_ROOM}/rules")
async def get_room_rules(request: web.Request) -> web.Response:
    """Host: what the room's filter goes by, what of it the room chose, and what the platform is firm on."""
    return await _rules(request)


@routes.get(f"{_OF_ALL}/rules")
async def get_platform_rules(request: web.Request) -> web.Response:
    """Operator: what rooms go by that have chosen nothing, and what they can't loosen."""
    return await _rules(request)


@routes.patch(f"{_OF_ROOM}/rules")
async def change_room_rules(request: web.Request) -> web.Response:
    """Host: change the room's rules. What isn't named stays; null takes the room's own choice away."""
    return await _change_rules(request)


@routes.patch(f"{_OF_ALL}/rules")
async def change_platform_rules(request: web.Request) -> web.Response:
    """Operator: change the platform's rules, and what rooms can't loosen."""
    return await _change_rules(request)


@routes.get(f"{_OF_ROOM}/lists")
async def list_room_lists(request: web.Request) -> web.Response:
    """Host: the room's own word lists, without their words."""
    return await _lists(request)


@routes.get(f"{_OF_ALL}/lists")
async def list_platform_lists(request: web.Request) -> web.Response:
    """Operator: the platform's word lists, without their words and without those in files."""
    return await _lists(request)


@routes.get(f"{_OF_ROOM}/lists/{{name}}")
async def get_room_list(request: web.Request) -> web.Response:
    """Host: a word list as a file, in the form it came in or in ``format``: toml, txt or csv."""
    return await _list(request)


@routes.get(f"{_OF_ALL}/lists/{{name}}")
async def get_platform_list(request: web.Request) -> web.Response:
    """Operator: a word list as a file, in the form it came in or in ``format``: toml, txt or csv."""
    return await _list(request)


@routes.put(f"{_OF_ROOM}/lists/{{name}}")
async def put_room_list(request: web.Request) -> web.Response:
    """Host: add or replace a word list. One with a fault is refused with its line, and the old one stays."""
    return await _put_list(request)


@routes.put(f"{_OF_ALL}/lists/{{name}}")
async def put_platform_list(request: web.Request) -> web.Response:
    """Operator: add or replace a word list of all rooms."""
    return await _put_list(request)


@routes.delete(f"{_OF_ROOM}/lists/{{name}}")
async def delete_room_list(request: web.Request) -> web.Response:
    """Host: delete a word list."""
    return await _delete_list(request)


@routes.delete(f"{_OF_ALL}/lists/{{name}}")
async def delete_platform_list(request: web.Request) -> web.Response:
    """Operator: delete a word list of all rooms."""
    return await _delete_list(request)


@routes.post(f"{_OF_ROOM}/try")
async def try_in_room(request: web.Request) -> web.Response:
    """Host: what the room's filter makes of a text, and why. Nothing is kept of it."""
    return await _try(request)


@routes.post(f"{_OF_ALL}/try")
async def try_on_platform(request: web.Request) -> web.Response:
    """Operator: what the filter makes of a text in a room without rules of its own."""
    return await _try(request)


# the same for both


async def _rules(request: web.Request) -> Made:
    scope, _ = await _scope(request)
    return _tagged(await request.app[API].filter.rules(scope))


async def _change_rules(request: web.Request) -> Made:
    scope, caller = await _scope(request)
    change, expected = await parsed(request, RulesChange), _expected(request)
    return _tagged(await request.app[API].filter.change_rules(scope, change.patch, expected, caller))


async def _lists(request: web.Request) -> Made:
    scope, _ = await _scope(request)
    return ok(await request.app[API].filter.lists(scope))


async def _list(request: web.Request) -> web.Response:
    scope, _ = await _scope(request)
    name = request.match_info["name"]
    row, form, text = await request.app[API].filter.list_as(scope, name, _form_asked_for(request))
    headers = {
        "ETag": f'"{row.version}"',
        "Content-Disposition": f'attachment; filename="{row.name}.{form}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    return web.Response(text=text, content_type=_TYPES[form], charset="utf-8", headers=headers)


async def _put_list(request: web.Request) -> Made:
    scope, caller = await _scope(request)
    if (form := MEDIA_TYPES.get(request.content_type)) is None:
        raise Refused("unsupported_media_type", f"Send {', '.join(MEDIA_TYPES)}.")
    limit = PLATFORM_LIST_BYTES if scope == PLATFORM else ROOM_LIST_BYTES
    upload = Upload(request.match_info["name"], form, await read_bounded(request, limit))
    return _tagged(await request.app[API].filter.put_list(scope, upload, _expected(request), caller))


async def _delete_list(request: web.Request) -> Made:
    scope, caller = await _scope(request)
    await request.app[API].filter.delete_list(scope, request.match_info["name"], _expected(request), caller)
    return ok({})


async def _try(request: web.Request) -> Made:
    scope, _ = await _scope(request)
    asked = await parsed(request, TryText)
    return ok(await request.app[API].filter.try_text(scope, asked.text, asked.kind))


async def _scope(request: web.Request) -> tuple[str, Caller]:
    """Whose rulebook the path names, and the caller, who may manage it. Raises ``Refused``."""
    api = request.app[API]
    if "room" in request.match_info:
        return await api.allowed(request, Action.MANAGE_FILTER)
    caller = as_caller(await api.identify(request))
    if caller.id is None:
        raise Refused("unauthenticated")
    role = role_of(caller.id, operator=caller.operator, host_id="", member_role=None)
    if not may(role, Action.MANAGE_PLATFORM_FILTER):
        raise Refused("forbidden")
    return PLATFORM, caller


def _tagged(found: dict[str, Any]) -> Made:
    return ok(found, headers={"ETag": f'"{found["version"]}"'})


def _expected(request: web.Request) -> int | None:
    """The version that ``If-Match`` names; 0 for ``If-None-Match: *``; None: whatever there is."""
    if request.headers.get("If-None-Match") == "*":
        return 0
    header = request.headers.get("If-Match")
    if header is None or header == "*":
        return None
    match = _VERSION.fullmatch(header.strip())
    if match is None:
        raise Refused("precondition_failed", "The ETag isn't one of ours.")
    return int(match[1])


def _form_asked_for(request: web.Request) -> str | None:
    """``format`` of the query, else the first of ``Accept`` that there is; None: the form it came in."""
    if (form := request.query.get("format")) is not None:
        if form not in FORMS:
            raise Refused("bad_request", f"format: one of {', '.join(FORMS)}")
        return form
    for accepted in request.headers.get("Accept", "").split(","):
        if found := MEDIA_TYPES.get(accepted.partition(";")[0].strip().lower()):
            return found
    return None
