"""Viewers of Low-Latency HLS as hls.js is one: blocking reloads on one connection, parts on another."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: *(\d+)")
_HINT = re.compile(rb'PRELOAD-HINT:TYPE=PART,URI="[\w]+-(\d+)\.(\d+)\.m4s"')
_PART = re.compile(rb'EXT-X-PART:DURATION=[\d.]+,URI="([\w.-]+)"')
# What Chromium sends, by its names and to the byte about as long.
_HEADERS = (
    'Host: {host}\r\nConnection: keep-alive\r\nsec-ch-ua-platform: "Linux"\r\nUser-Agent: Mozilla/5.0 (X11; '
    "Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nsec-ch-ua: "
    '"Chromium";v="140", "Not=A?Brand";v="24"\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\nSec-Fetch-Site: '
    "same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://{host}/r/bench\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n"
)


@dataclass(slots=True)
class Took:
    """What all viewers saw: when each had a part whole, and how long its two requests took, in seconds."""

    parts: list[tuple[int, int, float]] = field(default_factory=list)
    part_s: list[float] = field(default_factory=list)
    requests: int = 0
    failed: int = 0
    media_bytes: int = 0

    def clear(self) -> None:
        self.parts.clear()
        self.part_s.clear()
        self.requests = self.failed = self.media_bytes = 0


class _Link(asyncio.Protocol):
    """A connection with one request at a time; ``done`` gets the status and, of playlists, the body."""

    def __init__(self, headers: bytes, lost: Callable[[], None]) -> None:
        self._headers, self._lost = headers, lost
        self._transport: asyncio.Transport | None = None
        self._done: Callable[[int, bytes, int], None] | None = None
        self._data: list[bytes] = []
        self._left = -1
        self._status = self._length = 0
        self._keep = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._lost()

    def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def ask(self, target: str, done: Callable[[int, bytes, int], None], *, keep: bool) -> None:
        self._done, self._left, self._keep = done, -1, keep
        self._data.clear()
        if self._transport is not None:
            self._transport.write(b"GET " + target.encode() + b" HTTP/1.1\r\n" + self._headers)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            if self._data:
                data = b"".join((*self._data, data))
                self._data.clear()
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._data.append(head)
                return
            length = _LENGTH.search(head)
            self._status = int(head[9:12])
            self._length = self._left = int(length[1]) if length else 0
        self._left -= len(data)
        if self._keep:
            self._data.append(data)
        if self._left <= 0 and self._done is not None:
            done, self._done = self._done, None
            done(self._status, b"".join(self._data), self._length)


class Watcher:
    """One viewer. ``base`` is the stream's path."""

    def __init__(self, base: str, host: str, took: Took, plans: dict[bytes, tuple[str, str]]) -> None:
        headers = _HEADERS.format(host=host).encode().replace(b"gzip, deflate, br, zstd", b"identity")
        self._base, self._took, self._plans = base, took, plans
        self._playlists, self._parts = _Link(headers, self._failed), _Link(headers, self._failed)
        self._busy = False
        self._asked = 0.0
        self._name = ""

    async def start(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._playlists, host, port)
        await loop.create_connection(lambda: self._parts, host, port)
        await asyncio.sleep(random.random() / 4)
        self._reload("media.m3u8")

    def close(self) -> None:
        self._playlists.close()
        self._parts.close()

    def _failed(self) -> None:
        self._took.failed += 1

    def _reload(self, target: str) -> None:
        self._took.requests += 1
        self._playlists.ask(f"{self._base}/{target}", self._have_playlist, keep=True)

    def _have_playlist(self, status: int, body: bytes, _: int) -> None:
        if status != 200:
            self._failed()
            return
        plan = self._plans.get(body)
        if plan is None:
            while len(self._plans) > 16:
                del self._plans[next(iter(self._plans))]
            plan = self._plans[body] = _read(body)
        name, following = plan
        self._reload(following)
        if name and name != self._name and not self._busy:
            self._busy, self._name, self._asked = True, name, time.monotonic()
            self._took.requests += 1
            self._parts.ask(f"{self._base}/{name}", self._have_part, keep=False)

    def _have_part(self, status: int, _body: bytes, length: int) -> None:
        self._busy = False
        if status != 200:
            self._failed()
            return
        now = time.monotonic()
        number, _, index = self._name.partition(".m4s")[0].rpartition("-")[2].partition(".")
        self._took.part_s.append(now - self._asked)
        self._took.parts.append((int(number), int(index), now))
        self._took.media_bytes += length


def _read(body: bytes) -> tuple[str, str]:
    """The newest part's name, and what to reload next."""
    hint, parts = _HINT.search(body), _PART.findall(body)
    if hint is None:
        return "", "media.m3u8"
    name = parts[-1].decode() if parts else ""
    number, part = int(hint[1]), int(hint[2])
    return name, f"media.m3u8?_HLS_msn={number}&_HLS_part={part}&_HLS_skip=YES"
