"""Webhooks over HTTP, for operators: endpoints, their deliveries, and replays."""

from __future__ import annotations

import re
from typing import Any

import orjson
from aiohttp import web
from pydantic import TypeAdapter
from sqlalchemy import Connection

from rooms.commands import Key
from rooms.errors import Refused
from rooms.rows import new_id
from server.api.context import API, Api, from_answer, ok, page_args, parsed
from server.commands import request_hash
from server.outbound import OutboundError
from server.store.group import Answer, Work
from server.store.keys import CommandKey
from server.webhooks.endpoints import EndpointChange, NewEndpoint, Replay, Rotation
from server.webhooks.events import PING, TYPES, body_of
from server.webhooks.reading import STATUSES, read_deliveries, read_endpoints
from server.webhooks.replaying import LogSpan, replay_log
from server.webhooks.tables import EndpointRow, LeaseRow

routes = web.RouteTableDef()

_KEY: TypeAdapter[str] = TypeAdapter(Key)


async def _operator(request: web.Request) -> Api:
    """The API's parts, if the caller is an operator. Raises ``Refused``."""
    return (await _identified(request))[0]


async def _identified(request: web.Request) -> tuple[Api, str]:
    """The same with the operator's id."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    if not identity.operator:
        raise Refused("forbidden", "Webhooks are for operators: this needs a token with the claim operator.")
    return api, identity.id or ""


async def _one(api: Api, endpoint_id: str) -> tuple[EndpointRow, LeaseRow]:
    def find(conn: Connection) -> tuple[EndpointRow, LeaseRow] | None:
        there = read_endpoints(conn)
        return next((one for one in there if one[0].id == endpoint_id and one[0].status != "deleted"), None)

    found = await api.store.read(find)
    if found is None:
        raise Refused("not_found", "There is no such endpoint.")
    return found


async def _card(api: Api, endpoint_id: str) -> dict[str, Any]:
    endpoint, lease = await _one(api, endpoint_id)
    return endpoint.wire(lease.health, api.clock_ms())


async def _write(api: Api, work: Work) -> Answer:
    answer = await api.store.write(work)
    api.webhooks.nudge()
    return answer


async def _check(api: Api, url: str | None) -> None:
    """Whether the address could be asked as things are; if not, better said now than with each event."""
    if url is not None:
        try:
            await api.post.check(url)
        except OutboundError as error:
            raise Refused("bad_request", details=[{"path": "url", "message": str(error)}]) from error


@routes.get("/api/v1/webhooks")
async def list_endpoints(request: web.Request) -> web.Response:
    """Every endpoint, the oldest first, and the types of events that there are."""
    api = await _operator(request)
    known = await api.store.read(read_endpoints)
    items = [e.wire(lease.health, api.clock_ms()) for e, lease in known if e.status != "deleted"]
    return ok({"items": items, "next": None, "types": TYPES})


@routes.post("/api/v1/webhooks")
async def create_endpoint(request: web.Request) -> web.Response:
    """A new endpoint, with its secret, which is shown this once."""
    api, operator = await _identified(request)
    new = await parsed(request, NewEndpoint)
    await _check(api, new.url)
    key = None
    if raw_key := request.headers.get("Idempotency-Key"):
        key = CommandKey(operator, "webhook.create", _KEY.validate_python(raw_key))
    work = Work("webhook.create", lambda tx: api.endpoints.create(tx, new), key, request_hash(new))
    answer = await _write(api, work)
    if not answer.ok:
        return from_answer(answer)
    made = orjson.loads(answer.body)
    card = await _card(api, made["id"])
    location = {"Location": f"/api/v1/webhooks/{made['id']}"}
    return ok(card | {"secret": made["secret"]}, 201, location)


@routes.get("/api/v1/webhooks/{webhook}")
async def get_endpoint(request: web.Request) -> web.Response:
    """One endpoint and how it fares."""
    api = await _operator(request)
    return ok(await _card(api, request.match_info["webhook"]))


@routes.patch("/api/v1/webhooks/{webhook}")
async def change_endpoint(request: web.Request) -> web.Response:
    """Change an endpoint, disable it, or enable it again: then it goes on where it stopped."""
    api = await _operator(request)
    endpoint_id, change = request.match_info["webhook"], await parsed(request, EndpointChange)
    await _check(api, change.url)
    answer = await _write(
        api, Work("webhook.change", lambda tx: api.endpoints.change(tx, endpoint_id, change))
    )
    return ok(await _card(api, endpoint_id)) if answer.ok else from_answer(answer)


@routes.delete("/api/v1/webhooks/{webhook}")
async def delete_endpoint(request: web.Request) -> web.Response:
    """Delete an endpoint with its deliveries."""
    api = await _operator(request)
    endpoint_id = request.match_info["webhook"]
    return from_answer(
        await _write(api, Work("webhook.delete", lambda tx: api.endpoints.delete(tx, endpoint_id)))
    )


@routes.post("/api/v1/webhooks/{webhook}/rotate")
async def rotate_secret(request: web.Request) -> web.Response:
    """A new secret, shown this once; the one before signs as well for a day."""
    api = await _operator(request)
    endpoint_id, rotation = request.match_info["webhook"], await parsed(request, Rotation)
    return from_answer(
        await _write(
            api,
            Work("webhook.rotate", lambda tx: api.endpoints.rotate(tx, endpoint_id, rotation.secret)),
        )
    )


@routes.post("/api/v1/webhooks/{webhook}/ping")
async def ping_endpoint(request: web.Request) -> web.Response:
    """Send a `webhook.ping` now, and say how it was answered."""
    api = await _operator(request)
    endpoint, _ = await _one(api, request.match_info["webhook"])
    body = body_of(PING, api.clock_ms(), {"endpoint": endpoint.id})
    attempt = await api.post.send(endpoint, new_id().replace("-", ""), body)
    return ok(
        {
            "outcome": attempt.outcome.value,
            "http_status": attempt.http_status,
            "error": attempt.error,
            "took_ms": attempt.took_ms,
        }
    )


@routes.get("/api/v1/webhooks/{webhook}/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """What was delivered within a day, waits, or was given up (`?status=dead`), the latest first."""
    api = await _operator(request)
    endpoint, _ = await _one(api, request.match_info["webhook"])
    cursor, limit = page_args(request)
    status = request.query.get("status")
    if status is not None and status not in STATUSES:
        raise Refused("bad_request", f"status: one of {', '.join(STATUSES)}")
    before = None
    if cursor is not None:
        if not (place := re.fullmatch(r"(\d{1,15})-([0-9a-f]{32})", cursor)):
            raise Refused("bad_request", "cursor: not one of ours")
        before = (int(place[1]), place[2])
    rows = await api.store.read(
        lambda conn: read_deliveries(conn, endpoint.id, status=status, before=before, limit=limit)
    )
    following = f"{rows[-1].turn_at_ms}-{rows[-1].id}" if len(rows) == limit else None
    return ok({"items": [row.wire() for row in rows], "next": following})


@routes.post("/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay")
async def replay_delivery(request: web.Request) -> web.Response:
    """Send one message once more."""
    api = await _operator(request)
    endpoint_id, delivery = request.match_info["webhook"], request.match_info["delivery"]
    return from_answer(
        await _write(
            api, Work("webhook.replay", lambda tx: api.endpoints.replay_one(tx, endpoint_id, delivery))
        )
    )


@routes.post("/api/v1/webhooks/{webhook}/replay")
async def replay_span(request: web.Request) -> web.Response:
    """Send what happened in a span of time once more, up to 1,000 at once; `more` says to ask again."""
    api = await _operator(request)
    endpoint_id, wanted = request.match_info["webhook"], await parsed(request, Replay)
    return from_answer(
        await _write(
            api, Work("webhook.replay_span", lambda tx: api.endpoints.replay(tx, endpoint_id, wanted))
        )
    )


@routes.post("/api/v1/webhooks/{webhook}/replay/log")
async def replay_from_log(request: web.Request) -> web.Response:
    """Send what a span of a room's log says once more, however old; `next_offset` says where to go on."""
    api = await _operator(request)
    endpoint_id, span = request.match_info["webhook"], await parsed(request, LogSpan)
    return from_answer(
        await _write(api, Work("webhook.replay_log", lambda tx: replay_log(tx, endpoint_id, span)))
    )
