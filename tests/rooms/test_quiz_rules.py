"""What an answer to a quiz is worth, and when it is late: at the edges, and for any times."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.play.quizzes import rules
from rooms.play.quizzes.rules import ALLOWANCE_MAX_MS, Arrival
from rooms.play.quizzes.store import PlayerRow, QuestionRow, QuizRow

ASKED_MS = 1_000_000
ENDS_MS = ASKED_MS + 10_000
QUIZ = QuizRow("q", "tea", "u-host", "Tea", "asked", 2, 1, None, 0, [], "top", 0)
QUESTION = QuestionRow("q", 1, "Which?", ["a", "b"], 1, 10, [0, 0], ASKED_MS, ENDS_MS)


@pytest.mark.parametrize(
    ("received_ms", "round_trip_ms", "counts"),
    [
        (ENDS_MS - 1, 0, True),
        (ENDS_MS, 0, False),
        (ENDS_MS, 1, True),
        (ENDS_MS + 119, 120, True),
        (ENDS_MS + 120, 120, False),
        (ENDS_MS + ALLOWANCE_MAX_MS - 1, ALLOWANCE_MAX_MS, True),
        (ENDS_MS + ALLOWANCE_MAX_MS - 1, 60_000, True),
        (ENDS_MS + ALLOWANCE_MAX_MS, 60_000, False),
        (ENDS_MS, -5, False),
    ],
)
def test_the_way_is_allowed_for_up_to_a_bound(received_ms: int, round_trip_ms: int, counts: bool) -> None:
    at = Arrival(received_ms, round_trip_ms)
    assert rules.in_time(at, ENDS_MS) is counts
    if counts:
        assert rules.judge(QUIZ, QUESTION, 1, None, "u", at).points >= rules.POINTS_SLOWEST
    else:
        with pytest.raises(Refused) as refused:
            rules.judge(QUIZ, QUESTION, 1, None, "u", at)
        assert refused.value.code == "over"


@pytest.mark.parametrize(
    ("received_ms", "round_trip_ms", "points"),
    [
        (ASKED_MS, 0, 1000),
        (ASKED_MS - 700, 0, 1000),  # another node's clock may be behind
        (ASKED_MS + 80, 80, 1000),
        (ASKED_MS + 19, 0, 1000),
        (ASKED_MS + 20, 0, 999),
        (ASKED_MS + 5_000, 0, 750),
        (ASKED_MS + 5_400, 400, 750),
        (ASKED_MS + 5_500, 9_999, 750),
        (ENDS_MS - 1, 0, 501),
        (ENDS_MS + 499, 500, 501),
    ],
)
def test_the_sooner_the_more(received_ms: int, round_trip_ms: int, points: int) -> None:
    at = Arrival(received_ms, round_trip_ms)
    assert rules.judge(QUIZ, QUESTION, 1, None, "u", at).points == points
    assert rules.judge(QUIZ, QUESTION, 0, None, "u", at).points == 0


@given(st.integers(-1000, 70_000), st.integers(-10, 5_000), st.integers(5, 60), st.integers(0, 3_000))
def test_no_round_trip_makes_an_answer_worth_less_or_much_more(
    after_ms: int, round_trip_ms: int, seconds: int, more_ms: int
) -> None:
    taken = rules.taken_ms(Arrival(after_ms, round_trip_ms), 0, seconds)
    longer_way = rules.taken_ms(Arrival(after_ms, round_trip_ms + more_ms), 0, seconds)
    assert 0 <= taken - longer_way <= ALLOWANCE_MAX_MS
    worth = rules.points(taken, seconds)
    assert rules.POINTS_SLOWEST <= worth <= rules.points(longer_way, seconds) <= rules.POINTS_MAX
    assert type(worth) is int


def refusal(quiz: QuizRow, question: QuestionRow | None, option: int = 1) -> str:
    with pytest.raises(Refused) as refused:
        rules.judge(quiz, question, option, None, "u", Arrival(ASKED_MS))
    return refused.value.code


def test_only_the_open_question_can_be_answered() -> None:
    assert refusal(QUIZ, None) == "wrong_question"
    assert refusal(QUIZ, QuestionRow("q", 2, "Next?", ["a", "b"], 0, 10, [0, 0])) == "wrong_question"
    assert refusal(replace(QUIZ, number=2), QUESTION) == "over"
    assert refusal(replace(QUIZ, phase="closed"), QUESTION) == "over"
    assert refusal(replace(QUIZ, phase="ended"), QUESTION) == "over"
    assert refusal(QUIZ, QUESTION, option=2) == "unknown_option"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_places_are_by_points_then_by_time(scores: list[tuple[int, int]]) -> None:
    players = [PlayerRow("q", f"u{n:02}", "", 1, 1, *score) for n, score in enumerate(scores)]
    best = rules.leaders(players, 10)
    assert len(best) == min(10, sum(points > 0 for points, _ in scores))
    for ahead, behind in pairwise(best):
        assert (ahead.points, -ahead.taken_ms) >= (behind.points, -behind.taken_ms)


@given(st.integers(1, 10**6), st.integers(0, 1000))
def test_what_is_shared_is_all_there_is(pot: int, winners: int) -> None:
    winners = min(winners, pot)
    share, rest = rules.shares(pot, winners)
    assert share * winners + rest == pot
    assert (share >= 1) == (winners > 0)
    assert rest < winners or winners == 0
