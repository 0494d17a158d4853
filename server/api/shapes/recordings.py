"""Recordings of rooms' streams."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, TimeMs


@with_config(OPEN)
class Recording(TypedDict):
    """``playlist`` while there is something to play, ``poster`` once it is ready. From ``kept`` on: to those
    who manage the room's recordings."""

    id: str
    room: str
    title: str
    status: Literal["recording", "ready", "failed"]
    public: bool
    started_at_ms: TimeMs
    ended_at_ms: TimeMs | None
    duration_ms: Annotated[int, Field(ge=0, description="Of what can be played: without interruptions")]
    bytes: Count
    width: Count
    height: Count
    has_audio: bool
    playlist: str | None
    poster: str | None
    kept: NotRequired[bool]
    keep_until_ms: NotRequired[TimeMs | None]
    reason: NotRequired[Annotated[str | None, Field(description="Why it ended: host, ended, quota")]]
    holes: NotRequired[Annotated[int, Field(ge=0, description="How often something could not be written")]]
