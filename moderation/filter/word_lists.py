"""Word lists as people write and keep them: TOML with everything said, or lines with one word each."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moderation.filter.entries import (
    CHOICES_MAX_CHARS,
    REGEX_MAX_CHARS,
    TEXT_MAX_CHARS,
    Entry,
    Inflect,
    ListProblem,
    Match,
    WordListError,
    ways,
)

FILE_MAX_BYTES = 8_388_608
ENTRIES_MAX = 200_000
PROBLEMS_MAX = 20

Form = Literal["toml", "lines"]


class _Settings(BaseModel):
    """What is said once for all words that follow."""

    model_config = ConfigDict(extra="forbid")

    language: str | None = Field(default=None, max_length=16)
    category: str = Field(default="custom", pattern=r"^[a-z0-9_]{1,32}$")
    action: Literal["mask", "hold", "deny", "allow"] = "deny"
    match: Match | None = None
    severity: int = Field(default=2, ge=1, le=4)
    inflect: Inflect = "noun"
    reverse: bool = False
    pinyin: bool = True
    initials: bool = False
    homophones: bool = False
    apart: bool = False


class _List(_Settings):
    words: list[str] = Field(max_length=ENTRIES_MAX)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allow: list[str] = Field(default_factory=list, max_length=ENTRIES_MAX)
    list_: list[_List] = Field(default_factory=list, alias="list")


_DEFAULTS = _Settings()
_HEADING = re.compile(r"\[\s*((?:\w+=\S+\s*)*)\]$")
_COMMENT = re.compile(r"(?<!\\)#")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*')


def read(file: Path) -> list[Entry]:
    """The entries of the word list in ``file``, in the form that its name says (``parse``).

    Raises ``WordListError``.
    """
    try:
        if file.stat().st_size > FILE_MAX_BYTES:
            raise WordListError(f"{file}: larger than {FILE_MAX_BYTES} bytes; split it", name=str(file))
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WordListError(f"{file}: can't be read as UTF-8 text: {error}", name=str(file)) from error
    return parse(text, str(file))


def bundled() -> list[Entry]:
    """The entries of the lists that come with Danmart (English and Chinese)."""
    folder = files("moderation.filter") / "lists"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".toml"))
    return [entry for name in names for entry in parse((folder / name).read_text("utf-8"), name)]


def parse(text: str, name: str) -> list[Entry]:
    """The entries in ``text``; ``name`` says by its ending which form it has.

    ``.toml``: as the lists that come with Danmart. Any other: a word a line; ``#`` begins a comment (``\\#``
    is the sign); a word after ``!`` is allowed, the others are denied, unless a line such as
    ``[category=insult action=mask severity=3]`` says otherwise for those below it.
    Raises ``WordListError`` with all that is wrong, by line.
    """
    if len(text) > FILE_MAX_BYTES:
        raise WordListError(f"{name}: larger than {FILE_MAX_BYTES} bytes; split it", name=name)
    entries = list(_from_toml(text, name) if name.endswith(".toml") else _from_lines(text, name))
    problems = [ListProblem(entry.line, problem) for entry in entries for problem in _problems(entry)]
    if len(entries) > ENTRIES_MAX:
        problems.insert(0, ListProblem(None, f"more than {ENTRIES_MAX} entries; split it"))
    if problems:
        raise WordListError.of(name, problems[:PROBLEMS_MAX])
    return entries


def dump(entries: Iterable[Entry], form: Form) -> str:
    """The entries as ``parse`` reads them, in the same order but that TOML has allowed texts first."""
    parts = [(said, [entry.text for entry in same]) for said, same in groupby(entries, _said)]
    return _to_toml(parts) if form == "toml" else _to_lines(parts)


def _problems(entry: Entry) -> Iterable[str]:
    text = entry.text
    if len(text) <= TEXT_MAX_CHARS and "{" not in text and "}" not in text:
        return ()  # most of a long list
    return _problems_of(entry)


def _problems_of(entry: Entry) -> Iterator[str]:
    limit = CHOICES_MAX_CHARS if "{" in entry.text else TEXT_MAX_CHARS
    if entry.match == "regex":
        limit = REGEX_MAX_CHARS
    if len(entry.text) > limit:
        yield f"{entry.text[:20]!r}… is longer than {limit} characters"
    elif entry.match != "regex":
        try:
            if max(map(len, ways(entry.text)), default=0) > TEXT_MAX_CHARS:
                yield f"{entry.text[:20]!r}… stands for a text longer than {TEXT_MAX_CHARS} characters"
        except ValueError as problem:
            yield f"{entry.text[:40]!r}: {problem}"


class _Maker:
    """Makes the entries of a list, for which the same is said of many words."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: _Settings | None = None
        self._fields: dict[str, Any] = {}

    def entry(self, text: str, said: _Settings, line: int | None) -> Entry:
        if said is not self._said:
            self._said, self._fields = said, said.model_dump(exclude={"words"})
        return Entry(text, list=self._name, line=line, **self._fields)


