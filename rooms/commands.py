"""The payloads of commands: one frozen pydantic model each, strict, unknown fields refused."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

SLOW_MODE_MAX_S = 3600
FOLLOWED_FOR_MAX_S = 90 * 24 * 3600
SKUS_MAX = 50
PICTURES_MAX = 10

RoomId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@|-]{1,128}$")]
# A user's id is the shop's own and may be in any script; control characters can't be in one.
UserId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
# Long enough for any text that cleaning would accept, short enough that a flood costs nothing.
RawText = Annotated[str, StringConstraints(max_length=20_000)]
# A line of an address: no control characters.
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
PriceMinor = Annotated[int, Field(ge=0, le=10**11)]
TimeMs = Annotated[int, Field(ge=0, le=2**53)]
PicturePath = Annotated[str, StringConstraints(pattern=r"^/pictures/[A-Za-z0-9_-]{1,64}\.(webp|jpg|png)$")]
PicturePaths = Annotated[tuple[PicturePath, ...], Field(strict=False, max_length=PICTURES_MAX)]
# The shop's own name for something: in any script, without control characters, no space at either end.
ExternalId = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?$"),
]
Stock = Annotated[int, Field(ge=0, le=10**9)]
StockDelta = Annotated[int, Field(ge=-(10**9), le=10**9)]
Version = Annotated[int, Field(ge=1, le=2**53)]

COLORS = ("white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
Color = Literal["white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
Lane = Literal["scroll", "top", "bottom"]
SlowMode = Annotated[int, Field(ge=0, le=SLOW_MODE_MAX_S)]
WhoMayComment = Literal["everyone", "followers", "members", "buyers", "moderators"]
# What the sandbox provider is to do; other providers don't look at it.
SandboxCard = Literal["ok", "declined", "hangs", "late", "twice", "after_hold"]


class Command(BaseModel):
    """What every command has."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    room: RoomId


class Keyed(Command):
    """A command that changes something: ``key`` makes it happen once."""

    key: Key


class PostComment(Keyed):
    text: RawText
    color: Color = "white"
    lane: Lane = "scroll"
    reply_to: Id | None = None


class Like(Command):
    count: Annotated[int, Field(ge=1, le=50)]


class FollowHost(Keyed):
    """The room's host, to be followed or no longer."""


class RedeemPoints(Keyed):
    offer: Id


class Share(Keyed):
    """The room's address was passed on."""


class DeleteComment(Keyed):
    event: Id


class MaskComment(Keyed):
    event: Id


class PurgeComments(Keyed):
    """All that ``user`` has said in the room, or what of it came at ``since_ms`` or later."""

    user: UserId
    since_ms: TimeMs | None = None


class OfUser(Keyed):
    """Somebody in the room, to be acted on."""

    user: UserId


class Sanction(OfUser):
    """``seconds`` None: until it is lifted."""

    seconds: Annotated[int, Field(ge=10, le=14 * 24 * 3600)] | None
    reason: RawText


class Mute(Sanction):
    everywhere: bool = False


class Ban(Sanction):
    everywhere: bool = False


class Shadow(Sanction):
    pass


class Mark(Sanction):
    """Somebody suspicious: watched by the staff, or with comments that wait for them."""


class Unmark(OfUser):
    pass


class Warn(OfUser):
    reason: RawText


class Unmute(OfUser):
    everywhere: bool = False


class Unban(OfUser):
    everywhere: bool = False


class Unshadow(OfUser):
    pass


class Unwarn(OfUser):
    """``warning``: only if it is this one that waits, not one that somebody gave since."""

    warning: Id | None = None


class AcceptWarning(Keyed):
    warning: Id


class Grant(Keyed):
    user: UserId
    role: Literal["viewer", "moderator", "senior_moderator"]


class ChangeRoom(Keyed):
    title: RawText | None = None
    slow_mode_s: SlowMode | None = None
    who_may_comment: WhoMayComment | None = None
    recording: Literal["on", "off", "default"] | None = None

    @model_validator(mode="after")
    def _something(self) -> ChangeRoom:
        return _needs_one(self, "title", "slow_mode_s", "who_may_comment", "recording")


