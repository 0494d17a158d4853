"""How far the log is dealt with, and who goes next: whatever the order in which deliveries end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.webhooks.events import Log, Message
from server.webhooks.queue import Lanes, Parcel, Track


def message(position: int, subject: str = "room:tea", *, latest: bool = False) -> Message:
    return Message(f"{position:032x}", "x", "tea", Log.ROOM, "e", position, position, subject, {}, latest)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12), st.randoms())
def test_the_mark_never_passes_what_is_open_and_reaches_the_end(made: list[int], chance: object) -> None:
    track = Track("e", 100)
    still_open: list[int] = []
    for n, number in enumerate(made):
        position = 101 + 2 * n
        track.opened(position, number)
        still_open += [position] * number
    track.skipped(101 + 2 * len(made))
    chance.shuffle(still_open)  # type: ignore[attr-defined]
    marks = [track.mark]
    while still_open:
        track.closed(still_open.pop())
        assert track.mark < min(still_open, default=10**9)
        marks.append(track.mark)
    assert marks == sorted(marks)
    assert (marks[0], marks[-1]) == (100, track.read)


def test_a_log_is_read_forwards_only() -> None:
    track = Track("e", 5)
    with pytest.raises(ValueError):
        track.opened(5, 1)


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.integers(1, 5), st.randoms())
def test_of_one_subject_one_after_another_in_order(subjects: list[str], at_once: int, chance: object) -> None:
    lanes = Lanes()
    for n, subject in enumerate(subjects):
        lanes.add(Parcel(message(n, subject)))
    under_way: list[Parcel] = []
    seen: dict[str, list[int]] = {}
    while len(lanes):
        while len(under_way) < at_once and (parcel := lanes.next()) is not None:
            assert parcel.message.subject not in [p.message.subject for p in under_way]
            under_way.append(parcel)
            seen.setdefault(parcel.message.subject, []).append(parcel.message.position)
        assert under_way
        chance.shuffle(under_way)  # type: ignore[attr-defined]
        lanes.finish(under_way.pop())
    assert {s: [n for n, x in enumerate(subjects) if x == s] for s in set(subjects)} == seen


def test_what_says_how_it_is_now_is_said_once() -> None:
    lanes = Lanes()
    for n in range(2):
        lanes.add(Parcel(message(n, latest=True)))
    first = lanes.next()
    assert first is not None
    assert lanes.is_outdone(first)
    lanes.finish(first)
    second = lanes.next()
    assert second is not None
    assert not lanes.is_outdone(second)
