"""A real node with a synthetic publisher inside, for ``bench.hls``.

SIGUSR1 begins to send, SIGUSR2 writes down when each part could be fetched.

    python -m bench.peers.hls_node FOLDER ROOM
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import uvloop

from bench.peers.hls_source import Tick, send, source
from media.ports import CmafPart, Period
from server.config import load
from server.garbage import settle
from server.node import Node

SECONDS = 8


class Times:
    """A tap: monotonic time of each part, by media sequence number and index."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, float]] = []
        self._at = (-1, 0)

    def period(self, period: Period) -> None:
        pass

    def part(self, part: CmafPart) -> None:
        number, index = self._at
        self._at = (number + 1, 0) if part.first else (number, index + 1)
        self.seen.append((*self._at, time.monotonic()))

    def interrupted(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def main(folder: Path, room: str) -> None:
    ticks = await asyncio.to_thread(source, SECONDS)
    settings = load(None, {"node": {"data_dir": folder / "data"}, "listen": {"port": 0}})
    node = Node(settings)
    loop, begin, end = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    times = Times()
    loop.add_signal_handler(signal.SIGUSR1, begin.set)
    loop.add_signal_handler(
        signal.SIGUSR2, lambda: (folder / "times.json").write_text(json.dumps(times.seen))
    )
    loop.add_signal_handler(signal.SIGTERM, end.set)
    await node.start()
    settle()
    node.picture.hls._taps = lambda _room: [times]
    print(f"ready {node.url} ", flush=True)
    feed = loop.create_task(_feed(node, room, begin, ticks))
    await end.wait()
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)
    await node.close()


async def _feed(node: Node, room: str, begin: asyncio.Event, ticks: list[Tick]) -> None:
    await begin.wait()
    await send(ticks, node.picture.hls.sink(room))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
