"""The payloads of the lotteries' commands."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from rooms.commands import Address, Command, Id, Keyed, RawText
from rooms.play.lotteries.conditions import CONDITIONS_MAX
from rooms.play.prizes import PRIZES_MAX, Prize

WINNERS_MAX = 200
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Coins = Annotated[int, Field(ge=1, le=10**7)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SayPhrase(_Part):
    """A comment with the phrase in it, since the lottery opened."""

    kind: Literal["comment"]
    phrase: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,60}$")]


class FollowHost(_Part):
    kind: Literal["follow"]


class Watch(_Part):
    """So many minutes in this room, today and yesterday taken together (UTC)."""

    kind: Literal["watch"]
    minutes: Annotated[int, Field(ge=1, le=600)]


class SendGift(_Part):
    """Gifts of so many coins together, since the lottery opened; of one kind, or of any."""

    kind: Literal["gift"]
    gift: Id | None = None
    coins: Coins = 1


class OwnOrder(_Part):
    """A paid order in this room, of one product or of any."""

    kind: Literal["order"]
    product: Id | None = None


Condition = Annotated[SayPhrase | FollowHost | Watch | SendGift | OwnOrder, Field(discriminator="kind")]


class NewPrize(_Part):
    """``count`` winners get ``amount`` each: pieces of the SKU ``ref``, or coins; or one coupon ``ref``."""

    kind: Literal["product", "coupon", "coins"]
    ref: Id | None = None
    amount: Coins = 1
    count: Annotated[int, Field(ge=1, le=WINNERS_MAX)]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.ref is None) != (self.kind == "coins"):
            raise ValueError("ref: which product's SKU or which coupon; coins have none")
        if self.kind == "coupon" and self.amount != 1:
            raise ValueError("amount: one coupon each")
        if self.kind == "product" and self.amount > 100:
            raise ValueError("amount: at most 100 pieces each")
        return self

    @property
    def prize(self) -> Prize:
        return Prize(self.kind, self.ref, self.amount, self.count)


class Weights(_Part):
    """More chances for some: one more for each ``per`` coins given since it opened, or as many as the level
    of a fan; at most ``max``. Fixed when somebody enters."""

    by: Literal["gift_coins", "fan_level"]
    per: Coins = 100
    max: Annotated[int, Field(ge=2, le=1000)]


class CreateLottery(Keyed):
    """Open for ``seconds``; who has won claims within ``claim_s``. What nobody claimed is drawn again
    (``redraw``, up to twice) or given back (``return``)."""

    title: RawText
    conditions: Annotated[tuple[Condition, ...], Field(strict=False, max_length=CONDITIONS_MAX)] = ()
    prizes: Annotated[tuple[NewPrize, ...], Field(strict=False, min_length=1, max_length=PRIZES_MAX)]
    seconds: Annotated[int, Field(ge=5, le=86_400)]
    claim_s: Annotated[int, Field(ge=10, le=7 * 86_400)] = 600
    unclaimed: Literal["redraw", "return"] = "return"
    weights: Weights | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if sum(prize.count for prize in self.prizes) > WINNERS_MAX:
            raise ValueError(f"prizes: at most {WINNERS_MAX} winners together")
        return self


class LotteryRef(Keyed):
    lottery: Id


class EnterLottery(LotteryRef):
    """``nonce``: 16 random bytes of the entrant's own, hexadecimal."""

    nonce: Nonce


class ClaimPrize(LotteryRef):
    address: Address | None = None


class CheckLottery(Command):
    """Changes nothing, so it has no key."""

    lottery: Id
