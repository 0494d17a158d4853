"""The HTTP API under /api/v1."""

from aiohttp import web

from server.api import answering, files, openapi
from server.api.parts import PARTS


def attach(app: web.Application) -> None:
    """Add the API's routes."""
    files.attach(app)
    for part in PARTS:
        answering.attach(app, part.routes)
    app.add_routes(openapi.routes)
