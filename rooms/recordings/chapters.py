"""A recording's chapters: what was talked about when, from pins and explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, text

from rooms.log import RARE, LogEvent, room_events
from rooms.recordings.replay import Place
from rooms.recordings.timeline import Timeline
from rooms.state import RoomState

SHORTEST_CHAPTER_MS = 3_000
"""What was pinned by mistake, or in passing, is no chapter."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A product's time: from when the host pinned it or began to explain it, until another's begins."""

    product: str
    title: str
    picture: str | None
    from_ms: int
    to_ms: int

    @property
    def wire(self) -> dict[str, Any]:
        return {
            "product": self.product,
            "title": self.title,
            "picture": self.picture,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
        }


def read_chapters(
    conn: Connection, room_id: str, epoch: str, timeline: Timeline, begins: Place, to: int
) -> list[Chapter]:
    """A recording's chapters in order, given the room where it begins and its last offset."""
    table = room_events.c
    query = (
        select(room_events)
        .where(table.room_id == room_id, table.epoch == epoch, text(RARE))
        .where(table.offset > begins.offset, table.offset <= to)
        .order_by(table.offset)
    )
    events = [LogEvent(*record) for record in conn.execute(query)]
    return chapters(events, timeline, begins.state)


def chapters(events: Sequence[LogEvent], timeline: Timeline, state: RoomState) -> list[Chapter]:
    """``state`` is the room's at the beginning: what is pinned or explained then has the first chapter."""
    found: list[Chapter] = []
    cards = {product["id"]: product for product in state.products}
    current = state.explaining or (state.pins[0] if state.pins else None)
    began_ms = 0
    length_ms = timeline.duration_ms
    for event in events:
        data = event.data
        if event.kind in ("product.added", "product.changed"):
            cards[data["product"]["id"]] = data["product"]
        subject = _subject(event.kind, data, current)
        media_ms = timeline.media_ms_at(event.at_ms)
        if subject != current and media_ms is not None:
            _close(found, current, cards, began_ms, media_ms)
            current, began_ms = subject, media_ms
    _close(found, current, cards, began_ms, length_ms)
    return found


def _subject(kind: str, data: dict[str, Any], current: str | None) -> str | None:
    """The product that the talk is of after an event. An explanation that ends leaves the pin in force."""
    if kind == "product.pinned":
        return str(data["id"])
    if kind == "explaining.started":
        return str(data["product"])
    over = kind in ("product.unpinned", "product.removed") and data["id"] == current
    return None if over else current


def _close(
    found: list[Chapter], product: str | None, cards: dict[str, Any], began_ms: int, ended_ms: int
) -> None:
    card = cards.get(product) if product is not None else None
    if card is None or ended_ms - began_ms < SHORTEST_CHAPTER_MS:
        return
    before = found[-1] if found else None
    if before is not None and before.product == card["id"] and began_ms - before.to_ms < SHORTEST_CHAPTER_MS:
        found[-1] = replace(before, to_ms=ended_ms)
    else:
        found.append(Chapter(card["id"], card["title"], card.get("picture"), began_ms, ended_ms))


def as_webvtt(chapters_: Sequence[Chapter]) -> str:
    """A WebVTT file of kind ``chapters`` (W3C WebVTT, 1.3)."""
    cues = [
        f"{number}\n{_stamp(chapter.from_ms)} --> {_stamp(chapter.to_ms)}\n{_cue_text(chapter.title)}\n"
        for number, chapter in enumerate(chapters_, 1)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _stamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"


def _cue_text(title: str) -> str:
    line = " ".join(title.split())
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
