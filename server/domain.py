"""What happens in rooms, made from the settings: the services that carry commands out, and what keeps going
by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from moderation.audit import AuditTrail
from moderation.avatars import AvatarActs
from moderation.deletions import Deletions
from moderation.evasion.notes import Notes
from moderation.evasion.service import LOOK_TIMER, AddressBans
from moderation.evasion.traces import Tracer
from moderation.permissions import Action, may
from moderation.pictures.acts import PictureActs
from moderation.pictures.uploads import UploadActs
from moderation.purges import PURGE_TIMER, Purges
from moderation.review.appeals import APPEAL_TIMER
from moderation.review.holding import HELD_TIMER
from moderation.review.queue import make_queue
from moderation.review.reports import ANSWER_TIMER
from moderation.roles import Roles
from moderation.rulebook.service import RulebookService
from moderation.sanctions.service import END_TIMER as SANCTION_TIMER
from moderation.sanctions.service import Sanctions
from moderation.sounds.acts import SoundActs
from moderation.sounds.store import sounds_table
from moderation.standing import RoomStanding, read_role
from rooms.avatars import Avatars, Faces
from rooms.comments import Comments
from rooms.days import Days
from rooms.follows import Follows
from rooms.gifts.catalogue import GiftCatalogue
from rooms.gifts.fans import Fans
from rooms.gifts.service import Gifts
from rooms.guests import service as guests
from rooms.guests.service import Guests
from rooms.history import read_room
from rooms.lifecycle import GRACE_TIMER, Lifecycle, LifecycleRules
from rooms.likes import LikeCounter
from rooms.play.lotteries.service import CLAIM_TIMER, CLOSE_TIMER, SETTLE_TIMER, Lotteries
from rooms.play.packets.service import PACKET_TIMER, Packets
from rooms.play.polls import service as polls
from rooms.play.polls.service import Polls
from rooms.play.quizzes import service as quizzes
from rooms.play.quizzes.service import Quizzes
from rooms.points.earning import Earnings, Levels
from rooms.points.offers import Offers
from rooms.points.redeeming import Points
from rooms.ports import Caller
from rooms.recordings import service as recordings
from rooms.recordings.clips import Clips
from rooms.recordings.service import Recordings
from rooms.shop.catalogue import Catalogue
from rooms.shop.coupons.redeeming import CouponRedeeming
from rooms.shop.coupons.service import DROP_TIMER, Coupons
from rooms.shop.orders import HOLD_TIMER, OrderRules, Orders
from rooms.shop.owed import Owed
from rooms.shop.payments import CHECK_TIMER, REFUND_TIMER, Payments
from rooms.shop.refunds import Refunds
from rooms.shop.sales import SALE_TIMER, Sales
from rooms.switches import SHIELD_TIMER, Modes
from rooms.wallet.corrections import Corrections
from rooms.wallet.payouts import Payouts
from rooms.wallet.topups import TopUps
from server.avatars import AvatarDesk
from server.commands import Services
from server.config import Settings
from server.credentials import StreamKeyring
from server.draws import Draws
from server.evasion import Evasion
from server.facts import HouseFacts
from server.filter_desk import FilterDesk
from server.filter_hook import FilterHook, HookMeters, HookPorts
from server.gifts import GiftKeeper
from server.house_rules import (
    avatar_rules,
    coin_rules,
    comment_rules,
    fan_rules,
    gift_rules,
    guest_rules,
    hold_rules,
    picture_rules,
    point_rules,
    recording_rules,
    shield_rules,
    sound_rules,
)
from server.live.rooms import LiveRooms
from server.live.users import UserChannels
from server.names import Names
from server.outbound import Outbound
from server.own_parts import OwnParts
from server.packets import PacketPages
from server.payments.cashier import Cashier
from server.payments.providers import close_providers, make_providers, tell
from server.picture_ends import PicturesOnAir
from server.pictures import Pictures, Shelf, has_picture
from server.points import PointsKeeper
from server.purging import Purging
from server.rulebooks import Rulebooks
from server.stills import Stills
from server.store.keys import AnsweredComments
from server.store.store import Store
from server.texts import Texts
from server.timers import Timers


@dataclass(frozen=True, slots=True)
class Ground:
    """What the domain stands on. ``return_base`` is the node's address for who comes back from paying."""

    store: Store
    live: LiveRooms
    users: UserChannels
    outbound: Outbound
    registry: CollectorRegistry
    clock_ms: Callable[[], int]
    return_base: Callable[[], str]
    tracer: Tracer


