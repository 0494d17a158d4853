"""The coupons' tables and rows, and what they look like on the wire.

A *coupon* is what the host makes: the discount's terms, how many there are, when it can be claimed. A *claim*
is one of them in somebody's hands. A coupon's terms never change; only ``claimed``, ``phase`` and
``drop_until_ms`` do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    case,
    func,
    select,
)

from rooms.heads import rooms_table
from rooms.rows import Kind, Rank
from rooms.schema import metadata
from rooms.shop.store import orders_table


@dataclass(frozen=True, slots=True)
class CouponRow:
    """``phase``: ``new`` (never dropped), ``open`` (dropped until ``drop_until_ms``), ``closed``.

    What is claimed is good until ``valid_until_ms``, or for ``valid_ms`` from then on: one of them is set.
    """

    id: str
    room_id: str
    title: str
    kind: str
    value: int
    minimum_minor: int
    product_id: str | None
    currency: str
    quota: int
    per_person: int
    claimed: int
    stackable: int
    claim_from_ms: int | None
    claim_until_ms: int | None
    valid_until_ms: int | None
    valid_ms: int | None
    phase: str
    drop_until_ms: int | None
    created_at_ms: int

    @property
    def left(self) -> int:
        """How many can still be claimed."""
        return self.quota - self.claimed

    def card(self) -> dict[str, Any]:
        """The coupon as everybody may see it."""
        return {
            "id": self.id,
            "title": self.title,
            "kind": self.kind,
            "value": self.value,
            "minimum_minor": self.minimum_minor,
            "product": self.product_id,
            "currency": self.currency,
            "quota": self.quota,
            "per_person": self.per_person,
            "stackable": bool(self.stackable),
            "claim_from_ms": self.claim_from_ms,
            "claim_until_ms": self.claim_until_ms,
            "valid_until_ms": self.valid_until_ms,
            "valid_s": None if self.valid_ms is None else self.valid_ms // 1000,
            "drop_until_ms": self.drop_until_ms,
        }


coupons_table = Table(
    "coupons",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("minimum_minor", BigInteger, nullable=False),
    Column("product_id", String(36)),
    Column("currency", String(3), nullable=False),
    Column("quota", BigInteger, nullable=False),
    Column("per_person", Integer, nullable=False),
    Column("claimed", BigInteger, nullable=False),
    Column("stackable", Integer, nullable=False),
    Column("claim_from_ms", BigInteger),
    Column("claim_until_ms", BigInteger),
    Column("valid_until_ms", BigInteger),
    Column("valid_ms", BigInteger),
    Column("phase", String(16), nullable=False),
    Column("drop_until_ms", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("ix_coupons_room", "room_id", "id"),
    CheckConstraint("claimed >= 0 AND claimed <= quota", name="claimed_within_quota"),
)


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """Somebody's ``n``-th of a coupon, from 1. Without ``order_id`` it is free; otherwise it is reserved
    while that order is held, and used from when it is paid: the order is the truth about that, so paying
    writes nothing here. What is over stays as it is: ``valid_until_ms`` says so."""

    coupon_id: str
    n: int
    user_id: str
    room_id: str
    order_id: str | None
    claimed_at_ms: int
    valid_until_ms: int

    @property
    def id(self) -> str:
        """What its holder calls it. Says nothing of whose it is: nobody can name another's."""
        return f"{self.coupon_id}.{self.n}"

    def wire(self, coupon: CouponRow) -> dict[str, Any]:
        """The claimed coupon as docs/protocol.md has it, if its order (where it has one) isn't paid."""
        card = coupon.card()
        terms = ("title", "kind", "value", "minimum_minor", "product", "currency", "stackable")
        return {
            "id": self.id,
            "coupon": self.coupon_id,
            "room": self.room_id,
            **{name: card[name] for name in terms},
            "status": self.status,
            "order": self.order_id,
            "claimed_at_ms": self.claimed_at_ms,
            "valid_until_ms": self.valid_until_ms,
        }

    @property
    def status(self) -> str:
        return "free" if self.order_id is None else "reserved"


