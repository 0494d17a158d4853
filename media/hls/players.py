"""Players' connections, answered without a framework in between: an answer is bytes that all of them get.

Taken is what can be answered from memory, now or with the stream's next part. Everything else, refusals
too, goes on to the server behind, with the connection and all that came on it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl

from media.hls import answers, playlist
from media.hls.hub import HlsHub
from media.hls.playlist import Reload
from media.hls.stream import Rendered, Stream, TooManyWaiting
from media.hls.wire import HEAD_END, Asked, Dated, Reader, head
from media.ports import OpenGate, Whence

_HEAD_MAX_BYTES = 16_384
_IDLE_S = 75.0
_STUCK_S = 30.0
_SWEEP_S = 1.0
_KEPT = 64  # answers; a part's is of use for a second
# Also what one connection may have in our memory beside the parts, which all share.
_WRITE_HIGH_BYTES = 131_072
# To who waited for a part that didn't come.
_NOTHING = head("404 Not Found", {**answers.ALLOWED, "Cache-Control": "no-store"}, 0)
# To who waited for a playlist with such a part in it (RFC 8216bis, 6.2.5.2).
_UNCHANGED = head(
    "503 Service Unavailable", {**answers.ALLOWED, "Cache-Control": "no-store", "Retry-After": "1"}, 0
)


class Players:
    """All such connections of a node. ``open`` is called by whoever listens; ``close`` hangs up on them."""

    def __init__(
        self,
        hub: HlsHub,
        gate: OpenGate,
        hosts: frozenset[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_made_here: Callable[[str], bool] = lambda stream: True,
    ) -> None:
        """``hosts``: the names that the node answers to; None: any. ``is_made_here``: whether what the hub
        has of a stream is what there is, and not what was left when another node took it over."""
        self.hub, self.gate, self.clock = hub, gate, clock
        self._hosts = hosts
        self._is_made_here = is_made_here
        self.dated = Dated()
        self._sockets: set[PlayerSocket] = set()
        self._answers: dict[tuple[str, str, str], bytes] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._asked_for: set[str] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def open(
        self, request: bytes, transport: asyncio.Transport, others: Callable[[], asyncio.Protocol]
    ) -> asyncio.Protocol | None:
        """Takes a connection on whose first request's head is ``request``, if that is one for us.

        Returns its new protocol, which hasn't been given the request; None: nothing was done. ``others``
        makes the protocol of the server behind.
        """
        asked = None if self._closed else Reader().read(request)
        if asked is None or not self.knows(asked, peer_of(transport)):
            return None
        socket = PlayerSocket(self, others)
        self._sockets.add(socket)
        transport.set_protocol(socket)
        socket.connection_made(transport)
        if self._sweeper is None:
            self._sweep()
        return socket

    def close(self) -> None:
        """Hangs up on everybody. Idempotent."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._looking is not None:
            self._looking.cancel()
        for socket in list(self._sockets):
            socket.hang_up()

    def forget(self, socket: PlayerSocket) -> None:
        """It is gone, or another's."""
        self._sockets.discard(socket)

    def __len__(self) -> int:
        return len(self._sockets)

    def knows(self, asked: Asked, peer: str | None) -> Stream | None:
        """The stream, if it is here and the caller may watch it, beyond doubt."""
        if self._hosts is not None and asked.common.host not in self._hosts:
            return None
        stream = self.hub.find(asked.room)
        if stream is None or stream.closed or not self._is_made_here(asked.room):
            return None
        if asked.key is not None:
            return stream if self.gate.opens(asked.room, asked.key) else None
        self._asked_for.add(asked.room)
        return stream if self.gate.is_open(asked.room, Whence(peer, asked.common.told)) else None

    def playlist(self, rendered: Rendered, cache: str, *, gzip: bool) -> tuple[bytes, bytes]:
        """Head (without date) and body."""
        kind = "z" if gzip else "p"
        body = rendered.gzipped if gzip else rendered.body

        def make() -> bytes:
            headers = answers.of_playlist(rendered.etag, who="public", cache=cache)
            if gzip:
                headers["Content-Encoding"] = "gzip"
            return head("200 OK", headers, len(body))

        return self._head((rendered.etag, kind, cache), make), body

    def file(self, name: str, length: int) -> bytes:
        """The head, without date, of a file's answer."""
        etag = f'"{name}"'
        return self._head(
            (etag, "f", ""), lambda: head("200 OK", answers.of_file(etag, who="public"), length)
        )

    def not_modified(self, etag: str, cache: str) -> bytes:
        """The head of an answer to those who have it already."""
        headers = {**answers.ALLOWED, "Cache-Control": f"public, {cache}", "ETag": etag}
        return self._head((etag, "n", cache), lambda: head("304 Not Modified", headers, None))

    async def _look(self, rooms: set[str]) -> None:
        for room in rooms:
            await self.gate.look(room)

    def _head(self, key: tuple[str, str, str], make: Callable[[], bytes]) -> bytes:
        known = self._answers.get(key)
        if known is None:
            while len(self._answers) >= _KEPT:
                del self._answers[next(iter(self._answers))]
            known = self._answers[key] = make()
        return known

    def _sweep(self) -> None:
        now = self.clock()
        for socket in list(self._sockets):
            socket.check(now)
        rooms, self._asked_for = self._asked_for, set()
        if rooms and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look(rooms))
        self._sweeper = None
        if self._sockets:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


