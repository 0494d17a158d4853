"""A store with every service on it, and a clock that the test turns."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from sqlalchemy import Connection, Select, select

from moderation.audit import AuditTrail
from moderation.avatars import AvatarActs
from moderation.deletions import Deletions
from moderation.evasion.notes import Notes
from moderation.evasion.service import LOOK_TIMER, AddressBans
from moderation.evasion.traces import Tracer
from moderation.pictures.acts import PictureActs, PictureRules
from moderation.pictures.uploads import UploadActs
from moderation.purges import PURGE_TIMER, Purges
from moderation.review.appeals import APPEAL_TIMER
from moderation.review.holding import HELD_TIMER, HoldRules
from moderation.review.queue import make_queue
from moderation.review.reports import ANSWER_TIMER
from moderation.roles import Roles
from moderation.rulebook.rules import RoomRules
from moderation.rulebook.service import RulebookService
from moderation.sanctions.service import END_TIMER as SANCTION_TIMER
from moderation.sanctions.service import Sanctions
from moderation.sounds.acts import SoundActs, SoundRules
from moderation.standing import RoomStanding
from rooms import people
from rooms.avatars import AvatarRules, Avatars, Faces
from rooms.budget import BudgetRules
from rooms.commands import CreateRoom
from rooms.comments import CommentRules, Comments
from rooms.days import Days
from rooms.errors import Refused
from rooms.follows import Follows
from rooms.gifts.catalogue import GiftCatalogue, seed
from rooms.gifts.defaults import DEFAULT_GIFTS
from rooms.gifts.fans import FanRules, Fans
from rooms.gifts.rules import GiftRules
from rooms.gifts.service import Gifts
from rooms.guests import service as guests
from rooms.guests.rules import GuestRules
from rooms.guests.service import Guests
from rooms.heads import TimerRow, timers_table
from rooms.history import read_events, read_room
from rooms.lifecycle import GRACE_TIMER, Happening, Lifecycle, LifecycleRules
from rooms.likes import LikeCounter
from rooms.log import LogEvent, PrivateEvent, StaffEvent
from rooms.modes import ShieldRules
from rooms.play.lotteries.service import CLAIM_TIMER, CLOSE_TIMER, SETTLE_TIMER, Lotteries
from rooms.play.packets.service import PACKET_TIMER, Packets
from rooms.play.polls import service as polls
from rooms.play.polls.service import Polls
from rooms.play.quizzes import service as quizzes
from rooms.play.quizzes.rules import Arrival
from rooms.play.quizzes.service import Quizzes
from rooms.points.earning import Earnings, Levels
from rooms.points.minutes import Minute, Minutes
from rooms.points.offers import NewOffer, Offers
from rooms.points.redeeming import Points
from rooms.points.rules import PointRules
from rooms.ports import Caller
from rooms.recordings import service as recordings
from rooms.recordings.service import RecordingRules, Recordings
from rooms.shop.catalogue import Catalogue
from rooms.shop.coupons.redeeming import CouponRedeeming
from rooms.shop.coupons.service import DROP_TIMER, Coupons
from rooms.shop.orders import HOLD_TIMER, OrderRules, Orders
from rooms.shop.owed import Owed
from rooms.shop.payments import CHECK_TIMER, REFUND_TIMER, PaymentProvider, Payments
from rooms.shop.refunds import Refunds
from rooms.shop.sales import SALE_TIMER, Sales
from rooms.shop.store import SkuRow, skus_table
from rooms.switches import SHIELD_TIMER, Modes
from rooms.unit import News
from rooms.wallet.coins import CoinPack, CoinRules
from rooms.wallet.corrections import Corrections
from rooms.wallet.payouts import Payouts
from rooms.wallet.reconcile import Finding
from rooms.wallet.rules import Account
from rooms.wallet.store import read_balances
from rooms.wallet.topups import TopUps
from server.answers import from_validation
from server.commands import Commands, Services
from server.draws import Draws
from server.evasion import Evasion
from server.facts import HouseFacts
from server.filter_desk import FilterDesk
from server.names import Names
from server.own_parts import OwnParts
from server.packets import PacketPages
from server.payments.cashier import Cashier
from server.payments.coins import CoinsProvider
from server.payments.sandbox import SandboxProvider
from server.picture_ends import PicturesOnAir
from server.pictures import Shelf, has_picture
from server.points import PointsKeeper
from server.purging import Purging
from server.reconcile import find
from server.rulebooks import Rulebooks
from server.store.group import Work, refused
from server.store.keys import AnsweredComments
from server.store.store import Store
from server.texts import Book, Books, FixedBook, Texts

HOST = Caller("u-host", "Mei", may_host=True)
MODERATOR = Caller("u-mod", "Bao")
SENIOR = Caller("u-senior", "Ada")
VIEWER = Caller("u-lin", "Lin")
OTHER = Caller("u-wu", "Wu")
OPERATOR = Caller("u-op", "Root", operator=True)
GUEST = Caller(None)
ROOM = "tea"
START_MS = 1_800_000_000_000

keys = (f"key-{n:08d}" for n in itertools.count())


class Patient:
    """Books of rooms where the same may be said again and again, as tests do to count and to fill. How it is
    judged has tests of its own."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def book(self, room_id: str | None) -> Book:
        book = self._books.book(room_id)
        quiet = {"adverts": "allow", "floods": "allow", "walls": "allow"}
        return FixedBook(book.rules.model_copy(update=quiet), book.words)


