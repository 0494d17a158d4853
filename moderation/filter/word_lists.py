"""Word lists on disk: TOML with everything said, or plain text with one word a line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE_MAX_BYTES = 8_388_608
TEXT_MAX_CHARS = 100

Action = Literal["allow", "mask", "deny"]
Match = Literal["word", "substring"]


class WordListError(Exception):
    """A word list can't be used; says which, where and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One text to look for. ``match`` None: anywhere in scripts without spaces, else as a whole word."""

    text: str
    action: Action
    match: Match | None = None
    language: str | None = None
    category: str = "custom"


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    language: str | None = None
    category: str = "custom"
    action: Literal["mask", "deny"] = "deny"
    match: Match | None = None
    words: list[str] = Field(max_length=200_000)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allow: list[str] = Field(default_factory=list, max_length=200_000)
    list_: list[_List] = Field(default_factory=list, alias="list")


def read(file: Path) -> list[Entry]:
    """The entries of a word list. ``.toml`` as those that come with Danmart; any other name: a word a line,
    ``#`` begins a comment, a word after ``!`` is allowed, the others are denied.

    Raises ``WordListError``.
    """
    try:
        if file.stat().st_size > FILE_MAX_BYTES:
            raise WordListError(f"{file}: larger than {FILE_MAX_BYTES} bytes; split it")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WordListError(f"{file}: can't be read as UTF-8 text: {error}") from error
    return parse(text, str(file))


def bundled() -> list[Entry]:
    """The entries of the lists that come with Danmart (English and Chinese)."""
    folder = files("moderation.filter") / "lists"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".toml"))
    return [entry for name in names for entry in parse((folder / name).read_text("utf-8"), name)]


def parse(text: str, name: str) -> list[Entry]:
    """The entries in ``text``; ``name`` says by its ending which form it has. Raises ``WordListError``."""
    entries = list(_from_toml(text, name) if name.endswith(".toml") else _from_lines(text, name))
    for entry in entries:
        if len(entry.text) > TEXT_MAX_CHARS:
            raise WordListError(f"{name}: {entry.text[:20]!r}… is longer than {TEXT_MAX_CHARS} characters")
    return entries


def _from_toml(text: str, name: str) -> Iterator[Entry]:
    try:
        content = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WordListError(f"{name}: is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WordListError(f"{name}: {place}: {first['msg']}") from error
    for allowed in content.allow:
        yield Entry(allowed, "allow")
    for part in content.list_:
        for word in part.words:
            yield Entry(word, part.action, part.match, part.language, part.category)


def _from_lines(text: str, name: str) -> Iterator[Entry]:
    category = Path(name).stem
    for line in text.splitlines():
        word = line.split("#", 1)[0].strip()
        if word.startswith("!") and word[1:].strip():
            yield Entry(word[1:].strip(), "allow")
        elif word:
            yield Entry(word, "deny", category=category)
