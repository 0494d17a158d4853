"""The numbers of all rooms as a file for spreadsheets: one table under another, told apart by a column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from rooms.shop.sheets import neutral
from server.audit_files import BOM

COLUMNS = ("room", "title", "table", "what", "by", "count")
Row = tuple[str, str, str, str, str, int | None]


def sheet(told: dict[str, Any], *, bom: bool = False) -> bytes:
    """CSV (RFC 4180) of what ``PlatformNumbers.told`` gives. ``room`` is empty where it is all of them."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in _rows(told):
        writer.writerow([neutral(cell) if isinstance(cell, str) else cell for cell in row])
    return (BOM if bom else b"") + out.getvalue().encode("utf-8", "surrogatepass")


def _rows(told: dict[str, Any]) -> Iterator[Row]:
    for day in told["days"]:
        for sort in ("filter", "acted", "decided"):
            yield "", "", "day", day["day"], sort, day[sort]
    yield from _numbers("", "", told)
    for room in told["rooms"]:
        yield from _numbers(room["room"], room["title"], room)


def _numbers(room: str, title: str, told: dict[str, Any]) -> Iterator[Row]:
    for action in told["actions"]:
        for by, count in action["by"].items():
            yield room, title, "action", action["action"], by, count
    for code, verdicts in told["filter_codes"].items():
        for verdict, count in verdicts.items():
            yield room, title, "category", code, verdict, count
    for name in ("held", "reports", "appeals"):
        decided = dict(told[name])
        response = decided.pop("response")
        for what, count in decided.items():
            yield room, title, "decision", name, what, count
        for rank in ("p50", "p90"):
            yield room, title, "response_ms", name, rank, response[f"{rank}_ms"]
    wrong = told["false_positives"]
    yield room, title, "false_positives", "undone", "", wrong["count"]
    yield room, title, "false_positives", "judged", "", wrong["of"]
