"""``danmart audit``: verifying the trails, their heads, files of them, erasing a person."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from rooms.errors import Refused
from server.config import Settings, node_secret

if TYPE_CHECKING:
    from moderation.audit.verify import Problem

OK, FAILED, BAD_USAGE = 0, 1, 2
SHOWN_MAX = 1_000
"""So many problems are said; all are counted."""


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command and its own."""
    audit = commands.add_parser("audit", help="verify the audit trails, export them, erase people in them")
    parts = audit.add_subparsers(required=True, metavar="WHAT")

    verify = parts.add_parser("verify", parents=[common], help="find out whether the trails are whole")
    verify.add_argument("--trail", help="only this one: a room's id (all)")
    verify.add_argument("--against", type=Path, metavar="FILE", help="heads that were kept elsewhere")
    verify.add_argument("--unsigned", action="store_true", help="take FILE as it is, whoever made it")
    verify.add_argument("--json", action="store_true", help="say it as one JSON object")
    verify.set_defaults(do=_verify)

    head = parts.add_parser("head", parents=[common], help="the trails' heads, to be kept elsewhere")
    head.add_argument("--trail", help="only this one (all)")
    head.set_defaults(do=_head)

    export = parts.add_parser("export", parents=[common], help="the trails as a file")
    export.add_argument("--format", choices=("csv", "json", "jsonl"), default="jsonl")
    export.add_argument("--trail", help="only this one (all)")
    export.add_argument("--output", type=Path, metavar="FILE", help="where to (standard output)")
    export.add_argument("--bom", action="store_true", help="begin a CSV file as spreadsheets expect")
    export.set_defaults(do=_export)

    erase = parts.add_parser(
        "erase", parents=[common], help="erase what the trails say of a person, and their picture"
    )
    erase.add_argument("--user", required=True, help="the person's user id")
    erase.set_defaults(do=_erase)


@contextlib.contextmanager
def _reading(settings: Settings) -> Iterator[Connection]:
    """One consistent snapshot of a database that may be in use. Raises ``Refused`` where there is none."""
    from server.store.engine import open_readers  # noqa: PLC0415
    from server.store.migrate import is_current  # noqa: PLC0415

    if not is_current(settings.database_url):
        message = "The database isn't there, or not of this version: start the node once."
        raise Refused("temporarily_unavailable", message)
    engine = open_readers(settings.database_url, size=1, timeout_ms=0)
    try:
        with engine.connect() as conn:
            yield conn
    except DBAPIError as error:
        raise Refused("temporarily_unavailable", f"The database can't be read: {error.orig}") from error
    finally:
        engine.dispose()


def _refusing(refusal: Refused) -> int:
    print(refusal.message, file=sys.stderr)
    return FAILED


# verify


def _verify(settings: Settings, arguments: argparse.Namespace) -> int:
    from moderation.audit import anchors  # noqa: PLC0415
    from moderation.audit.checking import check_all, check_trail  # noqa: PLC0415

    known: dict[str, Any] = {}
    if arguments.against is not None:
        try:
            secret = None if arguments.unsigned else node_secret(settings)
            known = anchors.read(arguments.against.read_bytes(), secret)
        except (OSError, anchors.AnchorError) as error:
            print(f"{arguments.against}: {error}", file=sys.stderr)
            return FAILED
    report = _Report(as_json=arguments.json)
    try:
        with _reading(settings) as conn:
            if arguments.trail is not None:
                trail = arguments.trail
                report.take(check_trail(conn, trail, report.found, known.get(trail)))
            else:
                for checked in check_all(conn, report.found, known):
                    report.take(checked)
    except Refused as refusal:
        return _refusing(refusal)
    report.end()
    return FAILED if report.problems else OK