class PlayerSocket(asyncio.Protocol):
    """One connection: its requests are answered one after the other, also where several came at once."""

    __slots__ = (
        "_asked", "_buffer", "_deadline", "_others", "_paused", "_peer", "_players", "_reader", "_ready",
        "_request", "_since", "_stream", "_transport",
    )  # fmt: skip

    def __init__(self, players: Players, others: Callable[[], asyncio.Protocol]) -> None:
        self._players, self._others = players, others
        self._reader = Reader()
        self._transport: asyncio.Transport | None = None
        self._peer: str | None = None
        self._buffer = b""
        self._paused = False
        self._since = players.clock()
        # While a request waits: what was asked, in bytes and read, and until when.
        self._request = b""
        self._asked: Asked | None = None
        self._ready: Callable[[], bool] = bool
        self._stream: Stream | None = None
        self._deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(_WRITE_HIGH_BYTES)
        self._peer = peer_of(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._wait_no_more()
        self._players.forget(self)

    def hang_up(self) -> None:
        """Ends the connection; what was written goes out."""
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        self._paused, self._since = True, self._players.clock()

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) > _HEAD_MAX_BYTES and self._transport is not None:
            self._transport.abort()  # nobody asks for this much before it has read an answer
        else:
            self._go_on()

    def check(self, now: float) -> None:
        """Ends a request that has waited too long, and a connection that doesn't read or ask."""
        if self._stream is not None:
            if now >= self._deadline:
                self._give_up_waiting()
        elif now - self._since > (_STUCK_S if self._paused else _IDLE_S) and self._transport is not None:
            self._transport.abort()

    def woken(self) -> None:
        """The stream has changed."""
        stream, asked = self._stream, self._asked
        if stream is None or asked is None:
            return
        if not self._ready() and not stream.closed:
            stream.bell.wait(self)
            return
        self._wait_no_more()
        if not self._answer(self._request, asked):
            self._pass_on(self._request)
        self._go_on()

    def _go_on(self) -> None:
        """Answers what has come, as long as nothing waits and the player reads."""
        while self._buffer and self._stream is None and not self._paused and self._transport is not None:
            end = self._buffer.find(HEAD_END) + len(HEAD_END)
            if end < len(HEAD_END):
                return
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            self._since = self._players.clock()
            asked = self._reader.read(request)
            if asked is None or not self._answer(request, asked):
                self._pass_on(request)

    def _answer(self, request: bytes, asked: Asked) -> bool:
        """Answers, or waits; False: another must."""
        stream = self._players.knows(asked, self._peer)
        if stream is None:
            return False
        if asked.name.startswith("media"):
            rendition = stream.rendition(asked.name)
            return rendition is not None and self._playlist(request, asked, rendition)
        if asked.name.endswith((".m4s", ".mp4")) and not asked.query:
            return self._file(request, asked, stream.holder(asked.name))
        return False

    def _playlist(self, request: bytes, asked: Asked, stream: Stream) -> bool:
        try:
            reload = _reload(asked.query)
            playlist.check_reload(reload, stream.window, self._players.hub.config)
        except ValueError:
            return False
        window = stream.window
        if not playlist.satisfied(reload, window):
            return self._wait(request, asked, stream, lambda: playlist.satisfied(reload, window))
        if not window.segments:
            return False
        cache = answers.UNNAMED if reload.number is None else answers.RELOADED
        self._give_playlist(asked, stream.media(skip=reload.skip), cache)
        return True

    def _give_playlist(self, asked: Asked, rendered: Rendered, cache: str) -> None:
        if answers.matches(asked.common.etags, rendered.etag):
            self._write(self._players.not_modified(rendered.etag, cache), b"")
            return
        first, body = self._players.playlist(rendered, cache, gzip=asked.common.gzip)
        self._write(first, b"" if asked.only_head else body)

    def _file(self, request: bytes, asked: Asked, stream: Stream) -> bool:
        window, name = stream.window, asked.name
        data = window.find(name)
        if data is None:
            if name != window.hint or window.ended:
                return False
            return self._wait(request, asked, stream, lambda: window.hint != name or window.ended)
        if answers.matches(asked.common.etags, f'"{name}"'):
            self._write(self._players.not_modified(f'"{name}"', answers.IMMUTABLE), b"")
        else:
            self._write(self._players.file(name, len(data)), b"" if asked.only_head else data)
        return True

    def _write(self, first: bytes, body: bytes | memoryview) -> None:
        if self._transport is not None:
            line = self._players.dated.line(time.time())
            self._transport.writelines((first, line, body) if body else (first, line))

    def _wait(self, request: bytes, asked: Asked, stream: Stream, ready: Callable[[], bool]) -> bool:
        try:
            stream.waiting.enter()
        except TooManyWaiting:
            return False
        self._request, self._asked, self._stream, self._ready = request, asked, stream, ready
        self._deadline = self._players.clock() + self._players.hub.config.wait_s
        stream.bell.wait(self)
        return True

    def _wait_no_more(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.bell.leave(self)
            stream.waiting.leave()
            self._asked, self._ready = None, bool
            self._since = self._players.clock()

    def _give_up_waiting(self) -> None:
        """The publisher is away, it seems."""
        stream, asked, request = self._stream, self._asked, self._request
        self._wait_no_more()
        if stream is None or asked is None:
            return
        if not asked.name.startswith("media"):
            self._write(_NOTHING, b"")
        elif stream.closed or not stream.window.segments:
            self._pass_on(request)
        else:
            self._write(_UNCHANGED, b"")
        self._go_on()

    def _pass_on(self, request: bytes) -> None:
        transport, rest = self._transport, self._buffer
        self._transport, self._buffer = None, b""
        self._players.forget(self)
        if transport is None or transport.is_closing():
            return
        heir = self._others()
        transport.set_write_buffer_limits()
        transport.set_protocol(heir)
        heir.connection_made(transport)
        heir.data_received(request + rest)


def peer_of(transport: asyncio.BaseTransport) -> str | None:
    """The address of the other end."""
    name = transport.get_extra_info("peername")
    return name[0] if isinstance(name, tuple) else None


def _reload(query: str) -> Reload:
    """Raises ``ValueError`` where it makes no sense, or where there is more in it."""
    if not query:
        return Reload()
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    values = dict(pairs)
    if len(values) != len(pairs) or not values.keys() <= {"_HLS_msn", "_HLS_part", "_HLS_skip"}:
        raise ValueError("there is more in it than we know of")
    return playlist.parse_reload(values)
