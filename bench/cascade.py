"""What a packet costs on its way from one node to another.

    python -m bench.cascade [--quick] [--json]

Two processes, each with a node's media layer, and the WebSocket between them over loopback. Packets come in
bursts of ten, as a camera's pictures do (720p at 1.5 Mbps with Opus). CPU time of each process is counted
from first to last packet, so the kernel's part is in it: the origin's for each node that pulls, and that of
a node that pulls, up to its relay; what it then gives to viewers is measured by ``bench relay``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from bench.relay import _packets
from media.cascade.ports import Neighbour, Whereabouts
from media.config import MediaConfig
from media.ports import MediaKind, Principal, TrackInfo
from media.rtp.packet import Rtp
from media.service import MediaService
from media.stream import RoomStream

ROOM = "bench"
BURST, EVERY_S = 10, 0.004
TRACKS = (TrackInfo("video", "H264", 90000), TrackInfo("audio", "opus", 48000, 2))


class _Pair:
    """``Neighbours`` of two nodes that trust everybody; ``url`` is the origin's."""

    def __init__(self, url: str) -> None:
        self._origin = Neighbour("origin", url) if url else None

    async def whereabouts(self, streams: Collection[str]) -> dict[str, Whereabouts]:
        where = Whereabouts(self._origin, self._origin is None, is_over=False)
        return dict.fromkeys(streams, where)

    async def node(self, name: str) -> Neighbour | None:
        return self._origin

    async def carrier(self, origin: Neighbour | None, *, for_viewer: bool) -> Neighbour | None:
        return self._origin

    def credential(self, neighbour: Neighbour, purpose: str, stream: str) -> str:
        return ""

    def check(self, credential: str, purpose: str, stream: str) -> None:
        """Everybody is let in."""


class _Everybody:
    """A gate that nobody is asked at, and a stage that nobody watches."""

    async def may_publish(self, room: str, bearer: str | None) -> Principal:
        raise NotImplementedError

    async def may_begin(self, room: str, principal: Principal, *, takeover: bool) -> None: ...
    async def may_watch(self, room: str, bearer: str | None, whence: object = None) -> None: ...
    async def live(self, room: str, principal: Principal) -> None: ...
    async def interrupted(self, room: str, principal: Principal) -> None: ...
    async def ended(self, room: str, reason: str) -> None: ...


class _Camera:
    """A ``Source`` that is told what to send."""

    protocol, tracks, rtt_ms, loss = "bench", TRACKS, None, 0.0
    said_goodbye = False
    first_rtp: float | None = 0.0

    def __init__(self, stream: RoomStream) -> None:
        self.principal = Principal("bench", "bench")
        self._stream = stream
        self._ahead: dict[MediaKind, int] = {"video": 0, "audio": 0}
        stream.accept(self)

    async def send(self, packets: list[tuple[MediaKind, Rtp]]) -> None:
        ahead = dict(self._ahead)
        for at in range(0, len(packets), BURST):
            for kind, rtp in packets[at : at + BURST]:
                number = rtp.timestamp // 500 + ahead[kind]
                self._ahead[kind] = number
                moved = rtp._replace(sequence=number & 0xFFFF, timestamp=number * 500 & 0xFFFFFFFF)
                self._stream.received(self, kind, moved, number)
            await asyncio.sleep(EVERY_S)

    def silent_s(self, now: float) -> float:
        return 0.0

    def want_keyframe(self) -> None: ...
    def keyframe_came(self) -> None: ...
    def check(self, connect_timeout_s: float, consent_timeout_s: float) -> None: ...
    def repair(self) -> None: ...
    def tick(self) -> None: ...
    def probe(self) -> None: ...
    def close(self, reason: str) -> None: ...


def _media(name: str, url: str) -> MediaService:
    everybody = _Everybody()
    config = MediaConfig(name, udp_host="127.0.0.1")
    return MediaService(everybody, everybody, config, neighbours=_Pair(url))


@asynccontextmanager
async def _origin() -> AsyncIterator[tuple[MediaService, str]]:
    media, app = _media("origin", ""), web.Application()
    media.attach_internal(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await media.start()
    try:
        yield media, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await media.close()
        await runner.cleanup()


async def pull(url: str) -> None:
    """The other process: pulls, and tells its CPU seconds and packets for each line that it is sent."""
    media = _media("edge", url)
    await media.start()
    if await media._find(ROOM) is None:
        raise RuntimeError("there is nothing to pull")
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time(), media.counters.relay_packets_in, flush=True)
    await media.close()


class _Edge:
    """The other process, seen from here."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "bench.cascade", "--pull", url]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    async def ready(self) -> None:
        await asyncio.to_thread(self._line)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    async def told(self) -> tuple[float, int]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        seconds, packets = (await asyncio.to_thread(self._line)).split()
        return float(seconds), int(packets)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


async def measure(packets: int, rounds: int, nodes: int) -> dict[str, float]:
    """Medians over ``rounds``. The camera's own cost is measured with nobody pulling, and taken off."""
    async with _origin() as (media, url):
        camera = _Camera(media._stream(ROOM))
        await camera.send(_packets(20))
        alone = [await _cost(camera, packets) for _ in range(rounds)]
        edges = [_Edge(url) for _ in range(nodes)]
        try:
            await asyncio.gather(*(edge.ready() for edge in edges))
            await camera.send(_packets(200))
            origin_us, edge_us = [], []
            for _ in range(rounds):
                before = [await edge.told() for edge in edges]
                origin_us.append(await _cost(camera, packets))
                after = [await edge.told() for edge in edges]
                pairs = zip(before, after, strict=True)
                edge_us += [(b[0] - a[0]) * 1e6 / (b[1] - a[1]) for a, b in pairs if b[1] > a[1]]
        finally:
            for edge in edges:
                await asyncio.to_thread(edge.close)
        dropped = media.counters.relay_dropped
    spent = statistics.median(origin_us) - statistics.median(alone)
    return {
        "nodes": nodes,
        "origin_us_per_packet": round(spent / nodes, 2),
        "edge_us_per_packet": round(statistics.median(edge_us), 2),
        "dropped": dropped,
    }


async def _cost(camera: _Camera, packets: int) -> float:
    made = _packets(packets)
    before = time.process_time()
    await camera.send(made)
    return (time.process_time() - before) * 1e6 / packets


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench cascade", description="What a packet costs between nodes.")
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--pull", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.pull:
        asyncio.run(pull(options.pull))
        return 0
    packets, rounds = (2000, 3) if options.quick else (5000, 5)
    result = asyncio.run(measure(packets, rounds, nodes=2))
    out = sys.stderr if options.json else sys.stdout
    print(f"origin: {result['origin_us_per_packet']} µs a packet and node that pulls", file=out)
    print(
        f"node that pulls: {result['edge_us_per_packet']} µs a packet, {result['dropped']} dropped", file=out
    )
    if options.json:
        print(json.dumps({"bench": "cascade", "quick": options.quick, **result}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
