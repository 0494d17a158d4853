"""Holding what viewers were given against the log."""

from __future__ import annotations

import orjson

from clients.load.audit import RoomLog, Verdict, audit
from clients.load.spans import SpanBook
from clients.load.viewer import Viewer
from clients.load.wire import EVENTS

FAULTLESS = Verdict(lost=0, gaps=0, repeats=0, foreign=0)


def frame(first: int, to: int, offsets: list[int], skipped: int) -> bytes:
    items = [{"offset": offset, "data": {}} for offset in offsets]
    payload = {"epoch": "e", "from": first, "to": to, "items": items, "skipped": {"comment": skipped}}
    return EVENTS + orjson.dumps(payload) + b"]"


def watch(book: SpanBook, frames: list[bytes]) -> Viewer:
    viewer = Viewer()
    viewer.begin("e", 0)
    for packet in frames:
        span = book.take(packet, 1)
        viewer.advance(span.epoch, span.first, span.to)
    return viewer


def test_viewer_who_is_told_what_was_left_out_has_a_whole_log() -> None:
    """Everybody else got those comments, at the same time."""
    book = SpanBook()
    whole = [frame(1, 3, [1, 2, 3], 0), frame(4, 6, [4, 5, 6], 0)]
    short = [frame(1, 3, [], 3), frame(4, 6, [5], 2)]
    viewers = [watch(book, whole), watch(book, short), watch(book, [whole[0], short[1]])]
    book.settle()
    log = RoomLog("e", 0, 6, [1, 2, 3, 4, 5, 6])
    assert audit(viewers, book.facts, log) == FAULTLESS
    assert (book.deliveries, book.skipped) == (6 + 1 + 4, 5 + 2)


def test_what_is_left_out_without_a_word_is_lost() -> None:
    book = SpanBook()
    viewers = [watch(book, [frame(1, 3, [1], 1), frame(4, 6, [4, 5, 6], 0)])]
    book.settle()
    assert audit(viewers, book.facts, RoomLog("e", 0, 6, [1, 2, 3, 4, 5, 6])).lost == 1