class Domain:
    """The rooms' side of a node. Nothing runs yet: the node starts and ends what goes on by itself."""

    def __init__(self, settings: Settings, ground: Ground) -> None:
        self._settings = settings
        self._ground = ground
        self.rulebooks = Rulebooks(ground.store, settings.moderation.word_lists, ground.registry)
        self.texts = Texts(
            self.rulebooks,
            asked=ground.live.asked_to_say,
            registry=ground.registry,
        )
        self.names = Names(self.texts)
        if settings.redis_url is not None:
            ground.live.for_comments.append(self.texts.heard)
        self.filter_hook = self._make_filter_hook()
        self.audit = AuditTrail()
        self.filter_desk = FilterDesk(ground.store, RulebookService(self.audit), self.rulebooks, self.texts)
        self._standing = RoomStanding()
        fans = fan_rules(settings.gifts)
        self.fans, self._facts = Fans(fans), HouseFacts(fans)
        self.earnings = Earnings(point_rules(settings.points), Days(settings.points.zone))
        self.levels = Levels(self.earnings.rules.levels)
        self.coin_rules = coin_rules(settings.coins)
        self.gift_catalogue = GiftCatalogue(self.texts, self.audit)
        self.faces = Faces()
        self.services = self._make_services()
        self.keyring = StreamKeyring(self._standing, self.audit)
        self.clips = Clips(self._standing, self.audit)
        self.pictures = Pictures(self._standing, settings.rooms.pictures_max)
        self.avatars = AvatarDesk(settings.avatars, ground.store, self.services.avatars, ground.clock_ms)
        self._make_keepers()
        self.timers = self._make_timers()

    def _make_filter_hook(self) -> FilterHook | None:
        settings, ground = self._settings.moderation.hook, self._ground
        meters = HookMeters(ground.registry)
        if settings.url is None:
            return None
        quick = self._settings.outbound.model_copy(update={"timeout_s": settings.timeout_ms / 1000})

        def is_staff(conn: Connection, room_id: str, caller: Caller) -> bool:
            room = read_room(conn, room_id)
            return room is None or may(read_role(conn, room_id, caller, room.host_id), Action.SEE_STAFF)

        ports = HookPorts(
            Outbound(quick, concurrent_max=settings.concurrent),
            self.texts,
            lambda room_id, caller: ground.store.read(lambda conn: is_staff(conn, room_id, caller)),
            ground.clock_ms,
        )
        limit = comment_rules(self._settings.rooms, shared=False).max_chars
        return FilterHook(settings, ports, meters, max_chars=limit)

    def _make_services(self) -> Services:
        settings, rules = self._settings, self._settings.rooms
        texts, audit, standing = self.texts, self.audit, self._standing
        coupons, answered = CouponRedeeming(), AnsweredComments()
        order_rules = OrderRules(rules.hold_s * 1000)
        shared = settings.redis_url is not None
        comments = comment_rules(rules, shared=shared)
        given = gift_rules(settings.gifts, settings.coins)
        gifts = Gifts(standing, texts, audit, given, self.fans, self.levels, self.faces)
        albums = Avatars(standing, avatar_rules(settings.avatars))
        grace = LifecycleRules(round(settings.media.grace_s * 1000), rules.rooms_max)
        over = (quizzes.OVER_TIMER, polls.OVER_TIMER, guests.OVER_TIMER, recordings.OVER_TIMER)
        stage = Guests(standing, audit, guest_rules(rules, settings.media), self.names.in_room)
        kept = Recordings(standing, texts, audit, recording_rules(settings.recording))
        sanctions = Sanctions(standing, texts, audit, stage)
        queue = make_queue(
            standing, texts, audit, texts.rules, sanctions, hold_rules(settings.moderation), answered
        )
        speaking = Comments(
            standing, texts, comments, self.fans, self.levels, audit, queue.holding, self.faces
        )
        queue.holding.speaking = speaking
        products = partial(Catalogue, products_max=rules.products_max, skus_max=rules.skus_max)
        lifecycle = Lifecycle(standing, texts, audit, grace, over, kept.went_live, has_picture=has_picture)
        on_air = PicturesOnAir(lifecycle, stage)
        pictures = PictureActs(standing, audit, on_air, picture_rules(settings.vision), queue.hits)
        queue.hits.pictures = pictures
        sounds = SoundActs(standing, audit, on_air, sound_rules(settings.hearing), queue.heard)
        queue.heard.pictures = sounds
        queue.hits.uploads = self.uploads = UploadActs(audit, queue.hits, Shelf())
        return Services(
            comments=speaking,
            lifecycle=lifecycle,
            catalogue=products(standing, texts, audit),
            orders=Orders(standing, order_rules, coupons),
            sales=Sales(standing, audit),
            refunds=Refunds(standing, texts, audit, coupons),
            coupons=Coupons(standing, texts, audit),
            gifts=gifts,
            sanctions=sanctions,
            deletions=Deletions(standing, audit, answered, queue.reports.comment_deleted),
            purges=Purges(standing, audit, answered, queue.reports.comments_purged),
            modes=Modes(standing, audit, shield_rules(rules)),
            queue=queue,
            roles=Roles(standing, audit),
            cashier=self._make_cashier(coupons),
            likes=LikeCounter(rules.likes_per_s),
            topups=TopUps(standing, self.coin_rules, order_rules),
            payouts=Payouts(audit, minimum=settings.coins.payout_min),
            corrections=Corrections(texts, audit),
            lotteries=Lotteries(standing, texts, audit, self._facts),
            quizzes=Quizzes(standing, texts, audit),
            polls=Polls(standing, texts, audit),
            packets=Packets(standing, texts),
            follows=Follows(standing),
            points=Points(standing, self.earnings, gifts),
            offers=Offers(texts, audit),
            guests=stage,
            recordings=kept,
            notes=Notes(standing, texts, audit),
            address_bans=AddressBans(standing, texts, audit, sanctions),
            picture_acts=pictures,
            avatars=albums,
            avatar_acts=AvatarActs(standing, texts, audit, albums),
            sound_acts=sounds,
        )

    def _make_cashier(self, coupons: CouponRedeeming) -> Cashier:
        ground, payments = self._ground, Payments(coupons)
        self._providers = make_providers(
            self._settings.payments,
            ground.store,
            ground.outbound,
            ground.clock_ms,
            payments,
            self.coin_rules,
        )
        cashier = Cashier(
            ground.store,
            payments,
            Owed(self.audit),
            self._providers,
            clock_ms=ground.clock_ms,
            return_base=ground.return_base,
            registry=ground.registry,
        )
        tell(self._providers, cashier)
        return cashier

    def _make_keepers(self) -> None:
        ground = self._ground
        self.evasion = Evasion(
            ground.store, self.services.address_bans, ground.tracer, ground.clock_ms, ground.registry
        )
        self.gift_keeper = GiftKeeper(ground.store, self.fans, ground.clock_ms)
        self.draws = Draws(ground.store, self.services.lotteries, self._facts)
        self.own_parts = OwnParts(ground.store)
        self.packet_pages = PacketPages(ground.store)
        self.points = PointsKeeper(
            ground.store,
            ground.live.open_rooms,
            self.earnings,
            ground.clock_ms,
            ground.registry,
            watched=self.fans.watched,
        )
        self.stills = Stills(ground.store, self._settings.vision.stills_h * 3_600_000, ground.clock_ms)
        kept_ms = self._settings.hearing.sounds_h * 3_600_000
        self.sounds = Stills(ground.store, kept_ms, ground.clock_ms, sounds_table)
        ground.users.level = self.levels.heard
        ground.users.face = self.faces.heard

    def _make_timers(self) -> Timers:
        services = self.services
        return Timers(
            self._ground.store,
            self._ground.clock_ms,
            inside={
                HOLD_TIMER: services.orders.expire,
                SALE_TIMER: services.sales.turn,
                DROP_TIMER: services.coupons.drop_over,
                CLOSE_TIMER: services.lotteries.close,
                CLAIM_TIMER: services.lotteries.claims_over,
                quizzes.TURN_TIMER: services.quizzes.turn,
                quizzes.OVER_TIMER: services.quizzes.room_over,
                polls.TURN_TIMER: services.polls.turn,
                polls.OVER_TIMER: services.polls.room_over,
                SANCTION_TIMER: services.sanctions.run_out,
                HELD_TIMER: services.queue.holding.run_out,
                APPEAL_TIMER: services.queue.appeals.run_out,
                ANSWER_TIMER: services.queue.reports.answer,
                guests.DUE_TIMER: services.guests.due,
                guests.OVER_TIMER: services.guests.room_over,
                PACKET_TIMER: services.packets.run_out,
                GRACE_TIMER: services.lifecycle.grace_over,
                SHIELD_TIMER: services.modes.shield_over,
                recordings.OVER_TIMER: services.recordings.room_over,
            },
            outside={
                CHECK_TIMER: services.cashier.check,
                REFUND_TIMER: services.cashier.pay_back,
                SETTLE_TIMER: self.draws.settle,
                LOOK_TIMER: self.evasion.look,
                PURGE_TIMER: Purging(self._ground.store, services.purges).carry_on,
            },
        )

    async def close_providers(self) -> None:
        await close_providers(self._providers)
