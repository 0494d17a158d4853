"""Managing rulebooks, whoever asks over whatever: the platform's and each room's rules and word lists."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from moderation.filter import ListProblem, WordListError
from moderation.rulebook.book import categories, compiled
from moderation.rulebook.effective import NOTHING_CHOSEN, effective
from moderation.rulebook.forms import entries_of, written
from moderation.rulebook.service import LISTS_MAX, NewList, RulebookService, entries_max
from moderation.rulebook.store import (
    PLATFORM,
    ListHead,
    ListRow,
    decode,
    read_list,
    read_list_heads,
    read_rules,
)
from rooms.errors import Refused
from rooms.ports import About, Caller, TextKind
from server.rulebooks import Rulebooks
from server.store.group import Answer, Work
from server.store.store import Store
from server.texts import Texts

NAME = re.compile(r"[a-z0-9_]{1,32}")
"""A list's name, which is the category of its entries where they name none."""
ROOM_LIST_BYTES, PLATFORM_LIST_BYTES = 500_000, 2_000_000
COMPILING_AT_ONCE = 2
TRIES = 3


@dataclass(frozen=True, slots=True)
class Upload:
    """A list as it came: its name, its form (one of ``FORMS``) and its bytes."""

    name: str
    form: str
    body: bytes


class FilterDesk:
    """``scope`` is a room's id, or ``PLATFORM``. What it changes is in force at this node when it returns.

    ``expected`` is the version that the caller has seen, as in ``RulebookService``.
    """

    def __init__(self, store: Store, service: RulebookService, rulebooks: Rulebooks, texts: Texts) -> None:
        self._store = store
        self._service = service
        self._rulebooks = rulebooks
        self._texts = texts
        self._compiling = asyncio.Semaphore(COMPILING_AT_ONCE)

    # rules

    async def rules(self, scope: str) -> dict[str, Any]:
        """What the scope has chosen, what holds there, and what would without its choices."""
        await self._ready(scope)
        row = await self._store.read(lambda conn: read_rules(conn, scope))
        chosen = decode(row.chosen) if row else NOTHING_CHOSEN
        platform = self._rulebooks.platform
        if scope == PLATFORM:
            inherited, holds, firm = effective(NOTHING_CHOSEN), effective(chosen), chosen.firm
        else:
            inherited, holds, firm = effective(platform), effective(platform, chosen), platform.firm
        files, own, rooms = self._rulebooks.layers(None if scope == PLATFORM else scope)
        return {
            "own": dict(chosen.rules),
            "inherited": inherited.model_dump(mode="json"),
            "rules": holds.model_dump(mode="json"),
            "firm": list(firm),
            "categories": [
                {"category": category, "entries": entries}
                for category, entries in categories([files], own, rooms).items()
            ],
            "version": row.version if row else 0,
        }

    async def change_rules(
        self, scope: str, patch: Mapping[str, Any], expected: int | None, caller: Caller
    ) -> dict[str, Any]:
        """Raises ``Refused``: ``precondition_failed``, ``forbidden``, …"""
        await self._write(
            Work("filter.rules", lambda tx: self._service.change_rules(tx, scope, patch, expected, caller))
        )
        return await self.rules(scope)

    # lists

    async def lists(self, scope: str) -> dict[str, Any]:
        """The scope's lists without their words, by name."""
        heads = await self._store.read(lambda conn: read_list_heads(conn, scope))
        return {
            "items": [described(head) for head in heads],
            "lists_max": LISTS_MAX,
            "entries": sum(head.entries for head in heads),
            "entries_max": entries_max(scope),
        }

    async def list_as(self, scope: str, name: str, form: str | None) -> tuple[ListRow, str, str]:
        """A list, and its text in a form: as it came, where that is the form asked for or none is. Raises
        ``Refused``: ``not_found``."""
        row = await self._store.read(lambda conn: read_list(conn, scope, name))
        if row is None:
            raise Refused("not_found", "There is no such list.")
        if form is None or form == row.form:
            return row, row.form, row.body
        entries = await asyncio.to_thread(entries_of, row.form, row.body, name)
        return row, form, await asyncio.to_thread(written, form, entries)

    async def put_list(
        self, scope: str, upload: Upload, expected: int | None, caller: Caller
    ) -> dict[str, Any]:
        """Add or replace a list, once it has been read and compiled. Raises ``Refused``: ``list_invalid``,
        ``too_many``, ``precondition_failed``, ``busy``; then the old list stays in force."""
        if self._compiling.locked():
            raise Refused("busy", "Other lists are being read.", retry_after_ms=2000)
        async with self._compiling:
            for _ in range(TRIES):
                new, seen = await self._prepared(scope, upload)
                if expected not in (None, seen):
                    raise Refused("precondition_failed", "The list has been changed since you read it.")
                # What was prepared is compared with what was there then; if that has changed, once more.
                work = Work(
                    "filter.list.put",
                    lambda tx, n=new, s=seen: self._service.put_list(tx, scope, n, s, caller),  # type: ignore[misc]
                )
                try:
                    await self._write(work)
                except Refused as refusal:
                    if refusal.code != "precondition_failed" or expected is not None:
                        raise
                else:
                    return await self._described(scope, upload.name)
        raise Refused("busy", "Somebody else is changing this list.", retry_after_ms=500)

    async def delete_list(self, scope: str, name: str, expected: int | None, caller: Caller) -> None:
        """Raises ``Refused``: ``not_found``, ``precondition_failed``."""
        await self._write(
            Work(
                "filter.list.delete", lambda tx: self._service.delete_list(tx, scope, name, expected, caller)
            )
        )

    async def try_text(self, scope: str, text: str, kind: TextKind) -> dict[str, Any]:
        """What the filter makes of a text, as if somebody wrote it there whom it knows nothing of. Raises
        ``Refused``: ``text_…``."""
        await self._ready(scope)
        cleaned = self._texts.clean(text, 2000)
        checked = self._texts.judge(cleaned, About(kind, None if scope == PLATFORM else scope))
        return {
            "text": cleaned,
            "shown": checked.text,
            "verdict": checked.verdict,
            "reasons": [asdict(reason) for reason in checked.reasons],
        }

    async def _prepared(self, scope: str, upload: Upload) -> tuple[NewList, int]:
        """The list, ready to be put, and the version of the one that is there (0: none)."""
        if NAME.fullmatch(upload.name) is None:
            raise Refused("bad_request", "name: lower-case letters, digits and _, at most 32")

        def read(conn: Connection) -> ListRow | None:
            return read_list(conn, scope, upload.name)

        old = await self._store.read(read)
        limit = entries_max(scope)
        return await asyncio.to_thread(_prepared, upload, old, limit), old.version if old else 0

    async def _described(self, scope: str, name: str) -> dict[str, Any]:
        row = await self._store.read(lambda conn: read_list(conn, scope, name))
        if row is None:
            raise Refused("not_found", "Somebody has just deleted it.")
        return described(row)

    async def _ready(self, scope: str) -> None:
        if scope != PLATFORM:
            await self._rulebooks.ready(scope)

    async def _write(self, work: Work) -> None:
        answer = await self._store.write(work)
        if not answer.ok:
            raise _refusal(answer)
        await self._rulebooks.changed()


