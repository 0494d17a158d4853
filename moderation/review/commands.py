"""The payloads of the queue's commands."""

from __future__ import annotations

from typing import Literal

from rooms.commands import Id, Keyed, RawText

WHYS = ("spam", "abuse", "sexual", "scam", "other")
Why = Literal["spam", "abuse", "sexual", "scam", "other"]


class ItemRef(Keyed):
    item: Id


class Decide(ItemRef):
    decision: Literal["release", "refuse", "grant", "uphold", "dismiss"]
    reason: RawText = ""


class Report(Keyed):
    event: Id
    why: Why
    text: RawText = ""


class Appeal(Keyed):
    sanction: Id
    text: RawText
