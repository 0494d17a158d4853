"""A poll's decisions, pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rooms.errors import Refused
from rooms.play.polls.store import PollRow, VoteRow

SHOWN_MS = 60_000
"""So long are results shown after a poll has been closed."""


def refuse_unless_open(poll: PollRow, now_ms: int) -> None:
    """Raises ``Refused("over")`` from the moment on when it ends."""
    if poll.phase != "open" or (poll.ends_at_ms is not None and now_ms >= poll.ends_at_ms):
        raise Refused("over", "This poll is over.", details={"state": poll.phase})


def choices_of(poll: PollRow, options: Sequence[int]) -> int:
    """The options as bits. Raises ``Refused``: ``unknown_option``, ``duplicate_options``,
    ``too_many_options``."""
    if any(not 0 <= option < len(poll.options) for option in options):
        raise Refused("unknown_option", details={"options": len(poll.options)})
    if len(set(options)) != len(options):
        raise Refused("duplicate_options")
    if len(options) > poll.multiple:
        raise Refused("too_many_options", details={"limit": poll.multiple})
    return sum(1 << option for option in options)


def vote(
    poll: PollRow, user_id: str, options: Sequence[int], known: VoteRow | None, now_ms: int
) -> tuple[PollRow, VoteRow]:
    """The poll with somebody's vote counted, in place of the one that they gave before, if any.

    Raises ``Refused``: ``over``, what :func:`choices_of` raises, ``already_voted`` (it can't be changed).
    """
    refuse_unless_open(poll, now_ms)
    choices = choices_of(poll, options)
    if known is not None and not poll.changeable:
        raise Refused("already_voted", details={"options": known.options})
    before = known.choices if known else 0
    counts = [count + (choices >> n & 1) - (before >> n & 1) for n, count in enumerate(poll.counts)]
    voters = poll.voters + (known is None)
    return replace(poll, voters=voters, counts=counts), VoteRow(poll.id, user_id, choices, now_ms)


def close(poll: PollRow, now_ms: int) -> PollRow:
    """Nobody votes any more: the counts are final."""
    ends_at_ms = now_ms if poll.ends_at_ms is None else min(poll.ends_at_ms, now_ms)
    return replace(poll, phase="closed", ends_at_ms=ends_at_ms, closed_at_ms=now_ms)
