"""The catalogue of gifts: the platform's own, changed by operators. A gift is withdrawn, never deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select

from rooms.errors import Refused
from rooms.gifts.rules import PRICE_MAX, Effect, Tier
from rooms.ports import Audit, Caller, TextRules
from rooms.rows import Kind, Rank, Steps
from rooms.schema import Json, metadata
from rooms.unit import Unit

GIFTS_MAX = 200
NAME_CHARS = 40
PLATFORM = ""
"""What the audit trail has in place of a room for what is everybody's."""

GiftId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,35}$")]
GiftPicture = Annotated[
    str,
    StringConstraints(
        pattern=r"^/(gifts/[a-z0-9-]{1,40}\.svg|pictures/[A-Za-z0-9_-]{1,64}\.(webp|jpg|png))$"
    ),
]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
GiftName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class GiftTerms(BaseModel):
    """The body of ``PUT /api/v1/gifts/{gift}``: all of a gift but its id."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    names: Annotated[dict[Language, GiftName], Field(min_length=1, max_length=20)]
    picture: GiftPicture
    price: Annotated[int, Field(ge=1, le=PRICE_MAX)]
    tier: Tier = "small"
    effect: Effect = "none"
    position: Annotated[int, Field(ge=0, le=10_000)] = 0
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class GiftRow:
    id: str
    names: dict[str, str]
    picture: str
    price: int
    tier: str
    effect: str
    position: int
    withdrawn: int
    changed_at_ms: int

    def card(self) -> dict[str, Any]:
        """What is needed to show it, as every event of it carries: old ones stay showable."""
        return {
            "id": self.id,
            "names": self.names,
            "picture": self.picture,
            "price": self.price,
            "tier": self.tier,
            "effect": self.effect,
        }

    def wire(self) -> dict[str, Any]:
        return {
            **self.card(),
            "position": self.position,
            "withdrawn": bool(self.withdrawn),
            "changed_at_ms": self.changed_at_ms,
        }


gifts_table = Table(
    "gifts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("names", Json, nullable=False),
    Column("picture", String(128), nullable=False),
    Column("price", Integer, nullable=False),
    Column("tier", String(16), nullable=False),
    Column("effect", String(16), nullable=False),
    Column("position", Integer, nullable=False),
    Column("withdrawn", Integer, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

GIFTS: Kind[GiftRow] = Kind(gifts_table, GiftRow, Rank.GIFTS)
# For who gives: a price is what it was when it was read, and givers don't wait for each other here.
CARDS: Kind[GiftRow] = Kind(gifts_table, GiftRow, Rank.GIFTS, locked=False)


class GiftCatalogue:
    """Changing the catalogue. Whether the caller is an operator is for whoever calls to see to."""

    def __init__(self, texts: TextRules, audit: Audit) -> None:
        self._texts = texts
        self._audit = audit

    def put(self, tx: Unit, gift_id: str, terms: GiftTerms, caller: Caller) -> Steps[Any]:
        """Make a gift or change it. Refuses with ``too_many``, ``text_…``."""
        yield GIFTS.rows(gift_id)
        if tx.get(GIFTS, gift_id) is None and len(read_gifts(tx.conn)) >= GIFTS_MAX:
            raise Refused("too_many", details={"limit": GIFTS_MAX})
        names = {language: self._texts.clean(name, NAME_CHARS) for language, name in terms.names.items()}
        row = GiftRow(
            gift_id,
            names,
            terms.picture,
            terms.price,
            terms.tier,
            terms.effect,
            terms.position,
            int(terms.withdrawn),
            tx.now_ms,
        )
        tx.put(GIFTS, row)
        self._audit.note(tx, PLATFORM, caller, "gift.put", gift_id, row.wire())
        return {"gift": row.wire()}


def seed(tx: Unit, gifts: dict[str, GiftTerms]) -> Steps[Any]:
    """Fill a catalogue that has nothing in it. Repeatable: one that was filled is never empty again."""
    yield GIFTS.rows(*gifts)
    if not read_gifts(tx.conn):
        for gift_id, terms in gifts.items():
            plain = terms.model_dump() | {"withdrawn": int(terms.withdrawn)}
            tx.put(GIFTS, GiftRow(id=gift_id, changed_at_ms=tx.now_ms, **plain))
    return {}


def read_gifts(conn: Connection) -> list[GiftRow]:
    """All gifts, withdrawn ones too, in their order."""
    query = select(gifts_table).order_by(gifts_table.c.position, gifts_table.c.price, gifts_table.c.id)
    return [GiftRow(*record) for record in conn.execute(query)]
