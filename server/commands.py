"""The dispatch table: each command's name, payload and handler; and the way of a command to its answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel

from moderation.avatars import AvatarActs, RemoveAvatar
from moderation.clearing import ClearStream
from moderation.deletions import Deletions
from moderation.evasion.notes import NoteRef, Notes, WriteNote
from moderation.evasion.service import AddressBanRef, AddressBans, BanAddress
from moderation.pictures.acts import PictureActs
from moderation.purges import Purges
from moderation.review import commands as review
from moderation.review.queue import Queue
from moderation.roles import Roles
from moderation.sanctions.service import Sanctions
from moderation.sounds.acts import SoundActs
from rooms import commands as c
from rooms.avatars import Avatars
from rooms.comments import Comments
from rooms.errors import Refused
from rooms.follows import Follows
from rooms.gifts.service import Gifts
from rooms.guests import commands as stage
from rooms.guests.service import Guests
from rooms.lifecycle import Lifecycle
from rooms.likes import LikeCounter
from rooms.play.lotteries import commands as lottery
from rooms.play.lotteries.service import Lotteries
from rooms.play.packets import commands as packet
from rooms.play.packets.service import Packets
from rooms.play.polls import commands as poll
from rooms.play.polls.service import Polls
from rooms.play.quizzes import commands as quiz
from rooms.play.quizzes.rules import Arrival
from rooms.play.quizzes.service import Quizzes
from rooms.points.offers import Offers
from rooms.points.redeeming import Points
from rooms.ports import Caller, TextReason
from rooms.recordings.commands import RecordStream
from rooms.recordings.service import Recordings
from rooms.rows import Steps
from rooms.shop.catalogue import Catalogue
from rooms.shop.coupons.service import Coupons
from rooms.shop.deliveries import set_address
from rooms.shop.orders import Orders
from rooms.shop.refunds import Refunds
from rooms.shop.sales import Sales
from rooms.switches import Modes
from rooms.wallet.corrections import Corrections
from rooms.wallet.payouts import Payouts
from rooms.wallet.topups import TopUps
from server.packet_front import PacketFront
from server.payments.cashier import Cashier
from server.rulebooks import Rulebooks
from server.shop_front import ShopFront
from server.store.group import Answer, Work, accepted, refused
from server.store.keys import CommandKey
from server.store.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that carries out commands."""

    comments: Comments
    lifecycle: Lifecycle
    catalogue: Catalogue
    orders: Orders
    sales: Sales
    refunds: Refunds
    coupons: Coupons
    gifts: Gifts
    sanctions: Sanctions
    deletions: Deletions
    purges: Purges
    modes: Modes
    queue: Queue
    roles: Roles
    cashier: Cashier
    topups: TopUps
    payouts: Payouts
    corrections: Corrections
    likes: LikeCounter
    lotteries: Lotteries
    quizzes: Quizzes
    polls: Polls
    packets: Packets
    follows: Follows
    points: Points
    offers: Offers
    guests: Guests
    recordings: Recordings
    notes: Notes
    address_bans: AddressBans
    picture_acts: PictureActs
    avatars: Avatars
    avatar_acts: AvatarActs
    sound_acts: SoundActs


@dataclass(frozen=True, slots=True)
class Spec:
    """A command: its payload's model, what it is for, and its handler (None: it has a way of its own).

    ``patient`` ones are frequent, and seen with the next frame anyway: they are committed together.
    The handler of a ``timed`` one is also told of its ``Arrival``.
    """

    name: str
    model: type[c.Command]
    summary: str
    handler: Callable[[Services], Callable[..., Steps[Any]]] | None = None
    patient: bool = False
    timed: bool = False


Tell = Callable[[str, dict[str, Any]], None]
"""Sends an event to whoever a command is carried out for; returns at once."""

Direct = Callable[[Any, Caller], Awaitable[dict[str, Any]]]
"""Carries a command out beside the writer: gives the answer's fields, or raises ``Refused``."""

LookOver = Callable[[c.PostComment, Caller], Awaitable[tuple[TextReason, ...]]]
"""Has somebody else look at a comment before it goes to the writer; bounded in time, it never fails."""

