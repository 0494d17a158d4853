"""What came of a load, as an object and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clients.load.audit import RoomLog, Verdict
from clients.load.crowd import Crowd
from clients.load.plan import Plan

BUSY_SHARE = 0.8
BUSY_LAG_MS = 20.0


@dataclass(frozen=True, slots=True)
class Report:
    """``seconds`` is how long comments were sent; ``generator_core_share`` what the generator itself took;
    ``stranded`` how many were not let in again; ``per_url`` where viewers were in the end."""

    plan: Plan
    crowd: Crowd
    connects_per_s: float
    seconds: float
    generator_core_share: float
    verdict: Verdict
    log: RoomLog | None
    settled: bool
    stranded: int
    per_url: dict[str, int]

    @property
    def faultless(self) -> bool:
        """Nothing was lost, given twice, out of order or made up, everything arrived in time, and whoever was
        cut off came back."""
        verdict = self.verdict
        wrong = verdict.lost + verdict.gaps + verdict.repeats + verdict.foreign
        return self.settled and not wrong and not self.stranded and not self.crowd.book.unchecked

    @property
    def generator_was_busy(self) -> bool:
        lag_ms = self.crowd.counts.send_lag.percentile_ms(99) or 0
        return self.generator_core_share > BUSY_SHARE or lag_ms > BUSY_LAG_MS

    def json(self) -> dict[str, Any]:
        """Plain data; ``docs/operations.md`` says what each field means."""
        plan, counts, book = self.plan, self.crowd.counts, self.crowd.book
        return {
            "viewers": plan.viewers,
            "slow_viewers": plan.slow,
            "seconds": round(self.seconds, 2),
            "connects": counts.connects,
            "connects_per_s": round(self.connects_per_s, 1),
            "connects_failed": dict(counts.connects_failed),
            "enter_ms": counts.enters.summary(),
            "frames": book.frames,
            "bytes": book.bytes,
            "deliveries": book.deliveries,
            "deliveries_per_s": round(book.deliveries / self.seconds, 1),
            "skipped": book.skipped,
            **book.latencies.summary(),
            "last_viewer": book.last.summary(),
            "lost": self.verdict.lost,
            "gaps": self.verdict.gaps,
            "repeats": self.verdict.repeats,
            "foreign": self.verdict.foreign,
            "unchecked": book.unchecked,
            "settled": self.settled,
            "log_head": self.log.head if self.log else None,
            "log_entries": len(self.log.offsets) if self.log else None,
            "comments": counts.comments.summary(),
            "buys": counts.buys.summary(),
            "joins": counts.joins,
            "leaves": counts.leaves,
            "reconnects": counts.reconnects,
            "recovered": counts.recovered,
            "unrecovered": counts.unrecovered,
            "stranded": self.stranded,
            "per_url": self.per_url,
            "dropped": dict(counts.dropped),
            "slow_dropped": dict(counts.slow_dropped),
            "generator_core_share": round(self.generator_core_share, 3),
            "generator_lag_p99_ms": counts.send_lag.percentile_ms(99),
            "generator_was_busy": self.generator_was_busy,
            "faultless": self.faultless,
        }

    def table(self) -> str:
        """For reading."""
        counts, book, verdict = self.crowd.counts, self.crowd.book, self.verdict
        failed, dropped, slow = _by(counts.connects_failed), _by(counts.dropped), _by(counts.slow_dropped)
        per_s, back = book.deliveries / self.seconds, f"snapshot {counts.unrecovered:,}"
        rows = [
            ("connects", f"{counts.connects:,} ({self.connects_per_s:,.0f}/s), failed {failed}"),
            ("entered within", _times(counts.enters.summary())),
            ("comments", _commands(counts.comments)),
            ("buys", _commands(counts.buys)),
            ("deliveries", f"{book.deliveries:,} ({per_s:,.0f}/s) in {book.frames:,} frames"),
            ("sender to receiver", _times(book.latencies.summary())),
            ("sender to last", _times(book.last.summary())),
            ("left out, told", f"{book.skipped:,}"),
            ("lost", f"{verdict.lost:,}"),
            ("gaps, repeats, foreign", f"{verdict.gaps:,}, {verdict.repeats:,}, {verdict.foreign:,}"),
            ("joined, left", f"{counts.joins:,}, {counts.leaves:,}"),
            ("came back", f"{counts.reconnects:,}: recovered {counts.recovered:,}, {back}"),
            *([("not let in again", f"{self.stranded:,}")] if self.stranded else []),
            *([("in the end at", _by(self.per_url))] if len(self.per_url) > 1 else []),
            ("ended by the server", f"{dropped}; of slow readers {slow}"),
            ("the generator", f"{self.generator_core_share:.0%} of a core"),
        ]
        lines = [f"{name:24}{value}" for name, value in rows]
        if not self.settled:
            lines.append("Not everybody had everything when time was up.")
        if self.generator_was_busy:
            lines.append("The generator was short of time itself: latencies are worse than the server's.")
        return "\n".join(lines)


def _by(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {n:,}" for reason, n in counts.items()) or "none"


def _times(summary: dict[str, float | None]) -> str:
    if summary["p50_ms"] is None:
        return "-"
    return "p50 {p50_ms} ms, p99 {p99_ms}, p99.9 {p999_ms}, most {max_ms}".format(**summary)


def _commands(commands: Any) -> str:
    if not commands.sent:
        return "none"
    refused = f", refused {_by(commands.refused)}" if commands.refused else ""
    return f"{commands.ok:,} of {commands.sent:,}{refused}; answered {_times(commands.waits.summary())}"
