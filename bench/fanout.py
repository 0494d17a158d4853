"""A room's frames to thousands of viewers: ours, stock python-socketio's and Node's socket.io's, in one run.

    ./dev bench fanout [--quick] [--json]

Each server runs on one core, the viewers on the other. All three have their viewers from the start, and are
measured in turns, several rounds, of which medians are shown: on a shared machine rounds differ by a third,
but what lies side by side within a round is comparable. Messages are counted at the receivers; the server's
CPU time is what the kernel counted for its process. Ours commits each comment to disk before it is shown; the
peers keep nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from bench.peers import sides
from bench.peers.process import on_cores, two_cores
from bench.peers.side import Side, Window
from clients.load.run import raise_file_limit
from clients.load.tokens import signed

SINGLE_PER_S = 10.0
"""One message a frame, at a rate that all three can carry."""
NODE_PER_S = 20.0
"""What Node can carry without gathering."""
BATCHED_PER_S = 200.0
GATHER_MS = 50
SNAPSHOT_COMMENTS = 50

Rounds = dict[str, list[Window]]


QUICK_WITHIN_S = 42.0
QUICK_WINDOW_S = (0.7, 1.6)
_WINDOWS_A_ROUND, _DRAIN_S = 6, 0.35


async def bench(viewers: int, rounds: int, seconds: float | None) -> dict[str, Any]:
    """All figures, each window ``seconds`` long; None: as long as ``QUICK_WITHIN_S`` leaves.

    Raises ``RuntimeError`` if a server refuses what it should carry.
    """
    await asyncio.to_thread(sides.install_node_peer)
    started = time.monotonic()
    users = signed(sides.SECRET, sides.ISSUER, sides.AUDIENCE, viewers)
    server_core, load_core = two_cores()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(on_cores({load_core}))
        place = Path(folder)
        ours = Side(stack.enter_context(sides.danmart(server_core, place)), users)
        await sides.make_room(ours.server.url)
        snapshot_bytes = await _fill(ours)
        stock = Side(stack.enter_context(sides.stock(server_core, place, snapshot_bytes)), users)
        node = Side(stack.enter_context(sides.node(server_core, place, snapshot_bytes)), users)
        every = (ours, stock, node)
        try:
            await _connect(every, viewers, rounds)
            if seconds is None:
                left_s = QUICK_WITHIN_S - (time.monotonic() - started)
                seconds = min(
                    max(left_s / (rounds * _WINDOWS_A_ROUND) - _DRAIN_S, QUICK_WINDOW_S[0]), QUICK_WINDOW_S[1]
                )
            windows = await _measure(ours, stock, node, rounds, seconds)
            return _figures(every, windows, viewers, seconds, snapshot_bytes, pinned=server_core != load_core)
        finally:
            for side in every:
                await side.crowd.close()


async def _fill(ours: Side) -> int:
    """Enough comments for a snapshot of the usual size; returns how many bytes that is."""
    await ours.connect(SNAPSHOT_COMMENTS)
    ours.connects_per_s.clear()
    await ours.window(SNAPSHOT_COMMENTS, 1.1)
    answer = await ours.ask("enter", {"room": sides.ROOM})
    return len(json.dumps(answer["snapshot"], separators=(",", ":"), ensure_ascii=False).encode())


async def _connect(every: Sequence[Side], viewers: int, rounds: int) -> None:
    for side in every:  # so that what is loaded with the first connection is there
        await side.connect(max(0, SNAPSHOT_COMMENTS - len(side.crowd.links)))
        side.connects_per_s.clear()
    share = -(-(viewers - SNAPSHOT_COMMENTS) // rounds)
    for _ in range(rounds):
        for side in every:
            await side.connect(share)
    await every[1].ask("freeze", {})
    gc.collect()
    gc.freeze()


async def _measure(ours: Side, stock: Side, node: Side, rounds: int, seconds: float) -> Rounds:
    windows: Rounds = {}

    async def run(name: str, side: Side, rate: float) -> None:
        windows.setdefault(name, []).append(await side.window(rate, seconds))

    for _ in range(rounds):
        await run("ours", ours, SINGLE_PER_S)
        await run("stock", stock, SINGLE_PER_S)
        await run("node", node, SINGLE_PER_S)
        await run("ours_batched", ours, BATCHED_PER_S)
        await run("node_fast", node, NODE_PER_S)
        await node.ask("gather", {"ms": GATHER_MS})
        await run("node_batched", node, BATCHED_PER_S)
        await node.ask("gather", {"ms": 0})
    return windows


def _figures(
    every: Sequence[Side], windows: Rounds, viewers: int, seconds: float, snapshot_bytes: int, *, pinned: bool
) -> dict[str, Any]:
    ours, stock, node = every
    frame = {name: _median(windows[name], lambda w: w.us_per_frame) for name in ("ours", "stock", "node")}
    message = {name: _median(w, lambda w: w.us_per_message) for name, w in windows.items()}
    return {
        "bench": "fanout",
        "viewers": viewers,
        "rounds": len(windows["ours"]),
        "window_s": round(seconds, 2),
        "single_per_s": SINGLE_PER_S,
        "batched_per_s": BATCHED_PER_S,
        "us_per_frame": round(frame["ours"], 2),
        "stock_us_per_frame": round(frame["stock"], 2),
        "node_us_per_frame": round(frame["node"], 2),
        "vs_stock": _ratio(windows, "ours", "stock", by_frame=True),
        "vs_node": _ratio(windows, "ours", "node", by_frame=True),
        "batched_us_per_message": round(message["ours_batched"], 3),
        "node_batched_us_per_message": round(message["node_batched"], 3),
        "batched_vs_stock": _ratio(windows, "ours_batched", "stock"),
        "batched_vs_stock_at_per_s": SINGLE_PER_S,
        "batched_vs_node": _ratio(windows, "ours_batched", "node_fast"),
        "batched_vs_node_at_per_s": NODE_PER_S,
        "batched_vs_node_batched": _ratio(windows, "ours_batched", "node_batched"),
        **_latencies(windows),
        "server_core_share": _share(windows["ours"]),
        "stock_server_core_share": _share(windows["stock"]),
        "node_server_core_share": _share(windows["node"]),
        "batched_server_core_share": _share(windows["ours_batched"]),
        "kib_per_connection": round(ours.kib_per_connection, 1),
        "stock_kib_per_connection": round(stock.kib_per_connection, 1),
        "node_kib_per_connection": round(node.kib_per_connection, 1),
        "connects_per_s": round(statistics.median(ours.connects_per_s)),
        "stock_connects_per_s": round(statistics.median(stock.connects_per_s)),
        "node_connects_per_s": round(statistics.median(node.connects_per_s)),
        "snapshot_bytes": snapshot_bytes,
        "pinned": pinned,
        "raw": {name: [window.raw() for window in each] for name, each in windows.items()},
        "faults": {side.server.name: side.faults() for side in every},
        "versions": sides.versions(),
        "commands": {side.server.name: shlex.join(side.server.command) for side in every},
    }


def _latencies(windows: Rounds) -> dict[str, float | None]:
    """p50 and p99 over all deliveries at the rate that all carry, and of ours at the high one."""
    figures: dict[str, float | None] = {}
    for name, prefix in (("ours", ""), ("stock", "stock_"), ("node", "node_"), ("ours_batched", "batched_")):
        each = windows[name]
        figures[f"{prefix}p50_ms"] = _median(each, lambda w: w.latencies.percentile_ms(50) or 0)
        figures[f"{prefix}p99_ms"] = _median(each, lambda w: w.latencies.percentile_ms(99) or 0)
        figures[f"{prefix}last_viewer_p99_ms"] = _median(each, lambda w: w.last.percentile_ms(99) or 0)
    return figures


def _median(windows: Iterable[Window], of: Callable[[Window], float]) -> float:
    return round(statistics.median(map(of, windows)), 3)


def _share(windows: Iterable[Window]) -> float:
    return _median(windows, lambda w: w.core_share)


def _ratio(windows: Rounds, one: str, other: str, *, by_frame: bool = False) -> float:
    """The median over the rounds of our CPU time a delivered message (or frame) over theirs in that round."""

    def cost(window: Window) -> float:
        return window.us_per_frame if by_frame else window.us_per_message

    pairs = zip(windows[one], windows[other], strict=True)
    return round(statistics.median(cost(ours) / cost(theirs) for ours, theirs in pairs), 4)


def _table(result: dict[str, Any]) -> str:
    def row(what: str, *values: Any) -> str:
        return f"{what:36}" + "".join(f"{value!s:>16}" for value in values)

    def three(what: str, name: str) -> str:
        return row(what, *(result.get(f"{prefix}{name}", "") for prefix in ("", "stock_", "node_")))

    return "\n".join(
        [
            row(f"{result['viewers']} viewers", "danmart", "python-socketio", "socket.io"),
            three("µs of CPU a delivered frame", "us_per_frame"),
            three("core share", "server_core_share"),
            three("p50 ms", "p50_ms"),
            three("p99 ms", "p99_ms"),
            three("KiB a connection", "kib_per_connection"),
            three("connects a second", "connects_per_s"),
            row(
                f"µs a message, {BATCHED_PER_S:.0f}/s gathered",
                result["batched_us_per_message"],
                "",
                result["node_batched_us_per_message"],
            ),
            row("  p99 ms, core share", result["batched_p99_ms"], result["batched_server_core_share"]),
            row("ours over theirs", "", result["vs_stock"], result["vs_node"]),
            row("  gathered over ungathered", "", result["batched_vs_stock"], result["batched_vs_node"]),
            row("  both gathered", "", "", result["batched_vs_node_batched"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench fanout", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--viewers", type=int, default=2000, help="how many watch each server (2000)")
    options = parser.parse_args(argv)
    raise_file_limit()
    rounds, seconds = (3, None) if options.quick else (5, 6.0)
    result = uvloop.run(bench(options.viewers, rounds, seconds))
    print(_table(result), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
