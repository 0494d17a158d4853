"""What a check found, in a person's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``error``: the node won't start or won't work; ``warn``: it works, and somebody will be sorry."""

    OK = "ok"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what is, and what to do about it ("" when nothing is to be done)."""

    level: Level
    what: str
    advice: str = ""


def ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def warn(what: str, advice: str) -> Finding:
    return Finding(Level.WARN, what, advice)


def error(what: str, advice: str) -> Finding:
    return Finding(Level.ERROR, what, advice)
