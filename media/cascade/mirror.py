"""Low-Latency HLS of streams that are packaged on another node: each thing is fetched once for all players.

Every node gives the same bytes under the same addresses, so a CDN, or a player that changes nodes, notices
nothing. Requests for the same thing while it is on its way wait for the one that fetches it, blocking reloads
and hinted parts included.
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

import aiohttp
from aiohttp import hdrs, web

from media.asking import with_token
from media.cascade.passing import NOT_COPIED
from media.cascade.ports import Neighbour, Neighbours, Whereabouts
from media.cascade.pull import CREDENTIAL
from media.hls import answers
from media.hls.http import UNCHANGED, ranged
from media.hls.wire import accepts_gzip
from media.relay.counters import Counters
from rooms.errors import Refused

PURPOSE = "hls"
VIEWERS = "X-Danmart-Viewers"
NODE = "X-Danmart-Node"
_NOT_KEPT = NOT_COPIED | {"cache-control"}
_SCOPE = re.compile(r"^(?:public|private)\s*,\s*")
# Whatever else a playlist is answered with (not live, busy) is said while the origin changes.
_FINAL = (200, 400)
_COUNTED = 8
_LOOK_AGAIN_S = 0.3
_GONE_AFTER_S = 60.0
_MORE_THAN_ASKED_S = 3.0
_MAX_ON_THE_WAY = 64
_MAX_LISTS = 64
_MAX_STREAMS = 1000


@dataclass(frozen=True)
class Copy:
    """An answer of the origin. ``headers`` without Cache-Control, whose directives after its scope are
    ``cache``."""

    status: int
    body: bytes
    headers: dict[str, str]
    cache: str
    at: float

    @property
    def is_playlist(self) -> bool:
        return "mpegurl" in self.headers.get(hdrs.CONTENT_TYPE, "")

    @property
    def is_immutable(self) -> bool:
        return self.status == 200 and "immutable" in self.cache

    @property
    def etag(self) -> str:
        return self.headers.get("Etag", self.headers.get("ETag", ""))

    @cached_property
    def gzipped(self) -> bytes:
        """As the origin would compress it."""
        packer = zlib.compressobj(5, wbits=31)
        return packer.compress(self.body) + packer.flush()


class Shelf:
    """The latest immutable answers of all streams, by their bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self._most_bytes = most_bytes
        self._copies: OrderedDict[tuple[str, str], Copy] = OrderedDict()

    def get(self, key: tuple[str, str]) -> Copy | None:
        copy = self._copies.get(key)
        if copy is not None:
            self._copies.move_to_end(key)
        return copy

    def put(self, key: tuple[str, str], copy: Copy) -> None:
        """Keeps it, and lets go of what nobody has asked for the longest."""
        if key in self._copies or len(copy.body) > self._most_bytes:
            return
        self._copies[key] = copy
        self.bytes += len(copy.body)
        while self.bytes > self._most_bytes:
            self.bytes -= len(self._copies.popitem(last=False)[1].body)


class _Mirrored:
    """What is known of one stream."""

    def __init__(self) -> None:
        self.where: Whereabouts | None = None
        self.looked_at = float("-inf")
        self.used_at = 0.0
        self.on_the_way: dict[str, asyncio.Task[Copy]] = {}
        self.lists: OrderedDict[str, Copy] = OrderedDict()
        self.latest: dict[str, Copy] = {}
        self.waiting = 0
        self.released: deque[int] = deque(maxlen=_COUNTED)

    @property
    def viewers(self) -> int:
        """About how many watch here: the most that waited for one of the last playlists."""
        return max(self.released, default=0)


