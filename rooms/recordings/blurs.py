"""Where a recording's picture was blurred for those who watched: stretches of its own time. Mostly pure.

The log says when a blur began, since when there may have been something to hide (a check looks now and then,
so that is earlier), when it was over, and from when on blurs were a mistake, if a moderator has said so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select, text

from rooms.log import RARE, room_events
from rooms.recordings.timeline import Timeline

KIND = "stream.blurred"
RECORDED = "host"
"""Guests' pictures aren't in recordings."""


class Stretch(NamedTuple):
    """From a place of the recording to before another, in ms."""

    from_ms: int
    to_ms: int

    @property
    def wire(self) -> dict[str, int]:
        return {"from_ms": self.from_ms, "to_ms": self.to_ms}


class Said(NamedTuple):
    """What the log says at ``at_ms``: an entry's data."""

    at_ms: int
    data: dict[str, Any]


def stretches(said: Iterable[Said], timeline: Timeline) -> tuple[Stretch, ...]:
    """What of the recording was blurred, in order and apart from each other. ``said`` are the log's entries
    in their order; those of guests' pictures are left out."""
    spans: list[tuple[int, float]] = []
    began_ms: int | None = None
    for at_ms, data in said:
        if data["stream"] != RECORDED:
            continue
        if data["on"]:
            began_ms = began_ms if began_ms is not None else min(data.get("since_ms", at_ms), at_ms)
            continue
        if began_ms is not None:
            spans.append((began_ms, at_ms))
            began_ms = None
        if (fine_ms := data.get("fine_since_ms")) is not None:
            spans = [span for span in spans if span[0] < fine_ms]
    if began_ms is not None:
        spans.append((began_ms, float("inf")))
    return _merged(placed for span in spans if (placed := _placed(span, timeline)) is not None)


def _placed(span: tuple[int, float], timeline: Timeline) -> Stretch | None:
    """A span of the clock by the recording's time; None if nothing of it was recorded."""
    began_ms, ended_ms = span
    if not timeline.segments or ended_ms <= timeline.starts[0] or began_ms >= timeline.ended_ms:
        return None
    first = timeline.media_ms_at(int(max(began_ms, timeline.starts[0])))
    last = timeline.media_ms_at(int(min(ended_ms, timeline.ended_ms)))
    if first is None or last is None or first >= last:
        return None
    return Stretch(first, last)


def _merged(found: Iterable[Stretch]) -> tuple[Stretch, ...]:
    merged: list[Stretch] = []
    for one in sorted(found):
        if merged and one.from_ms <= merged[-1].to_ms:
            merged[-1] = Stretch(merged[-1].from_ms, max(merged[-1].to_ms, one.to_ms))
        else:
            merged.append(one)
    return tuple(merged)


def overlap(blurred: Sequence[Stretch], from_ms: int, to_ms: int) -> bool:
    """Whether something of a stretch was blurred."""
    return any(one.from_ms < to_ms and from_ms < one.to_ms for one in blurred)


def read_said(conn: Connection, room_id: str, epoch: str, *, after: int, to: int) -> list[Said]:
    """What the log says of blurs with ``after < offset <= to``."""
    table = room_events.c
    query = (
        select(table.at_ms, table.body)
        .where(table.room_id == room_id, table.epoch == epoch, text(RARE), table.kind == KIND)
        .where(table.offset > after, table.offset <= to)
        .order_by(table.offset)
    )
    return [Said(row.at_ms, orjson.loads(row.body)["data"]) for row in conn.execute(query)]