# The key's order makes a drop cheap: the claims of a group differ in their last column only, so that one
# statement finds them.
claims_table = Table(
    "coupon_claims",
    metadata,
    Column("coupon_id", String(36), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("user_id", String(128), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("order_id", String(36)),
    Column("claimed_at_ms", BigInteger, nullable=False),
    Column("valid_until_ms", BigInteger, nullable=False),
    Index("ix_coupon_claims_user", "user_id", "room_id", "claimed_at_ms"),
)

COUPONS: Kind[CouponRow] = Kind(coupons_table, CouponRow, Rank.COUPONS)
CLAIMS: Kind[ClaimRow] = Kind(claims_table, ClaimRow, Rank.CLAIMS)
# For who only reads a coupon's terms, which never change: an order doesn't wait for a drop.
TERMS: Kind[CouponRow] = Kind(coupons_table, CouponRow, Rank.CLAIMS, locked=False)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of a coupon's claims are reserved by held orders, and used with paid ones."""

    reserved: int = 0
    used: int = 0


def read_coupons(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 100
) -> list[CouponRow]:
    """A room's coupons, newest first; ``before`` is the last id of the page before."""
    query = select(coupons_table).where(coupons_table.c.room_id == room_id)
    if before is not None:
        query = query.where(coupons_table.c.id < before)
    return [CouponRow(*r) for r in conn.execute(query.order_by(coupons_table.c.id.desc()).limit(limit))]


def read_left(conn: Connection, room_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """How many are left of each coupon that is dropped now, by room and coupon; rooms without one are left
    out."""
    columns = coupons_table.c
    query = select(columns.room_id, columns.id, columns.quota - columns.claimed)
    left: dict[str, dict[str, int]] = {}
    for room_id, coupon_id, number in conn.execute(
        query.where(columns.room_id.in_(room_ids), columns.phase == "open")
    ):
        left.setdefault(room_id, {})[coupon_id] = int(number)
    return left


def read_dropped(conn: Connection, seller_id: str, product_id: str) -> list[CouponRow]:
    """The coupons for a product that are dropped, or were when nobody had closed them yet. A coupon is of a
    room of the product's seller."""
    rooms = select(rooms_table.c.id).where(rooms_table.c.host_id == seller_id)
    columns = coupons_table.c
    query = select(coupons_table).where(
        columns.room_id.in_(rooms), columns.product_id == product_id, columns.phase == "open"
    )
    return [CouponRow(*record) for record in conn.execute(query)]


def count_coupons(conn: Connection, room_id: str) -> int:
    query = select(func.count()).select_from(coupons_table).where(coupons_table.c.room_id == room_id)
    return conn.scalar(query) or 0


def read_tallies(conn: Connection, coupon_ids: Sequence[str]) -> dict[str, Tally]:
    """What became of the claims of these coupons; those of which none was redeemed are left out."""
    claims, orders = claims_table.c, orders_table.c
    held = func.sum(case((orders.status == "held", 1), else_=0))
    query = (
        select(claims.coupon_id, held, func.count() - held)
        .join(orders_table, orders.id == claims.order_id)
        .where(claims.coupon_id.in_(coupon_ids))
        .group_by(claims.coupon_id)
    )
    return {record[0]: Tally(int(record[1]), int(record[2])) for record in conn.execute(query)}


def _held_claims(*, everywhere: bool) -> Select[Any]:
    """Claims that are reserved or can still be used, with their coupons, and each one's place among its
    holder's, the newest being 1."""
    claims, orders = claims_table.c, orders_table.c
    newest = (claims.claimed_at_ms.desc(), claims.coupon_id.desc(), claims.n.desc())
    place = func.row_number().over(partition_by=claims.user_id, order_by=newest)
    ours: list[ColumnElement[bool]] = [claims.user_id.in_(bindparam("user_ids", expanding=True))]
    if not everywhere:
        ours.append(claims.room_id == bindparam("room_id"))
    free = claims.order_id.is_(None) & (claims.valid_until_ms > bindparam("now_ms"))
    found = (
        select(claims_table, place.label("place"))
        .outerjoin(orders_table, orders.id == claims.order_id)
        .where(*ours, free | (orders.status == "held"))
        .subquery()
    )
    columns = [found.c[column.name] for column in claims_table.columns]
    query = select(*columns, *coupons_table.columns).join(
        coupons_table, coupons_table.c.id == found.c.coupon_id
    )
    return query.where(found.c.place <= bindparam("limit")).order_by(found.c.user_id, found.c.place)


_HELD_HERE = _held_claims(everywhere=False)
_HELD_ANYWHERE = _held_claims(everywhere=True)
_CLAIM_WIDTH = len(claims_table.columns)


def read_held(
    conn: Connection, room_id: str | None, user_ids: Sequence[str], *, now_ms: int, limit: int = 100
) -> dict[str, list[dict[str, Any]]]:
    """What these users hold of a room's coupons (None: of all rooms'), by user, as the wire has it: reserved,
    or free and still good; the latest ``limit`` of each, newest first. Who holds none is left out."""
    bounds: dict[str, Any] = {"user_ids": user_ids, "now_ms": now_ms, "limit": limit}
    query = _HELD_ANYWHERE
    if room_id is not None:
        query, bounds["room_id"] = _HELD_HERE, room_id
    held: dict[str, list[dict[str, Any]]] = {}
    for record in conn.execute(query, bounds):
        claim, coupon = ClaimRow(*record[:_CLAIM_WIDTH]), CouponRow(*record[_CLAIM_WIDTH:])
        held.setdefault(claim.user_id, []).append(claim.wire(coupon))
    return held
