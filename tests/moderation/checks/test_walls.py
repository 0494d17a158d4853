"""Walls: what fills the screen, and what is only joy."""

from __future__ import annotations

import time

import pytest

from moderation.filter.checks import walls
from moderation.filter.checks.subject import Subject
from moderation.rulebook.rules import RoomRules
from rooms.ports import About


def codes(text: str) -> list[str]:
    return [reason.code for reason in walls.check(Subject.of(text, About()), RoomRules())]


@pytest.mark.parametrize("text", ["6" * 30, "哈 " * 30, "退钱" * 20, "refund! " * 15, "refund " * 15])
def test_the_same_again_and_again_is_a_wall(text: str) -> None:
    assert codes(text) == ["repeated"]


@pytest.mark.parametrize("text", ["6" * 29, "ha" * 19, "加油" * 19, "la la la la la la", "yes " * 14])
def test_applause_is_none(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize("piece", ["ab", "ab c", "abcdefgh", "a", "abababababababc"])
def test_hostile_texts_take_no_longer_than_they_are(piece: str) -> None:
    def took(size: int) -> float:
        subject = Subject.of((piece * size)[: size - 1] + "\u4e00", About())
        rounds = []
        for _ in range(3):
            begun = time.process_time()
            codes(subject.text)
            rounds.append(time.process_time() - begun)
        return min(rounds)

    assert took(16_000) < 10 * max(took(4_000), 0.002)
