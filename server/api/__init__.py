"""The HTTP API under /api/v1."""

from aiohttp import web

from server.api import (
    answering,
    coupons,
    desk,
    files,
    lotteries,
    openapi,
    orders,
    payments,
    products,
    rooms,
    webhooks,
)


def attach(app: web.Application) -> None:
    """Add the API's routes."""
    files.attach(app)
    for part in (rooms, desk, orders, coupons, lotteries, webhooks, payments):
        answering.attach(app, part.routes)
    # Files before products: a product's path could be taken for theirs.
    answering.attach(app, files.routes)
    answering.attach(app, products.routes)
    app.add_routes(openapi.routes)
