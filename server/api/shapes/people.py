"""What answers say of somebody to a room's staff."""

from __future__ import annotations

from typing import Literal

from pydantic import with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs


@with_config(OPEN)
class UserNote(TypedDict):
    id: str
    user: str
    text: str
    by: Person
    at_ms: TimeMs


@with_config(OPEN)
class OfNote(TypedDict):
    note: UserNote


@with_config(OPEN)
class EvasionHint(TypedDict):
    """``like`` is banned here and has left the same trace, which ``shared`` people left in all."""

    like: Person
    by: Literal["device", "address"]
    shared: Count
    at_ms: TimeMs


@with_config(OPEN)
class AddressRange(TypedDict):
    """``people``: others who came from there within 90 days; ``reached``: those whom a ban would reach."""

    width: Literal["address", "network"]
    seen_ms: TimeMs
    people: Count
    reached: Count


@with_config(OPEN)
class SomebodyHere(TypedDict):
    """``ranges`` is null for who may not ban addresses."""

    user: Person
    known_since_ms: int | None
    notes: list[UserNote]
    hints: list[EvasionHint]
    ranges: list[AddressRange] | None


@with_config(OPEN)
class AddressBan(TypedDict):
    id: str
    everywhere: bool
    width: Literal["address", "network"]
    user: Person
    reason: str
    by: Person
    at_ms: TimeMs
    until_ms: TimeMs


@with_config(OPEN)
class OfAddressBan(TypedDict):
    ban: AddressBan


@with_config(OPEN)
class Lifted(TypedDict):
    """``lifted`` bans of accounts that came of it."""

    lifted: Count
