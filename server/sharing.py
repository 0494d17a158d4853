"""A node's place among others, as far as the picture goes: what they ask of it, and it of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, cast
from urllib.parse import quote

import aiohttp
import structlog
from aiohttp import web

from media.asking import bearer_of
from media.cascade.hand import internal
from media.cascade.mirror import NODE, PURPOSE, VIEWERS, Mirror
from media.cascade.ports import Neighbour
from media.cascade.pull import CREDENTIAL
from media.hls import HlsHub
from media.hls import routes as hls_routes
from media.hls.http import RUN_OUT, unremembered
from media.hls.posters import Poster
from media.hls.stream import TooManyWaiting
from media.http import Handler
from media.ports import Principal, Whence
from media.service import MediaService
from rooms.errors import Refused
from server.auth.cluster import ClusterTokens
from server.config import Settings
from server.neighbours import ClusterNeighbours
from server.node_rows import NodeRow
from server.registry import Registry
from server.stage import MediaGate
from server.store.store import Store

log = structlog.get_logger(__name__)

SHELF_BYTES = 64 * 1024 * 1024
COUNTED_S = 3.0
COUNTED_MAX = 10_000
_PUBLISHER = "publisher"
_SHOWN_AT = "X-Danmart-Shown-At"
_WITHIN_S = 3.0


class Found(NamedTuple):
    """What another node answered."""

    headers: dict[str, str]
    body: bytes


class AnyNode:
    """Implements ``media.ports.Gate`` for other nodes, which have asked their own gate before."""

    async def may_publish(self, room: str, bearer: str | None) -> Principal:
        raise Refused("forbidden")

    async def may_begin(self, room: str, principal: Principal, *, takeover: bool) -> None:
        raise Refused("forbidden")

    async def may_watch(self, room: str, bearer: str | None, whence: Whence | None = None) -> str | None:
        """The node that asks has been shown a credential."""
        return None


class Sharing:
    """Made before the media service, which needs ``neighbours``; ``join`` gives it the rest."""

    def __init__(
        self, settings: Settings, store: Store, tokens: ClusterTokens, clock_ms: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._url = ""
        self.registry = Registry(store, self._here, clock_ms)
        self.neighbours = ClusterNeighbours(store, self.registry, tokens, settings.node.name, clock_ms)
        self._counts: dict[tuple[str, str], tuple[int, float]] = {}

    def join(self, media: MediaService, hls: HlsHub, gate: MediaGate, clock: Callable[[], float]) -> None:
        """The node's media, for which it stands."""
        self._media, self._hls, self._gate, self._clock = media, hls, gate, clock
        self.mirror = Mirror(
            self.neighbours,
            self._http,
            self._admit,
            node=self._settings.node.name,
            most_bytes=SHELF_BYTES,
            wait_s=hls.config.wait_s,
            most_waiting=hls.config.max_waiting,
            counters=media.counters,
        )

    def _http(self) -> aiohttp.ClientSession:
        if self._media.cascade is None:
            raise RuntimeError("the media service was made without neighbours")
        return self._media.cascade.http

    def _here(self) -> NodeRow:
        node, capacity = self._settings.node, self._settings.media.whep_capacity
        return NodeRow(node.name, self._url, ",".join(node.roles), self._media.viewers_here, capacity, 0)

    async def announce(self, url: str) -> None:
        """From now on other nodes find this one, at ``url``."""
        self._url = url
        await self.registry.start()

    async def close(self) -> None:
        """Idempotent."""
        await self.registry.close()
        await self.mirror.close()

    # --- asked by players and publishers

    def on(self, route: web.RouteDef) -> web.RouteDef:
        """A route of HLS for the public listener: what is made on another node comes from there."""
        here = cast("Handler", self._presentable(route).handler)

        async def handle(request: web.Request) -> web.StreamResponse:
            stream = request.match_info.get("room", "")
            if not self.makes(stream) and await self.mirror.serves(stream):
                return await self.mirror.serve(request, stream, _name(request, stream))
            try:
                return await here(request)
            except Refused as refused:
                # It may have gone to another node while this request waited.
                gone = refused.code == "not_live" and not self.makes(stream)
                if not gone or not await self.mirror.serves(stream):
                    raise
                return await self.mirror.serve(request, stream, _name(request, stream))

        handler = unremembered(handle)
        return web.RouteDef(route.method, route.path, handler, route.kwargs) if _reads(route) else route

    def _presentable(self, route: web.RouteDef) -> web.RouteDef:
        """The route, for playlists only when there is something for players that come from another node."""
        here = cast("Handler", route.handler)

        async def handle(request: web.Request) -> web.StreamResponse:
            await self._until_presentable(request)
            return await here(request)

        is_list = "m3u8" in route.path
        return web.RouteDef(route.method, route.path, handle, route.kwargs) if is_list else route

    async def _until_presentable(self, request: web.Request) -> None:
        whole = self._hls.find(request.match_info["room"])
        stream = whole.rendition(request.match_info.get("playlist", "media.m3u8")) if whole else None
        if stream is None or stream.window.is_presentable:
            return
        try:
            await stream.wait(lambda: stream.window.is_presentable, self._hls.config.wait_s)
        except TooManyWaiting as error:
            raise Refused("busy", retry_after_ms=1000) from error

    def answers_at_once(self, stream: str) -> bool:
        """Whether its playlist is made at this node, and players that come from another one may see it."""
        found = self._hls.find(stream)
        return found is not None and found.window.is_presentable and self.makes(stream)

    def makes(self, stream: str) -> bool:
        """Whether its playlist is made at this node."""
        return self._media.is_published(stream) and self._hls.find(stream) is not None

    async def _admit(self, request: web.Request) -> None:
        stream, key = request.match_info["room"], request.match_info.get("key")
        if key is not None:
            if not self._gate.opens(stream, key):
                raise Refused("forbidden", RUN_OUT)
            return
        await self._gate.may_watch(stream, bearer_of(request), Whence.of(request))

    def moved(self, stream: str) -> None:
        """Another node publishes it now. Its playlist goes on there; what players know of is kept here."""
        before = self._hls.hand_over(stream)
        if before is None:
            return
        for segment in list(before.window.segments)[-3:]:
            names = [segment.init, segment.name, *(part.name for part in segment.parts)]
            for name in names:
                data = before.window.find(name)
                if data is not None:
                    self.mirror.adopt(stream, name, bytes(data))

    # --- what is known of a stream, wherever it is

    def hls_viewers(self, stream: str) -> int:
        """About how many players watch what is made here, at all nodes. Another node's one request that
        waits for all of its players is none of them."""
        now = self._clock()
        told = [
            count
            for (name, _), (count, at) in self._counts.items()
            if name == stream and now - at < COUNTED_S
        ]
        return max(0, self._hls.viewers(stream) - len(told)) + sum(told)

    def publisher_here(self, stream: str) -> dict[str, Any] | None:
        """How the publisher fares, with all who watch; ``None`` unless it is at this node."""
        stats = self._media.publisher_stats(stream)
        if stats is None:
            return None
        viewers = {"whep": self._media.viewers(stream), "hls": self.hls_viewers(stream)}
        return dataclasses.asdict(stats) | {"viewers": viewers}

    async def publisher(self, stream: str) -> dict[str, Any] | None:
        """The same, from whichever node it is at. Raises ``Refused("temporarily_unavailable")``."""
        found = self.publisher_here(stream)
        if found is not None:
            return found
        owner = (await self.neighbours.whereabouts([stream]))[stream].owner
        return await self._ask_publisher(owner, stream) if owner is not None else None

    async def _ask_publisher(self, owner: Neighbour, stream: str) -> dict[str, Any] | None:
        headers = {CREDENTIAL: self.neighbours.credential(owner, _PUBLISHER, stream)}
        url = f"{owner.url}/internal/publisher/{quote(stream, safe='')}"
        timeout = aiohttp.ClientTimeout(total=_WITHIN_S)
        try:
            async with self._http().get(url, headers=headers, timeout=timeout) as answer:
                found: dict[str, Any] | None = await answer.json() if answer.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from error
        return found

    # --- posters

    async def fetch_poster(self, stream: str) -> Poster | None:
        """The poster from the node that makes it; ``None`` if there is none, or it can't be had now."""
        found = await self._at_origin("GET", "poster", stream)
        if found is None:
            return None
        at_ms, body = found.headers.get(_SHOWN_AT, ""), found.body
        return Poster(body, int(at_ms)) if at_ms.isascii() and at_ms.isdecimal() else None

    async def hide_poster_there(self, stream: str) -> bool:
        """Have the node that makes it make no more. Returns whether there is one."""
        return await self._at_origin("DELETE", "poster", stream) is not None

    async def _at_origin(self, method: str, what: str, stream: str) -> Found | None:
        """What the stream's origin answers with 200; ``None`` for everything else."""
        try:
            owner = (await self.neighbours.whereabouts([stream]))[stream].owner
            if owner is None:
                return None
            headers = {CREDENTIAL: self.neighbours.credential(owner, what, stream)}
            url = f"{owner.url}/internal/{what}/{quote(stream, safe='')}"
            timeout = aiohttp.ClientTimeout(total=_WITHIN_S)
            async with self._http().request(method, url, headers=headers, timeout=timeout) as answer:
                return Found(dict(answer.headers), await answer.read()) if answer.status == 200 else None
        except (Refused, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("origin_not_asked", stream=stream, what=what, why=repr(error)[:200])
            return None

    async def _tell_poster(self, request: web.Request) -> web.Response:
        poster = self._hls.posters.find(request.match_info["room"])
        if poster is None:
            raise Refused("not_found")
        return web.Response(body=poster.body, headers={_SHOWN_AT: str(poster.at_ms)})

    async def _hide_poster(self, request: web.Request) -> web.Response:
        self._hls.posters.hide(request.match_info["room"])
        return web.Response()

    # --- asked by other nodes

    def attach_internal(self, app: web.Application) -> None:
        """The internal listener's routes."""
        self._media.attach_internal(app)
        routes = [self._presentable(route) for route in hls_routes(self._hls, AnyNode())]
        app.add_routes(internal(routes, self.neighbours, PURPOSE, self._note))
        publisher = [web.get("/publisher/{room}", self._tell_publisher)]
        app.add_routes(internal(publisher, self.neighbours, _PUBLISHER))
        posters = [
            web.get("/poster/{room}", self._tell_poster),
            web.delete("/poster/{room}", self._hide_poster),
        ]
        app.add_routes(internal(posters, self.neighbours, "poster"))

    async def _tell_publisher(self, request: web.Request) -> web.Response:
        found = self.publisher_here(request.match_info["room"])
        if found is None:
            raise Refused("not_live")
        return web.json_response(found)

    def _note(self, request: web.Request) -> None:
        count, node = request.headers.get(VIEWERS, ""), request.headers.get(NODE, "")
        if not (count.isascii() and count.isdecimal() and len(count) < 8):
            return
        if len(self._counts) >= COUNTED_MAX:
            self._counts.clear()
        self._counts[request.match_info["room"], node] = int(count), self._clock()


def _reads(route: web.RouteDef) -> bool:
    return route.method in ("GET", "HEAD")


def _name(request: web.Request, stream: str) -> str:
    """What is asked for under the stream's address, without a signature in the path."""
    name = request.path.removeprefix(f"/hls/{stream}/")
    return name.partition("/")[2] if name.startswith("~") else name
