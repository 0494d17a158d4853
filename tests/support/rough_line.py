"""A UDP line between clients and a server that loses, delays, reorders and repeats, by a seed; or is cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

Address = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to each datagram, in both directions. Shares are 0..1."""

    loss: float = 0.0
    delay_ms: float = 0.0
    reorder: float = 0.0
    """Held back by ``reorder_ms``, so that later ones overtake."""
    reorder_ms: float = 30.0
    repeat: float = 0.0


CLEAR = Weather()
CUT = Weather(loss=1.0)


class _Behind(asyncio.DatagramProtocol):
    """The server's side for one client: a socket of its own, as behind a NAT."""

    def __init__(self, line: RoughLine, client: Address) -> None:
        self._line = line
        self._client = client
        self.transport: asyncio.DatagramTransport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        for data in self.early:
            transport.sendto(data)
        self.early.clear()

    def send(self, data: bytes) -> None:
        if self.transport is None:
            self.early.append(data)
        elif not self.transport.is_closing():
            self.transport.sendto(data)

    def datagram_received(self, data: bytes, address: Address) -> None:
        self._line.carry(lambda: self._line.to_client(data, self._client))

    def error_received(self, exc: Exception) -> None:
        """The server isn't there now."""


class RoughLine(asyncio.DatagramProtocol):
    """``port`` is where clients send to. ``weather`` may change at any time; what is under way arrives."""

    def __init__(self, server: tuple[str, int], seed: int) -> None:
        self.weather = CLEAR
        self.port = 0
        self.carried = self.lost = 0
        self.recorded: list[bytes] | None = None
        """Set to a list, it gets a copy of what clients send."""
        self._server = server
        self._random = random.Random(seed)
        self._behind: dict[Address, _Behind] = {}
        self._front: asyncio.DatagramTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[Any]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._front = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: Address) -> None:
        if self.recorded is not None:
            self.recorded.append(data)
        behind = self._behind.get(address)
        if behind is None:
            behind = self._behind[address] = _Behind(self, address)
            opening = self._loop.create_datagram_endpoint(lambda: behind, remote_addr=self._server)
            task = self._loop.create_task(opening)
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        self.carry(lambda: behind.send(data))

    def error_received(self, exc: Exception) -> None:
        """A client has gone."""

    def inject(self, data: bytes) -> None:
        """Sends the server something as if every client had."""
        for behind in self._behind.values():
            behind.send(data)

    def to_client(self, data: bytes, client: Address) -> None:
        if self._front is not None and not self._front.is_closing():
            self._front.sendto(data, client)

    def carry(self, deliver: Any) -> None:
        """Delivers a datagram, or not, or twice, or later, as the weather is."""
        weather = self.weather
        if self._random.random() < weather.loss:
            self.lost += 1
            return
        self.carried += 1
        for _ in range(1 + (self._random.random() < weather.repeat)):
            late = weather.reorder_ms if self._random.random() < weather.reorder else 0.0
            wait_ms = weather.delay_ms + late
            if wait_ms:
                self._loop.call_later(wait_ms / 1000, deliver)
            else:
                deliver()

    async def close(self) -> None:
        await asyncio.gather(*self._opening, return_exceptions=True)
        for behind in self._behind.values():
            if behind.transport is not None:
                behind.transport.close()
        if self._front is not None:
            self._front.close()


@asynccontextmanager
async def rough_line(port: int, seed: int = 1) -> AsyncIterator[RoughLine]:
    """A line to the server on this UDP port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_datagram_endpoint(
        lambda: RoughLine(("127.0.0.1", port), seed), local_addr=("127.0.0.1", 0)
    )
    try:
        yield line
    finally:
        await line.close()
