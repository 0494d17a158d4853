"""The moderators' queue and all that goes into it, put together."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.audit import AuditTrail
from moderation.review.appeals import Appeals
from moderation.review.desk import Review
from moderation.review.hits import Hits
from moderation.review.holding import Holding, HoldRules
from moderation.review.ports import Deciding, RulesOf
from moderation.review.reports import Reports
from moderation.sanctions.service import Sanctions
from moderation.standing import RoomStanding
from rooms.ports import Answered, TextRules


@dataclass(frozen=True, slots=True)
class Queue:
    """``holding`` still has to be told where comments are said that are let through, ``hits`` where pictures
    are cleared, and ``heard`` where sound is."""

    holding: Holding
    reports: Reports
    appeals: Appeals
    hits: Hits
    heard: Hits
    review: Review


def make_queue(
    standing: RoomStanding,
    texts: TextRules,
    audit: AuditTrail,
    rules: RulesOf,
    sanctions: Sanctions,
    hold: HoldRules,
    answered: Answered,
) -> Queue:
    holding = Holding(audit, texts, hold)
    reports = Reports(standing, texts, audit, rules, answered)
    appeals = Appeals(standing, texts, audit, rules, sanctions)
    sanctions.appealed = appeals
    hits, heard = Hits(audit), Hits(audit, "sound")
    kinds: dict[str, Deciding] = {"held": holding, "report": reports, "appeal": appeals, "picture": hits}
    kinds["sound"] = heard
    review = Review(standing, texts, kinds, {"held": holding.again})
    return Queue(holding, reports, appeals, hits, heard, review)
