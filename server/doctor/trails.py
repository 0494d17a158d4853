"""Checks of the audit trails, by what the verification in the background has found."""

from __future__ import annotations

import time
from collections.abc import Iterator

from moderation.audit.watch import State, read_state
from server.audit_watch import ADVICE
from server.config import Settings
from server.doctor.asking import ask
from server.doctor.finding import Finding, error, ok, warn

LATE = 3
"""So many intervals without a full verification, and something keeps it from its work."""


def check_trails(settings: Settings) -> Iterator[Finding]:
    """The trails are what was written, as of the last verification. Verifies nothing by itself, as that may
    take minutes. Blocks: for a thread."""
    state = ask(settings, read_state)
    if state is None:
        return
    yield judge_trails(state, time.time_ns() // 1_000_000, settings.moderation.audit_verify_every_s)


def judge_trails(state: State, now_ms: int, every_s: int) -> Finding:
    """What to say of the state of the verification."""
    if state.broken:
        first = state.broken[0]
        place = f"entry {first['seq']}" if first["seq"] is not None else "its head"
        count = (state.going.problems if state.going else 0) or (state.last.problems if state.last else 0)
        return error(
            f"an audit trail isn't what was written: {first['trail']!r}, {place}: {first['what']} "
            f"({count} problem(s) in all)",
            ADVICE,
        )
    if every_s == 0:
        return warn(
            "nobody verifies the audit trails: moderation.audit_verify_every_s is 0",
            "set it, or run `danmart audit verify` by cron",
        )
    if state.last is None or state.last.done_ms is None:
        return ok("the audit trails are verified when the node has run for a while")
    hours = (now_ms - state.last.done_ms) / 3_600_000
    told = f"the audit trails were whole {hours:.0f} h ago: {state.last.entries} entries"
    if hours * 3600 > LATE * every_s:
        return warn(told, "is the node running? Its log says what keeps it: audit_watch_failed")
    return ok(told)