class House:
    """What a test drives; ``room`` is the one that is meant where none is named."""

    room = ROOM

    def __init__(
        self,
        url: str,
        *,
        node: str = "node",
        now_ms: int = START_MS,
        hold_ms: int = 60_000,
        products_max: int = 200,
        skus_max: int = 1000,
        comments: CommentRules | None = None,
        points: PointRules | None = None,
        recording: RecordingRules | None = None,
        answer_within_s: float = 8.0,
        patient: bool = True,
        hold: HoldRules | None = None,
        texts_type: type[Texts] = Texts,
    ) -> None:
        self.url = url
        self.now_ms = now_ms
        self.events: list[LogEvent] = []
        self.private: list[PrivateEvent] = []
        self.staff: list[StaffEvent] = []
        self.stock: dict[str, int] = {}
        self.counts: dict[str, dict[str, int]] = {}
        self.ended: list[str] = []
        self.store = Store(
            url,
            published=self._published,
            registry=CollectorRegistry(),
            node=node,
            clock_ms=lambda: self.now_ms,
        )
        standing, audit = RoomStanding(), AuditTrail()
        self.rulebooks = Rulebooks(self.store)
        self.texts = texts = texts_type(Patient(self.rulebooks) if patient else self.rulebooks)
        self.filter_desk = FilterDesk(self.store, RulebookService(audit), self.rulebooks, texts)
        coupons, facts, answered = CouponRedeeming(), HouseFacts(FanRules()), AnsweredComments()
        self.payments = Payments(coupons)
        self.earnings = Earnings(points or PointRules(), Days("Asia/Shanghai"))
        self.levels = Levels(self.earnings.rules.levels)
        self.owed = Owed(audit)
        self.sandbox = SandboxProvider(self.store.write)
        self.coin_rules = CoinRules(
            [CoinPack("small", 60, 600, "CNY"), CoinPack("large", 5000, 50_000, "CNY")], {"CNY": 1000}
        )
        purses = CoinsProvider(self.store, self.payments, self.coin_rules)
        self.providers: dict[str, PaymentProvider] = {"sandbox": self.sandbox, "coins": purses}
        self.registry = CollectorRegistry()
        self.cashier = Cashier(
            self.store,
            self.payments,
            self.owed,
            self.providers,
            clock_ms=lambda: self.now_ms,
            return_base=lambda: "https://live.example",
            registry=self.registry,
            answer_within_s=answer_within_s,
        )
        self.sandbox.report = purses.report = self.cashier.reported
        self.fans = Fans()
        self.gift_catalogue = GiftCatalogue(texts, audit)
        order_rules = OrderRules(hold_ms)
        self.faces = Faces()
        gifts = Gifts(standing, texts, audit, GiftRules(), self.fans, self.levels, self.faces)
        names = Names(texts)
        stage = Guests(standing, audit, GuestRules(), names.in_room)
        kept = Recordings(standing, texts, audit, recording or RecordingRules())
        sanctions = Sanctions(standing, texts, audit, stage)
        lifecycle = Lifecycle(
            standing,
            texts,
            audit,
            LifecycleRules(),
            over_timers=(quizzes.OVER_TIMER, polls.OVER_TIMER, guests.OVER_TIMER, recordings.OVER_TIMER),
            on_air=kept.went_live,
            has_picture=has_picture,
        )
        self.room_rules = RoomRules()
        queue = make_queue(standing, texts, audit, self.rules_of, sanctions, hold or HoldRules(), answered)
        queue.holding.speaking = speaking = Comments(
            standing,
            texts,
            comments or CommentRules(per_window=1000, budget=BudgetRules(10**6, 10**6)),
            self.fans,
            self.levels,
            audit,
            queue.holding,
            self.faces,
        )
        on_air = PicturesOnAir(lifecycle, stage)
        queue.hits.pictures = pictures = PictureActs(standing, audit, on_air, PictureRules(), queue.hits)
        queue.heard.pictures = sounds = SoundActs(standing, audit, on_air, SoundRules(), queue.heard)
        queue.hits.uploads = self.uploads = UploadActs(audit, queue.hits, Shelf())
        self.services = Services(
            comments=speaking,
            queue=queue,
            lifecycle=lifecycle,
            catalogue=Catalogue(standing, texts, audit, products_max=products_max, skus_max=skus_max),
            orders=Orders(standing, order_rules, coupons),
            sales=Sales(standing, audit),
            refunds=Refunds(standing, texts, audit, coupons),
            coupons=Coupons(standing, texts, audit),
            gifts=gifts,
            sanctions=sanctions,
            deletions=Deletions(standing, audit, answered, queue.reports.comment_deleted),
            purges=Purges(standing, audit, answered, queue.reports.comments_purged),
            modes=Modes(standing, audit, ShieldRules()),
            roles=Roles(standing, audit),
            cashier=self.cashier,
            likes=LikeCounter(),
            topups=TopUps(standing, self.coin_rules, order_rules),
            payouts=Payouts(audit, minimum=10),
            corrections=Corrections(texts, audit),
            lotteries=Lotteries(standing, texts, audit, facts),
            quizzes=Quizzes(standing, texts, audit),
            polls=Polls(standing, texts, audit),
            packets=Packets(standing, texts),
            follows=Follows(standing),
            points=Points(standing, self.earnings, gifts),
            offers=Offers(texts, audit),
            guests=stage,
            recordings=kept,
            sound_acts=sounds,
            picture_acts=pictures,
            avatars=(albums := Avatars(standing, AvatarRules())),
            avatar_acts=AvatarActs(standing, texts, audit, albums),
            notes=Notes(standing, texts, audit),
            address_bans=AddressBans(standing, texts, audit, sanctions),
        )
        self.tracer = Tracer(b"t" * 32)
        self.evasion = Evasion(
            self.store, self.services.address_bans, self.tracer, lambda: self.now_ms, self.registry
        )
        self.draws = Draws(self.store, self.services.lotteries, facts)
        self.own_parts = OwnParts(self.store)
        self.commands = Commands(
            self.store,
            self.services,
            lambda: self.now_ms,
            is_open=lambda _: True,
            liked=lambda room, count: None,
            ended=self.ended.append,
            rulebooks=self.rulebooks,
            in_room=names.in_room,
            direct={
                "lottery.check": self.draws.check,
                "quiz.check": self.own_parts.quiz,
                "poll.check": self.own_parts.poll,
                "packet.opens": PacketPages(self.store).opens,
            },
        )

    def rules_of(self, room_id: str) -> RoomRules:
        """The rules that the test has set, for each room."""
        return self.room_rules

    def _published(self, news: News) -> None:
        self.events += news.events
        self.private += news.private
        self.staff += news.staff
        for stock in news.stock.values():
            self.stock |= stock
        for counts in news.counts.values():
            self.counts |= counts

    async def do(self, name: str, caller: Caller, **payload: Any) -> dict[str, Any]:
        """A command's acknowledgement, decoded. ``room`` and ``key`` are filled in."""
        return await self.do_at(None, name, caller, **payload)

    async def do_at(
        self, arrival: Arrival | None, name: str, caller: Caller, **payload: Any
    ) -> dict[str, Any]:
        """The same for one that the server received when the test says so."""
        payload = {"room": self.room, **payload}
        if name not in ("like", "packet.opens") and not name.endswith(".check"):
            payload.setdefault("key", next(keys))
        try:
            answer = await self.commands.run(name, payload, caller, caller.id or "", arrival=arrival)
        except Refused as error:
            answer = refused(error)
        except ValidationError as error:
            answer = refused(from_validation(error))
        decoded: dict[str, Any] = orjson.loads(answer.body)
        return decoded

    async def ok(self, name: str, caller: Caller, **payload: Any) -> dict[str, Any]:
        """The same for a command that must succeed."""
        answer = await self.do(name, caller, **payload)
        assert answer["ok"], answer
        return answer

    async def code(self, name: str, caller: Caller, **payload: Any) -> str:
        """The error code of a command that must be refused."""
        answer = await self.do(name, caller, **payload)
        assert not answer["ok"], answer
        code: str = answer["error"]["code"]
        return code

    async def error(self, name: str, caller: Caller, **payload: Any) -> dict[str, Any]:
        """The whole error of a command that must be refused."""
        answer = await self.do(name, caller, **payload)
        assert not answer["ok"], answer
        error: dict[str, Any] = answer["error"]
        return error

    async def say(self, caller: Caller, text: str, **payload: Any) -> dict[str, Any]:
        """The event of a comment that must be taken."""
        answer = await self.ok("comment", caller, text=text, **payload)
        event: dict[str, Any] = answer["event"]
        return event

    def told(self, caller: Caller, kind: str | None = None) -> list[dict[str, Any]]:
        """Somebody's private events, oldest first, decoded."""
        mine = [orjson.loads(e.body) for e in self.private if e.user_id == caller.id]
        return [e for e in mine if kind in (None, e["kind"])]

    def briefed(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The staff events, oldest first, decoded."""
        return [e for e in (orjson.loads(s.body) for s in self.staff) if kind in (None, e["kind"])]

    async def rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        """Rows as the database has them."""
        return await self.store.read(lambda conn: [dict(r) for r in conn.execute(query).mappings()])

    async def sign_in(self, *callers: Caller) -> None:
        for caller in callers:
            answer = await self.store.write(Work("seen", lambda tx, c=caller: people.seen(tx, c)))  # type: ignore[misc]
            assert answer.ok

    async def create(self, room: str | None = None, host: Caller = HOST) -> None:
        assert await self.try_to_create(host, id=room or self.room, title="Tea evening") is None

    async def try_to_create(self, caller: Caller, **body: Any) -> str | None:
        """The error code, or None if the room was created."""
        cmd = CreateRoom(**body)
        answer = await self.store.write(
            Work("create", lambda tx: self.services.lifecycle.create(tx, cmd, caller))
        )
        return answer.code

    async def picture(self, happening: Happening, room: str | None = None) -> None:
        answer = await self.store.write(
            Work("picture", lambda tx: self.services.lifecycle.picture(tx, room or self.room, happening))
        )
        assert answer.ok, answer.body

    async def go_live(self, room: str | None = None) -> None:
        """Pictures arrive, and there is a catalogue of gifts."""
        await self.store.write(Work("seed", lambda tx: seed(tx, DEFAULT_GIFTS)))
        await self.picture("publishing", room)

    async def product(self, *, stock: int = 5, price_minor: int = 4900) -> tuple[str, str]:
        """A product on the shelf: its id and its SKU's."""
        added = await self.ok(
            "product.add", HOST, title="Tea", price_minor=price_minor, currency="CNY", stock=stock
        )
        return added["product"]["id"], added["product"]["skus"][0]["id"]

    async def offer(self, **terms: Any) -> str:
        """The id of an offer for points: 10 coins for 5 points, unless it is said otherwise."""
        plain = {"title": "Coins", "kind": "coins", "amount": 10, "points": 5, "stock": 3, "per_person": 1}
        new = NewOffer.model_validate(plain | terms)
        answer = await self.store.write(
            Work("points.offer", lambda tx: self.services.offers.make(tx, new, OPERATOR))
        )
        assert answer.ok, answer.body
        offer_id: str = orjson.loads(answer.body)["id"]
        return offer_id

    async def count_points(self) -> int:
        """Count what the logs have, as a node does now and then; gives how many batches that were."""
        keeper = PointsKeeper(
            self.store, list, self.earnings, lambda: self.now_ms, CollectorRegistry(), rest_s=0
        )
        return await keeper.read()

    async def earn(self, caller: Caller, **amounts: int) -> None:
        """Somebody has done so much today that earns points."""
        doings = {(self.earnings.days.of(self.now_ms), caller.id or ""): amounts}
        minute = Minute(ROOM, None, (), doings)
        answer = await self.store.write(Work("earn", lambda tx: Minutes(self.earnings).write(tx, minute)))
        assert answer.ok, answer.body

    async def sku(self, sku: str) -> SkuRow:
        query = select(skus_table).where(skus_table.c.id == sku)
        return await self.store.read(lambda conn: SkuRow(*conn.execute(query).one()))

    async def coins_of(self, caller: Caller) -> int:
        """What is in somebody's wallet."""
        user = caller.id or ""
        return (await self.store.read(lambda conn: read_balances(conn, "wallet", [user])))[user]

    async def account(self, kind: str, owner: Caller) -> int:
        user = owner.id or ""
        return (await self.store.read(lambda conn: read_balances(conn, kind, [user])))[user]

    async def grant_coins(self, caller: Caller, coins: int) -> None:
        """By an operator's correction."""
        account, correct = Account("wallet", caller.id or ""), self.services.corrections.correct
        answer = await self.store.write(
            Work("correct", lambda tx: correct(tx, account, coins, "a test", OPERATOR))
        )
        assert answer.ok, answer.body

    async def wrong_in_the_ledger(self) -> list[tuple[str, Finding]]:
        """What ``danmart reconcile`` would say."""
        return await asyncio.to_thread(lambda: list(find(self.url)))

    async def log(self, room: str | None = None) -> list[LogEvent]:
        """The room's log as SQL has it."""

        def read(conn: Connection) -> list[LogEvent]:
            row = read_room(conn, room or self.room)
            assert row is not None
            return read_events(conn, row.id, row.epoch, after=0)

        return await self.store.read(read)

    async def run_timers(self) -> int:
        """Do every timer that is due, as the node would; gives how many there were.

        Raises what the first one that failed raised, when all have had their turn.
        """
        inside = {
            HOLD_TIMER: self.services.orders.expire,
            SALE_TIMER: self.services.sales.turn,
            DROP_TIMER: self.services.coupons.drop_over,
            CLOSE_TIMER: self.services.lotteries.close,
            CLAIM_TIMER: self.services.lotteries.claims_over,
            quizzes.TURN_TIMER: self.services.quizzes.turn,
            quizzes.OVER_TIMER: self.services.quizzes.room_over,
            polls.TURN_TIMER: self.services.polls.turn,
            polls.OVER_TIMER: self.services.polls.room_over,
            SANCTION_TIMER: self.services.sanctions.run_out,
            HELD_TIMER: self.services.queue.holding.run_out,
            APPEAL_TIMER: self.services.queue.appeals.run_out,
            ANSWER_TIMER: self.services.queue.reports.answer,
            guests.DUE_TIMER: self.services.guests.due,
            guests.OVER_TIMER: self.services.guests.room_over,
            PACKET_TIMER: self.services.packets.run_out,
            GRACE_TIMER: self.services.lifecycle.grace_over,
            SHIELD_TIMER: self.services.modes.shield_over,
            recordings.OVER_TIMER: self.services.recordings.room_over,
        }
        outside = {
            CHECK_TIMER: self.cashier.check,
            REFUND_TIMER: self.cashier.pay_back,
            SETTLE_TIMER: self.draws.settle,
            LOOK_TIMER: self.evasion.look,
            PURGE_TIMER: Purging(self.store, self.services.purges).carry_on,
        }
        query = select(timers_table).where(timers_table.c.due_at_ms <= self.now_ms)
        timers = await self.store.read(lambda conn: [TimerRow(*r) for r in conn.execute(query)])
        failures: list[Exception] = []
        for timer in timers:
            if handler := inside.get(timer.kind):
                answer = await self.store.write(
                    Work("timer", lambda tx, h=handler, t=timer: h(tx, t))  # type: ignore[misc]
                )
                assert answer.ok, answer.body
            else:
                try:
                    await outside[timer.kind](timer)
                except OSError as error:
                    failures.append(error)
        if failures:
            raise failures[0]
        return len(timers)


@asynccontextmanager
async def house_at(url: str, **options: Any) -> AsyncIterator[House]:
    """A started house with the room ``tea`` in it and everybody signed in."""
    async with open_house(url, **options) as house:
        await house.sign_in(HOST, MODERATOR, SENIOR, VIEWER, OTHER, OPERATOR)
        await house.create()
        await house.ok("room.grant", HOST, user=MODERATOR.id, role="moderator")
        await house.ok("room.grant", HOST, user=SENIOR.id, role="senior_moderator")
        yield house


@asynccontextmanager
async def open_house(url: str, **options: Any) -> AsyncIterator[House]:
    """A started house on what the database holds already."""
    house = await asyncio.to_thread(lambda: House(url, **options))
    await house.store.start()
    try:
        await house.rulebooks.start()
        yield house
    finally:
        await house.rulebooks.close()
        await house.store.close()
