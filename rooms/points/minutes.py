"""What a node saw of a room's viewers since it last told: who was there, and what is in no log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rooms.points.earning import Earnings
from rooms.points.rules import Amounts
from rooms.rows import Steps
from rooms.unit import Unit
from rooms.watching import WATCHED, Span, Stream, keys_of, watch


@dataclass(frozen=True, slots=True)
class Minute:
    """Some viewers of a room: their ``spans`` of watching its ``stream``, and what else each of them did
    (``visit``, ``like``) on which day."""

    room_id: str
    stream: Stream | None
    spans: Sequence[Span]
    others: Mapping[tuple[int, str], Amounts]


class Minutes:
    """Writes minutes: watch time, and the points for it."""

    def __init__(self, earnings: Earnings) -> None:
        self._earnings = earnings

    def write(self, tx: Unit, minute: Minute) -> Steps[Any]:
        """Answers with ``{watched: {user: ms}}``, what was new of the spans. Those may be told twice; the
        others not: only for a write whose outcome is known."""
        days = self._earnings.days
        doings: dict[tuple[int, str], dict[str, int]] = {k: dict(v) for k, v in minute.others.items()}
        if minute.stream is not None:
            yield WATCHED.rows(*keys_of(minute.stream, minute.spans))
        day_of = {span.user_id: days.of(span.from_ms) for span in minute.spans}
        for user_id, day in day_of.items():
            doings.setdefault((day, user_id), {})
        yield from self._earnings.load(doings)
        watched = watch(tx, minute.stream, minute.spans) if minute.stream is not None else {}
        for user_id, ms in watched.items():
            doings[day_of[user_id], user_id]["watch"] = ms
        yield from self._earnings.add(tx, doings, minute.room_id)
        return {"watched": watched}
