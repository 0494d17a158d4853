"""What Low-Latency HLS costs a node: hundreds of players at their full rate, from memory, on one core.

    ./dev bench hls [--quick] [--json]

A real node has a synthetic publisher inside (720p30 at 1.5 Mbps, Opus), which it packages; it runs on one
core. On the other, each viewer does what hls.js does: a blocking reload with delta updates on one connection,
and the new part on another, four times a second each. Beside it in the same run the least that one writes
with plain aiohttp (``bench/peers/hls_aiohttp.py``) serves playlists and parts of the same sizes to them.

``p99_ms`` is from when a part could be fetched until a viewer has all of it, both requests included. CPU time
is what the kernel counted for the process, its part of the network included. ``viewers_per_core`` is how
many viewers at the full rate of requests a core answers at that cost, packaging included: on a busy machine
viewers skip parts, and count for less (``kept_up`` is false then).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.peers import sides
from bench.peers.hls_aiohttp import PART_S
from bench.peers.process import Meter, Server, on_cores, two_cores
from bench.watchers import Took, Watcher
from clients.load.run import raise_file_limit

HELD_MS = 250.0
"""A viewer that has a part within another part's time keeps up."""


async def bench(steps: Sequence[int], peer_viewers: int, seconds: float) -> dict[str, Any]:
    """All figures. Raises ``RuntimeError`` if a request fails or a part is not as long as it should be."""
    server_core, load_core = two_cores()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(on_cores({load_core}))
        place = Path(folder)
        node = stack.enter_context(_node(server_core, place))
        await sides.make_room(node.url)
        packaging = await _packaging(node, seconds)
        rounds = [await _watched(node, count, seconds, place) for count in steps]
        held = [window for window in rounds if window["kept_up"] and window["p99_ms"] <= HELD_MS] or rounds[
            :1
        ]
        best = held[-1]
        peer = stack.enter_context(_peer(server_core, place))
        stock = await _watched(peer, peer_viewers, seconds, None)
    return {
        "bench": "hls",
        "viewers": best["viewers"],
        "viewers_per_core": best["viewers_per_core"],
        "requests_per_s": best["requests_per_s"],
        "p99_ms": best["p99_ms"],
        "kept_up": best["kept_up"],
        "core_share": best["core_share"],
        "us_per_request": best["us_per_request"],
        "packaging_core_share": round(packaging, 4),
        "peer_viewers_per_core": stock["viewers_per_core"],
        "peer_us_per_request": stock["us_per_request"],
        "vs_aiohttp": round(stock["us_per_request"] / best["us_per_request"], 2),
        "pinned": server_core != load_core,
        "raw": {"ours": rounds, "aiohttp": [stock]},
        "versions": {
            name: importlib.metadata.version(name) for name in ("danmart", "aiohttp", "uvloop", "av")
        },
    }


def _node(core: int, folder: Path) -> Server:
    key = {"alg": "HS256", "issuer": sides.ISSUER, "audience": sides.AUDIENCE, "secret": sides.SECRET}
    env = {"DANMART_AUTH__KEYS": json.dumps([key]), "DANMART_LOG__LEVEL": "warning", **sides.raised_limits()}
    command = [sys.executable, "-m", "bench.peers.hls_node", str(folder), sides.ROOM]
    return Server("danmart-hls", command, core, folder, env)


def _peer(core: int, folder: Path) -> Server:
    return Server("aiohttp", [sys.executable, "-m", "bench.peers.hls_aiohttp"], core, folder)


async def _packaging(node: Server, seconds: float) -> float:
    """The share of a core that one stream takes while nobody watches."""
    with Meter(node) as idle:
        await asyncio.sleep(min(2.0, seconds))
    node.signal(signal.SIGUSR1)
    await asyncio.sleep(1.5)
    with Meter(node) as busy:
        await asyncio.sleep(seconds)
    return max(0.0, busy.share - idle.share)


async def _watched(server: Server, viewers: int, seconds: float, times: Path | None) -> dict[str, Any]:
    """One window with ``viewers`` watching. ``times``: where the server says when parts could be fetched."""
    address = urlsplit(server.url)
    host, port = address.hostname or "", address.port or 0
    took = Took()
    plans: dict[bytes, tuple[str, str]] = {}
    crowd = [Watcher(f"/hls/{sides.ROOM}", f"{host}:{port}", took, plans) for _ in range(viewers)]
    try:
        for begin in range(0, viewers, 50):
            await asyncio.gather(*(watcher.start(host, port) for watcher in crowd[begin : begin + 50]))
        await asyncio.sleep(1.0)
        took.clear()
        load_s = time.process_time()
        began = time.monotonic()
        with Meter(server) as meter:
            await asyncio.sleep(seconds)
        ended = time.monotonic()
        load_s = time.process_time() - load_s
        parts, requests, failed = list(took.parts), took.requests, took.failed
        sizes, part_s = took.media_bytes, sorted(took.part_s)
    finally:
        for watcher in crowd:
            watcher.close()
    late, rate = part_s, 1 / PART_S
    if times is not None:
        published = await _published(server, times)
        late = sorted(at - published[name] for *name_, at in parts if (name := tuple(name_)) in published)
        rate = sum(began <= at < ended for at in published.values()) / (ended - began)
    if failed or not late:
        raise RuntimeError(f"{server.name}: {failed} requests failed, {len(late)} parts came")
    return {
        "viewers": viewers,
        "seconds": round(meter.seconds, 2),
        "requests_per_s": round(requests / meter.seconds),
        "parts_per_viewer_s": round(len(parts) / viewers / meter.seconds, 2),
        "mbps": round(sizes * 8 / meter.seconds / 1e6),
        "core_share": round(meter.share, 3),
        "load_core_share": round(load_s / meter.seconds, 3),
        "us_per_request": round(meter.cpu_s * 1e6 / requests, 1),
        "viewers_per_core": round(requests / meter.cpu_s / (2 * rate)),
        "kept_up": requests > 0.9 * viewers * 2 * rate * meter.seconds,
        "p50_ms": round(statistics.median(late) * 1000, 1),
        "p99_ms": round(late[len(late) * 99 // 100] * 1000, 1),
        "part_p99_ms": round(part_s[len(part_s) * 99 // 100] * 1000, 1),
    }


async def _published(server: Server, folder: Path) -> dict[tuple[int, ...], float]:
    """When each part could be fetched, by media sequence number and index."""
    file = folder / "times.json"
    file.unlink(missing_ok=True)
    server.signal(signal.SIGUSR2)
    while not file.exists() or not (text := file.read_text()).endswith("]"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return {(number, part): at for number, part, at in json.loads(text)}


def _table(result: dict[str, Any]) -> str:
    rows = [("", "viewers", "requests/s", "Mbps", "core", "µs/request", "p50 ms", "p99 ms", "viewers/core")]
    for name, windows in result["raw"].items():
        rows += [
            (
                name,
                *(str(window[key]) for key in ("viewers", "requests_per_s", "mbps", "core_share")),
                *(str(window[key]) for key in ("us_per_request", "p50_ms", "p99_ms", "viewers_per_core")),
            )
            for window in windows
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*lines, f"packaging a stream: {result['packaging_core_share']:.1%} of a core"])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench hls", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 55 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    raise_file_limit()
    os.environ.pop("DANMART_CONFIG", None)
    steps, peer, seconds = ((600,), 300, 5.0) if options.quick else ((600, 1200, 2400), 600, 8.0)
    result = uvloop.run(bench(steps, peer, seconds))
    print(_table(result), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