SPECS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec("comment", c.PostComment, "Say something in the room.", lambda s: s.comments.post, patient=True),
        Spec("like", c.Like, "Like, up to 50 at once."),
        Spec("buy", c.Buy, "Reserve some of a SKU: a hold to be paid in time.", lambda s: s.orders.buy),
        Spec("order.pay", c.PayOrder, "Pay an order that is held."),
        Spec("wallet.topup", c.TopUp, "Buy a pack of coins, and pay it."),
        Spec("order.cancel", c.CancelOrder, "Let a hold go.", lambda s: s.orders.cancel),
        Spec("order.address", c.SetAddress, "Say where a prize goes to.", lambda _: set_address),
        Spec("order.refund", c.RefundOrder, "Give an order's money back.", lambda s: s.refunds.refund),
        Spec("sale.start", c.StartSale, "Announce a flash sale, or begin it.", lambda s: s.sales.start),
        Spec("sale.end", c.EndSale, "End a flash sale early.", lambda s: s.sales.end),
        Spec("moderate.mute", c.Mute, "Mute somebody, here or everywhere.", lambda s: s.sanctions.mute),
        Spec("moderate.unmute", c.Unmute, "Lift a mute.", lambda s: s.sanctions.unmute),
        Spec("moderate.ban", c.Ban, "Keep somebody out, here or everywhere.", lambda s: s.sanctions.ban),
        Spec("moderate.unban", c.Unban, "Lift a ban.", lambda s: s.sanctions.unban),
        Spec("moderate.watch", c.Mark, "Keep an eye on somebody.", lambda s: s.sanctions.watch),
        Spec("moderate.unwatch", c.Unmark, "Not any more.", lambda s: s.sanctions.unwatch),
        Spec("moderate.restrict", c.Mark, "Have their comments wait.", lambda s: s.sanctions.restrict),
        Spec("moderate.unrestrict", c.Unmark, "Not any more.", lambda s: s.sanctions.unrestrict),
        Spec("moderate.note", WriteNote, "Write a note on somebody.", lambda s: s.notes.write),
        Spec("moderate.note.delete", NoteRef, "Delete a note.", lambda s: s.notes.delete),
        Spec(
            "moderate.ban_address",
            BanAddress,
            "Keep newcomers from a range out.",
            lambda s: s.address_bans.ban,
        ),
        Spec("moderate.unban_address", AddressBanRef, "Lift that.", lambda s: s.address_bans.unban),
        Spec("moderate.shadow", c.Shadow, "Mute somebody unseen.", lambda s: s.sanctions.shadow),
        Spec("moderate.unshadow", c.Unshadow, "Lift such a mute.", lambda s: s.sanctions.unshadow),
        Spec("moderate.warn", c.Warn, "Warn somebody, who must accept it.", lambda s: s.sanctions.warn),
        Spec("moderate.unwarn", c.Unwarn, "Withdraw a warning.", lambda s: s.sanctions.unwarn),
        Spec("warning.accept", c.AcceptWarning, "Acknowledge a warning.", lambda s: s.sanctions.accept),
        Spec("report", review.Report, "Tell the moderators of a comment.", lambda s: s.queue.reports.report),
        Spec("appeal", review.Appeal, "Ask for a sanction to be lifted.", lambda s: s.queue.appeals.appeal),
        Spec("review.claim", review.ItemRef, "Take an item of the queue.", lambda s: s.queue.review.claim),
        Spec("review.release", review.ItemRef, "Leave it to others.", lambda s: s.queue.review.release),
        Spec("review.decide", review.Decide, "Decide on an item.", lambda s: s.queue.review.decide),
        Spec("moderate.delete", c.DeleteComment, "Delete a comment.", lambda s: s.deletions.delete),
        Spec("picture.clear", ClearStream, "Say that a picture is fine.", lambda s: s.picture_acts.clear),
        Spec("avatar.remove", RemoveAvatar, "Take a picture down.", lambda s: s.avatar_acts.remove),
        Spec("sound.clear", ClearStream, "Say that what is said is fine.", lambda s: s.sound_acts.clear),
        Spec("moderate.mask", c.MaskComment, "Mask what a comment says.", lambda s: s.deletions.mask),
        Spec("moderate.purge", c.PurgeComments, "Delete all of somebody's.", lambda s: s.purges.purge),
        Spec("product.add", c.AddProduct, "Put a product on the shelf.", lambda s: s.catalogue.add),
        Spec("product.change", c.ChangeProduct, "Change or restock a product.", lambda s: s.catalogue.change),
        Spec(
            "product.remove",
            c.ProductRef,
            "Take a product off the shelf.",
            lambda s: s.catalogue.shelves.remove,
        ),
        Spec(
            "shelf.add",
            c.ProductRef,
            "Put a product that there is on the shelf.",
            lambda s: s.catalogue.shelves.add,
        ),
        Spec("shelf.move", c.MoveProduct, "Move it to another place.", lambda s: s.catalogue.shelves.move),
        Spec(
            "product.delete",
            c.ProductRef,
            "Delete a product for good.",
            lambda s: s.catalogue.removal.delete,
        ),
        Spec("sku.delete", c.SkuRef, "Delete a SKU for good.", lambda s: s.catalogue.removal.delete_sku),
        Spec("pin", c.ProductRef, "Show a product over the video.", lambda s: s.catalogue.spotlight.pin),
        Spec("unpin", c.ProductRef, "Stop showing it.", lambda s: s.catalogue.spotlight.unpin),
        Spec(
            "explain.start", c.ProductRef, "Begin a chapter about it.", lambda s: s.catalogue.spotlight.start
        ),
        Spec("explain.stop", c.StopExplaining, "End the chapter.", lambda s: s.catalogue.spotlight.stop),
        Spec("coupon.create", c.CreateCoupon, "Make a coupon.", lambda s: s.coupons.create),
        Spec("coupon.drop", c.DropCoupon, "Let it be claimed for a while.", lambda s: s.coupons.drop),
        Spec("coupon.close", c.CouponRef, "End its claiming.", lambda s: s.coupons.close),
        Spec("coupon.claim", c.CouponRef, "Take a coupon, to be redeemed later.", lambda s: s.coupons.claim),
        Spec("gift", c.GiveGift, "Give the host a gift.", lambda s: s.gifts.give),
        Spec("gift.top", c.GiftTop, "Who gave most, and one's own place."),
        Spec("gift.refund", c.RefundGift, "Give a gift's coins back.", lambda s: s.gifts.refund),
        Spec("lottery.create", lottery.CreateLottery, "Open a lottery.", lambda s: s.lotteries.create),
        Spec("lottery.enter", lottery.EnterLottery, "Take part in a lottery.", lambda s: s.lotteries.enter),
        Spec("lottery.check", lottery.CheckLottery, "How one stands with a lottery."),
        Spec("lottery.draw", lottery.LotteryRef, "Close a lottery, and draw.", lambda s: s.lotteries.draw),
        Spec("lottery.cancel", lottery.LotteryRef, "Call a lottery off.", lambda s: s.lotteries.cancel),
        Spec("lottery.claim", lottery.ClaimPrize, "Take what one has won.", lambda s: s.lotteries.claim),
        Spec("quiz.start", quiz.StartQuiz, "Begin a quiz.", lambda s: s.quizzes.start),
        Spec("quiz.ask", quiz.QuizRef, "Ask the next question.", lambda s: s.quizzes.ask),
        Spec(
            "quiz.answer",
            quiz.AnswerQuestion,
            "Answer the open question.",
            lambda s: s.quizzes.answer,
            patient=True,
            timed=True,
        ),
        Spec("quiz.close", quiz.QuizRef, "Cut a countdown short.", lambda s: s.quizzes.close),
        Spec("quiz.end", quiz.QuizRef, "End a quiz.", lambda s: s.quizzes.end),
        Spec("quiz.check", quiz.CheckQuiz, "One's own answers, points and place."),
        Spec("poll.start", poll.StartPoll, "Begin a poll.", lambda s: s.polls.start),
        Spec("poll.vote", poll.Vote, "Vote in a poll.", lambda s: s.polls.vote, patient=True),
        Spec("poll.close", poll.PollRef, "Close a poll, or hide its results.", lambda s: s.polls.close),
        Spec("poll.check", poll.CheckPoll, "One's own vote, and the counts."),
        Spec("packet.send", packet.SendPacket, "Send a red packet.", lambda s: s.packets.send),
        Spec("packet.open", packet.OpenPacket, "Take a share of a red packet.", lambda s: s.packets.open),
        Spec("packet.opens", packet.ListOpens, "Who got what of a red packet."),
        Spec("follow", c.FollowHost, "Follow the room's host.", lambda s: s.follows.follow),
        Spec("unfollow", c.FollowHost, "Stop following the host.", lambda s: s.follows.unfollow),
        Spec("points.redeem", c.RedeemPoints, "Have something for points.", lambda s: s.points.redeem),
        Spec("share", c.Share, "Say that one has shared the room.", lambda s: s.points.share),
        Spec("room.change", c.ChangeRoom, "Change title and settings.", lambda s: s.lifecycle.change),
        Spec("room.modes", c.SetModes, "Who may comment, and how.", lambda s: s.modes.set),
        Spec("room.pause", c.PauseRoom, "Show viewers a pause, or go on.", lambda s: s.lifecycle.pause),
        Spec("room.end", c.EndRoom, "End the stream.", lambda s: s.lifecycle.end),
        Spec("recording.start", RecordStream, "Record the stream.", lambda s: s.recordings.start),
        Spec("recording.stop", RecordStream, "Stop recording the stream.", lambda s: s.recordings.stop),
        Spec("room.grant", c.Grant, "Give or take a role.", lambda s: s.roles.grant),
        Spec("guest.ask", stage.OwnPlace, "Ask to come on stage.", lambda s: s.guests.ask),
        Spec("guest.withdraw", stage.OwnPlace, "Not any more; or leave it.", lambda s: s.guests.withdraw),
        Spec("guest.invite", stage.GuestRef, "Invite somebody on stage.", lambda s: s.guests.invite),
        Spec("guest.answer", stage.AnswerInvitation, "Accept, or decline.", lambda s: s.guests.answer),
        Spec("guest.remove", stage.GuestRef, "Take somebody off the stage.", lambda s: s.guests.remove),
        Spec("stage.layout", stage.SetLayout, "How the pictures are shown.", lambda s: s.guests.layout),
        Spec("publish.token", stage.PublishToken, "A short token for publishing by WHIP."),
    )
}


