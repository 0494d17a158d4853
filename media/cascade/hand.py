"""Whose a request is: routes of publishers and viewers, wrapped so that another node's requests reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from aiohttp import web

from media import http
from media.cascade.cascade import Cascade
from media.cascade.ports import Neighbour, Neighbours
from media.cascade.pull import CREDENTIAL
from media.http import Handler
from rooms.errors import Refused


class Hand:
    """Hands requests on: sessions to the node that their path names, and, where this node carries no media
    itself, newcomers to the origin of their stream, or to the node with the most room."""

    def __init__(self, node: str, cascade: Cascade, *, carries_media: bool) -> None:
        self._node = node
        self._cascade = cascade
        self._carries_media = carries_media
        # It has the CORS headers that go on refusals too.
        self._passed = http.resource(dict.fromkeys(("POST", "PATCH", "DELETE"), self._pass), {})

    def on(self, route: web.RouteDef) -> web.RouteDef:
        """The route for the public listener."""
        here = cast("Handler", route.handler)

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.method in ("POST", "PATCH", "DELETE") and not self._is_ours(request):
                return await self._passed(request)
            return await here(request)

        return web.RouteDef(route.method, route.path, handle, route.kwargs)

    def _is_ours(self, request: web.Request) -> bool:
        node = request.match_info.get("node")
        return self._carries_media if node is None else node == self._node

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        there = await self._find(request)
        return await self._cascade.passing.on(request, there)

    async def _find(self, request: web.Request) -> Neighbour:
        neighbours = self._cascade.neighbours
        stream, node = request.match_info["room"], request.match_info.get("node")
        if node is not None:
            there = await neighbours.node(node)
            if there is None:
                raise Refused("not_found", "There is no such session: its node is gone.")
            return there
        where = (await neighbours.whereabouts([stream]))[stream]
        for_viewer = request.path.startswith("/whep/")
        there = await neighbours.carrier(where.owner, for_viewer=for_viewer)
        if there is None:
            raise Refused("temporarily_unavailable", retry_after_ms=2000)
        return there


def internal(
    routes: Iterable[web.RouteDef],
    neighbours: Neighbours,
    purpose: str,
    note: Callable[[web.Request], None] = lambda request: None,
) -> list[web.RouteDef]:
    """The same routes under ``/internal``, for nodes of this cluster only. ``note`` sees what they ask."""

    def guarded(here: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            credential = request.headers.get(CREDENTIAL, "")
            neighbours.check(credential, purpose, request.match_info["room"])
            note(request)
            return await here(request)

        return handle

    return [
        web.RouteDef(
            route.method, f"/internal{route.path}", guarded(cast("Handler", route.handler)), route.kwargs
        )
        for route in routes
    ]
