"""Put load on a node: many viewers who watch, talk, come and go; then say what reached them, and how fast."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from clients.load.crowd import Crowd
from clients.load.plan import Plan
from clients.load.report import Report
from clients.load.run import LoadError, raise_file_limit, run_load
from clients.load.tokens import NoTokensError, User, of_the_demo, printed, signed

OK, FAULTS, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 1, 2, 130
_DEMO_USERS_MAX = 200
_BAR = 24


def main(argv: Sequence[str] | None = None) -> int:
    """Exits with 0; 1 if something was lost, repeated or made up, or nothing could be done; 2: bad usage."""
    arguments = _parser().parse_args(argv)
    arguments.url = arguments.url or ["http://127.0.0.1:8080"]
    room = arguments.viewers + arguments.slow + 64
    if raise_file_limit() < room:
        print(f"fewer than {room:,} files may be open: raise `ulimit -n`", file=sys.stderr)
        return BAD_USAGE
    try:
        report = uvloop.run(_run(arguments))
    except (LoadError, NoTokensError, OSError, ValueError) as error:
        print(f"danmart load: {error}", file=sys.stderr)
        return FAILED
    except (asyncio.CancelledError, KeyboardInterrupt):
        return INTERRUPTED
    print(report.table(), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(report.json()))
    return OK if report.faultless else FAULTS


async def _run(arguments: argparse.Namespace) -> Report:
    load = asyncio.create_task(_load(arguments))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, load.cancel)
    return await load


async def _load(arguments: argparse.Namespace) -> Report:
    users = await _users(arguments)
    return await run_load(_plan(arguments), users, None if arguments.quiet else _Progress())


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        urls=tuple(url.rstrip("/") for url in arguments.url),
        room=arguments.room,
        viewers=arguments.viewers,
        seconds=arguments.seconds,
        comments=arguments.comments,
        text_bytes=arguments.text_bytes,
        talkers=arguments.talkers,
        connects=arguments.connects,
        at_once=arguments.at_once,
        joins=arguments.joins,
        reconnects=arguments.reconnects,
        slow=arguments.slow,
        buys=arguments.buys,
        sku=arguments.sku,
    )


async def _users(arguments: argparse.Namespace) -> list[User]:
    wanted = arguments.users or arguments.viewers
    if arguments.guests:
        return [User()]
    if arguments.token_command:
        return await printed(arguments.token_command, wanted)
    if arguments.secret_file:
        secret = (await asyncio.to_thread(arguments.secret_file.read_text)).strip()
        return signed(secret, arguments.issuer, arguments.audience, wanted)
    return await of_the_demo(arguments.url[0].rstrip("/"), arguments.users or min(wanted, _DEMO_USERS_MAX))


class _Progress:
    """A line on standard error: rewritten in a terminal, else said anew every few seconds."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._said = 0

    def __call__(self, what: str, done: float, crowd: Crowd) -> None:
        self._said += 1
        if not self._live and self._said % 10 != 1:
            return
        filled = round(done * _BAR)
        sent, bar = crowd.counts.comments.sent, "█" * filled + "░" * (_BAR - filled)
        line = f"{what:10} {bar} {done:4.0%}  {len(crowd.links):,} viewers, {sent:,} comments"
        print(f"\r\x1b[K{line}" if self._live else line, end="" if self._live else "\n", file=sys.stderr)
        if self._live and done >= 1:
            print(file=sys.stderr)
        sys.stderr.flush()


def _number(least: float, most: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be between {least:g} and {most:g}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="danmart load", description=__doc__, allow_abbrev=False)
    add, whole, rate = parser.add_argument, _number(0, 60_000, int), _number(0, 100_000)
    add(
        "--url",
        action="append",
        help="a node, http://HOST:PORT; again for more nodes (http://127.0.0.1:8080)",
    )
    add("--room", default="demo", help="the room (demo)")
    add("--viewers", type=_number(1, 60_000, int), default=100, help="how many watch (100)")
    add("--seconds", type=_number(0.1, 86_400), default=30, help="for how long (30)")
    add("--comments", type=rate, default=5, help="comments a second (5)")
    add("--text-bytes", type=_number(30, 200, int), default=60, help="how long a comment is (60)")
    add("--talkers", type=_number(1, 10_000, int), default=20, help="how many viewers talk, in turns (20)")
    add("--connects", type=_number(0.1, 100_000), help="connects a second, at most (as fast as it goes)")
    add("--at-once", type=_number(1, 1000, int), default=64, help="connects under way at a time (64)")
    add("--joins", type=rate, default=0, help="viewers who leave, and who come, a second (0)")
    add("--reconnects", type=rate, default=0, help="viewers a second who are cut off and come back (0)")
    add("--slow", type=whole, default=0, help="viewers beside the others who never read (0)")
    add("--buys", type=rate, default=0, help="orders a second (0)")
    add("--sku", help="what is bought (the first on the shelf)")
    add(
        "--users",
        type=_number(1, 60_000, int),
        help="how many different users (one a viewer; demo: at most 200)",
    )
    add("--guests", action="store_true", help="everybody watches without a token; nobody talks")
    add("--secret-file", type=Path, help="a file with an HS256 key of auth.keys, to sign tokens with")
    add("--issuer", default="load", help="its issuer (load)")
    add("--audience", default="danmart", help="its audience (danmart)")
    add(
        "--token-command",
        help="a shell command that prints tokens, one a line; {users} is how many are wanted",
    )
    add("--json", action="store_true", help="one JSON object on standard output, the rest on standard error")
    add("--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
