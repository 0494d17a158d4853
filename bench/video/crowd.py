"""Many light viewers at once: joining, staying, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from bench.video.viewer import Viewer, read_remote
from media.rtc.dtls import DtlsIdentity

_TICK_S = 0.1
_CONNECT_S = 30.0
_TRIES, _TRY_AGAIN_S = 40, 0.25
Join = Callable[[Viewer], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stay:
    """What a crowd was sent over ``seconds``. ``loss`` is after repair, 0..1."""

    seconds: float
    packets: int
    octets: int
    loss: float
    recovered: int


class Crowd:
    """Viewers of one server; ``join`` does the signalling of one and calls its ``connect``."""

    def __init__(self, join: Join, local_host: str = "127.0.0.1") -> None:
        self.viewers: list[Viewer] = []
        self._join, self._local_host = join, local_host
        self._identity = DtlsIdentity()
        self._ticker = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Everybody leaves."""
        self._ticker.cancel()
        await asyncio.gather(self._ticker, return_exceptions=True)
        for viewer in self.viewers:
            viewer.close()
        self.viewers.clear()

    async def enter(self, count: int, at_once: int = 4) -> None:
        """``count`` more; returns when all are connected. Raises what signalling raises, ``TimeoutError``."""
        gate = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with gate:
                viewer = Viewer(self._identity, self._local_host)
                self.viewers.append(viewer)
                await self._join(viewer)
                async with asyncio.timeout(_CONNECT_S):
                    await viewer.connected.wait()

        await asyncio.gather(*(one() for _ in range(count)))

    async def pictures(self, within_s: float = 30.0) -> list[float]:
        """Milliseconds from each viewer's request to its first whole keyframe. Raises ``TimeoutError``."""
        async with asyncio.timeout(within_s):
            while any(viewer.first_frame_s is None for viewer in self.viewers):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return [viewer.first_frame_s * 1000 for viewer in self.viewers if viewer.first_frame_s is not None]

    async def stay(self, seconds: float) -> Stay:
        """Watches for a while."""
        before = (self._packets, self._octets, sum(viewer.recovered for viewer in self.viewers))
        for viewer in self.viewers:
            viewer.count_from_here()
        started = time.perf_counter()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - started
        packets, octets = self._packets - before[0], self._octets - before[1]
        recovered = sum(viewer.recovered for viewer in self.viewers) - before[2]
        await asyncio.sleep(0.3)  # what was asked for again is on its way
        missed = sum(viewer.missed for viewer in self.viewers)
        expected = sum(viewer.expected for viewer in self.viewers)
        return Stay(took, packets, octets, missed / expected if expected else 1.0, recovered)

    @property
    def _packets(self) -> int:
        return sum(viewer.packets for viewer in self.viewers)

    @property
    def _octets(self) -> int:
        return sum(viewer.octets for viewer in self.viewers)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            for viewer in list(self.viewers):
                viewer.tick(now)


def whep(http: aiohttp.ClientSession, url: str, host: str = "127.0.0.1") -> Join:
    """Joins by WHEP at ``url``, whose media comes from ``host``, as soon as somebody is live."""

    async def join(viewer: Viewer) -> None:
        headers = {"Content-Type": "application/sdp"}
        for _ in range(_TRIES):
            viewer.began = time.perf_counter()
            async with http.post(url, data=viewer.offer(), headers=headers) as response:
                text = await response.text()
                if response.status == 201:
                    viewer.connect(read_remote(text, host))
                    return
            if "not_live" not in text:
                break
            await asyncio.sleep(_TRY_AGAIN_S)
        raise RuntimeError(f"{url} answered {response.status}: {text[:200]}")

    return join
