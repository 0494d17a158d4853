"""Watch a room as viewers do, by WHEP and by LL-HLS, and say how late, how steady and how whole it arrives.

Ends with 0 if all is well, 1 if something was beyond a limit, 2 for bad usage, 3 if there was no picture.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import get_args

from clients.probe.figures import Figures
from clients.probe.report import INTERRUPTED, Limits, as_object, as_text, exit_code
from clients.probe.run import Via, probe

TOKEN_VARIABLE = "PROBE_TOKEN"  # noqa: S105  a name


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    for noisy in ("libav", "aiortc", "aioice"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    token = arguments.token or os.environ.get(TOKEN_VARIABLE)
    try:
        seen = asyncio.run(_run(arguments, token))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return INTERRUPTED
    code = exit_code(seen, Limits(arguments.max_p95_ms, arguments.max_stalls))
    if arguments.json:
        print(json.dumps(as_object(arguments.room, arguments.seconds, seen, code)))
    else:
        print(as_text(arguments.room, seen))
    return code


async def _run(arguments: argparse.Namespace, token: str | None) -> list[Figures]:
    url = arguments.url.rstrip("/")
    look = asyncio.create_task(probe(url, arguments.room, token, arguments.via, arguments.seconds))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, look.cancel)
    return await look


def _protocols(text: str) -> list[Via]:
    known = {str(one): one for one in get_args(Via)}
    chosen = list(dict.fromkeys(text.split(",")))
    if not set(chosen) <= set(known):
        raise argparse.ArgumentTypeError("whep, hls, or both with a comma between them")
    return [known[one] for one in chosen]


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 86_400:
        raise argparse.ArgumentTypeError("must be between 1 and 86400")
    return value


def _limit(text: str) -> float:
    value = float(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="danmart probe", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("room", help="the room, or one of its streams (ROOM:SLOT)")
    add("--url", default="http://127.0.0.1:8080", help="a node, http://HOST:PORT (http://127.0.0.1:8080)")
    add("--token", help=f"for a room that isn't public (else it is taken from {TOKEN_VARIABLE})")
    add("--seconds", type=_seconds, default=10, help="how long to watch from the first picture on (10)")
    add("--via", type=_protocols, default=["whep", "hls"], help="which protocols (whep,hls)")
    add("--max-p95-ms", type=_limit, metavar="MS", help="end with 1 if the latency's p95 is above this")
    add("--max-stalls", type=int, metavar="N", help="end with 1 if the picture stood still more often")
    add("--json", action="store_true", help="one JSON object on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
