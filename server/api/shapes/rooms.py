"""Rooms, their logs and their staff."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs


@with_config(OPEN)
class Settings(TypedDict):
    slow_mode_s: Count
    who_may_comment: Literal["everyone", "moderators"]
    recording: NotRequired[
        Annotated[
            Literal["on", "off", "default"],
            Field(description="To the host: whether streams are recorded by themselves."),
        ]
    ]


@with_config(OPEN)
class Playback(TypedDict):
    whep: str
    hls: str
    hls_until_ms: NotRequired[
        Annotated[
            TimeMs,
            Field(
                description="Of a private room: until when the address is good. It is the same for everybody"
                " for a quarter of an hour, and needs no token."
            ),
        ]
    ]


@with_config(OPEN)
class Room(TypedDict):
    """``settings`` and ``playback`` on its own page only."""

    id: str
    title: str
    status: Literal["idle", "live", "interrupted", "ended"]
    host: Person
    viewers: Annotated[
        int,
        Field(
            ge=0,
            description="In the room now: users and connections of guests, counted on each node and added up."
            " Somebody at two nodes counts twice.",
        ),
    ]
    viewers_unique: NotRequired[
        Annotated[
            int,
            Field(
                ge=0,
                description="To moderators and above: how many different ones the stream has had, on all"
                " nodes together, estimated within about 1 %. Absent where nobody counts.",
            ),
        ]
    ]
    started_at_ms: TimeMs | None
    poster: Annotated[
        str | None,
        Field(description="A picture of its stream, a few seconds old; null while there is none."),
    ]
    settings: NotRequired[Settings]
    playback: NotRequired[Playback]


@with_config(OPEN)
class Event(TypedDict):
    """An entry of the room's log; what ``data`` has for which ``kind`` is in docs/protocol.md."""

    id: str
    offset: int
    kind: str
    at_ms: TimeMs
    media_ms: NotRequired[int]
    user: NotRequired[dict[str, Any]]
    data: dict[str, Any]


@with_config(OPEN)
class Events(TypedDict):
    """``skipped``: how many of a kind this caller isn't shown."""

    epoch: str
    # Each an Event: they are stored as they go over the wire, and are passed on as they are.
    items: list[Any]
    skipped: dict[str, int]
    next: str | None


@with_config(OPEN)
class Sanction(TypedDict):
    """``until_ms`` null: until it is lifted. ``everywhere``: in all rooms."""

    id: str
    user: Person
    kind: Literal["mute", "ban", "shadow", "warn"]
    everywhere: bool
    until_ms: TimeMs | None
    reason: str
    by: Person
    at_ms: TimeMs


@with_config(OPEN)
class SanctionOver(TypedDict):
    """``by`` is who lifted it, or whose later one took its place."""

    at_ms: TimeMs
    by: str | None
    why: Literal["ran_out", "lifted", "replaced", "appeal", "accepted"]


@with_config(OPEN)
class KeptSanction(Sanction):
    """``over`` null: it is in force. ``room`` is ``*`` for all rooms."""

    room: str
    by_role: str
    over: SanctionOver | None


@with_config(OPEN)
class AuditLine(TypedDict):
    id: str
    at_ms: TimeMs
    actor: Person
    action: str
    target: str
    detail: dict[str, Any]


@with_config(OPEN)
class Member(TypedDict):
    user: Person
    role: str
    since_ms: TimeMs


@with_config(OPEN)
class StreamKey(TypedDict):
    id: str
    label: str
    created_at_ms: TimeMs


@with_config(OPEN)
class NewKey(TypedDict):
    id: str
    label: str
    key: Annotated[str, Field(description="Shown this once.")]


@with_config(OPEN)
class Track(TypedDict):
    """Rates over the last second."""

    codec: str
    kbps: float
    fps: float | None
    width: int | None
    height: int | None
    keyframe_interval_ms: float | None
    b_frames: bool


@with_config(OPEN)
class Watching(TypedDict):
    whep: Count
    hls: Count


@with_config(OPEN)
class Publisher(TypedDict):
    status: str
    protocol: str
    label: str
    video: Track | None
    audio: Track | None
    loss: Annotated[float, Field(description="0 to 1, over the last second, after repair")]
    rtt_ms: float | None
    uplink_ms: float | None
    viewers: Watching
    advice: Annotated[tuple[str, ...], Field(description="What the host should be told; the worst first")]


@with_config(OPEN)
class Picture(TypedDict):
    url: str


@with_config(OPEN)
class Me(TypedDict):
    """``user`` null: a guest."""

    user: Person | None
    operator: bool
    may_host: bool
    expires_at_ms: TimeMs | None


@with_config(OPEN)
class DemoToken(TypedDict):
    token: str
    user: Person
