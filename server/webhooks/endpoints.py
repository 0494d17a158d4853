"""What operators do with endpoints: make and change them, replace their secrets, replay what was missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import Connection, func, literal, or_, select, update

from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.heads import rooms_table
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from server.outbound import URL_MAX_CHARS
from server.signing import new_secret, secret_key
from server.webhooks.events import is_pattern
from server.webhooks.tables import (
    DELIVERIES,
    ENDPOINTS,
    LEASES,
    OLD_SECRET_MS,
    EndpointRow,
    LeaseRow,
    cursors_table,
    deliveries_table,
    endpoints_table,
)

REPLAYED_AT_ONCE = 1000


def _pattern(text: str) -> str:
    if not is_pattern(text):
        raise ValueError("there is no event type like that")
    return text


def _secret(text: str) -> str:
    secret_key(text)
    return text


Url = Annotated[str, StringConstraints(min_length=8, max_length=URL_MAX_CHARS, pattern=r"^https?://")]
Pattern = Annotated[str, StringConstraints(max_length=40), AfterValidator(_pattern)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=50)]
Rooms = Annotated[list[RoomId], Field(max_length=100)]
Description = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Secret = Annotated[str, StringConstraints(max_length=120), AfterValidator(_secret)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NewEndpoint(_Body):
    """The body of ``POST /api/v1/webhooks``. No ``rooms``: for all of them; no ``secret``: one is made."""

    url: Url
    types: Patterns = ["*"]
    rooms: Rooms = []
    texts: bool = False
    description: Description = ""
    secret: Secret | None = None


class EndpointChange(_Body):
    """The body of ``PATCH``: what is left out stays as it is."""

    url: Url | None = None
    types: Patterns | None = None
    rooms: Rooms | None = None
    texts: bool | None = None
    description: Description | None = None
    enabled: bool | None = None


class Rotation(_Body):
    """The body of ``POST …/rotate``: a secret of one's own, or none to have one made."""

    secret: Secret | None = None


class Replay(_Body):
    """The body of ``POST …/replay``: what happened from one time until before another, Unix milliseconds."""

    from_ms: Annotated[int, Field(ge=0, le=2**53)]
    to_ms: Annotated[int, Field(ge=0, le=2**53)]
    status: Literal["dead", "waiting", "delivered"] = "dead"

    @model_validator(mode="after")
    def _in_order(self) -> Replay:
        if self.from_ms >= self.to_ms:
            raise ValueError("from_ms should be before to_ms")
        return self


