"""The payloads of the quizzes' commands. Questions are numbered from 1, options from 0."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rooms.commands import Command, Id, Keyed, RawText
from rooms.play.lotteries.commands import NewPrize
from rooms.play.prizes import PRIZES_MAX

QUESTIONS_MAX = 50
OPTIONS_MAX = 6
WINNERS_MAX = 200


class NewQuestion(BaseModel):
    """``right`` is the option that is right; it has ``seconds`` to be answered."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: RawText
    options: Annotated[tuple[RawText, ...], Field(strict=False, min_length=2, max_length=OPTIONS_MAX)]
    right: Annotated[int, Field(ge=0, lt=OPTIONS_MAX)]
    seconds: Annotated[int, Field(ge=5, le=60)]

    @model_validator(mode="after")
    def _has_an_answer(self) -> Self:
        if self.right >= len(self.options):
            raise ValueError("right: one of the options, counted from 0")
        return self


class StartQuiz(Keyed):
    """With ``auto_s`` it runs by itself, with so long a pause before each question and before the end.

    Prizes are for the ``top`` places, one each, or ``shared`` by all who had everything right: then there is
    one, of coins, and its ``amount`` is what they share.
    """

    title: RawText
    questions: Annotated[tuple[NewQuestion, ...], Field(strict=False, min_length=1, max_length=QUESTIONS_MAX)]
    auto_s: Annotated[int, Field(ge=3, le=60)] | None = None
    prizes: Annotated[tuple[NewPrize, ...], Field(strict=False, max_length=PRIZES_MAX)] = ()
    prizes_for: Literal["top", "shared"] = "top"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if sum(prize.count for prize in self.prizes) > WINNERS_MAX:
            raise ValueError(f"prizes: at most {WINNERS_MAX} winners together")
        if self.prizes_for == "shared":
            kinds = [(prize.kind, prize.count) for prize in self.prizes]
            if kinds != [("coins", 1)]:
                raise ValueError("prizes: what is shared is coins, given once")
        return self


class QuizRef(Keyed):
    quiz: Id


class AnswerQuestion(QuizRef):
    question: Annotated[int, Field(ge=1, le=QUESTIONS_MAX)]
    option: Annotated[int, Field(ge=0, le=2**31)]


class CheckQuiz(Command):
    """Changes nothing, so it has no key."""

    quiz: Id
