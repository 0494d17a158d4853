"""What the node that serves an endpoint writes, each under the endpoint's lease.

A node that was away for so long that another has taken over finds the fence changed, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Select, and_, delete, select

from rooms.errors import Refused
from rooms.rows import Steps
from rooms.unit import Unit
from server.webhooks.schedule import Health
from server.webhooks.tables import (
    CURSORS,
    DELIVERIES,
    ENDPOINTS,
    LEASES,
    CursorRow,
    DeliveryRow,
    cursors_table,
    deliveries_table,
    endpoints_table,
    leases_table,
)

LEASE_MS = 6_000
RENEW_EVERY_MS = 2_000
DELIVERED_KEPT_MS = 24 * 3_600_000
DEAD_KEPT_MS = 30 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Lease:
    """A node's right to serve an endpoint."""

    endpoint_id: str
    node: str
    fence: int


def claim(tx: Unit, endpoint_id: str, node: str, *, alone: bool) -> Steps[dict[str, int]]:
    """Take a lease that is over; gives its ``fence``. Refuses with ``busy`` while another node has it.

    ``alone``: there is no other node, so it is over in any case.
    """
    yield LEASES.rows(endpoint_id)
    row = tx.get(LEASES, endpoint_id)
    if row is None:
        raise Refused("not_found")
    if not alone and row.node != "" and row.expires_at_ms > tx.now_ms:
        raise Refused("busy")
    row = replace(row, node=node, fence=row.fence + 1, expires_at_ms=tx.now_ms + LEASE_MS)
    tx.put(LEASES, row)
    return {"fence": row.fence}


def renew(tx: Unit, leases: Sequence[Lease]) -> Steps[dict[str, list[str]]]:
    """Prolong leases; gives the ids of those that are still this node's."""
    yield LEASES.rows(*(lease.endpoint_id for lease in leases))
    kept = []
    for lease in leases:
        row = tx.get(LEASES, lease.endpoint_id)
        if row is not None and (row.node, row.fence) == (lease.node, lease.fence):
            tx.put(LEASES, replace(row, expires_at_ms=tx.now_ms + LEASE_MS))
            kept.append(lease.endpoint_id)
    return {"kept": kept}


def release(tx: Unit, leases: Sequence[Lease]) -> Steps[dict[str, int]]:
    """Let go, so that another node may go on at once."""
    yield LEASES.rows(*(lease.endpoint_id for lease in leases))
    for lease in leases:
        row = tx.get(LEASES, lease.endpoint_id)
        if row is not None and (row.node, row.fence) == (lease.node, lease.fence):
            tx.put(LEASES, replace(row, node="", expires_at_ms=0))
    return {}


@dataclass(frozen=True, slots=True)
class Progress:
    """What has become of an endpoint's messages since the last time."""

    health: Health
    cursors: Sequence[CursorRow]
    deliveries: Sequence[DeliveryRow]
    disable: str | None = None


def save(tx: Unit, lease: Lease, progress: Progress) -> Steps[dict[str, int]]:
    """Write it all or nothing. Refuses with ``not_found`` if the lease is another's by now."""
    yield ENDPOINTS.rows(*([lease.endpoint_id] if progress.disable else []))
    yield LEASES.rows(lease.endpoint_id)
    yield CURSORS.rows(*((cursor.endpoint_id, cursor.room_id) for cursor in progress.cursors))
    yield DELIVERIES.rows(*((row.endpoint_id, row.id) for row in progress.deliveries))
    row = tx.get(LEASES, lease.endpoint_id)
    if row is None or (row.node, row.fence) != (lease.node, lease.fence):
        raise Refused("not_found")
    health = progress.health
    tx.put(
        LEASES,
        replace(
            row,
            absences=health.absences,
            failing_since_ms=health.failing_since_ms,
            paused_until_ms=health.paused_until_ms,
            taken_at_ms=health.taken_at_ms,
        ),
    )
    for cursor in progress.cursors:
        tx.put(CURSORS, cursor)
    for delivery in progress.deliveries:
        tx.put(DELIVERIES, delivery)
    if progress.disable is not None:
        endpoint = tx.get(ENDPOINTS, lease.endpoint_id)
        if endpoint is not None and endpoint.status == "active":
            tx.put(ENDPOINTS, replace(endpoint, status="disabled", reason=progress.disable))
    return {}


def prune(tx: Unit, endpoint_ids: Sequence[str], limit: int, dropped: list[int]) -> Steps[None]:
    """Drop deliveries that ended long ago, a bounded number of each endpoint and status; ``dropped`` gets how
    many of each."""
    yield LEASES.rows(*endpoint_ids)
    tx.at_flush(lambda conn: dropped.extend(_drop_old(conn, endpoint_ids, tx.now_ms, limit)))


def _drop_old(conn: Connection, endpoint_ids: Sequence[str], now_ms: int, limit: int) -> list[int]:
    columns = deliveries_table.c
    dropped = []
    for endpoint_id in endpoint_ids:
        for status, kept_ms in (("delivered", DELIVERED_KEPT_MS), ("dead", DEAD_KEPT_MS)):
            old = and_(
                columns.endpoint_id == endpoint_id,
                columns.status == status,
                columns.turn_at_ms < now_ms - kept_ms,
            )
            dropped.append(_drop_some(conn, endpoint_id, select(columns.id).where(old).limit(limit)))
    return dropped


def _drop_some(conn: Connection, endpoint_id: str, ids: Select[tuple[str]]) -> int:
    columns = deliveries_table.c
    found = delete(deliveries_table).where(columns.endpoint_id == endpoint_id, columns.id.in_(ids))
    return conn.execute(found).rowcount


def bury(tx: Unit, endpoint_id: str, limit: int) -> Steps[None]:
    """Take a deleted endpoint's rows away, a bounded number at a time, and itself with the last of them."""
    yield ENDPOINTS.rows(endpoint_id)
    yield LEASES.rows(endpoint_id)
    endpoint = tx.get(ENDPOINTS, endpoint_id)
    if endpoint is None or endpoint.status != "deleted":
        return

    def drop(conn: Connection) -> None:
        columns = deliveries_table.c
        some = select(columns.id).where(columns.endpoint_id == endpoint_id).limit(limit)
        if _drop_some(conn, endpoint_id, some) == limit:
            return
        conn.execute(delete(cursors_table).where(cursors_table.c.endpoint_id == endpoint_id))
        conn.execute(delete(leases_table).where(leases_table.c.endpoint_id == endpoint_id))
        conn.execute(delete(endpoints_table).where(endpoints_table.c.id == endpoint_id))

    tx.at_flush(drop)