def described(row: ListHead | ListRow) -> dict[str, Any]:
    """A list without its words."""
    return {
        "name": row.name,
        "form": row.form,
        "entries": row.entries,
        "version": row.version,
        "by": row.by_name,
        "at_ms": row.at_ms,
    }


def _prepared(upload: Upload, old: ListRow | None, limit: int) -> NewList:
    """Reads, compiles and compares; takes its time. Raises ``Refused``: ``list_invalid``, ``too_many``."""
    try:
        body = upload.body.decode("utf-8-sig")
        if "\0" in body:
            raise WordListError("has a NUL character, so it is no text")
        entries = entries_of(upload.form, body, upload.name)
        if len(entries) > limit:
            raise Refused(
                "too_many", f"All lists together may have {limit} entries.", details={"limit": limit}
            )
        compiled(entries)
    except UnicodeDecodeError as error:
        line = upload.body.count(b"\n", 0, error.start) + 1
        raise _invalid([ListProblem(line, f"is not UTF-8 text: {error.reason}")]) from error
    except WordListError as error:
        raise _invalid(error.problems) from error
    before = _texts_of(old)
    now = dict.fromkeys(entry.text for entry in entries)
    return NewList(
        upload.name,
        upload.form,
        body,
        len(entries),
        added=[text for text in now if text not in before],
        removed=[text for text in before if text not in now],
    )


def _texts_of(old: ListRow | None) -> dict[str, None]:
    if old is None:
        return {}
    try:
        return dict.fromkeys(entry.text for entry in entries_of(old.form, old.body, old.name))
    except WordListError:  # one that an older Danmart could read
        return {}


def _invalid(problems: Sequence[ListProblem]) -> Refused:
    return Refused("list_invalid", details=[asdict(problem) for problem in problems])


def _refusal(answer: Answer) -> Refused:
    error = orjson.loads(answer.body)["error"]
    return Refused(
        error["code"],
        error["message"],
        retry_after_ms=error.get("retry_after_ms"),
        details=error.get("details"),
        temporary=error["temporary"],
    )