class SetModes(Keyed):
    """What is left out stays as it is. ``shield`` puts the room's shield up, for ``shield_for_s`` or until
    somebody takes it down."""

    slow_mode_s: SlowMode | None = None
    who_may_comment: WhoMayComment | None = None
    followed_for_s: Annotated[int, Field(ge=0, le=FOLLOWED_FOR_MAX_S)] | None = None
    member_level: Annotated[int, Field(ge=1, le=50)] | None = None
    emoji_only: bool | None = None
    shield: bool | None = None
    shield_for_s: Annotated[int, Field(ge=60, le=24 * 3600)] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> SetModes:
        if self.shield_for_s is not None and not self.shield:
            raise ValueError("shield_for_s: only with shield: true")
        modes = ("slow_mode_s", "who_may_comment", "followed_for_s", "member_level", "emoji_only", "shield")
        return _needs_one(self, *modes)


class PauseRoom(Keyed):
    on: bool
    picture: PicturePath | None = None


class EndRoom(Keyed):
    pass


class NewSku(BaseModel):
    """A variant of a new product."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: RawText = ""
    price_minor: PriceMinor
    stock: Stock
    external_id: ExternalId | None = None


class NewProduct(BaseModel):
    """A product to be made: with ``skus``, or with the price and the stock of its only one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: RawText
    currency: Currency
    external_id: ExternalId | None = None
    category: RawText = ""
    description: RawText = ""
    picture: PicturePath | None = None
    pictures: PicturePaths | None = None
    skus: Annotated[tuple[NewSku, ...], Field(strict=False, min_length=1, max_length=SKUS_MAX)] | None = None
    price_minor: PriceMinor | None = None
    stock: Stock | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        short = (self.price_minor, self.stock)
        if (None in short) if self.skus is None else (short != (None, None)):
            raise ValueError("give either skus, or price_minor and stock")
        _one_of_pictures(self)
        return self

    @property
    def variants(self) -> tuple[NewSku, ...]:
        if self.skus is not None:
            return self.skus
        return (NewSku(price_minor=self.price_minor or 0, stock=self.stock or 0),)


class AddProduct(NewProduct, Keyed):
    pass