class Endpoints:
    """Handlers; that the caller is an operator has been checked."""

    def __init__(self, endpoints_max: int) -> None:
        self._max = endpoints_max

    def create(self, tx: Unit, new: NewEndpoint) -> Steps[Any]:
        """It gets what is committed from now on. Gives ``id`` and ``secret``. Refuses with ``too_many``."""
        endpoint_id = new_id()
        yield ENDPOINTS.rows(endpoint_id)
        columns = endpoints_table.c
        there = select(func.count()).select_from(endpoints_table).where(columns.status != "deleted")
        if (tx.conn.scalar(there) or 0) + len(tx.fresh(ENDPOINTS)) >= self._max:
            raise Refused("too_many", details={"limit": self._max})
        row = EndpointRow(
            id=endpoint_id,
            url=new.url,
            description=new.description,
            types=list(new.types),
            rooms=list(new.rooms),
            texts=int(new.texts),
            status="active",
            reason=None,
            secret=new.secret or new_secret(),
            old_secret=None,
            old_secret_until_ms=0,
            created_at_ms=tx.now_ms,
        )
        tx.put(ENDPOINTS, row)
        tx.put(LEASES, LeaseRow(row.id, "", 0, 0))
        tx.at_flush(lambda conn: _begin_at_heads(conn, row.id))
        return {"id": row.id, "secret": row.secret}

    def change(self, tx: Unit, endpoint_id: str, change: EndpointChange) -> Steps[Any]:
        """An endpoint that is enabled goes on where it stopped. Refuses with ``not_found``."""
        row, lease = yield from locked(tx, endpoint_id)
        given = change.model_dump(exclude_none=True)
        enabled = given.pop("enabled", None)
        if "texts" in given:
            given["texts"] = int(given["texts"])
        if enabled is True and row.status == "disabled":
            given |= {"status": "active", "reason": None}
            # Whoever served it finds the fence changed, and forgets what it thought of the endpoint.
            tx.put(LEASES, LeaseRow(lease.endpoint_id, "", lease.fence + 1, 0, taken_at_ms=lease.taken_at_ms))
        elif enabled is False and row.status == "active":
            given |= {"status": "disabled", "reason": "by an operator"}
        tx.put(ENDPOINTS, replace(row, **given))
        return {}

    def delete(self, tx: Unit, endpoint_id: str) -> Steps[Any]:
        """Nothing more is sent; what is under way may arrive. Refuses with ``not_found``."""
        row, lease = yield from locked(tx, endpoint_id)
        tx.put(ENDPOINTS, replace(row, status="deleted", secret="", old_secret=None))
        tx.put(LEASES, replace(lease, node="", fence=lease.fence + 1, expires_at_ms=0))
        return {}

    def rotate(self, tx: Unit, endpoint_id: str, secret: str | None) -> Steps[Any]:
        """A new secret; with the one before, deliveries are signed as well for a day. Refuses with
        ``not_found``."""
        row, _ = yield from locked(tx, endpoint_id)
        until_ms = tx.now_ms + OLD_SECRET_MS
        fresh = secret or new_secret()
        if fresh != row.secret:
            row = replace(row, secret=fresh, old_secret=row.secret, old_secret_until_ms=until_ms)
        tx.put(ENDPOINTS, row)
        return {"secret": row.secret, "old_secret_until_ms": row.old_secret_until_ms}

    def replay_one(self, tx: Unit, endpoint_id: str, delivery_id: str) -> Steps[Any]:
        """Send a message once more, with all its attempts. Refuses with ``not_found``."""
        yield from locked(tx, endpoint_id)
        yield DELIVERIES.rows((endpoint_id, delivery_id))
        row = tx.get(DELIVERIES, endpoint_id, delivery_id)
        if row is None:
            raise Refused("not_found", "There is no such delivery any more: replay it from the log.")
        tx.put(DELIVERIES, replace(row, status="waiting", attempts=0, turn_at_ms=tx.now_ms))
        return {"replayed": 1}

    def replay(self, tx: Unit, endpoint_id: str, wanted: Replay) -> Steps[Any]:
        """The same for what happened in a span of time, so many at once; ``more`` says to ask again."""
        yield from locked(tx, endpoint_id)
        columns = deliveries_table.c
        query = (
            select(columns.id)
            .where(
                columns.endpoint_id == endpoint_id,
                columns.status == wanted.status,
                or_(columns.status != "waiting", columns.attempts > 0),  # not what was replayed just now
                columns.at_ms >= wanted.from_ms,
                columns.at_ms < wanted.to_ms,
            )
            .order_by(columns.turn_at_ms, columns.id)
            .limit(REPLAYED_AT_ONCE)
        )
        ids = list(tx.conn.scalars(query))
        again = (
            update(deliveries_table)
            .where(columns.endpoint_id == endpoint_id, columns.id.in_(ids))
            .values(status="waiting", attempts=0, turn_at_ms=tx.now_ms)
        )
        if ids:
            tx.at_flush(lambda conn: _ignore(conn.execute(again)))
        return {"replayed": len(ids), "more": len(ids) == REPLAYED_AT_ONCE}


def _ignore(_: object) -> None:
    """For a statement whose result says nothing."""


def locked(tx: Unit, endpoint_id: str) -> Steps[tuple[EndpointRow, LeaseRow]]:
    """The rows of an endpoint that is there; raises ``Refused("not_found")``."""
    yield ENDPOINTS.rows(endpoint_id)
    yield LEASES.rows(endpoint_id)
    row, lease = tx.get(ENDPOINTS, endpoint_id), tx.get(LEASES, endpoint_id)
    if row is None or lease is None or row.status == "deleted":
        raise Refused("not_found", "There is no such endpoint.")
    return row, lease


def _begin_at_heads(conn: Connection, endpoint_id: str) -> None:
    """Rooms that aren't committed yet get no cursor: for them it begins at the beginning."""
    rooms = rooms_table.c
    heads = select(literal(endpoint_id), rooms.id, rooms.epoch, rooms.head, rooms.staff_head)
    conn.execute(
        cursors_table.insert().from_select(["endpoint_id", "room_id", "epoch", "offset", "seq"], heads)
    )
