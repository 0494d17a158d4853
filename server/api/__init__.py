"""The HTTP API under /api/v1."""

from aiohttp import web

from server.api import coupons, desk, files, openapi, orders, payments, products, rooms, webhooks


def attach(app: web.Application) -> None:
    """Add the API's routes."""
    app.add_routes(rooms.routes)
    app.add_routes(desk.routes)
    app.add_routes(orders.routes)
    app.add_routes(coupons.routes)
    app.add_routes(webhooks.routes)
    app.add_routes(payments.routes)
    files.attach(app)  # before the products, whose paths could be taken for theirs
    app.add_routes(products.routes)
    app.add_routes(openapi.routes)
