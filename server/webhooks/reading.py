"""Reading for webhooks: heads, entries of logs, deliveries that are due, and lists for operators."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, or_, select

from rooms.heads import rooms_table
from rooms.log import LogEvent, StaffEvent, room_events, staff_events
from rooms.shop.store import skus_table
from server.webhooks.events import Log, Message, of_room, of_staff, wanted_kinds
from server.webhooks.tables import (
    CursorRow,
    DeliveryRow,
    EndpointRow,
    LeaseRow,
    cursors_table,
    deliveries_table,
    endpoints_table,
    leases_table,
)

STATUSES = ("waiting", "dead", "delivered")


@dataclass(frozen=True, slots=True)
class Head:
    """How far a room's logs go."""

    room_id: str
    epoch: str
    offset: int
    seq: int


@dataclass(frozen=True, slots=True)
class Want:
    """Entries of one log: ``after < position <= to``."""

    log: Log
    room_id: str
    epoch: str
    after: int
    to: int


_COLUMNS = rooms_table.c
_HEADS = select(_COLUMNS.id, _COLUMNS.epoch, _COLUMNS.head, _COLUMNS.staff_head)
_SOME_HEADS = _HEADS.where(_COLUMNS.id.in_(bindparam("ids", expanding=True)))


def read_heads(conn: Connection, room_ids: Collection[str] | None = None) -> list[Head]:
    """How far the logs of these rooms (None: of all) go, as committed; see ``read_messages``."""
    found = conn.execute(_HEADS) if room_ids is None else conn.execute(_SOME_HEADS, {"ids": sorted(room_ids)})
    return [Head(*record) for record in found]


def read_endpoints(conn: Connection) -> list[tuple[EndpointRow, LeaseRow]]:
    """Every endpoint with its lease, the oldest first."""
    query = select(endpoints_table, leases_table).join(
        leases_table, leases_table.c.endpoint_id == endpoints_table.c.id
    )
    width = len(endpoints_table.c)
    found = conn.execute(query.order_by(endpoints_table.c.id))
    return [(EndpointRow(*record[:width]), LeaseRow(*record[width:])) for record in found]


def read_cursors(conn: Connection, endpoint_id: str) -> list[CursorRow]:
    query = select(cursors_table).where(cursors_table.c.endpoint_id == endpoint_id)
    return [CursorRow(*record) for record in conn.execute(query)]


def read_messages(
    conn: Connection, want: Want, types: Collection[str], limit: int
) -> tuple[list[list[Message]], int]:
    """The messages of the first ``limit`` entries that make any, an entry each, and how far that goes.

    Offsets are given under the room's lock and committed with its head, so below a committed head nothing is
    missing and nothing will be added: whoever reads up to there has skipped nothing that is still
    uncommitted, however long its transaction takes.
    """
    entries = _entries(conn, want, wanted_kinds(want.log, types), limit)
    made = [[message for message in messages if message.type in types] for _, messages in entries]
    return [messages for messages in made if messages], entries[-1][0] if len(entries) == limit else want.to


def _entries(
    conn: Connection, want: Want, kinds: Sequence[str], limit: int
) -> list[tuple[int, list[Message]]]:
    """Entries of these kinds, each with its position and all that it makes."""
    if not kinds:
        return []
    if want.log is Log.ROOM:
        entries = room_events.c
        query = select(room_events).where(
            entries.room_id == want.room_id,
            entries.epoch == want.epoch,
            entries.offset > want.after,
            entries.offset <= want.to,
            entries.kind.in_(kinds),
        )
        found = [LogEvent(*record) for record in conn.execute(query.order_by(entries.offset).limit(limit))]
        return [(event.offset, of_room(event)) for event in found]
    briefs = staff_events.c
    query = select(staff_events).where(
        briefs.room_id == want.room_id,
        briefs.seq > want.after,
        briefs.seq <= want.to,
        briefs.kind.in_(kinds),
    )
    told = [StaffEvent(*record) for record in conn.execute(query.order_by(briefs.seq).limit(limit))]
    return [(event.seq, of_staff(event, want.epoch)) for event in told]


def read_wants(
    conn: Connection, wants: Sequence[Want], types: Collection[str], limit: int
) -> dict[tuple[str, Log], tuple[list[list[Message]], int]]:
    """``read_messages`` of several logs, by room and log."""
    return {(w.room_id, w.log): read_messages(conn, w, types, limit) for w in wants}


def read_due(conn: Connection, endpoint_id: str, now_ms: int, limit: int) -> list[DeliveryRow]:
    """Deliveries whose turn has come, the longest due first."""
    columns = deliveries_table.c
    query = select(deliveries_table).where(
        columns.endpoint_id == endpoint_id, columns.status == "waiting", columns.turn_at_ms <= now_ms
    )
    query = query.order_by(columns.turn_at_ms, columns.id).limit(limit)
    return [DeliveryRow(*record) for record in conn.execute(query)]


def read_again(conn: Connection, row: DeliveryRow) -> Message | None:
    """The message of a delivery, made from the log as it is now. None: the log doesn't make it any more."""
    want = Want(Log(row.log), row.room_id, row.epoch, row.position - 1, row.position)
    entries, _ = read_messages(conn, want, {row.type}, 1)
    return next((message for messages in entries for message in messages if message.id == row.id), None)


def read_due_messages(
    conn: Connection, endpoint_id: str, now_ms: int, limit: int
) -> list[tuple[DeliveryRow, Message | None]]:
    """Deliveries that are due, each with its message as the log makes it now."""
    return [(row, read_again(conn, row)) for row in read_due(conn, endpoint_id, now_ms, limit)]


def count_waiting(conn: Connection, endpoint_id: str, limit: int) -> int:
    """How many wait to be tried again, counted up to ``limit``."""
    columns = deliveries_table.c
    query = select(columns.id).where(columns.endpoint_id == endpoint_id, columns.status == "waiting")
    return len(conn.execute(query.limit(limit)).all())


def read_stock(conn: Connection, sku: str) -> dict[str, object] | None:
    """How much there is of a SKU now."""
    columns = skus_table.c
    query = select(columns.product_id, columns.stock, columns.held).where(columns.id == sku)
    found = conn.execute(query).one_or_none()
    return None if found is None else {"product": found.product_id, "stock": found.stock, "held": found.held}


def read_deliveries(
    conn: Connection,
    endpoint_id: str,
    *,
    status: str | None = None,
    before: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[DeliveryRow]:
    """Deliveries, those first whose turn is or was the latest; ``before`` is the last one's turn and id."""
    columns = deliveries_table.c
    rows: list[DeliveryRow] = []
    for one in (status,) if status else STATUSES:
        query = select(deliveries_table).where(columns.endpoint_id == endpoint_id, columns.status == one)
        if before is not None:
            turn, last = before
            query = query.where(
                or_(columns.turn_at_ms < turn, and_(columns.turn_at_ms == turn, columns.id < last))
            )
        query = query.order_by(columns.turn_at_ms.desc(), columns.id.desc()).limit(limit)
        rows += [DeliveryRow(*record) for record in conn.execute(query)]
    return sorted(rows, key=lambda row: (row.turn_at_ms, row.id), reverse=True)[:limit]
