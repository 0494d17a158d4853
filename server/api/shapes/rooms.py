"""Rooms, their logs and their staff."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from rooms.commands import WhoMayComment
from server.api.shapes.base import OPEN, Count, Person, TimeMs


@with_config(OPEN)
class Shield(TypedDict):
    since_ms: TimeMs
    until_ms: Annotated[TimeMs | None, Field(description="null: until somebody takes it down.")]
    who_may_comment: WhoMayComment
    followed_for_s: Count
    slow_mode_s: Count


@with_config(OPEN)
class Settings(TypedDict):
    slow_mode_s: Count
    who_may_comment: WhoMayComment
    followed_for_s: Annotated[Count, Field(description="For how long, where only followers may comment.")]
    member_level: Annotated[int, Field(description="From which level on, where only fans may comment.")]
    emoji_only: bool
    shield: Annotated[
        Shield | None, Field(description="What is asked besides while the room's shield is up; null: down.")
    ]
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
    kind: Literal["mute", "ban", "shadow", "warn", "watch", "restrict"]
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
    """``actor``, ``target`` and ``detail`` are empty when they are erased."""

    id: str
    seq: Annotated[int, Field(ge=1, description="Its place in the trail, without holes.")]
    at_ms: TimeMs
    actor: Person
    action: str
    target: str
    detail: dict[str, Any]
    facts: Annotated[dict[str, Any], Field(description="What stays when the people are erased.")]
    erased: list[Literal["who", "what"]]
    hash: Annotated[str, Field(description="SHA-256, in hex; chained to the entry before it.")]


Hex = Annotated[str, Field(pattern="^([0-9a-f]{2})+$")]


@with_config(OPEN)
class AuditEntry(TypedDict):
    """An entry in a file, as it is hashed; what is erased is null."""

    trail: str
    id: str
    seq: Annotated[int, Field(ge=1)]
    at_ms: TimeMs
    actor: Person
    action: str
    target: str
    detail: Annotated[str | None, Field(description="JSON, byte for byte.")]
    facts: Annotated[str, Field(description="JSON, byte for byte.")]
    erased: list[Literal["who", "what"]]
    hash: Hex
    prev_hash: Hex
    who_digest: Hex
    what_digest: Hex
    who_salt: Hex | None
    what_salt: Hex | None


@with_config(OPEN)
class AuditProblem(TypedDict):
    trail: str
    seq: int | None
    code: str
    what: str


@with_config(OPEN)
class AuditChain(TypedDict):
    """Whether a trail is what was written."""

    ok: bool
    seq: Annotated[int, Field(ge=0, description="The place of the last entry; 0: there is none.")]
    hash: str
    entries: Count
    who_erased: Count
    what_erased: Count
    problems: Count
    found: Annotated[list[AuditProblem], Field(description="The first 50 of them.")]
    checked_at_ms: TimeMs


@with_config(OPEN)
class ErasedFromAudit(TypedDict):
    """How many entries were changed, and how many halves of them erased."""

    entries: Count
    who: Count
    what: Count


@with_config(OPEN)
class ResponseTime(TypedDict):
    count: Count
    p50_ms: int | None
    p90_ms: int | None


@with_config(OPEN)
class CountedAction(TypedDict):
    action: str
    count: Count
    automatic: Annotated[int, Field(ge=0, description="Those that nobody's hand did.")]
    by: Annotated[dict[str, int], Field(description="By role; `system`, `unknown` among them.")]


@with_config(OPEN)
class HeldNumbers(TypedDict):
    released: Count
    refused: Count
    response: ResponseTime


@with_config(OPEN)
class ReportNumbers(TypedDict):
    upheld: Count
    dismissed: Count
    response: ResponseTime


@with_config(OPEN)
class AppealNumbers(TypedDict):
    granted: Count
    refused: Count
    response: ResponseTime


@with_config(OPEN)
class FalsePositives(TypedDict):
    count: Count
    of: Count
    share: float | None


@with_config(OPEN)
class DayOfModeration(TypedDict):
    day: str
    filter: Count
    acted: Count
    decided: Count


@with_config(OPEN)
class Transparency(TypedDict):
    """Moderation in numbers."""

    from_ms: TimeMs
    to_ms: TimeMs
    total: Count
    automatic: Count
    actions: list[CountedAction]
    filter_codes: Annotated[
        dict[str, dict[str, int]],
        Field(description="By category: how often the filter did what because of it."),
    ]
    held: HeldNumbers
    reports: ReportNumbers
    appeals: AppealNumbers
    false_positives: Annotated[
        FalsePositives,
        Field(
            description="What the filter or the picture check did and people undid, of what they looked at."
        ),
    ]
    days: list[DayOfModeration]


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
class Avatar(TypedDict):
    avatar: Annotated[str, Field(description="The picture's name: it is at `/avatars/{avatar}`.")]


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
