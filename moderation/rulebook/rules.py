"""What a room's moderation goes by, beside its word lists: chosen by the host, bounded by the platform's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LEVEL_MAX = 4
DEFAULT_LEVEL = 2
ALLOWED_DOMAINS_MAX = 200

Level = Annotated[int, Field(ge=0, le=LEVEL_MAX)]
"""How much of a category is caught: 0 nothing, 1 only the worst (severity 1), … 4 all of it."""
Category = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")]
Domain = Annotated[
    str,
    StringConstraints(max_length=253, pattern=r"^[^\s/:@.][^\s/:@]*\.[^\s/:@.]+$", to_lower=True),
]
Measure = Literal["allow", "mask", "hold", "deny"]
"""What becomes of a text that a check hits."""


class RoomRules(BaseModel):
    """A room's rules. Everything has a default; unknown fields are refused, so that a mistyped one shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Mapping[Category, Level] = Field(default_factory=dict, max_length=100)
    """By category of the word lists; one that isn't named has ``DEFAULT_LEVEL``."""
    links: Measure = "hold"
    links_allowed: tuple[Domain, ...] = Field(default=(), max_length=ALLOWED_DOMAINS_MAX)
    contacts: Measure = "hold"
    """Phone numbers, WeChat, QQ, Telegram, e-mail addresses, spelled out too."""
    adverts: Measure = "hold"
    """Nearly the same text from many accounts."""
    floods: Measure = "deny"
    """Nearly the same text again and again from one."""
    walls: Measure = "hold"
    """Walls of capitals, emoji or one character."""
    claims: Measure = "deny"
    """What advertising law forbids to say of a product; looked for in product texts alone."""
    ask_hook: bool = True
    """Whether the external check is asked, where the node has one."""
    reports_to_queue: Annotated[int, Field(ge=1, le=100)] = 1
    """From how many viewers' reports on a comment moderators see it in their queue."""
    reports_to_hide: Annotated[int, Field(ge=0, le=1000)] = 5
    """From how many it is hidden until they have decided; 0: never by itself."""
    appeals: bool = True
    picture: Literal["off", "alert", "blur", "interrupt"] = "alert"
    """What happens when the picture check hits."""
    sound: Literal["off", "alert", "interrupt"] = "alert"
    """What happens when the sound check hits."""

    def level(self, category: str) -> int:
        return self.levels.get(category, DEFAULT_LEVEL)


DEFAULT_RULES = RoomRules()


class Rules(Protocol):
    """Where a room's rules are looked up. Quick, without I/O: asked in the writer."""

    def of(self, room_id: str) -> RoomRules: ...


class SameForAll:
    """The default rules for each room."""

    def of(self, room_id: str) -> RoomRules:
        return DEFAULT_RULES
