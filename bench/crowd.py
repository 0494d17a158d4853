"""Ten thousand viewers in one room on one node: do they miss anything, and how late is what they get?

    ./dev bench crowd [--quick] [--json] [--viewers N] [--comments R] [--seconds S]

The node runs on one core, the viewers on the other. What the viewers were given is held against the room's
log afterwards. No peer takes part: stock servers don't get through this.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.peers import sides
from bench.peers.process import Meter, on_cores, two_cores
from clients.load.crowd import Crowd
from clients.load.plan import Plan
from clients.load.report import Report
from clients.load.run import raise_file_limit, run_load
from clients.load.tokens import signed

TALKERS = 200


async def bench(viewers: int, comments: float, seconds: float) -> dict[str, Any]:
    server_core, load_core = two_cores()
    users = signed(sides.SECRET, sides.ISSUER, sides.AUDIENCE, viewers)
    with (
        tempfile.TemporaryDirectory() as folder,
        on_cores({load_core}),
        sides.danmart(server_core, Path(folder)) as server,
    ):
        await sides.make_room(server.url)
        empty_kib, meter = server.rss_kib, Meter(server)
        plan = Plan(
            urls=(server.url,),
            room=sides.ROOM,
            viewers=viewers,
            seconds=seconds,
            comments=comments,
            talkers=TALKERS,
            settle_s=20,
        )
        report = await run_load(plan, users, _progress, meter)
    return _figures(report, meter) | {
        "rss_mib": round(meter.rss_kib / 1024, 1),
        "kib_per_connection": round((meter.rss_kib - empty_kib) / viewers, 1),
        "pinned": server_core != load_core,
        "versions": {"danmart": sides.versions()["danmart"], "python": sys.version.split()[0]},
        "command": shlex.join(server.command),
    }


def _figures(report: Report, meter: Meter) -> dict[str, Any]:
    whole = report.json()
    viewers, frames = whole["viewers"], whole["frames"]
    return {
        "bench": "crowd",
        "viewers": viewers,
        "seconds": whole["seconds"],
        "comments_per_s": report.plan.comments,
        "connects_per_s": whole["connects_per_s"],
        "connects_failed": whole["connects_failed"],
        "stayed": viewers - sum(whole["dropped"].values()),
        "lost": whole["lost"],
        "gaps": whole["gaps"],
        "repeats": whole["repeats"],
        "skipped": whole["skipped"],
        "p50_ms": whole["p50_ms"],
        "p99_ms": whole["p99_ms"],
        "last_viewer_p99_ms": whole["last_viewer"]["p99_ms"],
        "deliveries_per_s": whole["deliveries_per_s"],
        # There is news in nearly every tick, so this is the time from one frame to the next.
        "tick_ms": round(whole["seconds"] * 1000 * viewers / frames, 1) if frames else None,
        "server_core_share": round(meter.share, 3),
        "us_per_frame": round(meter.cpu_s * 1e6 / frames, 2) if frames else None,
        "generator_core_share": whole["generator_core_share"],
        "settled": whole["settled"],
        "faultless": whole["faultless"],
    }


def _progress(what: str, done: float, crowd: Crowd) -> None:
    if sys.stderr.isatty():
        print(
            f"\r\x1b[K{what} {done:4.0%}, {len(crowd.links):,} viewers", end="", file=sys.stderr, flush=True
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench crowd", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 viewers for 15 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--viewers", type=int, help="how many (10,000)")
    parser.add_argument("--comments", type=float, default=20.0, help="comments a second (20)")
    parser.add_argument("--seconds", type=float, help="for how long (60)")
    options = parser.parse_args(argv)
    viewers = options.viewers or (2000 if options.quick else 10_000)
    seconds = options.seconds or (15.0 if options.quick else 60.0)
    if raise_file_limit() < viewers + 100:
        print("too few open files allowed: raise `ulimit -n`", file=sys.stderr)
        return 2
    result = uvloop.run(bench(viewers, options.comments, seconds))
    for name, value in result.items():
        print(f"{name:24}{value!s:>16}", file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
