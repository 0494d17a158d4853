"""What buyers notice of a large file: their waits without it and beside it, and how long it holds the writer.

    ./dev bench imports [--quick] [--json]

Buyers send an order each every 50 ms. In each round they do so in peace, then while 10,000 lines of products
are written (in files of 5,000, as large as files may be), in the portions that the HTTP API makes. SQLite and
PostgreSQL, both as durable as they are shipped. ``held_…`` is the whole transaction of a portion, with the
orders that came along: from BEGIN to COMMIT, which is what nothing may do for longer than 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from bench.shop import HOST, Shop
from moderation.audit import AuditTrail
from moderation.standing import RoomStanding
from rooms.rows import Steps
from rooms.shop.catalogue import Catalogue
from rooms.shop.imports import LINES_AT_ONCE, Entry, grouped
from rooms.shop.sheets import LINES_MAX, read_csv
from rooms.unit import Unit
from server import garbage
from server.portions import Job, Portions, Size
from server.store.group import Work
from server.texts import Texts
from tests.support.postgres import PostgresServer

BUYERS = 20
EVERY_S = 0.05
HEADER = "product_external_id,title,category,description,currency,sku_external_id,price_minor,stock\n"


class Timed(Shop):
    """Notes how long each portion's transaction took, and what of it the writer's thread worked: on a machine
    with more to do than it can, the latter says what a quiet one would take. Milliseconds."""

    def __init__(self, url: str) -> None:
        super().__init__(url, 256)
        self.held_ms: list[float] = []
        self.cpu_ms: list[float] = []
        self.catalogue = Catalogue(RoomStanding(), Texts(), AuditTrail())
        self._numbers = itertools.count()
        self._portions = Portions(self, Size(LINES_AT_ONCE, least=10, most=500))  # type: ignore[arg-type]

    async def write(self, work: Work) -> Any:
        """What ``Portions`` writes with."""
        learn = work.held
        begun = 0.0

        def carry_out(tx: Unit) -> Steps[Any]:
            nonlocal begun
            begun = time.thread_time()
            return (yield from work.steps(tx))

        def held(seconds: float) -> None:
            self.held_ms.append(seconds * 1000)
            self.cpu_ms.append((time.thread_time() - begun) * 1000)
            if learn is not None:
                learn(seconds)

        return await self.store.write(Work(work.name, carry_out, work.key, work.request, held=held))

    async def take_in(self, entries: Sequence[Entry]) -> None:
        """Raises ``RuntimeError`` if a line is refused."""
        imports = self.catalogue.imports

        def steps(some: Sequence[Entry], _: bool) -> Callable[[Unit], Steps[Any]]:
            return lambda tx: imports.write(tx, HOST.id or "", some, HOST)

        lines = await self._portions.write(
            Job("products.import", entries, len, steps, lambda *_: [], HOST.id or "", None, b"")
        )
        if {line["status"] for line in lines} != {"created"}:
            raise RuntimeError("a line was refused")

    async def buyers(self, until: Callable[[], bool]) -> list[float]:
        """How long each order waited, in milliseconds."""
        waits: list[float] = []

        async def buyer(place: int) -> None:
            await asyncio.sleep(EVERY_S * place / BUYERS)
            while not until():
                sent = time.perf_counter()
                if not await self.buy(next(self._numbers)):
                    raise RuntimeError("an order was refused")
                waited = time.perf_counter() - sent
                waits.append(waited * 1000)
                await asyncio.sleep(max(0.0, EVERY_S - waited))

        await asyncio.gather(*(buyer(n) for n in range(BUYERS)))
        return waits


def files(lines: int, round_: int) -> list[Sequence[Entry]]:
    """Products of one SKU each, with texts of a usual length."""
    found: list[Sequence[Entry]] = []
    for start in range(0, lines, LINES_MAX):
        rows = "".join(
            f"r{round_}-{n},Jasmine tea {n},Tea,{'A tea of last spring. ' * 12},CNY,s{round_}-{n},{n},5\n"
            for n in range(start, min(start + LINES_MAX, lines))
        )
        entries, faults = grouped(read_csv((HEADER + rows).encode(), Texts()))
        if faults:
            raise RuntimeError("a line can't be read")
        found.append(entries)
    return found


async def measure(url: str, rounds: int, lines: int, peace_s: float) -> dict[str, Any]:
    shop = Timed(url)
    await shop.open()
    garbage.settle()  # as a node does
    alone: list[float] = []
    beside: list[float] = []
    took: list[float] = []
    try:
        for round_ in range(rounds):
            sheets = await asyncio.to_thread(files, lines // rounds, round_)
            until = time.perf_counter() + peace_s
            alone += await shop.buyers(lambda: time.perf_counter() > until)  # noqa: B023
            started = time.perf_counter()
            writing = asyncio.create_task(_all(shop, sheets))
            beside += await shop.buyers(writing.done)
            await writing
            took.append(time.perf_counter() - started)
    finally:
        await shop.store.close()
    return {
        "lines": lines,
        "lines_per_s": round(lines / sum(took)),
        "portions": len(shop.held_ms),
        "lines_in_a_portion": round(lines / len(shop.held_ms)),
        **_figures("held", shop.held_ms),
        **_figures("cpu", shop.cpu_ms),
        "held_over_20ms": sum(ms > 20 for ms in shop.held_ms),
        **_figures("alone", alone),
        **_figures("beside", beside),
        "orders_beside": len(beside),
    }


async def _all(shop: Timed, sheets: Sequence[Sequence[Entry]]) -> None:
    for entries in sheets:
        await shop.take_in(entries)


def _figures(name: str, values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    places = {"p50": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "max": len(ordered) - 1}
    return {f"{name}_{what}_ms": round(ordered[place], 2) for what, place in places.items()}


async def bench(quick: bool) -> dict[str, Any]:
    rounds, lines, peace_s = (1, 2500, 2.0) if quick else (2, 10_000, 4.0)
    result: dict[str, Any] = {"bench": "imports", "buyers": BUYERS}
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = await asyncio.to_thread(lambda: PostgresServer(durable=True))
        stack.callback(postgres.stop)
        urls = {
            "sqlite": f"sqlite:///{place / 'danmart.db'}",
            "postgres": postgres.url(postgres.create_database()),
        }
        for name, url in urls.items():
            result[name] = await measure(url, rounds, lines, peace_s)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench imports", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2,500 lines, under 30 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    result = uvloop.run(bench(options.quick))
    out = sys.stderr if options.json else sys.stdout
    for name in ("sqlite", "postgres"):
        print(name, *(f"{what} {value}" for what, value in result[name].items()), sep="\n  ", file=out)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
