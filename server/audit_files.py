"""Trails as files: CSV for people, JSON with everything that a stranger needs to verify them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from moderation.audit.reading import Entry
from rooms.shop.sheets import neutral

FORMATS: dict[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
COLUMNS = (
    "trail",
    "seq",
    "at",
    "action",
    "by",
    "actor_id",
    "actor_name",
    "target",
    "detail",
    "erased",
    "facts",
    "id",
    "at_ms",
    "hash",
    "prev_hash",
)
BOM = b"\xef\xbb\xbf"
"""Without it, spreadsheets don't take a file for UTF-8."""


def opening(form: str, *, bom: bool = False) -> bytes:
    """What a file begins with."""
    if form == "csv":
        return (BOM if bom else b"") + ",".join(COLUMNS).encode() + b"\r\n"
    return b"[\n" if form == "json" else b""


def closing(form: str) -> bytes:
    return b"\n]\n" if form == "json" else b""


def portion(form: str, entries: Iterable[Entry], *, first: bool) -> bytes:
    """Some entries; ``first``: nothing stands before them."""
    if form == "csv":
        return _csv(entries)
    lines = [orjson.dumps(entry.whole()) for entry in entries]
    if form == "jsonl":
        return b"".join(line + b"\n" for line in lines)
    return (b"" if first or not lines else b",\n") + b",\n".join(lines)


def _csv(entries: Iterable[Entry]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(_cells(entry) for entry in entries)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _cells(entry: Entry) -> Iterator[str]:
    whole = entry.whole()
    cells: dict[str, Any] = {
        **whole,
        "at": datetime.fromtimestamp(whole["at_ms"] / 1000, UTC).isoformat(timespec="milliseconds"),
        "by": orjson.loads(whole["facts"]).get("by", ""),
        "actor_id": whole["actor"]["id"],
        "actor_name": whole["actor"]["name"],
        "erased": " ".join(whole["erased"]),
    }
    for column in COLUMNS:
        value = cells[column]
        # What begins like a formula would be one in a spreadsheet.
        yield "" if value is None else neutral(value) if isinstance(value, str) else str(value)
