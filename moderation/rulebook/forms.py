"""Word lists in the forms in which they are handed in and out: TOML, lines, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args

from pydantic import TypeAdapter, ValidationError

from moderation.filter.word_lists import TEXT_MAX_CHARS, Entry, WordListError, parse

Form = Literal["toml", "txt", "csv"]
FORMS: tuple[str, ...] = get_args(Form)
MEDIA_TYPES: dict[str, Form] = {"application/toml": "toml", "text/plain": "txt", "text/csv": "csv"}

COLUMNS = tuple(field.name for field in fields(Entry) if field.name != "line")
_ENTRY = TypeAdapter(Entry)
# A cell that begins so is a formula to a spreadsheet, whatever its quotes.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class SheetError(WordListError):
    """A sheet can't be used, because of what is in this ``line`` (from 1)."""

    def __init__(self, name: str, line: int, message: str) -> None:
        super().__init__(f"{name}.csv: line {line}: {message}")
        self.line = line


def entries_of(form: str, body: str, name: str) -> list[Entry]:
    """What a list says. ``name`` is the list's, and its last part the category of entries that name
    none. Raises ``WordListError``. Takes its time with long ones."""
    if form == "csv":
        return _from_csv(body, name)
    return parse(body, f"{name}.{form}")


def written(form: str, entries: Iterable[Entry]) -> str:
    """The entries in that form; read again they are the same, but for what lines can't say: those have one
    word each, and whether it is allowed."""
    if form == "csv":
        return _to_csv(entries)
    return _to_lines(entries) if form == "txt" else _to_toml(entries)


def _from_csv(body: str, name: str) -> list[Entry]:
    rows = csv.reader(io.StringIO(body.removeprefix("\ufeff"), newline=""), strict=True)
    entries: list[Entry] = []
    header: list[str] | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(row, name)
            else:
                entries.append(_entry(header, row, name, rows.line_num))
    except csv.Error as error:
        raise SheetError(name, rows.line_num, f"is not CSV: {error}") from error
    return entries


def _header(row: list[str], name: str) -> list[str]:
    header = [cell.strip().lower() for cell in row]
    unknown = sorted(set(header) - set(COLUMNS))
    if unknown or "text" not in header or len(set(header)) < len(header):
        raise SheetError(name, 1, f"should name each column once: text, and any of {', '.join(COLUMNS[1:])}")
    return header


def _entry(header: list[str], row: list[str], name: str, line: int) -> Entry:
    if len(row) > len(header):
        raise SheetError(name, line, "has more cells than there are columns")
    cells = {column: _restored(cell) for column, cell in zip(header, row, strict=False)}
    given = {column: cell.strip() for column, cell in cells.items() if cell.strip()}
    if len(given.get("text", "")) > TEXT_MAX_CHARS:
        raise SheetError(name, line, f"longer than {TEXT_MAX_CHARS} characters")
    try:
        return _ENTRY.validate_python({"action": "deny", "category": Path(name).name} | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SheetError(name, line, f"{place}: {first['msg']}") from error


def _to_csv(entries: Iterable[Entry]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for entry in entries:
        values = (getattr(entry, column) for column in COLUMNS)
        writer.writerow(["" if value is None else _neutral(_cell(value)) for value in values])
    return out.getvalue()


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _neutral(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; ``_restored`` gives the text back, for any text."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def _restored(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def _to_lines(entries: Iterable[Entry]) -> str:
    return "".join(f"{'!' if entry.action == 'allow' else ''}{entry.text}\n" for entry in entries)


def _to_toml(entries: Iterable[Entry]) -> str:
    allowed: list[str] = []
    groups: dict[tuple[tuple[str, object], ...], list[str]] = {}
    for entry in entries:
        if entry.action == "allow":
            allowed.append(entry.text)
            continue
        said = tuple((column, getattr(entry, column)) for column in COLUMNS if column != "text")
        groups.setdefault(tuple((name, value) for name, value in said if value is not None), []).append(
            entry.text
        )
    parts = [f"allow = {_strings(allowed)}\n"] if allowed else []
    for said, words in groups.items():
        head = "".join(f"{name} = {_string(str(value))}\n" for name, value in said)
        parts.append(f"[[list]]\n{head}words = {_strings(words)}\n")
    return "\n".join(parts)


def _strings(texts: Iterable[str]) -> str:
    return "[\n" + "".join(f"    {_string(text)},\n" for text in texts) + "]"


def _string(text: str) -> str:
    """A TOML basic string: JSON's escapes are among its own, and DEL has to be one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