def _from_toml(text: str, name: str) -> Iterator[Entry]:
    try:
        content = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise WordListError.of(
            name, [ListProblem(int(at[1]) if at else None, f"is not TOML: {error}")]
        ) from error
    except ValidationError as error:
        raise WordListError.of(
            name, [_invalid(problem) for problem in error.errors(include_url=False)]
        ) from error
    lines, maker = _LineOf(text), _Maker(name)
    allow = _Settings(action="allow")
    for allowed in content.allow:
        yield maker.entry(allowed, allow, lines.next(allowed))
    for part in content.list_:
        for word in part.words:
            yield maker.entry(word, part, lines.next(word))


def _invalid(problem: Any) -> ListProblem:
    place = ".".join(str(part) for part in problem["loc"])
    return ListProblem(None, f"{place}: {problem['msg']}")


class _LineOf:
    """On which line each string of a TOML text stands, asked for in nearly the order in which they do."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, list[int]] = {}
        for number, line in enumerate(text.split("\n"), 1):
            for found in _STRING.finditer(line):
                if not found[0].startswith("#"):
                    self._lines.setdefault(_unquoted(found[0]), []).append(number)

    def next(self, string: str) -> int | None:
        lines = self._lines.get(string)
        if not lines:
            return None
        return lines.pop(0) if len(lines) > 1 else lines[0]


def _unquoted(literal: str) -> str:
    try:
        return str(tomllib.loads(f"a = {literal}")["a"]) if "\\" in literal else literal[1:-1]
    except tomllib.TOMLDecodeError:
        return literal


def _from_lines(text: str, name: str) -> Iterator[Entry]:
    stem = Path(name).stem.lower()
    category = stem if re.fullmatch(r"[a-z0-9_]{1,32}", stem) else "custom"
    usual = said = _Settings(category=category)
    allow = said.model_copy(update={"action": "allow"})
    maker, problems = _Maker(name), list[ListProblem]()
    for number, line in enumerate(text.split("\n"), 1):
        word = line.strip()
        if "#" in word:
            word = _COMMENT.split(word, maxsplit=1)[0].strip().replace("\\#", "#")
        if word.startswith("[") and (heading := _HEADING.fullmatch(word)):
            try:
                given = dict(pair.split("=", 1) for pair in heading[1].split())
                said = usual.model_copy(update=_Settings.model_validate(given).model_dump(exclude_unset=True))
                allow = said.model_copy(update={"action": "allow"})
            except ValidationError as error:
                problems += [
                    ListProblem(number, _invalid(p).message) for p in error.errors(include_url=False)
                ]
        elif word.startswith("!") and word[1:].strip():
            yield maker.entry(word[1:].strip(), allow, number)
        elif word:
            yield maker.entry(word, said, number)
    if problems:
        raise WordListError.of(name, problems[:PROBLEMS_MAX])


def _said(entry: Entry) -> dict[str, Any]:
    """What an entry says beside its text, where it isn't what goes without saying."""
    given = {field: getattr(entry, field) for field in _Settings.model_fields}
    return {
        field: value
        for field, value in given.items()
        if value != getattr(_DEFAULTS, field) or field == "category"
    }


def _to_toml(parts: Sequence[tuple[dict[str, Any], list[str]]]) -> str:
    blocks = []
    for said, words in parts:
        head = "".join(
            f"{field} = {json.dumps(value, ensure_ascii=False)}\n" for field, value in said.items()
        )
        listed = "".join(f"    {json.dumps(word, ensure_ascii=False)},\n" for word in words)
        blocks.append(f"[[list]]\n{head}words = [\n{listed}]\n")
    return "\n".join(blocks)


def _to_lines(parts: Sequence[tuple[dict[str, Any], list[str]]]) -> str:
    blocks = []
    for said, words in parts:
        head = " ".join(f"{field}={str(value).lower()}" for field, value in said.items())
        listed = "".join(_line(word) + "\n" for word in words)
        blocks.append(f"[{head}]\n{listed}")
    return "\n".join(blocks)


def _line(word: str) -> str:
    return word.replace("#", "\\#")


__all__ = ["Entry", "WordListError", "bundled", "dump", "parse", "read"]
