"""The node's side of the worker that looks at pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from media.checks.keeper import Away, Keeper, Life
from media.checks.wire import Head
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics

__all__ = ["Away", "NoPicture", "Plan", "Seen", "Worker"]


class NoPicture(Exception):  # noqa: N818  it is an answer, not a fault
    """What was to be looked at can't be decoded."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the worker is: its checker, what it may have in memory, and how much of the processor's time one
    picture may take (by the clock five times as long)."""

    checker: str
    memory_bytes: int = 1 << 30
    picture_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a checker says of a picture. ``still`` and ``blurred`` are JPEGs, empty if there was no hit and
    they weren't asked for. ``cpu_s``: what it cost."""

    scores: Mapping[str, float]
    still: bytes = b""
    blurred: bytes = b""
    cpu_s: float = 0.0


class Worker(Keeper):
    """Keeps a worker alive. ``ask`` may be called by many; they take turns."""

    def __init__(self, plan: Plan, metrics: VisionMetrics) -> None:
        life = Life("vision", "media.vision.worker", plan.checker, plan.memory_bytes, plan.picture_s)
        super().__init__(life, metrics)

    async def ask(self, frame: Frame, thresholds: Mapping[str, float], *, stills: bool = False) -> Seen:
        """What the checker says of it. Raises ``Away`` and ``NoPicture``. Safe to cancel: the worker finishes
        what it has begun, for nobody."""
        head: Head = {
            "kind": frame.kind,
            "cut": len(frame.init),
            "thresholds": dict(thresholds),
            "stills": stills,
        }
        answer, body = await self.exchange(head, frame.init + frame.data)
        if "undecodable" in answer:
            raise NoPicture(answer["undecodable"])
        cut = answer.get("cut", 0)
        return Seen(answer["scores"], body[:cut], body[cut:], answer["cpu_s"])
