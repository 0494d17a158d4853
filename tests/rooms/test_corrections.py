"""What is taken back of comments: the same from rows as from bytes, once or any number of times."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from rooms.corrections import Corrections, Purge, corrections
from rooms.log import LogEvent, Visibility
from rooms.state import EMPTY, corrected, encode_state, fold_all

PEOPLE = ["u-lin", "u-wu", "u-bo"]


def entry(
    offset: int, kind: str, data: dict[str, Any], user: str | None = None, reply_to: str | None = None
) -> LogEvent:
    wire: dict[str, Any] = {"id": f"c{offset:02}", "offset": offset, "kind": kind, "at_ms": offset}
    if user is not None:
        wire["user"] = {"id": user, "name": user, "badges": []}
    wire["data"] = data
    body = orjson.dumps(wire)
    return LogEvent("tea", "e", offset, f"c{offset:02}", kind, offset, user, Visibility.ALL, body, reply_to)


@st.composite
def logs(draw: st.DrawFn) -> list[LogEvent]:
    """Comments, replies among them, and then what is taken back of them."""
    said: list[LogEvent] = []
    for offset in range(1, draw(st.integers(1, 12)) + 1):
        user = draw(st.sampled_from(PEOPLE))
        data: dict[str, Any] = {"text": f"words of {user} at {offset}"}
        quoted = draw(st.none() | st.sampled_from(said)) if said else None
        if quoted is not None:
            wire = orjson.loads(quoted.body)
            data["reply_to"] = {
                "id": quoted.id,
                "name": quoted.user_id,
                "user": quoted.user_id,
                "offset": quoted.offset,
                "text": wire["data"]["text"],
            }
        said.append(entry(offset, "comment", data, user, quoted.id if quoted else None))
    head = len(said)
    acts = []
    for place in range(head + 1, head + 1 + draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["comment.deleted", "comment.masked", "comment.purged"]))
        about = {"id": draw(st.sampled_from(said)).id}
        if kind == "comment.masked":
            about["text"] = "***"
        gone: dict[str, Any] = about
        if kind == "comment.purged":
            gone = {
                "user": draw(st.sampled_from(PEOPLE)),
                "from": draw(st.integers(1, head)),
                "to": place - 1,
            }
        acts.append(entry(place, kind, gone))
    return said + acts


def rows_after(log: list[LogEvent]) -> list[LogEvent]:
    """The log as SQL has it in the end: each correction was written to the rows when it was made."""
    for act in [event for event in log if event.kind != "comment"]:
        by = corrections([act])
        log = [by.of(event) for event in log]
    return log


@given(logs())
def test_a_newcomer_sees_the_same_whether_the_rows_were_corrected_or_not(log: list[LogEvent]) -> None:
    assert encode_state(fold_all(EMPTY, log)) == encode_state(fold_all(EMPTY, rows_after(log)))


@given(logs())
def test_taken_back_twice_is_taken_back_once(log: list[LogEvent]) -> None:
    by = corrections(log)
    once = [by.of(event) for event in log]
    assert [by.of(event) for event in once] == once
    state = corrected(fold_all(EMPTY, log), by)
    assert encode_state(corrected(state, by)) == encode_state(state)


@given(logs())
def test_nothing_of_the_words_is_left(log: list[LogEvent]) -> None:
    rows = {event.id: event for event in rows_after(log)}
    everything = b"".join(event.body for event in rows.values())
    for act in log:
        if act.kind == "comment.purged":
            purge = Purge(act.data["user"], act.data["from"], act.data["to"])
            gone = [e for e in log if e.kind == "comment" and purge.takes(e.user_id, e.offset)]
        elif act.kind in ("comment.deleted", "comment.masked"):
            gone = [event for event in log if event.id == act.data["id"]]
        else:
            continue
        for event in gone:
            assert f'words of {event.user_id} at {event.offset}"'.encode() not in everything


@given(logs())
def test_others_keep_every_byte(log: list[LogEvent]) -> None:
    untouched = Corrections(deleted=frozenset({"elsewhere"}), masks={"nowhere": "***"})
    assert [untouched.of(event) for event in log] == log
    assert all(untouched.of_body(event.body) == event.body for event in log if event.kind == "comment")
    by = corrections(log)
    for event in log:
        if event.kind != "comment":
            assert by.of(event) is event


def test_nothing_taken_back_is_nothing() -> None:
    assert not corrections([entry(1, "comment", {"text": "hi"}, "u-lin")])
    assert not Corrections()
