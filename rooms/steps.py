"""Handlers are generators, and all handlers of a group take the lock order together.

Each ``yield`` of a handler names rows that it needs; what follows the last one decides, in memory. All
handlers of a group go through the kinds of rows in one order (``Rank``), so that a group is a few statements
and no two transactions can wait for each other in a circle::

    def pin(tx: Unit, cmd: Pin, caller: Caller) -> Steps[dict]:
        yield ROOMS.rows(cmd.room)
        room = tx.room(cmd.room)
        ...
        tx.append(room.id, "product.pinned", {"id": cmd.product})
        return {}

A handler refuses by raising ``Refused`` before it has changed anything, or by returning a ``Refused`` that
is to be committed together with what it changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from rooms.rows import Key, Kind, Need, Steps
from rooms.unit import Unit


class StepOrderError(Exception):
    """A handler asked for rows against the lock order: a programming error."""


@dataclass(slots=True)
class Run:
    """One command in a group on its way: its steps, the rows it waits for, and how it ended."""

    steps: Steps[Any]
    number: int
    """Its place in the order of arrival."""
    need: Need | None = None
    reply: Any = None
    error: Exception | None = None
    changed: bool = False
    done: bool = False


def run_steps(unit: Unit, generators: Sequence[Steps[Any]]) -> list[Run]:
    """Take all handlers of a group through the lock order together; decisions fall in order of arrival.

    A ``Refused`` (or any other exception) ends up in its run's ``error``; ``changed`` tells whether that
    handler had changed something before, in which case the group must be rolled back.
    """
    runs = [Run(steps, number) for number, steps in enumerate(generators)]
    waiting: dict[int, list[Run]] = {}
    now = runs
    while True:
        for run in now:
            _advance(unit, run)
            if run.need is not None:
                waiting.setdefault(run.need.kind.rank, []).append(run)
        if not waiting:
            return runs
        now = sorted(waiting.pop(min(waiting)), key=attrgetter("number"))
        kinds: dict[Kind[Any], list[Key]] = {}
        for run in now:
            if run.need is not None:
                kinds.setdefault(run.need.kind, []).extend(run.need.keys)
        for kind in sorted(kinds, key=lambda k: k.table.name):
            unit.load(kind, kinds[kind])


def _advance(unit: Unit, run: Run) -> None:
    before, was = unit.changes, run.need
    try:
        run.need = next(run.steps)
    except StopIteration as end:
        run.need, run.reply, run.done = None, end.value, True
    except Exception as error:
        run.need, run.error, run.done = None, error, True
    else:
        if was is not None and run.need.kind.rank < max(was.kind.rank, 0):
            run.error = StepOrderError(f"{run.need.kind.table.name} after {was.kind.table.name}")
            run.need, run.done = None, True
    run.changed = run.changed or unit.changes != before
