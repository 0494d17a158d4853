"""Deliveries' rows: what a message was, and how its last attempt ended."""

from __future__ import annotations

from dataclasses import replace

from server.webhooks.events import Message
from server.webhooks.post import Attempt
from server.webhooks.tables import DeliveryRow


def new_row(endpoint_id: str, message: Message) -> DeliveryRow:
    """The row of a message that hasn't been tried."""
    return DeliveryRow(
        endpoint_id,
        message.id,
        message.type,
        message.room_id,
        message.log.value,
        message.epoch,
        message.position,
        message.at_ms,
        "waiting",
        0,
        0,
        None,
        None,
        0,
    )


def ended(
    row: DeliveryRow, status: str, turn_at_ms: int, attempts: int, attempt: Attempt | None, error: str | None
) -> DeliveryRow:
    """The row after an attempt (None: it took none). ``turn_at_ms``: when it is tried next, or ended."""
    http_status, took_ms = (attempt.http_status, attempt.took_ms) if attempt else (None, 0)
    return replace(
        row,
        status=status,
        turn_at_ms=turn_at_ms,
        attempts=attempts,
        http_status=http_status,
        error=error,
        took_ms=took_ms,
    )
