"""The tables of webhooks: endpoints, who serves each, how far each log was read, and what was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata
from server.webhooks.schedule import Health

OLD_SECRET_MS = 24 * 3_600_000
"""How long deliveries are signed with the secret before as well."""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """Where to send what. ``status``: active, disabled (``reason`` says why) or deleted (its rows are going).

    ``types`` and ``rooms`` are filters; an empty ``rooms`` means all of them.
    """

    id: str
    url: str
    description: str
    types: list[str]
    rooms: list[str]
    texts: int
    status: str
    reason: str | None
    secret: str
    old_secret: str | None
    old_secret_until_ms: int
    created_at_ms: int

    def secrets(self, now_ms: int) -> list[str]:
        """Those to sign with, the newest first."""
        old = self.old_secret if now_ms < self.old_secret_until_ms else None
        return [self.secret, old] if old is not None else [self.secret]

    def wire(self, health: Health, now_ms: int) -> dict[str, Any]:
        """The endpoint as operators see it; never with its secret."""
        state = self.status
        if state == "active" and health.is_absent:
            state = "paused"
        return {
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "types": self.types,
            "rooms": self.rooms,
            "texts": bool(self.texts),
            "status": state,
            "reason": self.reason,
            "failing_since_ms": health.failing_since_ms,
            "taken_at_ms": health.taken_at_ms,
            "paused_until_ms": health.paused_until_ms if state == "paused" else None,
            "old_secret_until_ms": self.old_secret_until_ms if now_ms < self.old_secret_until_ms else None,
            "created_at_ms": self.created_at_ms,
        }


endpoints_table = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("types", Json, nullable=False),
    Column("rooms", Json, nullable=False),
    Column("texts", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_secret_until_ms", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Which node serves an endpoint, and how the endpoint fares. ``fence`` counts its servants.

    Whoever writes anything about an endpoint's deliveries holds the lock of this row.
    """

    endpoint_id: str
    node: str
    fence: int
    expires_at_ms: int
    absences: int = 0
    failing_since_ms: int | None = None
    paused_until_ms: int = 0
    taken_at_ms: int | None = None

    @property
    def health(self) -> Health:
        return Health(self.absences, self.failing_since_ms, self.paused_until_ms, self.taken_at_ms)


leases_table = Table(
    "webhook_leases",
    metadata,
    Column("endpoint_id", String(36), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("absences", Integer, nullable=False),
    Column("failing_since_ms", BigInteger),
    Column("paused_until_ms", BigInteger, nullable=False),
    Column("taken_at_ms", BigInteger),
)


@dataclass(frozen=True, slots=True)
class CursorRow:
    """Up to where a room's logs are dealt with for an endpoint: the public one, and the staff's (``seq``).

    A room without one is at its beginning.
    """

    endpoint_id: str
    room_id: str
    epoch: str
    offset: int
    seq: int


cursors_table = Table(
    "webhook_cursors",
    metadata,
    Column("endpoint_id", String(36), primary_key=True),
    Column("room_id", String(64), primary_key=True),
    Column("epoch", String(16), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What became of a message. ``status``: delivered, waiting (to be tried again) or dead.

    Where it is in the log is kept and not what it says, so that a text deleted since isn't sent any more.
    ``turn_at_ms`` is when it is tried next, or when it ended.
    """

    endpoint_id: str
    id: str
    type: str
    room_id: str
    log: str
    epoch: str
    position: int
    at_ms: int
    status: str
    attempts: int
    turn_at_ms: int
    http_status: int | None
    error: str | None
    took_ms: int

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "webhook_id": f"msg_{self.id}",
            "type": self.type,
            "room": self.room_id,
            "log": self.log,
            "offset": self.position,
            "at_ms": self.at_ms,
            "status": self.status,
            "attempts": self.attempts,
            "next_attempt_at_ms": self.turn_at_ms if self.status == "waiting" else None,
            "ended_at_ms": None if self.status == "waiting" else self.turn_at_ms,
            "http_status": self.http_status,
            "error": self.error,
            "took_ms": self.took_ms,
        }


deliveries_table = Table(
    "webhook_deliveries",
    metadata,
    Column("endpoint_id", String(36), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("type", String(40), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("log", String(8), nullable=False),
    Column("epoch", String(16), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("turn_at_ms", BigInteger, nullable=False),
    Column("http_status", Integer),
    Column("error", Text),
    Column("took_ms", Integer, nullable=False),
    Index("ix_webhook_deliveries_turn", "endpoint_id", "status", "turn_at_ms", "id"),
)

ENDPOINTS: Kind[EndpointRow] = Kind(endpoints_table, EndpointRow, Rank.WEBHOOK_ENDPOINTS)
LEASES: Kind[LeaseRow] = Kind(leases_table, LeaseRow, Rank.WEBHOOK_LEASES)
# Guarded by the endpoint's lease.
CURSORS: Kind[CursorRow] = Kind(cursors_table, CursorRow, Rank.GUARDED)
DELIVERIES: Kind[DeliveryRow] = Kind(deliveries_table, DeliveryRow, Rank.GUARDED)
