"""Quizzes and polls, as docs/protocol.md has them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs
from server.api.shapes.lotteries import Prize


@with_config(OPEN)
class Question(TypedDict):
    """``right`` and ``counts`` once it is closed; for who runs quizzes, always."""

    number: Count
    text: str
    options: list[str]
    seconds: Count
    asked_at_ms: TimeMs | None
    ends_at_ms: TimeMs | None
    right: Count | None
    counts: list[Count] | None


@with_config(OPEN)
class Leader(TypedDict):
    user: Person
    points: Count
    rights: Count
    taken_ms: Count


@with_config(OPEN)
class Quiz(TypedDict):
    """``question`` is the one that was asked last, in a list left out."""

    id: str
    title: str
    state: Literal["open", "asked", "closed", "ended", "cancelled"]
    total: Count
    auto_s: Count | None
    prizes: list[Prize]
    prizes_for: Literal["top", "shared"]
    opened_at_ms: TimeMs
    question: Question | None
    players: Count
    leaders: Annotated[list[Leader], Field(description="The first 10.")]


class WholeQuiz(Quiz):
    questions: list[Question]


@with_config(OPEN)
class OfQuiz(TypedDict):
    quiz: Quiz


@with_config(OPEN)
class Chosen(TypedDict):
    question: Count
    option: Count


@with_config(OPEN)
class OfAnswer(TypedDict):
    answer: Chosen


@with_config(OPEN)
class JudgedAnswer(Chosen):
    """``right`` and ``points`` are null while the question is open."""

    right: bool | None
    points: Count | None


@with_config(OPEN)
class OwnPart(TypedDict):
    answers: list[JudgedAnswer]
    points: Count
    rights: Count
    place: Count | None
    players: Count


@with_config(OPEN)
class Poll(TypedDict):
    """``voters`` and ``counts`` once it is closed."""

    id: str
    question: str
    options: list[str]
    multiple: Count
    changeable: bool
    show_results: Literal["live", "after"]
    state: Literal["open", "closed", "ended"]
    opened_at_ms: TimeMs
    ends_at_ms: TimeMs | None
    closed_at_ms: TimeMs | None
    voters: Count | None
    counts: list[Count] | None


@with_config(OPEN)
class OfPoll(TypedDict):
    poll: Poll


@with_config(OPEN)
class VotedFor(TypedDict):
    options: list[Count]


@with_config(OPEN)
class OfVote(TypedDict):
    vote: VotedFor


@with_config(OPEN)
class OwnVote(TypedDict):
    """``options``: what the caller chose; ``counts`` as far as everybody may see them."""

    options: list[Count]
    voters: Count
    counts: list[Count] | None
