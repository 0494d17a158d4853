"""Webhooks' endpoints and deliveries."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, TimeMs


@with_config(OPEN)
class Endpoint(TypedDict):
    id: str
    url: str
    description: str
    types: list[str]
    rooms: list[str]
    texts: bool
    status: Literal["active", "paused", "disabled"]
    reason: str | None
    failing_since_ms: TimeMs | None
    taken_at_ms: TimeMs | None
    paused_until_ms: TimeMs | None
    old_secret_until_ms: TimeMs | None
    created_at_ms: TimeMs
    secret: NotRequired[Annotated[str, Field(description="Shown once, when the endpoint is made.")]]


@with_config(OPEN)
class Endpoints(TypedDict):
    """``types``: all that there are."""

    items: list[Endpoint]
    next: str | None
    types: list[str]


@with_config(OPEN)
class Rotated(TypedDict):
    secret: Annotated[str, Field(description="Shown this once.")]
    old_secret_until_ms: TimeMs


@with_config(OPEN)
class Pinged(TypedDict):
    outcome: str
    http_status: int | None
    error: str | None
    took_ms: int | float | None


@with_config(OPEN)
class Delivery(TypedDict):
    id: str
    webhook_id: str
    type: str
    room: str
    log: Literal["room", "staff"]
    offset: int
    at_ms: TimeMs
    status: str
    attempts: Count
    next_attempt_at_ms: TimeMs | None
    ended_at_ms: TimeMs | None
    http_status: int | None
    error: str | None
    took_ms: int | float | None


@with_config(OPEN)
class Replayed(TypedDict):
    """``more``: ask again, from where this ended."""

    replayed: Count
    more: NotRequired[bool]


@with_config(OPEN)
class ReplayedLog(TypedDict):
    """``next_offset``: ask again from there; null: that was all."""

    replayed: Count
    next_offset: int | None
