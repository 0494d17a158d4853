"""Replays: timelines, chapters, clips, downloads."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, TimeMs

MediaMs = Annotated[int, Field(ge=0, description="Milliseconds from the recording's beginning")]


@with_config(OPEN)
class ClockPoint(TypedDict):
    """From this place of the recording on the clock goes as the picture does, until the next point."""

    media_ms: MediaMs
    at_ms: TimeMs


@with_config(OPEN)
class BlurredStretch(TypedDict):
    """The host's picture was blurred for those who watched then."""

    from_ms: MediaMs
    to_ms: MediaMs


@with_config(OPEN)
class Timeline(TypedDict):
    """A page of what happened in a recording. ``snapshot``, if asked for, is the room's state before the
    first entry; ``skipped`` says how many of a kind only their senders were shown."""

    recording: str
    duration_ms: MediaMs
    from_ms: MediaMs
    to_ms: MediaMs
    clock: list[ClockPoint]
    blurred: list[BlurredStretch]
    snapshot: NotRequired[dict[str, Any]]
    # Each an Event with its media_ms.
    items: list[Any]
    skipped: dict[str, int]
    next: str | None


@with_config(OPEN)
class Chapter(TypedDict):
    """A product's time in the recording."""

    product: str
    title: str
    picture: str | None
    from_ms: MediaMs
    to_ms: MediaMs


@with_config(OPEN)
class Clip(TypedDict):
    """``from_ms`` and ``to_ms`` are what was asked for; once it is ready, what is in it. ``url`` is good for
    a quarter of an hour at least."""

    id: str
    recording: str
    title: str
    product: str | None
    status: Literal["making", "ready", "failed"]
    reason: str | None
    from_ms: MediaMs
    to_ms: MediaMs
    duration_ms: MediaMs
    bytes: Count
    width: Count
    height: Count
    created_at_ms: TimeMs
    url: str | None


@with_config(OPEN)
class OfClip(TypedDict):
    clip: Clip


@with_config(OPEN)
class Download(TypedDict):
    """``url`` is good for a quarter of an hour at least, also for what is left of a download."""

    url: str
    bytes: Count
    duration_ms: MediaMs
    left_out: Annotated[list[BlurredStretch], Field(description="What was blurred, by the recording's time.")]
