"""Sending what a log says once more: it is there when what became of its deliveries is long forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import Connection, select

from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.rows import Steps
from rooms.unit import Unit
from server.webhooks.endpoints import locked
from server.webhooks.events import Log, Message, wanted_types
from server.webhooks.reading import Want, count_waiting, read_heads, read_messages
from server.webhooks.records import new_row
from server.webhooks.tables import DELIVERIES, EndpointRow, cursors_table

ENTRIES_AT_ONCE = 200
"""Of the log that make a message, each request; a few milliseconds of the writer's time."""
WAITING_MAX = 10_000
"""As many may wait to be tried again; then the endpoint is to take some first."""

Offset = Annotated[int, Field(ge=1, le=2**53)]


class LogSpan(BaseModel):
    """The body of ``POST …/replay/log``: entries of one log of a room, both ends with it; ``id`` (as in
    ``webhook-id``): of those only that message."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    room: RoomId
    log: Literal["room", "staff"]
    from_offset: Offset
    to_offset: Offset
    id: Annotated[str, StringConstraints(pattern=r"^(msg_)?[0-9a-f]{32}$")] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> LogSpan:
        if self.from_offset > self.to_offset:
            raise ValueError("from_offset should not be after to_offset")
        return self


def replay_log(tx: Unit, endpoint_id: str, span: LogSpan) -> Steps[Any]:
    """Send what a span of a log says once more, made anew from the log: texts deleted since aren't in it.

    It need not have been delivered before; what the endpoint hasn't come to yet is left to its turn. Gives
    ``replayed``, and ``next_offset`` to go on from (None: that was all). Refuses with ``not_found`` (no such
    endpoint, room or message) and ``too_many`` (so many wait already).
    """
    endpoint, _ = yield from locked(tx, endpoint_id)
    want = _wanted(tx.conn, endpoint, span)
    if count_waiting(tx.conn, endpoint_id, WAITING_MAX) >= WAITING_MAX:
        raise Refused("too_many", details={"limit": WAITING_MAX})
    types = wanted_types(endpoint.types)
    entries, to = read_messages(tx.conn, want, types, ENTRIES_AT_ONCE)
    messages = [message for entry in entries for message in entry if _is_asked_for(message, span.id)]
    more = to < want.to
    if span.id is not None and not messages and not more:
        raise Refused("not_found", "The log makes no such message for this endpoint.")
    yield DELIVERIES.rows(*((endpoint_id, message.id) for message in messages))
    for message in messages:
        row = tx.get(DELIVERIES, endpoint_id, message.id) or new_row(endpoint_id, message)
        tx.put(DELIVERIES, replace(row, status="waiting", attempts=0, turn_at_ms=tx.now_ms))
    return {"replayed": len(messages), "next_offset": to + 1 if more else None}


def _is_asked_for(message: Message, wanted: str | None) -> bool:
    return wanted is None or message.id == wanted.removeprefix("msg_")


def _wanted(conn: Connection, endpoint: EndpointRow, span: LogSpan) -> Want:
    """What to read, which is no further than the endpoint has come by itself."""
    heads = read_heads(conn, [span.room])
    if not heads or (endpoint.rooms and span.room not in endpoint.rooms):
        raise Refused("not_found", "This endpoint is told of no such room.")
    log = Log(span.log)
    columns = cursors_table.c
    mark = columns.offset if log is Log.ROOM else columns.seq
    query = select(mark).where(
        columns.endpoint_id == endpoint.id,
        columns.room_id == span.room,
        columns.epoch == heads[0].epoch,
    )
    come_to = conn.scalar(query) or 0
    return Want(log, span.room, heads[0].epoch, span.from_offset - 1, min(span.to_offset, come_to))
