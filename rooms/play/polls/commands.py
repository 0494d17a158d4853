"""The payloads of the polls' commands. Options are numbered from 0."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rooms.commands import Command, Id, Keyed, RawText

OPTIONS_MAX = 10
SECONDS_MAX = 24 * 3600


class StartPoll(Keyed):
    """``multiple`` is how many options one may choose; a ``changeable`` vote may be given anew. Without
    ``seconds`` it is open until somebody closes it. ``show_results``: while it is open, or only after."""

    question: RawText
    options: Annotated[tuple[RawText, ...], Field(strict=False, min_length=2, max_length=OPTIONS_MAX)]
    multiple: Annotated[int, Field(ge=1, le=OPTIONS_MAX)] = 1
    changeable: bool = False
    seconds: Annotated[int, Field(ge=5, le=SECONDS_MAX)] | None = None
    show_results: Literal["live", "after"] = "live"

    @model_validator(mode="after")
    def _has_so_many(self) -> Self:
        if self.multiple > len(self.options):
            raise ValueError("multiple: at most as many as there are options")
        return self


class PollRef(Keyed):
    poll: Id


class Vote(PollRef):
    """``options`` are all that one chooses."""

    options: Annotated[tuple[int, ...], Field(strict=False, min_length=1, max_length=100)]


class CheckPoll(Command):
    """Changes nothing, so it has no key."""

    poll: Id