class _Report:
    """Says what is found, as it is found or at the end as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.problems = 0
        self._as_json = as_json
        self._said: list[dict[str, Any]] = []
        self._sums = {"trails": 0, "entries": 0, "who_erased": 0, "what_erased": 0}

    def found(self, problem: Problem) -> None:
        self.problems += 1
        if self.problems > SHOWN_MAX:
            return
        if self._as_json:
            self._said.append(problem.wire())
        else:
            place = "" if problem.seq is None else f" {problem.seq}"
            print(f"{problem.trail or '(everywhere)'}{place}: {problem.code}: {problem.what}")

    def take(self, checked: Any) -> None:
        self._sums["trails"] += 1
        for name in ("entries", "who_erased", "what_erased"):
            self._sums[name] += getattr(checked.tally, name)

    def end(self) -> None:
        if self._as_json:
            report = {"ok": not self.problems, **self._sums, "problems": self.problems, "found": self._said}
            print(orjson.dumps(report).decode())
            return
        if self.problems > SHOWN_MAX:
            print(f"… and {self.problems - SHOWN_MAX} more")
        sums = self._sums
        erased = f"erased: who in {sums['who_erased']}, what in {sums['what_erased']}"
        print(f"{sums['entries']} entries in {sums['trails']} trails ({erased})")
        print(f"{self.problems} problems" if self.problems else "The trails are whole.")


# head


def _head(settings: Settings, arguments: argparse.Namespace) -> int:
    from moderation.audit import anchors  # noqa: PLC0415
    from moderation.audit.reading import read_head, read_heads  # noqa: PLC0415
    from server.node import wall_ms  # noqa: PLC0415

    try:
        with _reading(settings) as conn:
            if arguments.trail is None:
                heads = [anchors.HeadOf(*head) for head in read_heads(conn)]
            elif (one := read_head(conn, arguments.trail)) is not None:
                heads = [anchors.HeadOf(arguments.trail, *one)]
            else:
                raise Refused("not_found", f"There is no trail called {arguments.trail}.")
    except Refused as refusal:
        return _refusing(refusal)
    sys.stdout.write(anchors.written(heads, wall_ms(), node_secret(settings)).decode())
    return OK


# export


def _export(settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        with _reading(settings) as conn:
            if arguments.output is None:
                _write(conn, sys.stdout.buffer, arguments)
            else:
                with arguments.output.open("wb") as out:
                    _write(conn, out, arguments)
    except Refused as refusal:
        return _refusing(refusal)
    except BrokenPipeError:
        return FAILED  # whoever read it has had enough
    except OSError as error:
        print(f"{arguments.output}: {error.strerror}", file=sys.stderr)
        return FAILED
    return OK


def _write(conn: Connection, out: IO[bytes], arguments: argparse.Namespace) -> None:
    from moderation.audit.reading import Wanted, read_page  # noqa: PLC0415
    from server.audit_files import closing, opening, portion  # noqa: PLC0415

    wanted = Wanted(arguments.trail)
    out.write(opening(arguments.format, bom=arguments.bom))
    entries, first = read_page(conn, wanted), True
    while entries:
        out.write(portion(arguments.format, entries, first=first))
        last, first = entries[-1].link, False
        entries = read_page(conn, wanted, (last.trail, last.seq))
    out.write(closing(arguments.format))
    out.flush()


# erase


def _erase(settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        count = asyncio.run(_erased(settings, arguments.user))
    except Refused as refusal:
        return _refusing(refusal)
    print(f"{count.entries} entries: erased who in {count.who}, what in {count.what}")
    return OK


async def _erased(settings: Settings, user: str) -> Any:
    from rooms.ports import Caller  # noqa: PLC0415
    from server.node import Node  # noqa: PLC0415

    # Whoever has the machine's command line: nobody that the platform knows by an id.
    caller = Caller(None, "command line", operator=True)
    node = Node(settings)
    await node.store.start()
    try:
        count = await node.audit.erase_person(user, caller)
        answer = await node.domain.avatars.clear(user)
        if answer.code is not None:
            raise Refused(answer.code)
        return count
    finally:
        await node.store.close()
