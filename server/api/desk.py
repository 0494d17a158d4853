"""What hosts and moderators read and manage over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection

from moderation.permissions import Action, Role, may
from moderation.sanctions.rules import SanctionKind
from moderation.sanctions.store import read_page
from moderation.standing import read_members
from rooms.avatars import show_faces
from rooms.errors import Refused
from rooms.shop.store import read_orders
from server.api.context import API, from_answer, ok, page_args, parsed
from server.auth import StreamKeys
from server.credentials import NewStreamKey, read_stream_keys
from server.store.group import Work

routes = web.RouteTableDef()


class DemoToken(BaseModel):
    """The body of ``POST /api/v1/demo/token``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    role: Literal["viewer", "moderator", "host"] = "viewer"


@routes.get("/api/v1/rooms/{room}/orders")
async def list_orders(request: web.Request) -> web.Response:
    """Host: all; others: their own. Newest first."""
    api = request.app[API]
    room_id, identity, _, role = await api.in_room(request, banned_too=True)
    if identity.is_guest:
        raise Refused("unauthenticated")
    buyer_id = None if may(role, Action.SEE_ORDERS) else identity.id
    cursor, limit = page_args(request)
    orders = await api.store.read(
        lambda conn: read_orders(conn, room_id, buyer_id=buyer_id, before=cursor, limit=limit)
    )
    following = orders[-1].id if len(orders) == limit else None
    return ok({"items": [order.wire() for order in orders], "next": following})


@routes.get("/api/v1/rooms/{room}/mutes")
async def list_mutes(request: web.Request) -> web.Response:
    """Mutes in force."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_STAFF)
    kinds = (SanctionKind.MUTE.value,)
    mutes = await api.store.read(
        lambda conn: read_page(conn, room_id, api.clock_ms(), kinds=kinds, in_force=True, limit=500)
    )
    return ok({"items": [mute.wire() for mute in mutes], "next": None})


@routes.get("/api/v1/rooms/{room}/members")
async def list_members(request: web.Request) -> web.Response:
    """Who has a role in the room."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.GRANT_ROLE)

    def read(conn: Connection) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = [
            {"user": {"id": m.user_id, "name": m.name}, "role": m.role, "since_ms": m.since_ms}
            for m in read_members(conn, room_id)
        ]
        show_faces(conn, [item["user"] for item in items])
        return items

    items = await api.store.read(read)
    return ok({"items": items, "next": None})


@routes.get("/api/v1/rooms/{room}/stream-keys")
async def list_stream_keys(request: web.Request) -> web.Response:
    """The room's stream keys, without the keys themselves."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.PUBLISH)
    rows = await api.store.read(lambda conn: read_stream_keys(conn, room_id))
    items = [{"id": row.id, "label": row.label, "created_at_ms": row.created_at_ms} for row in rows]
    return ok({"items": items, "next": None})


@routes.post("/api/v1/rooms/{room}/stream-keys")
async def add_stream_key(request: web.Request) -> web.Response:
    """A new stream key, shown this once."""
    api = request.app[API]
    room_id, caller = await api.allowed(request, Action.PUBLISH)
    label = (await parsed(request, NewStreamKey)).label
    key, key_hash = StreamKeys.new_key()
    answer = await api.store.write(
        Work("stream_key.add", lambda tx: api.keyring.add(tx, room_id, label, key_hash, caller))
    )
    if not answer.ok:
        return from_answer(answer)
    row = orjson.loads(answer.body)
    return ok({"id": row["id"], "label": row["label"], "key": key}, 201)


@routes.delete("/api/v1/rooms/{room}/stream-keys/{key}")
async def revoke_stream_key(request: web.Request) -> web.Response:
    """Revoke a stream key; what is published with it ends."""
    api = request.app[API]
    room_id, caller = await api.allowed(request, Action.PUBLISH)
    key_id = request.match_info["key"]
    answer = await api.store.write(
        Work("stream_key.revoke", lambda tx: api.keyring.revoke(tx, room_id, key_id, caller))
    )
    if answer.ok:
        api.rights.revoked(room_id)
    return from_answer(answer)


@routes.get("/api/v1/rooms/{room}/publisher")
async def publisher(request: web.Request) -> web.Response:
    """How the room's publisher fares."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.PUBLISH)
    found = await api.publisher(room_id)
    if found is None:
        raise Refused("not_live")
    return ok(found)


@routes.post("/api/v1/rooms/{room}/pictures")
async def add_picture(request: web.Request) -> web.Response:
    """Take a picture in: checked, and encoded anew."""
    api = request.app[API]
    room_id, caller = await api.allowed(request, Action.MANAGE_PRODUCTS)
    if request.content_type not in ("image/jpeg", "image/png", "image/webp"):
        raise Refused("unsupported_media_type", "Send a JPEG, PNG or WebP picture as the body.")
    upload = await read_bounded(request, api.pictures_max_bytes)
    encoded = await api.pictures.encode(upload)
    checker = await api.vision.check_upload(room_id, encoded, caller)
    answer = await api.store.write(
        Work("picture.add", lambda tx: api.pictures.add(tx, room_id, encoded, caller, checker))
    )
    return from_answer(answer, 201)


async def read_bounded(request: web.Request, limit: int) -> bytes:
    """The body, if it isn't larger than ``limit`` bytes; raises ``Refused("too_large")``."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_chunked(65_536):
        size += len(chunk)
        if size > limit:
            raise Refused("too_large", details={"limit_bytes": limit})
        chunks.append(chunk)
    return b"".join(chunks)


@routes.get("/api/v1/me")
async def me(request: web.Request) -> web.Response:
    """Who the token says one is."""
    api = request.app[API]
    identity = await api.identify(request)
    user: dict[str, Any] | None = None
    if not identity.is_guest:
        user = {"id": identity.id, "name": identity.name}
        await api.store.read(lambda conn: show_faces(conn, [user]))
    return ok(
        {
            "user": user,
            "operator": identity.operator,
            "may_host": identity.may_host,
            "expires_at_ms": identity.expires_at_ms,
        }
    )


@routes.post("/api/v1/demo/token")
async def demo_token(request: web.Request) -> web.Response:
    """A token for the demo's room."""
    api = request.app[API]
    if api.demo is None:
        raise Refused("not_found", "Tokens like this are given by a demo only.")
    wanted = await parsed(request, DemoToken)
    token, identity = api.demo.mint(wanted.name, Role(wanted.role), api.clock_ms())
    await api.grant_demo_role(identity)
    return ok({"token": token, "user": {"id": identity.id, "name": identity.name}})
