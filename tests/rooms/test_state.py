"""The fold is held to the same vectors as the browser's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.log import LogEvent, Visibility
from rooms.state import EMPTY, decode_state, encode_state, fold, fold_all

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "fold.json").read_text("utf-8"))


def as_log_event(event: dict[str, Any], room: str) -> LogEvent:
    deleted = event["data"].get("deleted", False)
    return LogEvent(
        room_id=room,
        epoch="1",
        offset=event["offset"],
        id=event["id"],
        kind=event["kind"],
        at_ms=event["at_ms"],
        user_id=event.get("user", {}).get("id"),
        visibility=Visibility.DELETED if deleted else Visibility.ALL,
        body=orjson.dumps(event),
    )


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
def test_vector(vector: dict[str, Any]) -> None:
    state = fold_all(EMPTY, [as_log_event(e, vector["room"]) for e in vector["events"]])
    assert orjson.loads(encode_state(state)) == vector["state"]


ALL_EVENTS = [as_log_event(e, v["room"]) for v in VECTORS for e in v["events"]]


@given(st.lists(st.sampled_from(ALL_EVENTS), max_size=40), st.integers(0, 40))
def test_a_checkpoint_anywhere_changes_nothing(events: list[LogEvent], cut: int) -> None:
    events = [ALL_EVENTS[0], *events]
    straight = fold_all(EMPTY, events)
    resumed = fold_all(decode_state(encode_state(fold_all(EMPTY, events[:cut]))), events[cut:])
    assert encode_state(resumed) == encode_state(straight)


@given(st.lists(st.sampled_from(ALL_EVENTS), max_size=120))
def test_many_at_once_are_what_they_are_one_by_one(events: list[LogEvent]) -> None:
    state = EMPTY
    for event in events:
        state = fold(state, event)
    assert encode_state(fold_all(EMPTY, events)) == encode_state(state)


@given(st.lists(st.sampled_from(ALL_EVENTS), max_size=80))
def test_the_state_stays_bounded(events: list[LogEvent]) -> None:
    state = EMPTY
    for event in events:
        state = fold(state, event)
        assert len(state.comments) <= 50
        assert len(state.pins) <= 3
        assert len(state.coupons) <= 5
        assert len({c["id"] for c in state.coupons}) == len(state.coupons)
        assert len(set(state.pins)) == len(state.pins)
