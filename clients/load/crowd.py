"""The crowd: viewers' connections, kept up as the plan wants them. Everything here is I/O."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from clients.load.counts import Counts
from clients.load.link import Link, RefusedError, refusal
from clients.load.spans import SpanBook, read_fact
from clients.load.viewer import Manner, Viewer

CONNECT_TIMEOUT_S = 30.0
TRIES = 5
RETURN_TRIES = 10
"""Who was in tries longer: a node that restarts takes seconds."""
RETRY_MAX_S = 4.0
SLOW_READERS_BUFFER_BYTES = 16_384

_ENDS = frozenset({"token_expired", "banned", "room_gone", "replaced"})
"""Reasons after which a client does not come back."""


class Crowd:
    """Viewers of one room on one node or several. Use from one loop; ``close`` when done."""

    def __init__(self, urls: Sequence[str], room: str) -> None:
        self.room = room
        self.book = SpanBook()
        self._late_book = SpanBook()  # what slow readers read in the end says nothing about the server
        self.counts = Counts()
        self.viewers: list[Viewer] = []
        self.links: dict[Viewer, Link] = {}
        self.snapshot: dict[str, Any] = {}
        self._urls = list(urls)
        self._places = [_place(url) for url in urls]
        self._turn = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    # coming

    async def connect(
        self, viewers: Iterable[Viewer], *, at_once: int = 64, per_s: float | None = None
    ) -> float:
        """Bring viewers in, at most ``at_once`` at the same time; returns how many came in a second.

        Failures are counted by reason, not raised. Cancel-safe: who is in stays in.
        """
        waiting = iter(viewers)
        started = time.monotonic()
        before = len(self.links)
        due = itertools.count()

        async def usher() -> None:
            for viewer in waiting:
                if per_s:
                    await asyncio.sleep(started + next(due) / per_s - time.monotonic())
                self.viewers.append(viewer)
                await self._bring(viewer, TRIES)

        await asyncio.gather(*(usher() for _ in range(at_once)))
        return (len(self.links) - before) / (time.monotonic() - started)

    async def _bring(self, viewer: Viewer, tries: int) -> bool:
        """One viewer in, with retries as a client makes them."""
        for attempt in range(tries):
            try:
                await self._attempt(viewer)
                self.counts.connects += 1
                return True
            except (OSError, TimeoutError) as error:
                self.counts.connects_failed[str(error) or type(error).__name__] += 1
                if self._closing or isinstance(error, RefusedError):
                    break
            await asyncio.sleep(random.uniform(0.5, 1) * min(RETRY_MAX_S, 0.1 * 2**attempt))
        if not viewer.has_entered:
            viewer.gone = True
        return False

    async def _attempt(self, viewer: Viewer) -> None:
        """Raises ``OSError`` or ``TimeoutError`` with the reason."""
        turn = next(self._turn) % len(self._places)
        host, port = self._places[turn]
        link: Link | None = None
        started_ns = time.monotonic_ns()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                link = await self._open(viewer, host, port)
                link.url = self._urls[turn]
                await link.joined
                await self._enter(link)
            if not link.is_up:
                raise ConnectionError(link.bye or "connection lost")
        except BaseException:
            if link is not None:
                link.abort()
            raise
        self.links[viewer] = link
        self.counts.enters.add_ns(time.monotonic_ns() - started_ns)
        if viewer.manner is Manner.SLOW:
            link.pause()

    async def _open(self, viewer: Viewer, host: str, port: int) -> Link:
        loop, slow = asyncio.get_running_loop(), viewer.manner is Manner.SLOW

        def make() -> Link:
            return Link(viewer, self._late_book if slow else self.book, host, port, self._lost)

        if not slow:
            return (await loop.create_connection(make, host, port))[1]
        # Else the kernel would read megabytes in its place.
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_READERS_BUFFER_BYTES)
        try:
            await loop.sock_connect(sock, (host, port))
            return (await loop.create_connection(make, sock=sock))[1]
        except BaseException:
            sock.close()
            raise

    async def _enter(self, link: Link) -> None:
        """Enter the room where the viewer left off. Raises ``ConnectionError`` with the refusal."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def answered(answer: dict[str, Any]) -> None:
            if done.done():
                return
            if answer.get("ok"):
                # At once, not in a task: the next frame may be in the same read.
                self._place_in_log(link, answer)
                done.set_result(None)
            else:
                done.set_exception(refusal("enter", answer.get("error")))

        viewer = link.viewer
        payload: dict[str, Any] = {"room": self.room}
        if viewer.has_entered:
            payload["after"] = {"epoch": viewer.epoch, "offset": viewer.offset}
        if not link.command("enter", payload, answered):
            raise ConnectionError(link.bye or "connection lost")
        await done

    def _place_in_log(self, link: Link, answer: dict[str, Any]) -> None:
        viewer, returning = link.viewer, link.viewer.has_entered
        if returning and answer.get("recovered"):
            self.counts.recovered += 1
            fact, _ = read_fact(viewer.offset + 1, answer["offset"], answer, viewer.user_id)
            self.book.note(fact)
            viewer.advance(answer["epoch"], fact.first, fact.to)
        else:
            self.counts.unrecovered += returning
            viewer.begin(answer["epoch"], answer["offset"])
            self.snapshot = answer.get("snapshot") or self.snapshot
        link.entered = True

    # going and coming back

    def _lost(self, link: Link, reason: str) -> None:
        viewer = link.viewer
        if self._closing or self.links.get(viewer) is not link:
            return  # who was still on the way in hears of it there
        del self.links[viewer]
        if viewer.manner is Manner.SLOW:
            self.counts.slow_dropped[reason] += 1
            viewer.gone = True
            return
        self.counts.dropped[reason] += 1
        if reason in _ENDS:
            viewer.gone = True
        else:
            self._spawn(self._return(viewer, link.retry_after_s + random.uniform(0, 0.2)))

    def leave(self, viewer: Viewer) -> None:
        """Somebody has seen enough."""
        if (link := self.links.pop(viewer, None)) is not None:
            link.close()
            viewer.gone = True
            self.counts.leaves += 1

    def cut_off(self, viewer: Viewer, away_s: float) -> None:
        """Somebody's network goes away, and comes back after ``away_s``."""
        if (link := self.links.pop(viewer, None)) is not None:
            link.abort()
            self._spawn(self._return(viewer, away_s))

    def join(self, viewer: Viewer) -> None:
        """Somebody comes, soon."""
        self.viewers.append(viewer)
        self.counts.joins += 1
        self._spawn(self._come(viewer))

    async def _come(self, viewer: Viewer) -> None:
        await self._bring(viewer, TRIES)

    async def _return(self, viewer: Viewer, away_s: float) -> None:
        await asyncio.sleep(away_s)
        self.counts.reconnects += 1
        await self._bring(viewer, RETURN_TRIES)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ending

    @property
    def returning(self) -> int:
        """How many are on their way."""
        return len(self._tasks)

    @property
    def stranded(self) -> int:
        """How many should be in, and found nobody who let them in again."""
        away = (v for v in self.viewers if v not in self.links and not v.gone and v.manner is Manner.STEADY)
        return sum(1 for _ in away)

    def per_url(self) -> dict[str, int]:
        """How many are connected by each of the addresses."""
        counts = dict.fromkeys(self._urls, 0)
        for link in self.links.values():
            counts[link.url] += 1
        return counts

    def steady(self) -> list[Viewer]:
        """Who is in and reads."""
        return [viewer for viewer in self.links if viewer.manner is Manner.STEADY]

    async def reach(self, offset: int, timeout_s: float) -> bool:
        """Wait until everybody who reads has the log up to ``offset``, and nobody is on the way."""
        deadline = time.monotonic() + timeout_s
        while self._tasks or any(v.offset < offset for v in self.steady()):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    async def close(self) -> None:
        """Everybody leaves. What slow readers were told is read first. Idempotent."""
        slow = [link for viewer, link in self.links.items() if viewer.manner is Manner.SLOW]
        for link in slow:
            link.resume()
        if slow:
            await asyncio.sleep(0.5)  # a server that has ended them has said so long ago
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self.links.values()):
            link.close()
        self.links.clear()
        self.book.settle()
        await asyncio.sleep(0)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url}: give it as http://HOST:PORT, past the proxy that does TLS")
    return parts.hostname, parts.port or 80