NAMED = frozenset(
    {"comment", "gift", "lottery.enter", "quiz.answer", "packet.send", "packet.open", "guest.ask"}
)
"""Those after which everybody in the room may see the caller's name."""

LENGTHY = frozenset({"order.pay", "wallet.topup"})
"""Those that wait for somebody else than our own database, and for long if that one hangs."""


async def _let_all_in(room_id: str, caller: Caller) -> None:
    """Where nothing is known of bans."""


class Commands:
    """Carries out commands, wherever they come from. ``direct`` has those that go past the writer."""

    def __init__(
        self,
        store: Store,
        services: Services,
        clock_ms: Callable[[], int],
        *,
        is_open: Callable[[str], bool],
        liked: Callable[[str, int], None],
        liker: Callable[[str, str, int, int], None] = lambda room_id, user_id, likes, now_ms: None,
        ended: Callable[[str], None],
        front: ShopFront | None = None,
        packet_front: PacketFront | None = None,
        direct: Mapping[str, Direct] | None = None,
        look_over: LookOver | None = None,
        rulebooks: Rulebooks | None = None,
        refuse_banned: Callable[[str, Caller], Awaitable[None]] | None = None,
        in_room: Callable[[str, Caller], Caller] = lambda room_id, caller: caller,
    ) -> None:
        self._refuse_banned = refuse_banned or _let_all_in
        self._in_room = in_room
        self._look_over = look_over
        self._store = store
        self._services = services
        self._clock_ms = clock_ms
        self._front = front or ShopFront(lambda room_id, sku: None)
        self._packet_front = packet_front or PacketFront()
        self._is_open = is_open
        self._liked = liked
        self._liker = liker
        self._ended = ended
        self._direct = direct or {}
        self._rulebooks = rulebooks

    async def run(
        self,
        name: str,
        payload: dict[str, Any],
        caller: Caller,
        viewer: str,
        tell: Tell | None = None,
        step_aside: Callable[[], None] = lambda: None,
        arrival: Arrival | None = None,
        *,
        present: bool = False,
    ) -> Answer:
        """The answer to a command. Raises ``Refused`` or pydantic's ``ValidationError`` for a bad payload;
        what the handler refuses is in the answer. ``viewer`` is what likes are capped by; ``tell`` reaches
        the caller while it waits. ``step_aside`` is called by the ``LENGTHY`` ones when they begin to wait
        for somebody else, with everything written that comes before that. ``arrival`` is when and how it
        came, if that is known better than by the clock now. ``present``: the caller is in the room, so they
        aren't banned: where nothing is written, nobody asks the database for it."""
        spec = SPECS.get(name)
        if spec is None:
            raise Refused("unknown_command")
        cmd = spec.model.model_validate(payload)
        user_id = caller.id
        if user_id is None:
            raise Refused("unauthenticated")
        if isinstance(cmd, c.Like) or name in self._direct:
            if not present:
                await self._refuse_banned(cmd.room, caller)
            return await self._do_at_once(name, cmd, caller, viewer)
        if not isinstance(cmd, c.Keyed):
            raise Refused("unknown_command")
        caller = await self._as_shown(name, cmd.room, caller)
        if isinstance(cmd, c.Buy):
            return await self._buy(cmd, caller, user_id, tell)
        key, request = CommandKey(user_id, name, cmd.key), request_hash(cmd)
        if isinstance(cmd, c.PayOrder | c.TopUp):
            return await self._pay(cmd, caller, key, request, step_aside)
        if spec.handler is None:
            raise Refused("unknown_command")
        handler = spec.handler(self._services)
        if isinstance(cmd, c.PostComment) and self._look_over is not None:
            handler = partial(handler, found=await self._look_over(cmd, caller))
        timed = (arrival or Arrival(self._clock_ms()),) if spec.timed else ()
        work = Work(name, lambda tx: handler(tx, cmd, caller, *timed), key, request, spec.patient)
        return await self._write(cmd, user_id, work)

    async def _as_shown(self, name: str, room_id: str, caller: Caller) -> Caller:
        """The caller by the name that the room may see. The writer has no time to read a room's rules: when
        this returns they are here. Mostly they were before."""
        if self._rulebooks is not None and self._rulebooks.lacks(room_id):
            await self._rulebooks.ready(room_id)
        return self._in_room(room_id, caller) if name in NAMED else caller

    async def _do_at_once(self, name: str, cmd: c.Command, caller: Caller, viewer: str) -> Answer:
        if isinstance(cmd, c.Like):
            return self._like(cmd, viewer, caller.id or "")
        return accepted(await self._direct[name](cmd, caller))

    async def _pay(
        self,
        cmd: c.PayOrder | c.TopUp,
        caller: Caller,
        key: CommandKey,
        request: bytes,
        step_aside: Callable[[], None],
    ) -> Answer:
        cashier, begin = self._services.cashier, self._services.topups.begin
        if isinstance(cmd, c.PayOrder):
            return await cashier.pay(cmd, caller, key, request, asking=step_aside)
        return await cashier.top_up(cmd, caller, key, request, begin, asking=step_aside)

    async def _buy(self, cmd: c.Buy, caller: Caller, user_id: str, tell: Tell | None) -> Answer:
        refusal = self._front.refusal(cmd, user_id, self._clock_ms())
        if refusal is not None:
            return refused(refusal)
        work = Work(
            "buy",
            lambda tx: self._services.orders.buy(tx, cmd, caller),
            CommandKey(user_id, "buy", cmd.key),
            request_hash(cmd),
            waits=None if tell is None else partial(_tell_place, tell, cmd.key),
        )
        answer = await self._store.write(work)
        self._front.heard(cmd, answer)
        return answer

    async def _write(self, cmd: c.Keyed, user_id: str, work: Work) -> Answer:
        if isinstance(cmd, packet.OpenPacket):
            return await self._open(cmd, user_id, work)
        if isinstance(cmd, c.EndRoom):
            # What follows the commit must follow it, also when the host hangs up meanwhile.
            return await asyncio.shield(asyncio.create_task(self._end(cmd, work)))
        return await self._store.write(work)

    async def _open(self, cmd: packet.OpenPacket, user_id: str, work: Work) -> Answer:
        refusal = self._packet_front.refusal(cmd, user_id, self._clock_ms())
        if refusal is not None:
            return refused(refusal)
        answer = await self._store.write(work)
        self._packet_front.heard(cmd, answer)
        return answer

    async def _end(self, cmd: c.EndRoom, work: Work) -> Answer:
        answer = await self._store.write(work)
        if answer.ok:
            self._ended(cmd.room)
        return answer

    def _like(self, cmd: c.Like, viewer: str, user_id: str) -> Answer:
        if not self._is_open(cmd.room):
            raise Refused("not_entered")
        now_ms = self._clock_ms()
        counted = self._services.likes.like(cmd.room, viewer, cmd.count, now_ms)
        if counted:
            self._liked(cmd.room, counted)
            self._liker(cmd.room, user_id, counted, now_ms)
        return accepted({"counted": counted})


def _tell_place(tell: Tell, key: str, position: int) -> None:
    tell("buy.waiting", {"key": key, "position": position})


def request_hash(cmd: BaseModel) -> bytes:
    """What a repeat with the same key must match: everything but the key."""
    plain = cmd.model_dump(exclude={"key"})
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).digest()[:16]
