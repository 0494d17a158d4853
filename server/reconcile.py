"""``danmart reconcile``: every check of the ledger, on one snapshot of a database that may be in use."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy.exc import DBAPIError

from rooms.gifts import checks as gifts
from rooms.play import checks as plays
from rooms.play.lotteries import checks as lotteries
from rooms.play.packets import checks as packets
from rooms.play.quizzes import checks as quizzes
from rooms.points import checks as points
from rooms.wallet import reconcile as wallet
from rooms.wallet.reconcile import Check, Finding
from server.config import Settings
from server.store.engine import open_readers
from server.store.migrate import is_current

SHOWN_MAX = 1_000
"""So many findings are said; all are counted."""

CHECKS: tuple[Check, ...] = (
    *wallet.CHECKS,
    *gifts.CHECKS,
    *lotteries.CHECKS,
    *quizzes.CHECKS,
    *packets.CHECKS,
    *plays.CHECKS,
    *points.CHECKS,
)


def find(url: str, checks: Sequence[Check] = CHECKS) -> Iterator[tuple[str, Finding]]:
    """What is wrong, check by check, with the check's name. Nobody has to wait for it: on PostgreSQL it reads
    a snapshot (REPEATABLE READ), on SQLite as of its beginning (WAL)."""
    engine = open_readers(url, size=1, timeout_ms=0)
    try:
        with engine.connect() as conn:
            for check in checks:
                for finding in check(conn):
                    yield check.__name__.removeprefix("check_"), finding
    finally:
        engine.dispose()


def run(settings: Settings, *, as_json: bool, checks: Sequence[Check] = CHECKS) -> bool:
    """Say what is wrong on standard output; whether all is well."""
    if not is_current(settings.database_url):
        print("The database isn't there, or not of this version: start the node once.", file=sys.stderr)
        return False
    shown: list[dict[str, Any]] = []
    count = 0
    try:
        for check, finding in find(settings.database_url, checks):
            count += 1
            if count > SHOWN_MAX:
                continue
            if as_json:
                shown.append({"check": check, **finding._asdict()})
            else:
                print(f"{check}: {finding.ref}: {finding.what}: {finding.found}, not {finding.expected}")
    except DBAPIError as error:
        print(f"The database can't be read: {error.orig}", file=sys.stderr)
        return False
    names = [check.__name__.removeprefix("check_") for check in checks]
    if as_json:
        report = {"ok": count == 0, "checks": names, "count": count, "findings": shown}
        print(orjson.dumps(report).decode())
    elif count > SHOWN_MAX:
        print(f"… and {count - SHOWN_MAX} more")
    else:
        print("The ledger is whole." if count == 0 else f"{count} of these")
    return count == 0
