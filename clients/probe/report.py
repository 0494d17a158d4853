"""What a probe says in the end: a table for people, an object for monitoring, an exit code for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clients.probe.figures import Figures

OK, TOO_LATE, BAD_USAGE, NO_PICTURE, INTERRUPTED = 0, 1, 2, 3, 130

_BY = {
    "pattern": "from the time drawn into the picture",
    "sender_report": "from the node on, by sender reports",
    "program_date_time": "from the node on, by EXT-X-PROGRAM-DATE-TIME",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still good enough; ``None``: anything is."""

    p95_ms: float | None = None
    stalls: int | None = None


def exit_code(seen: Sequence[Figures], limits: Limits) -> int:
    """``NO_PICTURE`` if any protocol showed nothing, ``TOO_LATE`` if any was beyond a limit, else ``OK``.

    A latency that could not be measured is beyond any limit of it.
    """
    if not seen or any(one.error is not None for one in seen):
        return NO_PICTURE
    for one in seen:
        if limits.p95_ms is not None and (one.glass_p95_ms is None or one.glass_p95_ms > limits.p95_ms):
            return TOO_LATE
        if limits.stalls is not None and one.stalls > limits.stalls:
            return TOO_LATE
    return OK


def as_object(room: str, seconds: float, seen: Sequence[Figures], code: int) -> dict[str, Any]:
    """For a monitoring system."""
    return {"room": room, "seconds": seconds, "exit": code, "protocols": [one.json() for one in seen]}


def as_text(room: str, seen: Sequence[Figures]) -> str:
    """For a terminal."""
    return "\n".join([f"room {room}", *(line for one in seen for line in _lines(one))])


def _lines(one: Figures) -> list[str]:
    if one.error is not None:
        return [f"  {one.protocol}: {one.error}"]
    size = f"{one.width}x{one.height}" if one.width else "–"
    by = _BY[one.by] if one.by else "there was nothing to measure it by"
    rows = {
        "latency": f"p50 {_ms(one.glass_p50_ms)}, p95 {_ms(one.glass_p95_ms)}  ({by})",
        "first frame": f"after {_ms(one.first_frame_ms)}",
        "picture": f"{size}, {one.fps:.1f} frames/s" if one.fps else size,
        "stalls": f"{one.stalls}, {_ms(one.stalled_ms)} in all",
        "loss": "–" if one.loss is None else f"{one.loss:.2%} after repair ({one.lost} packets)",
        "sound": "–" if one.av_offset_ms is None else f"{one.av_offset_ms:+.0f} ms after its picture",
    }
    return [f"  {one.protocol}", *(f"    {name + ':':13}{text}" for name, text in rows.items())]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"
