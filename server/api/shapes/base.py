"""What all answers have in common."""

from __future__ import annotations

from typing import Annotated, Generic, NotRequired, TypeVar

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

T = TypeVar("T")

# Clients must put up with fields that they don't know; so does this.
OPEN = ConfigDict(extra="allow")

Count = Annotated[int, Field(ge=0)]
TimeMs = Annotated[int, Field(description="Unix milliseconds")]
Minor = Annotated[int, Field(description="In the currency's minor unit")]


@with_config(OPEN)
class Nothing(TypedDict):
    """Done."""


@with_config(OPEN)
class Person(TypedDict):
    """``name`` is empty for somebody who has never said it. ``avatar`` isn't there for who has no picture."""

    id: str | None
    name: str
    avatar: NotRequired[
        Annotated[str, Field(description="The picture's name: it is at `/avatars/{avatar}`.")]
    ]


@with_config(OPEN)
class Page(TypedDict, Generic[T]):
    """``next`` is the next page's ``cursor``; null at the end."""

    items: list[T]
    next: str | None
