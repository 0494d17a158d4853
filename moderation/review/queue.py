"""The moderators' queue and all that goes into it, put together."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.audit import AuditTrail
from moderation.review.appeals import Appeals, Lifting
from moderation.review.desk import Review
from moderation.review.holding import Holding, HoldRules
from moderation.review.ports import Deciding, RulesOf
from moderation.review.reports import Reports
from moderation.standing import RoomStanding
from rooms.ports import Answered, TextRules


@dataclass(frozen=True, slots=True)
class Queue:
    """``holding`` still has to be told where comments are said that are let through."""

    holding: Holding
    reports: Reports
    appeals: Appeals
    review: Review


def make_queue(
    standing: RoomStanding,
    texts: TextRules,
    audit: AuditTrail,
    rules: RulesOf,
    lifting: Lifting,
    hold: HoldRules,
    answered: Answered,
) -> Queue:
    holding = Holding(audit, hold)
    reports = Reports(standing, texts, audit, rules, answered)
    appeals = Appeals(standing, texts, audit, rules, lifting)
    kinds: dict[str, Deciding] = {"held": holding, "report": reports, "appeal": appeals}
    return Queue(holding, reports, appeals, Review(standing, texts, audit, kinds))
