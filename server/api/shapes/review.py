"""The moderators' queue."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs


@with_config(OPEN)
class Claim(TypedDict):
    """Somebody works on it, until then or until they renew it."""

    by: Person
    until_ms: TimeMs


@with_config(OPEN)
class Reason(TypedDict):
    """Why a comment is held; ``start`` and ``end`` are in code points, null for the text as a whole."""

    check: str
    code: str
    verdict: str
    rule: str
    start: int | None
    end: int | None


@with_config(OPEN)
class ReportText(TypedDict):
    why: str
    text: str


@with_config(OPEN)
class Finding(TypedDict):
    """What a check of streams has found, and how sure it is."""

    name: str
    score: float


@with_config(OPEN)
class ReviewItem(TypedDict):
    """What it is about depends on its kind: see docs/protocol.md, *Review*."""

    id: str
    kind: Literal["held", "report", "appeal", "picture", "sound"]
    state: Literal["open", "decided", "expired"]
    needs: Annotated[str, Field(description="The action that it takes to work on it.")]
    user: Person
    at_ms: TimeMs
    due_at_ms: Annotated[TimeMs | None, Field(description="When it expires; null: never.")]
    claim: Claim | None
    decision: str | None
    reason: str
    by: Person | None
    waited_ms: Annotated[int | None, Field(description="From the first to the decision.")]
    text: NotRequired[str]
    reasons: NotRequired[list[Reason]]
    color: NotRequired[str]
    lane: NotRequired[str]
    reply_to: NotRequired[str]
    said_at_ms: NotRequired[TimeMs]
    whys: NotRequired[Annotated[dict[str, int], Field(description="How many gave which reason.")]]
    texts: NotRequired[list[ReportText]]
    reports: NotRequired[Count]
    hidden: NotRequired[bool]
    # A sanction as `moderate.mute` answers it.
    sanction: NotRequired[dict[str, Any]]
    stream: NotRequired[Annotated[str, Field(description="`host`, or a guest's slot.")]]
    upload: NotRequired[Annotated[str, Field(description="The path of an uploaded picture.")]]
    measure: NotRequired[Literal["alert", "blur", "interrupt", "withhold"]]
    classes: NotRequired[list[Finding]]
    score: NotRequired[Annotated[float, Field(description="The surest class's, from 0 to 1.")]]
    picture: NotRequired[Annotated[str | None, Field(description="The path of a still.")]]
    sound: NotRequired[Annotated[str | None, Field(description="The path of what was said.")]]
    language: NotRequired[Annotated[str, Field(description="As in BCP 47; empty: unknown.")]]
    heard_ms: NotRequired[Annotated[TimeMs, Field(description="When the sound begins.")]]
    into_ms: NotRequired[Annotated[int | None, Field(description="The same, from the stream's beginning.")]]
    duration_ms: NotRequired[int]


@with_config(OPEN)
class WholeReviewItem(ReviewItem):
    # Each an Event of kind `comment`, passed on as it is stored.
    around: list[Any]
    history: Annotated[
        dict[str, int],
        Field(description="By kind and decision, such as `held_refuse`: its writer's record in the room."),
    ]


@with_config(OPEN)
class ReviewTimes(TypedDict):
    """Of the last hundred decisions of the last 24 hours."""

    decided: Count
    p50_ms: int | None
    p90_ms: int | None


@with_config(OPEN)
class ReviewPage(TypedDict):
    """``waiting``: how many are open, of all kinds."""

    items: list[ReviewItem]
    next: str | None
    waiting: Count
    times: ReviewTimes


@with_config(OPEN)
class Again(TypedDict):
    """What the filter would make of a held comment by now."""

    verdict: Literal["allow", "mask", "hold", "deny"]
    reasons: list[Reason]


@with_config(OPEN)
class OfReviewItem(TypedDict):
    item: ReviewItem


@with_config(OPEN)
class ClaimedItem(OfReviewItem):
    now: NotRequired[Annotated[Again, Field(description="If that is something else than when it was held.")]]


@with_config(OPEN)
class HeldComment(TypedDict):
    """A comment that a moderator is to look at first; why isn't said."""

    id: str
    at_ms: TimeMs
    until_ms: TimeMs
    text: str


@with_config(OPEN)
class Appeal(TypedDict):
    """An appeal as its writer sees it; ``state`` `expired`: the sanction has run out before."""

    id: str
    sanction: str
    state: Literal["open", "decided", "expired"]
    text: str
    at_ms: TimeMs
    decision: Literal["grant", "refuse", "expired"] | None
    reason: str
    decided_at_ms: TimeMs | None


@with_config(OPEN)
class OfAppeal(TypedDict):
    appeal: Appeal
