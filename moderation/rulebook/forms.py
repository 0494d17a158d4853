"""Word lists in the forms in which they are handed in and out: TOML, lines, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moderation.filter.entries import (
    REGEX_MAX_CHARS,
    TEXT_MAX_CHARS,
    Action,
    Entry,
    Inflect,
    ListProblem,
    Match,
    WordListError,
    ways,
)
from moderation.filter.word_lists import PROBLEMS_MAX, dump, parse

Form = Literal["toml", "txt", "csv"]
FORMS: tuple[str, ...] = get_args(Form)
MEDIA_TYPES: dict[str, Form] = {"application/toml": "toml", "text/plain": "txt", "text/csv": "csv"}

COLUMNS = tuple(field.name for field in fields(Entry) if field.name not in ("list", "line"))
# A cell that begins so is a formula to a spreadsheet, whatever its quotes.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Row(BaseModel):
    """A row of a sheet. Cells that are empty or missing are what goes without saying."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=REGEX_MAX_CHARS)
    action: Action = "deny"
    match: Match | None = None
    language: str | None = Field(None, max_length=16)
    category: str = Field(pattern=r"^[a-z0-9_]{1,32}$")
    severity: int = Field(2, ge=1, le=4)
    inflect: Inflect = "noun"
    reverse: bool = False
    pinyin: bool = True
    initials: bool = False
    homophones: bool = False
    apart: bool = False


def entries_of(form: str, body: str, name: str) -> list[Entry]:
    """What a list says. ``name`` is the list's, and its last part the category of entries that name none.
    Raises ``WordListError`` with the lines that are wrong. Takes its time with long ones."""
    if form == "csv":
        return _from_csv(body, name)
    return parse(body, f"{name}.{form}")


def written(form: str, entries: Iterable[Entry]) -> str:
    """The entries in that form; read again they are the same, TOML's in another order perhaps."""
    if form == "csv":
        return _to_csv(entries)
    return dump(entries, "lines" if form == "txt" else "toml")


def _from_csv(body: str, name: str) -> list[Entry]:
    rows = csv.reader(io.StringIO(body.removeprefix("\ufeff"), newline=""), strict=True)
    file, entries, problems = f"{name}.csv", list[Entry](), list[ListProblem]()
    header: list[str] | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(row, file, rows.line_num)
                continue
            try:
                entries.append(_entry(header, row, file, rows.line_num))
            except ValueError as error:
                problems += [ListProblem(rows.line_num, problem) for problem in _said_by(error)]
    except csv.Error as error:
        problems.append(ListProblem(rows.line_num, f"is not CSV: {error}"))
    if problems:
        raise WordListError.of(file, problems[:PROBLEMS_MAX])
    return entries


def _header(row: list[str], file: str, line: int) -> list[str]:
    header = [cell.strip().lower() for cell in row]
    if set(header) - set(COLUMNS) or "text" not in header or len(set(header)) < len(header):
        wanted = f"should name each column once: text, and any of {', '.join(COLUMNS[1:])}"
        raise WordListError.of(file, [ListProblem(line, wanted)])
    return header


def _entry(header: list[str], row: list[str], file: str, line: int) -> Entry:
    """Raises ``ValueError``."""
    if len(row) > len(header):
        raise ValueError("has more cells than there are columns")
    cells = {column: _restored(cell).strip() for column, cell in zip(header, row, strict=False)}
    usual: dict[str, Any] = {"category": Path(file).stem.lower()}
    said = _Row.model_validate(usual | {column: cell for column, cell in cells.items() if cell})
    if said.match != "regex":
        if len(said.text) > TEXT_MAX_CHARS:
            raise ValueError(f"text: longer than {TEXT_MAX_CHARS} characters")
        ways(said.text)
    return Entry(list=file, line=line, **said.model_dump())


def _said_by(error: ValueError) -> Iterator[str]:
    if not isinstance(error, ValidationError):
        yield str(error)
        return
    for problem in error.errors(include_url=False):
        yield f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"


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
