"""Taking words out of entries of a log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from rooms.log import LogEvent, Visibility, encode_event, redact, unquote, without_text

LIN = {"id": "u-lin", "name": "Lin", "badges": []}


def entry(event_id: str, data: dict[str, Any], reply_to: str | None = None) -> LogEvent:
    body = encode_event(event_id=event_id, offset=1, kind="comment", at_ms=5, user=LIN, data=data, media_ms=7)
    return LogEvent("tea", "1", 1, event_id, "comment", 5, "u-lin", Visibility.ALL.value, body, reply_to)


SAID = entry("c1", {"text": "secret", "color": "white", "lane": "scroll"})
REPLY = entry("c2", {"text": "no!", "reply_to": {"id": "c1", "name": "Lin", "text": "secret"}}, "c1")


def test_a_redacted_entry_keeps_all_but_its_words() -> None:
    gone = without_text(SAID, {"c1"})
    assert (gone.visibility, gone.body) == (Visibility.DELETED, redact(SAID.body))
    assert orjson.loads(gone.body) == {**orjson.loads(SAID.body), "data": {"deleted": True}}
    assert replace(gone, body=SAID.body, visibility=SAID.visibility) == SAID
    assert without_text(gone, {"c1"}) == gone


def test_a_reply_keeps_all_but_the_words_that_it_quotes() -> None:
    bare = without_text(REPLY, {"c1"})
    wire = orjson.loads(bare.body)
    assert wire["data"] == {"text": "no!", "reply_to": {"id": "c1", "name": "Lin", "text": ""}}
    assert bare.visibility == Visibility.ALL
    assert b"secret" not in bare.body
    assert unquote(bare.body) == bare.body
    assert unquote(SAID.body) == SAID.body


def test_others_are_left_alone() -> None:
    for event in (SAID, REPLY):
        assert without_text(event, {"another"}) is event
        assert without_text(event, ()) is event


def test_an_event_on_the_wire() -> None:
    assert list(orjson.loads(SAID.body)) == ["id", "offset", "kind", "at_ms", "media_ms", "user", "data"]
    system = encode_event(event_id="e", offset=2, kind="room.status", at_ms=5, user=None, data={})
    assert orjson.loads(system) == {"id": "e", "offset": 2, "kind": "room.status", "at_ms": 5, "data": {}}
