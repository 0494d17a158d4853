"""Payments over HTTP: the ways to pay, and what providers report by themselves."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from rooms.errors import Refused
from rooms.ports import Caller
from rooms.shop.owed import OWED, read_owed
from server.api.context import API, Api, from_answer, ok, page_args, parsed
from server.limits import site_of
from server.live.connection import as_caller
from server.proxies import client_of

routes = web.RouteTableDef()


@routes.get("/api/v1/payments/methods")
async def list_methods(request: web.Request) -> web.Response:
    """The ways to pay here, the usual one first."""
    return ok({"items": request.app[API].services.cashier.methods(), "next": None})


@routes.post("/api/v1/payments/{provider}/callback")
async def take_report(request: web.Request) -> web.Response:
    """A payment provider's report, signed by it: the shop's callback, Stripe's webhook."""
    api = request.app[API]
    # Anybody can send these, and only reading them tells who it was.
    site = site_of(client_of(request).address)
    api.limits.count(connection=None, user=None, address=site, now_ms=api.clock_ms())
    headers = {name.lower(): value for name, value in request.headers.items()}
    cashier = api.services.cashier
    return ok(await cashier.receive(request.match_info["provider"], headers, await request.read()))


class RefundStep(BaseModel):
    """The body of ``POST /api/v1/payments/{payment}/refund``: ask the provider again, or note that the buyer
    has got the money in another way (``note`` says how)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    action: Literal["retry", "settled"]
    note: Annotated[str, StringConstraints(max_length=200)] = ""


@routes.get("/api/v1/payments/owed")
async def list_owed(request: web.Request) -> web.Response:
    """What is to be given back to buyers, for operators: refunds that failed (`?status=refund_failed`), or
    that are under way (`refund_due`); those that wait longest first."""
    api, _ = await _operator(request)
    cursor, limit = page_args(request)
    status = request.query.get("status", OWED[0])
    if status not in OWED:
        raise Refused("bad_request", f"status: one of {', '.join(OWED)}")
    after = None
    if cursor is not None:
        if not (place := re.fullmatch(r"(\d{1,15})-([0-9a-f-]{36})", cursor)):
            raise Refused("bad_request", "cursor: not one of ours")
        after = (int(place[1]), place[2])
    owed = await api.store.read(lambda conn: read_owed(conn, status=status, after=after, limit=limit))
    following = f"{owed[-1].payment.settled_at_ms}-{owed[-1].payment.id}" if len(owed) == limit else None
    return ok({"items": [debt.wire() for debt in owed], "next": following})


@routes.post("/api/v1/payments/{payment}/refund")
async def see_to_refund(request: web.Request) -> web.Response:
    """See to a refund that failed: have it tried again, or note that the buyer got the money otherwise."""
    api, caller = await _operator(request)
    payment_id, step = request.match_info["payment"], await parsed(request, RefundStep)
    cashier = api.services.cashier
    if step.action == "retry":
        return from_answer(await cashier.retry_refund(payment_id, caller))
    return from_answer(await cashier.settle_refund(payment_id, caller, step.note))


async def _operator(request: web.Request) -> tuple[Api, Caller]:
    """The API's parts and the operator. Raises ``Refused``."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    if not identity.operator:
        raise Refused("forbidden", "This is for operators: it needs a token with the claim operator.")
    return api, as_caller(identity)
