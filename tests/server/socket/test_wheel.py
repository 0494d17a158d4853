"""When members of the wheel are due."""

from __future__ import annotations

import pytest

from server.socket.wheel import Wheel


def test_a_member_is_due_as_often_as_said_from_when_it_joined() -> None:
    wheel: Wheel[str] = Wheel(ping_turns=20, answer_turns=15, connect_turns=10)
    for _ in range(7):
        wheel.turn()
    wheel.join("a")
    pings, connects, answers = [], [], []
    for now in range(1, 61):
        turn = wheel.turn()
        pings += [now] * len(turn.to_ping)
        connects += [now] * len(turn.to_have_connected)
        answers += [now] * len(turn.to_have_answered)
    assert pings == [20, 40, 60]
    assert connects == [10, 30, 50]
    assert answers == [15, 35, 55]


def test_who_leaves_is_not_due_any_more() -> None:
    wheel: Wheel[str] = Wheel(ping_turns=4, answer_turns=2, connect_turns=1)
    slot = wheel.join("a")
    wheel.turn()
    wheel.join("b")
    assert set(wheel) == {"a", "b"}
    wheel.leave("a", slot)
    seen = [turn for turn in (wheel.turn() for _ in range(8)) if "a" in turn.to_ping + turn.to_have_answered]
    assert seen == []
    assert set(wheel) == {"b"}


def test_answers_are_due_before_the_next_ping() -> None:
    with pytest.raises(ValueError):
        Wheel(ping_turns=15, answer_turns=15, connect_turns=10)