class Mirror:
    """``admit`` refuses who may not watch. ``wait_s`` is how long a blocked request waits at the origin, and
    here for another origin when that is lost."""

    def __init__(
        self,
        neighbours: Neighbours,
        http: Callable[[], aiohttp.ClientSession],
        admit: Callable[[web.Request], Awaitable[None]],
        *,
        node: str,
        most_bytes: int,
        wait_s: float,
        most_waiting: int,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._neighbours = neighbours
        self._http = http
        self._admit = admit
        self._node = node
        self._wait_s = wait_s
        self._most_waiting = most_waiting
        self._counters = counters
        self._clock = clock
        self._shelf = Shelf(most_bytes)
        self._streams: dict[str, _Mirrored] = {}
        self.waiting = 0

    @property
    def buffered_bytes(self) -> int:
        return self._shelf.bytes

    async def serves(self, stream: str) -> bool:
        """Whether the stream is another node's, or was a moment ago and may be again. Raises ``Refused``."""
        known = self._streams.get(stream)
        where = await self._where(stream, known)
        if where.is_here:
            return False
        return where.owner is not None or (known is not None and self._is_fresh(known))

    async def serve(self, request: web.Request, stream: str, name: str) -> web.Response:
        """What lies under ``name``. Raises ``Refused``."""
        await self._admit(request)
        mirrored = self._mirrored(stream)
        mirrored.used_at = self._clock()
        address = _address(request, name)
        copy = self._shelf.get((stream, address)) or self._recent(mirrored, address)
        if copy is None:
            copy = await self._come(mirrored, stream, address)
        self._counters.relay_hls_given += 1
        return _answer(request, copy)

    # --- once for all

    async def _come(self, mirrored: _Mirrored, stream: str, address: str) -> Copy:
        task = mirrored.on_the_way.get(address)
        if task is None:
            if len(mirrored.on_the_way) >= _MAX_ON_THE_WAY:
                raise Refused("busy", retry_after_ms=1000)
            task = asyncio.create_task(self._fetch(mirrored, stream, address), name=f"hls {address}")
            mirrored.on_the_way[address] = task
            task.add_done_callback(lambda done: self._came(mirrored, address, done))
        if self.waiting >= self._most_waiting:
            raise Refused("busy", retry_after_ms=1000)
        self.waiting += 1
        mirrored.waiting += 1
        try:
            return await asyncio.shield(task)
        finally:
            self.waiting -= 1
            mirrored.waiting -= 1

    def _came(self, mirrored: _Mirrored, address: str, task: asyncio.Task[Copy]) -> None:
        mirrored.on_the_way.pop(address, None)
        if task.cancelled() or task.exception() is not None:
            return
        if task.result().is_playlist:
            mirrored.released.append(mirrored.waiting)

    def _recent(self, mirrored: _Mirrored, address: str) -> Copy | None:
        """A playlist that may still be given: as old as its Cache-Control allows, or a moment."""
        copy = mirrored.lists.get(address)
        if copy is None:
            return None
        allowed = 1.0 if "max-age=1" in copy.cache or copy.status == 404 else 0.1
        return copy if self._clock() - copy.at < allowed else None

    # --- from the origin

    async def _fetch(self, mirrored: _Mirrored, stream: str, address: str) -> Copy:
        """Asks the origin, and the next one when that is lost, until the time to wait is over."""
        until = self._clock() + self._wait_s
        is_list = address.partition("?")[0].endswith(".m3u8")
        while True:
            where = await self._where(stream, mirrored)
            copy = await self._ask(mirrored, where.owner, stream, address) if where.owner else None
            if copy is not None and (copy.status in _FINAL or not is_list):
                self._keep(mirrored, stream, address, copy)
                return copy
            if self._clock() >= until or not is_list or where.is_here:
                break
            await asyncio.sleep(_LOOK_AGAIN_S)
        latest = mirrored.latest.get(address.partition("?")[0])
        if is_list and latest is not None and self._is_fresh(mirrored):
            if "_HLS_msn=" in address:  # it isn't what was asked for (RFC 8216bis, 6.2.5.2)
                raise Refused("busy", UNCHANGED, retry_after_ms=1000)
            return latest
        raise Refused("not_live", retry_after_ms=1000)

    async def _ask(self, mirrored: _Mirrored, owner: Neighbour, stream: str, address: str) -> Copy | None:
        """The origin's answer; ``None`` when it doesn't answer, or doesn't know us."""
        url = f"{owner.url}/internal/hls/{quote(stream, safe='')}/{address}"
        headers = {
            CREDENTIAL: self._neighbours.credential(owner, PURPOSE, stream),
            VIEWERS: str(mirrored.viewers),
            NODE: self._node,
            hdrs.ACCEPT_ENCODING: "identity",
        }
        timeout = aiohttp.ClientTimeout(total=self._wait_s + _MORE_THAN_ASKED_S, sock_connect=2)
        self._counters.relay_hls_fetched += 1
        try:
            async with self._http().get(
                url, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            mirrored.looked_at = float("-inf")
            return None
        if answer.status == 401:
            return None
        kept = {str(name): value for name, value in answer.headers.items() if name.lower() not in _NOT_KEPT}
        cache = _SCOPE.sub("", answer.headers.get(hdrs.CACHE_CONTROL, ""))
        return Copy(answer.status, body, kept, cache, self._clock())

    def _keep(self, mirrored: _Mirrored, stream: str, address: str, copy: Copy) -> None:
        if copy.is_immutable:
            self._shelf.put((stream, address), copy)
        elif copy.status in (200, 404):
            mirrored.lists[address] = copy
            while len(mirrored.lists) > _MAX_LISTS:
                mirrored.lists.popitem(last=False)
            name, _, query = address.partition("?")
            if copy.status == 200 and copy.is_playlist and "_HLS_skip" not in query:
                mirrored.latest[name] = copy

    # --- whose

    async def _where(self, stream: str, mirrored: _Mirrored | None) -> Whereabouts:
        """Asked by every request, so remembered for a moment; for longer while the database is away."""
        now = self._clock()
        if mirrored is not None and mirrored.where is not None and now - mirrored.looked_at < _LOOK_AGAIN_S:
            return mirrored.where
        try:
            where = (await self._neighbours.whereabouts([stream]))[stream]
        except Refused:
            if mirrored is not None and mirrored.where is not None:
                return mirrored.where
            raise
        if mirrored is None and where.owner is not None:
            mirrored = self._mirrored(stream)
        if mirrored is not None:
            mirrored.where, mirrored.looked_at = where, now
        return where

    def _mirrored(self, stream: str) -> _Mirrored:
        known = self._streams.get(stream)
        if known is None:
            if len(self._streams) >= _MAX_STREAMS:
                oldest = min(self._streams, key=lambda name: self._streams[name].used_at)
                del self._streams[oldest]
            known = self._streams[stream] = _Mirrored()
        return known

    def _is_fresh(self, mirrored: _Mirrored) -> bool:
        newest = max((copy.at for copy in mirrored.latest.values()), default=float("-inf"))
        return self._clock() - newest < _GONE_AFTER_S

    def adopt(self, stream: str, name: str, body: bytes) -> None:
        """Keeps something of a stream that was made here until now, for players that know its name."""
        headers = answers.of_file(f'"{name}"', who="public")
        headers.pop("Cache-Control")
        copy = Copy(200, body, headers, answers.IMMUTABLE, self._clock())
        self._shelf.put((stream, name), copy)

    def viewers(self, stream: str) -> int:
        """About how many players watch a stream of another node here."""
        known = self._streams.get(stream)
        return known.viewers if known is not None else 0

    async def close(self) -> None:
        """Nothing is waited for any more. Idempotent."""
        streams, self._streams = self._streams, {}
        tasks = [task for one in streams.values() for task in one.on_the_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _answer(request: web.Request, copy: Copy) -> web.Response:
    """The origin's answer for this caller: what was given for a credential is not for others' caches."""
    token = request.query.get("token")
    headers = dict(copy.headers)
    if copy.status != 200:
        return web.Response(
            status=copy.status, body=copy.body, headers=headers | {"Cache-Control": copy.cache}
        )
    who = "private" if token or hdrs.AUTHORIZATION in request.headers else "public"
    headers["Cache-Control"] = f"{who}, {copy.cache}"
    if answers.matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), copy.etag):
        return web.Response(status=304, headers=headers)
    if not copy.is_playlist:
        return ranged(request, copy.body, headers | {"ETag": copy.etag})
    if token:
        return web.Response(body=with_token(copy.body, token), headers=headers)
    if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        return web.Response(body=copy.gzipped, headers=headers | {hdrs.CONTENT_ENCODING: "gzip"})
    return web.Response(body=copy.body, headers=headers)


def _address(request: web.Request, name: str) -> str:
    """What the origin is asked for: the directives of RFC 8216bis, and nothing else that a caller may add."""
    asked = [
        f"{quote(key)}={quote(value)}" for key, value in request.query.items() if key.startswith("_HLS_")
    ]
    path = quote(name, safe="/")
    return f"{path}?{'&'.join(asked)}" if asked and path.endswith(".m3u8") else path
