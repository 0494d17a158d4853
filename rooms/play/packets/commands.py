"""The payloads of the red packets' commands."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rooms.commands import Command, Id, Keyed, RawText

COINS_MAX = 10**7
SHARES_MAX = 2000
PLACE_MAX = SHARES_MAX

Split = Literal["random", "equal"]
Who = Literal["all", "followers"]


class SendPacket(Keyed):
    """``coins`` in ``count`` shares of at least one coin, to be opened for ``seconds``, by
    everybody or by the host's ``followers``."""

    coins: Annotated[int, Field(ge=1, le=COINS_MAX)]
    count: Annotated[int, Field(ge=1, le=SHARES_MAX)]
    split: Split = "random"
    who: Who = "all"
    seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    greeting: RawText | None = None

    @model_validator(mode="after")
    def _a_coin_each(self) -> Self:
        if self.coins < self.count:
            raise ValueError("coins: at least one for each share")
        return self


class OpenPacket(Keyed):
    packet: Id


class ListOpens(Command):
    """``after``: the place of the last one of the page before."""

    packet: Id
    after: Annotated[int, Field(ge=0, le=PLACE_MAX)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50
