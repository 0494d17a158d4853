"""What is counted while a load runs, beside the frames."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from clients.load.latency import Latencies


@dataclass(slots=True)
class Commands:
    """One kind of command: sent, acknowledged, refused by which code, and how long the answer took."""

    sent: int = 0
    ok: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    waits: Latencies = field(default_factory=Latencies)

    def answered(self, answer: dict[str, Any], wait_ns: int) -> None:
        self.waits.add_ns(wait_ns)
        if answer.get("ok"):
            self.ok += 1
        else:
            self.refused[str((answer.get("error") or {}).get("code", "?"))] += 1

    @property
    def unanswered(self) -> int:
        return self.sent - self.ok - self.refused.total()

    def summary(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "ok": self.ok,
            "refused": dict(self.refused),
            "unanswered": self.unanswered,
            **self.waits.summary(),
        }


@dataclass(slots=True)
class Counts:
    """Connections and commands."""

    connects: int = 0
    connects_failed: Counter[str] = field(default_factory=Counter)
    joins: int = 0
    leaves: int = 0
    reconnects: int = 0
    recovered: int = 0
    unrecovered: int = 0
    """Returns that were given a snapshot instead of what was missed: told, so no loss."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Connections that the server ended, by its reason."""
    slow_dropped: Counter[str] = field(default_factory=Counter)
    enters: Latencies = field(default_factory=Latencies)
    comments: Commands = field(default_factory=Commands)
    buys: Commands = field(default_factory=Commands)
    send_lag: Latencies = field(default_factory=Latencies)
    """How late the generator itself was: beyond a few ms it is the bottleneck, not the server."""
