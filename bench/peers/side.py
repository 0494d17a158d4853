"""One server with its viewers, and a window of time over both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.peers.process import Meter, Server
from bench.peers.sides import ROOM
from clients.load.audit import audit
from clients.load.crowd import Crowd
from clients.load.latency import Latencies
from clients.load.talk import Talkers, at_rate
from clients.load.tokens import User
from clients.load.viewer import Viewer

TEXT_BYTES = 60
TALKERS = 100
DRAIN_S = 4.0


@dataclass(frozen=True, slots=True)
class Window:
    """What receivers and the kernel counted while comments were sent and until they had arrived."""

    messages: int
    frames: int
    deliveries: int
    missing: int
    cpu_s: float
    core_share: float
    latencies: Latencies
    last: Latencies

    @property
    def us_per_frame(self) -> float:
        """The server's CPU time for a frame that arrived, µs."""
        return self.cpu_s * 1e6 / max(1, self.frames)

    @property
    def us_per_message(self) -> float:
        """The server's CPU time for a message that arrived at one viewer, µs."""
        return self.cpu_s * 1e6 / max(1, self.deliveries)

    def raw(self) -> dict[str, float]:
        return {
            "messages": self.messages,
            "frames": self.frames,
            "deliveries": self.deliveries,
            "missing": self.missing,
            "server_cpu_s": round(self.cpu_s, 3),
            "server_core_share": round(self.core_share, 3),
        }


class Side:
    """A server and the crowd before it."""

    def __init__(self, server: Server, users: Sequence[User]) -> None:
        self.server = server
        self.crowd = Crowd([server.url], ROOM)
        self._people = [Viewer(user.token, user.id) for user in users]
        self.connects_per_s: list[float] = []
        self.kib_per_connection = 0.0
        self._first: tuple[int, int] | None = None

    async def connect(self, count: int) -> None:
        """Bring in the next ``count`` viewers. Memory a connection is counted from the second time on: what
        the first ones make a server load is not theirs."""
        people, self._people = self._people[:count], self._people[count:]
        self.connects_per_s.append(await self.crowd.connect(people))
        if failed := self.crowd.counts.connects_failed:
            raise RuntimeError(f"{self.server.name} refused viewers: {dict(failed)}")
        now = len(self.crowd.links), self.server.rss_kib
        if self._first is None:
            self._first = now
        elif now[0] > self._first[0]:
            self.kib_per_connection = (now[1] - self._first[1]) / (now[0] - self._first[0])

    async def ask(self, name: str, payload: dict[str, object]) -> dict[str, object]:
        """A command by one of the viewers, and its answer."""
        answer: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        next(iter(self.crowd.links.values())).command(name, payload, answer.set_result)
        async with asyncio.timeout(10):
            return await answer

    async def window(self, rate: float, seconds: float) -> Window:
        """``rate`` comments a second for ``seconds``, and until all have arrived."""
        crowd, counts = self.crowd, self.crowd.counts
        crowd.book.settle()
        crowd.book.clear()
        counts.send_lag = Latencies()
        sent, viewers = counts.comments.sent, len(crowd.links)
        talkers = Talkers(crowd, crowd.steady()[:TALKERS], TEXT_BYTES)
        with Meter(self.server) as meter:
            task = asyncio.create_task(at_rate(rate, talkers.comment, counts))
            await asyncio.sleep(seconds)
            task.cancel()
            messages = counts.comments.sent - sent
            await self._arrived(messages * viewers)
        book = crowd.book
        missing = messages * viewers - book.deliveries
        if counts.comments.refused:
            raise RuntimeError(f"{self.server.name} refused comments: {dict(counts.comments.refused)}")
        return Window(
            messages,
            book.frames,
            book.deliveries,
            missing,
            meter.cpu_s,
            meter.share,
            book.latencies,
            book.last,
        )

    async def _arrived(self, deliveries: int) -> None:
        deadline = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline:
            self.crowd.book.settle()
            if self.crowd.book.deliveries >= deliveries:
                return
            await asyncio.sleep(0.02)

    def faults(self) -> dict[str, int]:
        """Gaps and repeats in what the viewers were given."""
        verdict = audit(self.crowd.viewers, self.crowd.book.facts)
        return {"lost": verdict.lost, "gaps": verdict.gaps, "repeats": verdict.repeats}
