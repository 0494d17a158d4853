"""What points are redeemed for: coins, coupons of a room, or gifts to a host. Offers are the operator's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    or_,
    select,
)

from rooms.commands import Id, RawText, RoomId
from rooms.errors import Refused
from rooms.gifts.catalogue import CARDS
from rooms.ports import Audit, Caller, TextRules
from rooms.rows import Kind, Rank, Steps, new_id
from rooms.schema import metadata
from rooms.shop.coupons.store import COUPONS
from rooms.unit import Unit

OFFERS_MAX = 100
PER_PERSON_MAX = 20
TITLE_CHARS = 60
PIECES_MAX = 9_999
"""Of a gift, as in the command ``gift``."""
PLATFORM = ""
"""Whose audit trail has what is done to offers: no room's."""


_GIVEN = {"coins": {"amount"}, "coupon": {"room", "coupon"}, "gift": {"amount", "gift"}}


class NewOffer(BaseModel):
    """An offer to be made. ``amount`` are coins, or pieces of ``gift``, which the host of the room in
    which it is redeemed is given; a coupon is one of ``coupon`` in ``room``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: RawText
    kind: Literal["coins", "coupon", "gift"]
    points: Annotated[int, Field(ge=1, le=10**9)]
    stock: Annotated[int, Field(ge=0, le=10**9)]
    per_person: Annotated[int, Field(ge=1, le=PER_PERSON_MAX)] = 1
    amount: Annotated[int, Field(ge=1, le=10**9)] | None = None
    room: RoomId | None = None
    coupon: Id | None = None
    gift: Id | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = {name for name in ("amount", "room", "coupon", "gift") if getattr(self, name) is not None}
        if given != _GIVEN[self.kind]:
            raise ValueError(
                "give the amount for coins, amount and gift for a gift, room and coupon for a coupon"
            )
        if self.kind == "gift" and (self.amount or 0) > PIECES_MAX:
            raise ValueError(f"amount: at most {PIECES_MAX} of a gift")
        return self


class EditOffer(BaseModel):
    """What changes of an offer: how many there are from now on, and whether it can be had."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stock: Annotated[int, Field(ge=0, le=10**9)] | None = None
    withdrawn: bool | None = None


@dataclass(frozen=True, slots=True)
class OfferRow:
    """``stock`` is how many are left; ``taken`` how many were had. ``room_id`` None: in every room."""

    id: str
    kind: str
    title: str
    points: int
    amount: int
    room_id: str | None
    coupon_id: str | None
    stock: int
    taken: int
    per_person: int
    withdrawn: int
    created_at_ms: int
    gift_id: str | None = None

    def wire(self, mine: int = 0) -> dict[str, Any]:
        """The offer as it is shown to somebody who has had ``mine`` of it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "title": self.title,
            "points": self.points,
            "amount": self.amount,
            "room": self.room_id,
            "coupon": self.coupon_id,
            "gift": self.gift_id,
            "stock": self.stock,
            "per_person": self.per_person,
            "mine": mine,
            "withdrawn": bool(self.withdrawn),
        }


offers_table = Table(
    "points_offers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("title", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("room_id", String(64)),
    Column("coupon_id", String(36)),
    Column("stock", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("per_person", Integer, nullable=False),
    Column("withdrawn", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("gift_id", String(36)),
    CheckConstraint("stock >= 0 AND taken >= 0 AND points > 0", name="sane"),
)


@dataclass(frozen=True, slots=True)
class RedeemedRow:
    """How many of an offer somebody has had."""

    offer_id: str
    user_id: str
    count: int


redeemed_table = Table(
    "points_redeemed",
    metadata,
    Column("offer_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("count", Integer, nullable=False),
    CheckConstraint("count > 0", name="some"),
)

OFFERS: Kind[OfferRow] = Kind(offers_table, OfferRow, Rank.PEOPLE)
# What an offer is for never changes; it says which rows come before the offer's own lock.
TERMS: Kind[OfferRow] = Kind(offers_table.to_metadata(MetaData()), OfferRow, Rank.GIFTS, locked=False)
REDEEMED: Kind[RedeemedRow] = Kind(redeemed_table, RedeemedRow, Rank.PEOPLE)


class Offers:
    """What operators do to offers. Who may is decided where they are asked."""

    def __init__(self, texts: TextRules, audit: Audit) -> None:
        self._texts = texts
        self._audit = audit

    def make(self, tx: Unit, new: NewOffer, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found`` (no such gift, no such coupon in the room), ``too_many``, ``text_…``."""
        yield CARDS.rows(new.gift or "")
        yield OFFERS.rows()
        yield COUPONS.rows(new.coupon or "")
        coupon = tx.get(COUPONS, new.coupon or "")
        if new.kind == "coupon" and (coupon is None or coupon.room_id != new.room):
            raise Refused("not_found", "There is no such coupon in this room.")
        if new.kind == "gift" and tx.get(CARDS, new.gift or "") is None:
            raise Refused("not_found", "There is no such gift.")
        if len(read_offers(tx.conn)) + len(tx.fresh(OFFERS)) >= OFFERS_MAX:
            raise Refused("too_many", details={"limit": OFFERS_MAX})
        offer = OfferRow(
            id=new_id(),
            kind=new.kind,
            title=self._texts.clean(new.title, TITLE_CHARS),
            points=new.points,
            amount=new.amount or 1,
            room_id=new.room,
            coupon_id=new.coupon,
            stock=new.stock,
            taken=0,
            per_person=new.per_person,
            withdrawn=0,
            created_at_ms=tx.now_ms,
            gift_id=new.gift,
        )
        tx.put(OFFERS, offer)
        self._audit.note(tx, PLATFORM, caller, "points.offer", offer.id, offer.wire())
        return offer.wire()

    def change(self, tx: Unit, offer_id: str, edit: EditOffer, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found``."""
        yield OFFERS.rows(offer_id)
        offer = tx.get(OFFERS, offer_id)
        if offer is None:
            raise Refused("not_found", "There is no such offer.")
        if edit.stock is not None:
            offer = replace(offer, stock=edit.stock)
        if edit.withdrawn is not None:
            offer = replace(offer, withdrawn=int(edit.withdrawn))
        tx.put(OFFERS, offer)
        self._audit.note(tx, PLATFORM, caller, "points.offer", offer.id, edit.model_dump(exclude_none=True))
        return offer.wire()


_IN_ROOM = or_(offers_table.c.room_id.is_(None), offers_table.c.room_id == bindparam("room_id"))


def read_offers(conn: Connection, *, withdrawn: bool = False) -> list[OfferRow]:
    """All offers, the newest first; ``withdrawn`` ones, too, or not."""
    query = select(offers_table).order_by(offers_table.c.id.desc())
    if not withdrawn:
        query = query.where(offers_table.c.withdrawn == 0)
    return [OfferRow(*r) for r in conn.execute(query)]


def read_offers_here(conn: Connection, room_id: str) -> list[OfferRow]:
    """What can be had in a room, the cheapest first."""
    query = select(offers_table).where(_IN_ROOM, offers_table.c.withdrawn == 0)
    query = query.order_by(offers_table.c.points, offers_table.c.id)
    return [OfferRow(*r) for r in conn.execute(query, {"room_id": room_id})]


def read_redeemed(conn: Connection, user_id: str, offer_ids: Collection[str]) -> dict[str, int]:
    """How many of these offers somebody has had, by offer."""
    columns = redeemed_table.c
    query = select(columns.offer_id, columns.count).where(
        columns.user_id == user_id, columns.offer_id.in_(list(offer_ids))
    )
    return {r[0]: r[1] for r in conn.execute(query)}
