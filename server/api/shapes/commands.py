"""What commands answer, beside ``ok``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes import lotteries as lo
from server.api.shapes import quizzes as q
from server.api.shapes.base import OPEN, Count, Nothing, Person, TimeMs
from server.api.shapes.gifts import Board, Gave, OfGiven
from server.api.shapes.packets import PacketOpened, PacketOpens, PacketSent
from server.api.shapes.people import Lifted, OfAddressBan, OfNote
from server.api.shapes.points import Following, Redeemed, Shared
from server.api.shapes.review import ClaimedItem, HeldComment, OfAppeal, OfReviewItem
from server.api.shapes.rooms import Event, Sanction, Settings
from server.api.shapes.shop import ClaimedCoupon, Coupon, Order, Sale, ShownProduct


@with_config(OPEN)
class Commented(TypedDict):
    """``event``, or that it is ``held`` for a moderator."""

    event: NotRequired[Event]
    held: NotRequired[HeldComment]


@with_config(OPEN)
class Counted(TypedDict):
    counted: Count


@with_config(OPEN)
class OfOrder(TypedDict):
    order: Order


@with_config(OPEN)
class Redirect(TypedDict):
    url: str


@with_config(OPEN)
class Paid(TypedDict):
    """``order``, or where to pay it: ``redirect`` with ``payment`` and ``expires_at_ms``."""

    order: NotRequired[Order]
    redirect: NotRequired[Redirect]
    payment: NotRequired[str]
    expires_at_ms: NotRequired[TimeMs]


@with_config(OPEN)
class OfSale(TypedDict):
    sale: Sale


@with_config(OPEN)
class OfSanction(TypedDict):
    sanction: Sanction


@with_config(OPEN)
class OfProduct(TypedDict):
    product: ShownProduct


@with_config(OPEN)
class Shelf(TypedDict):
    products: Annotated[list[str], Field(description="Ids, in the shelf's order.")]


@with_config(OPEN)
class Pins(TypedDict):
    pins: Annotated[list[str], Field(description="Ids of products, the newest pin first.")]


@with_config(OPEN)
class Explaining(TypedDict):
    explaining: str | None


@with_config(OPEN)
class OfCoupon(TypedDict):
    coupon: Coupon


@with_config(OPEN)
class OfClaim(TypedDict):
    coupon: ClaimedCoupon


@with_config(OPEN)
class Changed(TypedDict):
    title: str
    settings: Settings


@with_config(OPEN)
class OfModes(TypedDict):
    settings: Settings


@with_config(OPEN)
class Masked(TypedDict):
    text: Annotated[str, Field(description="What the comment says from now on.")]


@with_config(OPEN)
class AvatarRemoved(TypedDict):
    until_ms: Annotated[TimeMs, Field(description="Until when they may not choose another picture.")]


@with_config(OPEN)
class Purged(TypedDict):
    count: Annotated[Count, Field(description="How many comments that were.")]


@with_config(OPEN)
class Paused(TypedDict):
    on: bool
    picture: str | None


@with_config(OPEN)
class Cleared(TypedDict):
    stream: Annotated[str, Field(description="`host`, or a guest's slot.")]
    quiet_until_ms: TimeMs


@with_config(OPEN)
class PublishToken(TypedDict):
    token: str
    expires_at_ms: TimeMs


@with_config(OPEN)
class Guest(TypedDict):
    """``until_ms``: when it is over unless something happens before."""

    user: Person
    status: Literal["asked", "invited", "accepted", "on"]
    slot: str | None
    at_ms: TimeMs
    until_ms: TimeMs | None


@with_config(OPEN)
class OfGuest(TypedDict):
    guest: Guest


@with_config(OPEN)
class Answered(TypedDict):
    """``guest`` null: declined."""

    guest: Guest | None


@with_config(OPEN)
class Layout(TypedDict):
    layout: Annotated[str, Field(description="`host`, `side`, `grid`, or `guest:` and a slot.")]


@with_config(OPEN)
class OfRecording(TypedDict):
    recording: Annotated[str, Field(description="Its id.")]


COMMANDS: dict[str, Any] = {
    "comment": Commented,
    "like": Counted,
    "buy": OfOrder,
    "order.pay": Paid,
    "wallet.topup": Paid,
    "order.cancel": OfOrder,
    "order.address": OfOrder,
    "order.refund": OfOrder,
    "sale.start": OfSale,
    "sale.end": OfSale,
    "moderate.mute": OfSanction,
    "moderate.unmute": Nothing,
    "moderate.ban": OfSanction,
    "moderate.unban": Nothing,
    "moderate.shadow": OfSanction,
    "moderate.unshadow": Nothing,
    "moderate.warn": OfSanction,
    "moderate.unwarn": Nothing,
    "warning.accept": Nothing,
    "moderate.delete": Nothing,
    "moderate.watch": OfSanction,
    "moderate.unwatch": Nothing,
    "moderate.restrict": OfSanction,
    "moderate.unrestrict": Nothing,
    "moderate.note": OfNote,
    "moderate.note.delete": Nothing,
    "moderate.ban_address": OfAddressBan,
    "moderate.unban_address": Lifted,
    "picture.clear": Cleared,
    "avatar.remove": AvatarRemoved,
    "sound.clear": Cleared,
    "moderate.mask": Masked,
    "moderate.purge": Purged,
    "report": Nothing,
    "appeal": OfAppeal,
    "review.claim": ClaimedItem,
    "review.release": OfReviewItem,
    "review.decide": OfReviewItem,
    "product.add": OfProduct,
    "product.change": OfProduct,
    "product.remove": Nothing,
    "product.delete": Nothing,
    "sku.delete": Nothing,
    "shelf.add": OfProduct,
    "shelf.move": Shelf,
    "pin": Pins,
    "unpin": Pins,
    "explain.start": Explaining,
    "explain.stop": Explaining,
    "coupon.create": OfCoupon,
    "coupon.drop": OfCoupon,
    "coupon.close": OfCoupon,
    "coupon.claim": OfClaim,
    "gift": Gave,
    "gift.top": Board,
    "gift.refund": OfGiven,
    "lottery.create": lo.OfLottery,
    "lottery.enter": lo.OfEntry,
    "lottery.check": lo.Standing,
    "lottery.draw": lo.OfLottery,
    "lottery.cancel": lo.OfLottery,
    "lottery.claim": lo.Claimed,
    "quiz.start": q.OfQuiz,
    "quiz.ask": q.OfQuiz,
    "quiz.answer": q.OfAnswer,
    "quiz.close": q.OfQuiz,
    "quiz.end": q.OfQuiz,
    "quiz.check": q.OwnPart,
    "poll.start": q.OfPoll,
    "poll.vote": q.OfVote,
    "poll.close": q.OfPoll,
    "poll.check": q.OwnVote,
    "packet.send": PacketSent,
    "packet.open": PacketOpened,
    "packet.opens": PacketOpens,
    "follow": Following,
    "unfollow": Following,
    "points.redeem": Redeemed,
    "share": Shared,
    "recording.start": OfRecording,
    "recording.stop": OfRecording,
    "room.change": Changed,
    "room.modes": OfModes,
    "room.pause": Paused,
    "room.end": Nothing,
    "room.grant": Nothing,
    "guest.ask": OfGuest,
    "guest.withdraw": Nothing,
    "guest.invite": OfGuest,
    "guest.answer": Answered,
    "guest.remove": Nothing,
    "stage.layout": Layout,
    "publish.token": PublishToken,
}
