"""Drawing among a million entrants, and checking it: how long each takes, and whether anything is missed.

./dev bench draw [--entrants N] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from rooms.play.lotteries import draw
from rooms.play.lotteries.drawing import PART, Entrants
from rooms.play.lotteries.published import verify

T = TypeVar("T")
WINNERS = 200
ENTRANTS, QUICK = 1_000_000, 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw among many entrants, and verify it.")
    parser.add_argument("--entrants", type=int, help=f"({ENTRANTS:,})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} entrants")
    parser.add_argument("--json", action="store_true", help="only the figures, as JSON")
    arguments = parser.parse_args()
    count = arguments.entrants or (QUICK if arguments.quick else ENTRANTS)
    figures = {"entrants": count, "winners": WINNERS}
    figures |= measure(count, weighted=False) | {
        f"weighted_{name}": value for name, value in measure(count, weighted=True).items()
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")


def measure(count: int, *, weighted: bool) -> dict[str, Any]:
    """Seconds to draw and to verify; ``held_ms`` is the longest that another thread, such as the writer's,
    waited meanwhile. Exits if a true file isn't found true, or a changed one is."""
    lines = sorted(_lines(count, weighted=weighted))
    seed = secrets.token_bytes(draw.SEED_BYTES)
    with _Waiting() as waiting:
        entrants, draw_s = _timed(lambda: _taken_in(lines))
        tags, places_s = _timed(lambda: entrants.places(seed, WINNERS))
    file = _file(lines, seed, entrants, tags)
    found, verify_s = _timed(lambda: verify(file))
    if found:
        sys.exit(f"a true draw was found wrong: {found}")
    at = count // 2
    line = file["entries"][at]
    file["entries"][at] = line[:33] + ("1" if line[33] == "0" else "0") + line[34:]
    if not verify(file):
        sys.exit("a changed entrant wasn't found")
    return {
        "draw_s": round(draw_s + places_s, 3),
        "verify_s": round(verify_s, 3),
        "held_ms": round(waiting.longest_ms, 1),
    }


def _lines(count: int, *, weighted: bool) -> Iterable[str]:
    for _ in range(count):
        digits = secrets.token_hex(32)
        yield draw.line_of(digits[:32], digits[32:], 1 + secrets.randbelow(50) if weighted else 1)


def _taken_in(lines: list[str]) -> Entrants:
    entrants = Entrants()
    for start in range(0, len(lines), PART):
        entrants.add(lines[start : start + PART])
    return entrants


def _file(lines: list[str], seed: bytes, entrants: Entrants, tags: list[str]) -> dict[str, Any]:
    rules = {"unclaimed": "return"}
    prizes = [{"kind": "coins", "ref": None, "amount": 1, "count": WINNERS, "title": ""}]
    rules_hash, prizes_hash = draw.rules_hash(rules), draw.prizes_hash(prizes)
    return {
        "format": draw.FORMAT,
        "rules": rules,
        "prizes": prizes,
        "opened": {
            "commitment": draw.commitment(seed, rules_hash, prizes_hash).hex(),
            "rules_hash": rules_hash.hex(),
            "prizes_hash": prizes_hash.hex(),
        },
        "closed": {"count": entrants.count, "weight": entrants.weight, "hash": entrants.digest().hex()},
        "seed": seed.hex(),
        "winners": [
            {"place": n, "entry": tag, "prize": n, "status": "waiting"} for n, tag in enumerate(tags)
        ],
        "entries": lines,
    }


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


class _Waiting:
    """A thread that wants to run every 2 ms, as the writer's does, and notes how late it is at worst."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        before = time.perf_counter()
        while not self._over.wait(0.002):
            now = time.perf_counter()
            self.longest_ms = max(self.longest_ms, (now - before) * 1000 - 2)
            before = now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


if __name__ == "__main__":
    main()
