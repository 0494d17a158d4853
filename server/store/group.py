"""One transaction for a group of commands: keys first, then all handlers through the lock order, one COMMIT.

Each command succeeds or is refused by itself. An error that isn't a refusal, or a refusal by a handler that
had changed something already, spoils the group (``GroupSpoiledError``): it is replayed singly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection

from rooms.errors import CATALOGUE, Refused
from rooms.rows import Steps
from rooms.steps import Run, run_steps
from rooms.unit import News, Unit
from server.store.keys import CommandKey, Remembered, claim, forget, remember

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A command for the writer. ``key`` is None for internal work, which must be safe to do twice.

    ``urgent``: its time has come already, so it goes before everybody who waits; whoever submits such work
    bounds it. ``patient``: a few hundredths of a second more don't matter to whoever waits for it. ``waits``
    is told on the loop how many are before it, at most once a second and only while those are more than a
    group.
    ``held`` is told on the writer's thread, before the answer, how many seconds the group's transaction took.
    """

    name: str
    steps: Callable[[Unit], Steps[Any]]
    key: CommandKey | None = None
    request: bytes = b""
    patient: bool = False
    urgent: bool = False
    waits: Callable[[int], None] | None = None
    held: Callable[[float], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to: the acknowledgement as it goes over the wire, and its error code, if any."""

    body: bytes
    code: str | None = None

    @property
    def ok(self) -> bool:
        return self.code is None


class GroupSpoiledError(Exception):
    """The group can't be committed as it is."""


def accepted(reply: dict[str, Any] | None) -> Answer:
    return Answer(orjson.dumps({"ok": True, **(reply or {})}))


def refused(error: Refused) -> Answer:
    wire: dict[str, Any] = {"code": error.code, "message": error.message, "temporary": error.temporary}
    if error.retry_after_ms is not None:
        wire["retry_after_ms"] = error.retry_after_ms
    if error.details is not None:
        wire["details"] = error.details
    return Answer(orjson.dumps({"ok": False, "error": wire}), error.code)


def run_group(conn: Connection, group: Sequence[Work], unit: Unit) -> tuple[list[Answer], News]:
    """Carry out the group on a connection that has begun a transaction; the caller commits.

    Raises :class:`GroupSpoiledError`, or what the database raises; then the caller rolls back.
    """
    first: dict[CommandKey, Work] = {}
    for work in group:
        if work.key is not None:
            first.setdefault(work.key, work)
    new, known = claim(conn, {key: work.request for key, work in first.items()}, unit.now_ms)

    fresh = [w for w in group if w.key is None or (w.key in new and first[w.key] is w)]
    runs = run_steps(unit, [w.steps(unit) for w in fresh])
    answers = {
        id(work): _answer(work, run, alone=len(group) == 1) for work, run in zip(fresh, runs, strict=True)
    }
    unit.flush()

    keyed = [(w.key, w.request, answers[id(w)]) for w in fresh if w.key is not None]
    kept = [(key, Remembered(request, a.body)) for key, request, a in keyed if not _temporary(a)]
    remember(conn, kept, unit.now_ms)
    forget(conn, [key for key, _, a in keyed if _temporary(a)])
    for work in group:
        if id(work) not in answers and work.key is not None:
            answers[id(work)] = _repeat(work, known.get(work.key), first[work.key], answers)
    return [answers[id(work)] for work in group], unit.news


def _answer(work: Work, run: Run, *, alone: bool) -> Answer:
    if run.error is None:
        # Returned, not raised: committed together with what it did (a note for the staff).
        return refused(run.reply) if isinstance(run.reply, Refused) else accepted(run.reply)
    if isinstance(run.error, Refused) and not run.changed:
        return refused(run.error)
    if not alone or not isinstance(run.error, Refused):
        raise GroupSpoiledError(work.name) from run.error
    raise GroupSpoiledError(f"{work.name} refused after changing something") from run.error


def _repeat(work: Work, known: Remembered | None, first: Work, answers: dict[int, Answer]) -> Answer:
    """The answer for a key that was seen before, in an earlier group or earlier in this one."""
    request = known.request if known else first.request
    if request != work.request:
        return refused(Refused("key_conflict"))
    if known is None:
        return answers[id(first)]
    return recall(known.answer)


def recall(body: bytes) -> Answer:
    """A remembered acknowledgement, byte for byte."""
    decoded = orjson.loads(body)
    return Answer(body, None if decoded["ok"] else decoded["error"]["code"])


def _temporary(answer: Answer) -> bool:
    return answer.code is not None and CATALOGUE[answer.code].temporary
