"""Durable gifts a second: through a node, and in groups beside one transaction a gift.

    ./dev bench gifts [--quick] [--json]

Through the gateway of one node on SQLite, 250 people in one room send 500 gifts a second together, each on
disk before it is acknowledged, and each seen by all; then as many as they can. In the process, the same rules
are carried out in groups and one by one, in turns. After each window the gifts that are stored must be those
that were acknowledged, and at the end coins, combos and boards must agree (``rooms.gifts.checks``).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import Connection, create_engine, func, select

from bench.buyers import Window
from bench.givers import Givers, Hall
from bench.peers.process import Meter, on_cores, two_cores
from bench.peers.sides import ROOM, danmart, make_room
from rooms.gifts.checks import CHECKS
from rooms.gifts.store import given_table
from tests.support.coins import put_on_air

PER_S = 500
GIVERS = 250
GROUP_MAX = 256
AT_ONCE = {"groups": 512, "one_by_one": 16}


def prove(conn: Connection, gifts: int) -> None:
    """Raises ``RuntimeError`` if the books don't agree, or have other gifts than were acknowledged."""
    stored = conn.scalar(select(func.count()).select_from(given_table))
    if stored != gifts:
        raise RuntimeError(f"{gifts} gifts were acknowledged, {stored} are stored")
    if wrong := [finding for check in CHECKS for finding in check(conn)][:5]:
        raise RuntimeError(f"the books don't agree: {wrong}")


async def window(hall: Hall, numbers: itertools.count[int], seconds: float, at_once: int) -> Window:
    """``at_once`` people, each giving the next when the last was acknowledged."""
    waits: list[float] = []
    started = time.perf_counter()

    async def giver() -> None:
        while (sent := time.perf_counter()) - started < seconds:
            if not await hall.give(next(numbers)):
                raise RuntimeError("a gift was refused")
            waits.append((time.perf_counter() - sent) * 1000)

    await asyncio.gather(*(giver() for _ in range(at_once)))
    return Window(len(waits), time.perf_counter() - started, waits)


async def compare(place: Path, rounds: int, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups beside one by one, in turns; medians, and the raw windows."""
    halls = {
        name: Hall(f"sqlite:///{place / name}.db", size)
        for name, size in (("groups", GROUP_MAX), ("one_by_one", 1))
    }
    windows: dict[str, list[Window]] = {name: [] for name in halls}
    numbers = {name: itertools.count() for name in halls}
    try:
        for hall in halls.values():
            await hall.open()
        for _ in range(rounds):
            for name, hall in halls.items():
                windows[name].append(await window(hall, numbers[name], seconds, AT_ONCE[name]))
        for name, hall in halls.items():
            given = sum(each.orders for each in windows[name])
            await hall.store.read(lambda conn, n=given: prove(conn, n))  # type: ignore[misc]
    finally:
        for hall in halls.values():
            await hall.store.close()
    rate = {name: statistics.median(w.per_s for w in each) for name, each in windows.items()}
    pairs = zip(windows["groups"], windows["one_by_one"], strict=True)
    figures = {
        "store_per_s": round(rate["groups"]),
        "store_one_by_one_per_s": round(rate["one_by_one"]),
        "vs_one_by_one": round(statistics.median(a.per_s / b.per_s for a, b in pairs), 1),
    }
    return figures, {name: [w.raw() for w in each] for name, each in windows.items()}


async def gateway(folder: Path, cores: tuple[int, int], rounds: int, seconds: float) -> dict[str, Any]:
    """Givers by Socket.IO at a node on SQLite."""
    server_core, load_core = cores
    database_url = f"sqlite:///{folder / 'data-node' / 'danmart.db'}"
    with on_cores({load_core}), danmart(server_core, folder, name="node") as server:
        await make_room(server.url)
        await asyncio.to_thread(put_on_air, database_url, ROOM)
        givers = Givers(server.url, database_url)
        try:
            await givers.connect(GIVERS)
            await givers.paced(seconds / 4, PER_S)
            paced, shares = [], []
            for _ in range(rounds):
                with Meter(server) as meter:
                    paced.append(await givers.paced(seconds, PER_S))
                shares.append(meter.share)
            most = [await givers.window(seconds / 2) for _ in range(rounds)]
        finally:
            await givers.close()
        await asyncio.to_thread(_prove_at, database_url, givers.given)
    each = [window.raw() for window in paced]
    return {
        "gifts_per_s": round(statistics.median(w.per_s for w in paced)),
        "p50_ms": statistics.median(raw["p50_ms"] for raw in each),
        "p99_ms": statistics.median(raw["p99_ms"] for raw in each),
        "core_share": round(statistics.median(shares), 3),
        "max_gifts_per_s": round(statistics.median(w.per_s for w in most)),
        "max_p99_ms": statistics.median(w.raw()["p99_ms"] for w in most),
        "givers": GIVERS,
        "raw": {"paced": each, "most": [w.raw() for w in most]},
    }


def _prove_at(url: str, gifts: int) -> None:
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            prove(conn, gifts)
    finally:
        engine.dispose()


async def bench(rounds: int, seconds: float) -> dict[str, Any]:
    """All figures. Raises ``RuntimeError`` if a gift is refused, lost or counted twice."""
    cores = two_cores()
    with tempfile.TemporaryDirectory() as place:
        through = await gateway(Path(place), cores, rounds, seconds)
        with on_cores({cores[0]}):
            inside, raw = await compare(Path(place), rounds, seconds)
    raw |= through.pop("raw")
    return {
        "bench": "gifts",
        "rounds": rounds,
        "window_s": seconds,
        **through,
        **inside,
        "settings": {"group_max": GROUP_MAX, "at_once": AT_ONCE, "per_s": PER_S},
        "pinned": cores[0] != cores[1],
        "raw": raw,
        "versions": {"python": sys.version.split()[0], "sqlite": sqlite3.sqlite_version},
    }


def _table(result: dict[str, Any]) -> str:
    rows = (
        (f"{GIVERS} givers by Socket.IO, gifts/s", result["gifts_per_s"]),
        ("  p50, ms", result["p50_ms"]),
        ("  p99, ms", result["p99_ms"]),
        ("  share of its core", result["core_share"]),
        ("as many as they can, gifts/s", result["max_gifts_per_s"]),
        ("  p99, ms", result["max_p99_ms"]),
        ("in the process, in groups, gifts/s", result["store_per_s"]),
        ("  one by one", result["store_one_by_one_per_s"]),
        ("  times", result["vs_one_by_one"]),
    )
    return "\n".join(f"{what:38}{value!s:>12}" for what, value in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench gifts", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under 30 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    rounds, seconds = (3, 1.6) if options.quick else (5, 6.0)
    result = uvloop.run(bench(rounds, seconds))
    print(_table(result), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
