"""Changing a scope's rules and word lists, each change with its version and its line in the audit trail.

Who may is decided where it is asked. What a list says is read and compiled before it comes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moderation.rulebook.effective import Chosen
from moderation.rulebook.store import (
    HEAD,
    LISTS,
    PLATFORM,
    RULES,
    VERSIONS,
    ListRow,
    RulesRow,
    VersionRow,
    decode,
    encode,
    make_head,
)
from moderation.standing import MEMBERS
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller
from rooms.rows import Steps
from rooms.unit import Unit

LISTS_MAX = 64
ROOM_ENTRIES_MAX = 5_000
PLATFORM_ENTRIES_MAX = 200_000
NOTED_MAX = 50
"""Entries that a line of the trail names, of those that came and of those that went."""

_PLATFORM_TRAIL = ""
"""Whose audit trail has what is done to the platform's: no room's."""


@dataclass(frozen=True, slots=True)
class NewList:
    """A list that can be used: read, compiled, and compared with the one that it replaces."""

    name: str
    form: str
    body: str
    entries: int
    added: Sequence[str] = ()
    removed: Sequence[str] = ()


def too_many_entries(limit: int) -> Refused:
    return Refused("too_many", f"All lists together may have {limit} entries.", details={"limit": limit})


def entries_max(scope: str) -> int:
    return PLATFORM_ENTRIES_MAX if scope == PLATFORM else ROOM_ENTRIES_MAX


class RulebookService:
    """Gives and takes versions: ``expected`` is what the caller has seen (0: nothing was there), and if that
    isn't so any more they refuse with ``precondition_failed``. None: whatever there is."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def change_rules(
        self, tx: Unit, scope: str, patch: Mapping[str, Any], expected: int | None, caller: Caller
    ) -> Steps[Any]:
        """Merge a ``RulesChange.patch`` into what the scope has chosen."""
        make_head(tx.conn)
        yield VERSIONS.rows(HEAD, scope)
        yield RULES.rows(scope)
        yield from _role_rows(scope, caller)
        row = tx.get(RULES, scope)
        _expect(expected, row)
        if "firm" in patch and scope != PLATFORM:
            raise Refused("forbidden", "Only the platform says what rooms can't loosen.")
        chosen = (decode(row.chosen) if row else Chosen()).changed(patch)
        version = self._count(tx, tx.get(VERSIONS, scope) or VersionRow(scope, 0))
        tx.put(RULES, RulesRow(scope, encode(chosen), version, caller.name, tx.now_ms))
        self._note(tx, scope, caller, "filter.rules", scope, {"changed": dict(patch), "version": version})
        return {"version": version}

    def put_list(
        self, tx: Unit, scope: str, new: NewList, expected: int | None, caller: Caller
    ) -> Steps[Any]:
        """Add a list, or replace the one of its name. Refuses with ``too_many`` also."""
        make_head(tx.conn)
        yield VERSIONS.rows(HEAD, scope)
        yield LISTS.rows((scope, new.name))
        yield from _role_rows(scope, caller)
        old = tx.get(LISTS, scope, new.name)
        _expect(expected, old)
        before = tx.get(VERSIONS, scope) or VersionRow(scope, 0)
        lists = before.lists + (old is None)
        entries = before.entries + new.entries - (old.entries if old else 0)
        if lists > LISTS_MAX:
            raise Refused("too_many", f"There are {LISTS_MAX} lists already.", details={"limit": LISTS_MAX})
        if entries > (limit := entries_max(scope)):
            raise Refused(
                "too_many", f"All lists together may have {limit} entries.", details={"limit": limit}
            )
        version = self._count(tx, replace(before, lists=lists, entries=entries))
        row = ListRow(scope, new.name, new.form, new.body, new.entries, version, caller.name, tx.now_ms)
        tx.put(LISTS, row)
        detail = {"entries": new.entries, "version": version} | _difference(new)
        self._note(tx, scope, caller, "filter.list.put", new.name, detail)
        return {"version": version}

    def delete_list(
        self, tx: Unit, scope: str, name: str, expected: int | None, caller: Caller
    ) -> Steps[Any]:
        """Refuses with ``not_found`` also."""
        make_head(tx.conn)
        yield VERSIONS.rows(HEAD, scope)
        yield LISTS.rows((scope, name))
        yield from _role_rows(scope, caller)
        old = tx.get(LISTS, scope, name)
        if old is None:
            raise Refused("not_found", "There is no such list.")
        _expect(expected, old)
        before = tx.get(VERSIONS, scope) or VersionRow(scope, 0)
        after = replace(before, lists=before.lists - 1, entries=before.entries - old.entries)
        version = self._count(tx, after)
        tx.drop(LISTS, scope, name)
        detail = {"entries": old.entries, "version": version}
        self._note(tx, scope, caller, "filter.list.delete", name, detail)
        return {"version": version}

    def _count(self, tx: Unit, scope: VersionRow) -> int:
        """The version of the change that is being made; ``scope`` is what the scope holds after it."""
        head = tx.get(VERSIONS, HEAD)
        version = (head.version if head else 0) + 1
        tx.put(VERSIONS, VersionRow(HEAD, version))
        tx.put(VERSIONS, replace(scope, version=version))
        return version

    def _note(
        self, tx: Unit, scope: str, caller: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None:
        trail = _PLATFORM_TRAIL if scope == PLATFORM else scope
        self._audit.note(tx, trail, caller, action, target, detail)


def _role_rows(scope: str, caller: Caller) -> Steps[None]:
    """What the trail needs to say as what the caller did it; of operators it is known already."""
    if scope != PLATFORM and caller.id is not None and not caller.operator:
        yield ROOMS.rows(scope)
        yield MEMBERS.rows((scope, caller.id))


def _expect(expected: int | None, row: RulesRow | ListRow | None) -> None:
    if expected is not None and expected != (row.version if row else 0):
        raise Refused("precondition_failed", "It has been changed since you read it.")


def _difference(new: NewList) -> dict[str, Any]:
    """What came and what went, as far as a line of the trail has room for."""
    said: dict[str, Any] = {"added": len(new.added), "removed": len(new.removed)}
    said["added_words"] = list(new.added[:NOTED_MAX])
    said["removed_words"] = list(new.removed[:NOTED_MAX])
    return said