class ChangeSku(BaseModel):
    """A change of one SKU, or a new one (without ``sku``). ``stock`` is what is on hand, held ones included;
    ``stock_delta`` adds to it. With ``version``, only if nobody has changed that meanwhile."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sku: Id | None = None
    name: RawText | None = None
    price_minor: PriceMinor | None = None
    stock: Stock | None = None
    stock_delta: StockDelta | None = None
    version: Version | None = None
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.stock is not None and self.stock_delta is not None:
            raise ValueError("give either stock or stock_delta")
        if self.sku is None and (self.price_minor is None or self.stock is None):
            raise ValueError("a new SKU needs price_minor and stock; name the sku to change one")
        return self


class EditProduct(BaseModel):
    """Changes of a product; what is left out stays. ``stock_delta`` is for a product with one SKU."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: RawText | None = None
    category: RawText | None = None
    description: RawText | None = None
    picture: PicturePath | None = None
    pictures: PicturePaths | None = None
    price_minor: PriceMinor | None = None
    stock_delta: StockDelta | None = None
    skus: Annotated[tuple[ChangeSku, ...], Field(strict=False, min_length=1, max_length=SKUS_MAX)] | None = (
        None
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.skus is not None and (self.price_minor is not None or self.stock_delta is not None):
            raise ValueError("give either skus, or price_minor and stock_delta")
        _one_of_pictures(self)
        return _needs_one(self, *EditProduct.model_fields)


class ChangeProduct(EditProduct, Keyed):
    product: Id


class ProductRef(Keyed):
    product: Id


class SkuRef(Keyed):
    product: Id
    sku: Id


class Address(BaseModel):
    """Where an order goes to. What it must have is the shop's business; only lengths are checked here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Line
    phone: Annotated[str, StringConstraints(pattern=r"^[0-9+() ./-]{3,40}$")] | None = None
    lines: Annotated[list[Line], Field(min_length=1, max_length=3)]
    city: Line | None = None
    region: Line | None = None
    postcode: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 -]{1,16}$")] | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None


class MoveProduct(Keyed):
    """``position`` counts from 1; beyond the end is the end."""

    product: Id
    position: Annotated[int, Field(ge=1, le=10_000)]


class StopExplaining(Keyed):
    pass


class Buy(Keyed):
    """``sale`` only insists on it: a sale that runs applies by itself."""

    sku: Id
    qty: Annotated[int, Field(ge=1, le=100)]
    sale: Id | None = None
    coupons: Annotated[list[Id], Field(max_length=5)] = []
    address: Address | None = None
    note: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]{1,500}$")] | None = None


class PayOrder(Keyed):
    order: Id
    method: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")] | None = None
    card: SandboxCard = "ok"


class TopUp(Keyed):
    """``method`` and ``card`` as for ``order.pay``."""

    pack: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]
    method: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")] | None = None
    card: SandboxCard = "ok"


class CancelOrder(Keyed):
    order: Id


class SetAddress(Keyed):
    """``order`` is a prize of the caller's."""

    order: Id
    address: Address


class RefundOrder(Keyed):
    """``restock``: what was sold is back, and can be bought again."""

    order: Id
    reason: RawText
    restock: bool = False


class StartSale(Keyed):
    """At ``starts_at_ms``, in ``countdown_s``, or at once."""

    sku: Id
    price_minor: PriceMinor
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    per_buyer: Annotated[int, Field(ge=1, le=100)]
    starts_at_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None
    countdown_s: Annotated[int, Field(ge=10, le=300)] | None = None
    duration_s: Annotated[int, Field(ge=60, le=1200)]
    stackable: bool = False

    @model_validator(mode="after")
    def _one_start(self) -> StartSale:
        if self.starts_at_ms is not None and self.countdown_s is not None:
            raise ValueError("give starts_at_ms or countdown_s, not both")
        return self


class EndSale(Keyed):
    sale: Id


class CreateCoupon(Keyed):
    """``value`` is in the currency's minor unit: what is taken off, or the most that a ``voucher`` pays of
    one piece (0: all of it). For ``percent`` it is the per cent that are taken off."""

    title: RawText
    kind: Literal["threshold", "percent", "fixed", "voucher"]
    value: PriceMinor
    minimum_minor: PriceMinor = 0
    product: Id | None = None
    currency: Currency
    quota: Annotated[int, Field(ge=1, le=10**7)]
    per_person: Annotated[int, Field(ge=1, le=10)] = 1
    claim_from_ms: TimeMs | None = None
    claim_until_ms: TimeMs | None = None
    valid_until_ms: TimeMs | None = None
    valid_s: Annotated[int, Field(ge=60, le=366 * 24 * 3600)] | None = None
    stackable: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> CreateCoupon:
        if (self.valid_until_ms is None) == (self.valid_s is None):
            raise ValueError("give one of: valid_until_ms, valid_s")
        if self.claim_from_ms and self.claim_until_ms and self.claim_from_ms >= self.claim_until_ms:
            raise ValueError("claim_from_ms must be before claim_until_ms")
        if self.kind == "percent" and self.value > 100:
            raise ValueError("value: at most 100 per cent")
        if self.value == 0 and self.kind != "voucher":
            raise ValueError("value: more than nothing")
        if self.kind == "threshold" and self.minimum_minor < self.value:
            raise ValueError("minimum_minor: at least as much as is taken off")
        if self.kind == "voucher" and self.product is None:
            raise ValueError("product: a voucher is for one")
        return self


class CouponRef(Keyed):
    coupon: Id


class DropCoupon(CouponRef):
    seconds: Annotated[int, Field(ge=3, le=3600)]


class GiveGift(Keyed):
    gift: Id
    count: Annotated[int, Field(ge=1, le=9999)] = 1


class RefundGift(Keyed):
    gift: Id
    reason: RawText


class GiftTop(Command):
    """Changes nothing, so it has no key."""

    span: Literal["stream", "week", "all"] = "stream"


class CreateRoom(BaseModel):
    """The body of ``POST /api/v1/rooms``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: RoomId | None = None
    title: RawText
    public: bool = True


M = TypeVar("M", bound=BaseModel)


def _needs_one(model: M, *names: str) -> M:
    if all(getattr(model, name) is None for name in names):
        raise ValueError(f"give at least one of: {', '.join(names)}")
    return model


def _one_of_pictures(model: NewProduct | EditProduct) -> None:
    if model.picture is not None and model.pictures is not None:
        raise ValueError("give either picture or pictures, whose first is the picture")
