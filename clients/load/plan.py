"""What is to be done: how many, how fast, for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """A load. Rates are per second, over the whole crowd."""

    urls: tuple[str, ...]
    room: str = "demo"
    viewers: int = 100
    seconds: float = 30
    comments: float = 5
    text_bytes: int = 60
    talkers: int = 20
    connects: float | None = None
    """At most so many connects a second; None: as fast as the server takes them."""
    at_once: int = 64
    joins: float = 0
    """So many leave, and as many come."""
    reconnects: float = 0
    slow: int = 0
    """Viewers beside the others who never read."""
    buys: float = 0
    sku: str | None = None
    settle_s: float = 10
