"""What answers say of rulebooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, TimeMs

Measure = Literal["allow", "mask", "hold", "deny"]


@with_config(OPEN)
class FilterRules(TypedDict):
    """What a room goes by, or would. ``levels`` are by category; one that isn't named has level 2."""

    levels: dict[str, Annotated[int, Field(ge=0, le=4)]]
    links: Measure
    links_allowed: list[str]
    contacts: Measure
    adverts: Measure
    floods: Measure
    walls: Measure
    claims: Measure
    ask_hook: bool
    reports_to_queue: Count
    reports_to_hide: Count
    appeals: bool
    picture: Literal["off", "alert", "blur", "interrupt"]
    sound: Literal["off", "alert", "interrupt"]


@with_config(OPEN)
class WordCategory(TypedDict):
    """``entries`` of all lists that hold here."""

    category: str
    entries: Count


@with_config(OPEN)
class Rulebook(TypedDict):
    """``own`` is what was chosen here, ``inherited`` what would hold without, ``rules`` what holds; of
    ``firm`` a room can't choose anything milder than what is inherited. ``version`` is the ``ETag``'s."""

    own: dict[str, Any]
    inherited: FilterRules
    rules: FilterRules
    firm: list[str]
    categories: list[WordCategory]
    version: Count


@with_config(OPEN)
class WordList(TypedDict):
    """A list without its words. ``form`` is how it was handed in; ``version`` is the ``ETag``'s."""

    name: str
    form: Literal["toml", "txt", "csv"]
    entries: Count
    version: Count
    by: str
    at_ms: TimeMs


@with_config(OPEN)
class WordLists(TypedDict):
    """``entries`` are those of all lists together, of which there may be ``entries_max``."""

    items: list[WordList]
    lists_max: Count
    entries: Count
    entries_max: Count


@with_config(OPEN)
class FilterReason(TypedDict):
    """``check`` found it, ``code`` is what it is, ``rule`` the entry or rule that hit; ``start`` and ``end``
    are its span in the text in code points, null where it is the text as a whole."""

    check: str
    code: str
    verdict: Measure
    rule: str
    start: int | None
    end: int | None


@with_config(OPEN)
class TriedText(TypedDict):
    """``text`` is the text without what is never shown, in which the spans are; ``shown`` what others would
    see of it."""

    text: str
    shown: str
    verdict: Measure
    reasons: list[FilterReason]
