"""Two thousand people open one red packet: through a node, and in groups beside one transaction each.

    ./dev bench packets [--quick] [--json]

Through the gateway of one node on SQLite, 2,000 people in one room open a packet of 2,000 shares, evenly
within a second; then another one in the same moment; then one of 100 shares. Whoever is acknowledged has the
share on disk, and the shares must sum to the packet. In the process, the same rules are carried out in groups
and one by one, in turns. At the end shares, opens, movements and escrow must agree
(``rooms.play.packets.checks``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import Connection, create_engine

from bench.buyers import Window
from bench.openers import Hall, Openers
from bench.peers.process import Meter, on_cores, two_cores
from bench.peers.sides import ROOM, danmart, make_room
from clients.load.run import raise_file_limit
from rooms.play.packets.checks import CHECKS
from tests.support.coins import put_on_air

OPENERS = 2000
FEW = 100
GROUP_MAX = 256
AT_ONCE = {"groups": 512, "one_by_one": 16}
SHARES = {"groups": 2000, "one_by_one": 200}


def prove(conn: Connection) -> None:
    """Raises ``RuntimeError`` if the books don't agree."""
    if wrong := [finding for check in CHECKS for finding in check(conn)][:5]:
        raise RuntimeError(f"the books don't agree: {wrong}")


async def compare(place: Path, rounds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups beside one by one, in turns; medians, and the raw windows."""
    halls = {
        name: Hall(f"sqlite:///{place / name}.db", size)
        for name, size in (("groups", GROUP_MAX), ("one_by_one", 1))
    }
    windows: dict[str, list[Window]] = {name: [] for name in halls}
    try:
        for hall in halls.values():
            await hall.open()
        for _ in range(rounds):
            for name, hall in halls.items():
                windows[name].append(await hall.window(SHARES[name], AT_ONCE[name]))
        for hall in halls.values():
            await hall.store.read(prove)
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


async def gateway(folder: Path, cores: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Openers by Socket.IO at a node on SQLite."""
    server_core, load_core = cores
    database_url = f"sqlite:///{folder / 'data-node' / 'danmart.db'}"
    windows: dict[str, list[Window]] = {"paced": [], "burst": [], "few": []}
    shares = []
    with on_cores({load_core}), danmart(server_core, folder, name="node") as server:
        await make_room(server.url)
        await asyncio.to_thread(put_on_air, database_url, ROOM)
        openers = Openers(server.url, database_url)
        try:
            await openers.connect(OPENERS)
            await openers.window(1.0, OPENERS)
            for _ in range(rounds):
                with Meter(server) as meter:
                    windows["paced"].append(await openers.window(1.0, OPENERS))
                shares.append(meter.share)
                windows["burst"].append(await openers.window(0.0, OPENERS))
                windows["few"].append(await openers.window(1.0, FEW))
        finally:
            await openers.close()
        await asyncio.to_thread(_prove_at, database_url)
    raw = {name: [w.raw() for w in each] for name, each in windows.items()}
    return {
        "opens_per_s": round(statistics.median(w.per_s for w in windows["paced"])),
        "p50_ms": statistics.median(each["p50_ms"] for each in raw["paced"]),
        "p99_ms": statistics.median(each["p99_ms"] for each in raw["paced"]),
        "core_share": round(statistics.median(shares), 3),
        "burst_opens_per_s": round(statistics.median(w.per_s for w in windows["burst"])),
        "burst_p99_ms": statistics.median(each["p99_ms"] for each in raw["burst"]),
        "few_p99_ms": statistics.median(each["p99_ms"] for each in raw["few"]),
        "openers": OPENERS,
        "raw": raw,
    }


def _prove_at(url: str) -> None:
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            prove(conn)
    finally:
        engine.dispose()


async def bench(rounds: int) -> dict[str, Any]:
    """All figures. Raises ``RuntimeError`` if a sum is wrong, or anybody got nothing or too much."""
    cores = two_cores()
    with tempfile.TemporaryDirectory() as place:
        through = await gateway(Path(place), cores, rounds)
        with on_cores({cores[0]}):
            inside, raw = await compare(Path(place), rounds)
    raw |= through.pop("raw")
    return {
        "bench": "packets",
        "rounds": rounds,
        **through,
        **inside,
        "settings": {"group_max": GROUP_MAX, "at_once": AT_ONCE, "shares": SHARES, "few": FEW},
        "pinned": cores[0] != cores[1],
        "raw": raw,
        "versions": {"python": sys.version.split()[0], "sqlite": sqlite3.sqlite_version},
    }


def _table(result: dict[str, Any]) -> str:
    rows = (
        (f"{OPENERS} openers within a second, opens/s", result["opens_per_s"]),
        ("  p50, ms", result["p50_ms"]),
        ("  p99, ms", result["p99_ms"]),
        ("  share of its core", result["core_share"]),
        ("all in the same moment, opens/s", result["burst_opens_per_s"]),
        ("  p99, ms", result["burst_p99_ms"]),
        (f"within a second, for {FEW} shares: p99, ms", result["few_p99_ms"]),
        ("in the process, in groups, opens/s", result["store_per_s"]),
        ("  one by one", result["store_one_by_one_per_s"]),
        ("  times", result["vs_one_by_one"]),
    )
    return "\n".join(f"{what:44}{value!s:>12}" for what, value in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench packets", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under 30 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    if raise_file_limit() < OPENERS + 100:
        print("too few open files allowed: raise `ulimit -n`", file=sys.stderr)
        return 2
    result = uvloop.run(bench(2 if options.quick else 5))
    print(_table(result), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
