"""What group commit buys: comments and orders acknowledged a second, durable, one by one and together.

Both run through the whole path behind the gateway: keys, rules, the log, private and staff events.
The peer in the same run is the same code with one command a transaction, as most shops commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.shop import Shop


@dataclass(frozen=True, slots=True)
class Figure:
    """Commands acknowledged a second, and how long each waited, in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float


async def measure(act: Callable[[int], Awaitable[bool]], count: int, at_once: int) -> Figure:
    """``count`` commands by ``at_once`` clients, each sending its next when the last was acknowledged."""
    waits: list[float] = []
    numbers = iter(range(count))

    async def client() -> None:
        for n in numbers:
            started = time.perf_counter()
            if not await act(n):
                raise RuntimeError("a command was refused")
            waits.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    took = time.perf_counter() - started
    waits.sort()
    return Figure(count / took, waits[len(waits) // 2], waits[len(waits) * 99 // 100])


async def compare(quick: bool) -> dict[str, float]:
    result: dict[str, float] = {}
    for name, group_max, at_once, count in (
        ("singly", 1, 256, 1_000 if quick else 4_000),
        ("grouped", 256, 512, 8_000 if quick else 40_000),
    ):
        with tempfile.TemporaryDirectory() as folder:
            shop = Shop(f"sqlite:///{Path(folder) / 'bench.db'}", group_max)
            await shop.open()
            for what, act in (("comments", shop.comment), ("orders", shop.buy)):
                figure = await measure(act, count, at_once)
                result[f"{what}_{name}_per_s"] = round(figure.per_s)
                result[f"{what}_{name}_p50_ms"] = round(figure.p50_ms, 1)
                result[f"{what}_{name}_p99_ms"] = round(figure.p99_ms, 1)
            await shop.store.close()
    for what in ("comments", "orders"):
        ratio = result[f"{what}_grouped_per_s"] / result[f"{what}_singly_per_s"]
        result[f"{what}_vs_one_by_one"] = round(ratio, 1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench writer", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer commands")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    result = uvloop.run(compare(arguments.quick))
    for name, value in result.items():
        print(f"{name:28}{value:>12,}", file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps({"bench": "writer", "quick": arguments.quick, **result}))


if __name__ == "__main__":
    main()
