"""Payments over HTTP: the ways to pay, and what providers report by themselves."""

from __future__ import annotations

from aiohttp import web

from server.api.context import API, ok
from server.limits import site_of
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
