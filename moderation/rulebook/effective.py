"""The rules that a room goes by: the platform's, the room's own over them, and what the room can't loosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from moderation.rulebook.rules import (
    ALLOWED_DOMAINS_MAX,
    Category,
    Domain,
    Level,
    Measure,
    RoomRules,
)

Picture = Literal["off", "alert", "blur", "interrupt"]
Sound = Literal["off", "alert", "interrupt"]
_MEASURES: tuple[str, ...] = get_args(Measure)
_PICTURES: tuple[str, ...] = get_args(Picture)
_NEVER = 10**6

SCALARS = tuple(name for name in RoomRules.model_fields if name not in ("levels", "links_allowed"))
Firm = Annotated[
    str, StringConstraints(pattern=rf"^(levels(\.[a-z0-9_]{{1,32}})?|{'|'.join(SCALARS)})$", max_length=48)
]
"""What rooms can't loosen: a field of the rules, ``levels`` (of all categories), or ``levels.<category>``."""


class RulesChange(BaseModel):
    """What changes of a scope's own rules, as a merge patch (RFC 7396): what isn't named stays as it is, null
    takes the own choice away, so that the platform's (or the default) holds again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Mapping[Category, Level | None] | None = Field(None, max_length=100)
    links: Measure | None = None
    links_allowed: tuple[Domain, ...] | None = Field(None, max_length=ALLOWED_DOMAINS_MAX)
    contacts: Measure | None = None
    adverts: Measure | None = None
    floods: Measure | None = None
    walls: Measure | None = None
    claims: Measure | None = None
    ask_hook: bool | None = None
    reports_to_queue: Annotated[int, Field(ge=1, le=100)] | None = None
    reports_to_hide: Annotated[int, Field(ge=0, le=1000)] | None = None
    appeals: bool | None = None
    picture: Picture | None = None
    sound: Sound | None = None
    firm: tuple[Firm, ...] | None = Field(None, max_length=120)
    """The platform's alone: what rooms can't loosen."""

    @property
    def patch(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True, mode="json")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one scope has chosen itself: some fields of the rules; and, for the platform, what is firm."""

    rules: Mapping[str, Any] = field(default_factory=dict)
    firm: tuple[str, ...] = ()

    def changed(self, patch: Mapping[str, Any]) -> Chosen:
        """With a ``RulesChange.patch``. Raises pydantic's ``ValidationError`` if the result is no rules."""
        patch = dict(patch)
        firm = patch.pop("firm", self.firm) or ()
        rules = _merged(self.rules, patch)
        if not rules.get("levels", True):
            del rules["levels"]
        RoomRules.model_validate(rules)
        return Chosen(rules, tuple(sorted(set(firm))))


NOTHING_CHOSEN = Chosen()


def _merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            merged[name] = _merged(old.get(name) or {}, value)
        else:
            merged[name] = value
    return merged


def platform_rules(platform: Chosen) -> RoomRules:
    """What a room without rules of its own goes by."""
    return RoomRules.model_validate(platform.rules)


def effective(platform: Chosen, room: Chosen = NOTHING_CHOSEN) -> RoomRules:
    """What a room goes by. What is firm is never milder than the platform's; the rest is the room's choice,
    and the platform's where the room has none. Domains that the platform allows are allowed in each room."""
    base = platform_rules(platform)
    own = RoomRules.model_validate(room.rules)
    chosen = {name: getattr(own, name) for name in own.model_fields_set & set(SCALARS)}
    for name in set(chosen) & set(platform.firm):
        chosen[name] = max(getattr(base, name), chosen[name], key=partial(strictness, name))
    allowed = () if "links" in platform.firm else own.links_allowed
    return base.model_copy(
        update={
            **chosen,
            "levels": _levels(base, own, platform.firm),
            "links_allowed": tuple(dict.fromkeys(base.links_allowed + allowed)),
        }
    )


def _levels(base: RoomRules, own: RoomRules, firm: tuple[str, ...]) -> dict[str, int]:
    levels = {**base.levels, **own.levels}
    for category, level in levels.items():
        if "levels" in firm or f"levels.{category}" in firm:
            levels[category] = max(level, base.level(category))
    return levels


def strictness(name: str, value: Any) -> int:
    """A field's value as a number that grows with how strict it is. For ``appeals`` that is how much it is in
    the viewers' favour: where the platform is firm on them, no room can take them away."""
    if name in ("picture", "sound"):
        return _PICTURES.index(value)
    if name == "reports_to_queue":
        return -int(value)
    if name == "reports_to_hide":
        return -int(value or _NEVER)
    if isinstance(value, bool):
        return int(value)
    return _MEASURES.index(value)
