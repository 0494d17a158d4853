"""``danmart words``: look through word lists, and try texts on them, without a node."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.filter import WordListError
from moderation.filter.word_lists import FILE_MAX_BYTES, Entry
from moderation.rulebook.book import Book, compiled
from moderation.rulebook.forms import entries_of
from rooms.errors import Refused
from rooms.ports import About, CheckedText
from server.config import Settings
from server.texts import Texts
from server.word_files import WordFiles

OK, FAILED = 0, 1


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line's."""
    words = commands.add_parser("words", help="look through word lists, and try texts on them")
    steps = words.add_subparsers(required=True, metavar="STEP")
    check = steps.add_parser("check", parents=[common], help="say what is wrong in files of words")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".toml, .csv, or a word a line")
    check.set_defaults(do=_check)
    trial = steps.add_parser("try", parents=[common], help="say what the filter makes of a text, and why")
    trial.add_argument("text", metavar="TEXT", help="the text; - reads lines from standard input")
    trial.add_argument(
        "--list", action="append", default=[], type=Path, metavar="FILE", help="a list to go by, too"
    )
    trial.add_argument(
        "--kind", choices=("comment", "name", "title", "product"), default="comment", help="what it would be"
    )
    trial.set_defaults(do=_try)


def _check(settings: Settings, arguments: argparse.Namespace) -> int:
    faulty = False
    for file in arguments.files:
        try:
            entries = read(file)
            compiled(entries)
        except WordListError as problem:
            faulty = True
            print(problem, file=sys.stderr)
        else:
            print(f"{file}: {len(entries)} entries")
    return FAILED if faulty else OK


def read(file: Path) -> list[Entry]:
    """The entries of a file in any of the forms. Raises ``WordListError``."""
    try:
        if file.stat().st_size > FILE_MAX_BYTES:
            raise WordListError(f"{file}: larger than {FILE_MAX_BYTES} bytes; split it")
        body = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WordListError(f"{file}: can't be read as UTF-8 text: {error}") from error
    form = file.suffix.removeprefix(".").lower()
    return entries_of(form if form in ("toml", "csv") else "txt", body, str(file.with_suffix("")))


def _try(settings: Settings, arguments: argparse.Namespace) -> int:
    files = WordFiles(settings.moderation.word_lists)
    own = [compiled(read(file)) for file in arguments.list]
    texts = Texts(_Only(Book(words=(files.layer.words, *(layer.words for layer in own)))))
    lines: Sequence[str] = sys.stdin.read().splitlines() if arguments.text == "-" else [arguments.text]
    for line in lines:
        try:
            text = texts.clean(line, 2000)
        except Refused as refusal:
            print(f"{refusal.code}: {refusal.message}")
            continue
        _say(text, texts.check(text, About(arguments.kind)))
    return OK


@dataclass(frozen=True, slots=True)
class _Only:
    """The same book for whatever room."""

    found: Book

    def book(self, room_id: str | None) -> Book:
        return self.found


def _say(text: str, checked: CheckedText) -> None:
    print(f"{checked.verdict}: {checked.text}")
    for reason in checked.reasons:
        rule = f" ({reason.rule})" if reason.rule else ""
        hit = f": {text[reason.start : reason.end]}" if reason.start is not None else ""
        print(f"  {reason.verdict}, {reason.check} {reason.code}{rule}{hit}")
