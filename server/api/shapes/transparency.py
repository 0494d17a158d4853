"""Moderation of all rooms in numbers, and what the node finds of the trails by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, TimeMs
from server.api.shapes.rooms import (
    AppealNumbers,
    AuditProblem,
    CountedAction,
    FalsePositives,
    HeldNumbers,
    ReportNumbers,
    Transparency,
)


@with_config(OPEN)
class RoomInNumbers(TypedDict):
    """A room of those in which most was done."""

    room: str
    title: Annotated[str, Field(description="Empty: there is no such room any more.")]
    total: Count
    automatic: Count
    actions: list[CountedAction]
    filter_codes: dict[str, dict[str, int]]
    held: HeldNumbers
    reports: ReportNumbers
    appeals: AppealNumbers
    false_positives: FalsePositives


@with_config(OPEN)
class PlatformTransparency(Transparency):
    """Moderation in numbers, of all rooms. Days are UTC's; waits have two digits."""

    first_day: str
    last_day: str
    rooms_moderated: Annotated[int, Field(ge=0, description="Rooms in which anything was done.")]
    rooms: list[RoomInNumbers]


@with_config(OPEN)
class VerifiedPass(TypedDict):
    """All trails, gone through once."""

    began_ms: TimeMs
    done_ms: TimeMs
    trails: Count
    entries: Count
    problems: Count
    found: Annotated[list[AuditProblem], Field(description="The first 20 of them.")]


@with_config(OPEN)
class GoingPass(TypedDict):
    """A pass that is under way."""

    began_ms: TimeMs
    trails: Count
    entries: Count
    problems: Count
    found: list[AuditProblem]


@with_config(OPEN)
class AuditWatch(TypedDict):
    """What the verification in the background has come to."""

    every_s: Annotated[int, Field(ge=0, description="0: it is switched off.")]
    broken: Annotated[bool, Field(description="The last pass, or the one under way, found problems.")]
    last: VerifiedPass | None
    going: GoingPass | None
