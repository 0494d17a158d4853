"""What the rooms need from outside, as protocols; and who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from rooms.rows import Steps
from rooms.unit import Unit


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a command. ``id`` is None for a guest; ``operator``, ``may_host`` are the token's claims."""

    id: str | None
    name: str = ""
    operator: bool = False
    may_host: bool = False

    @property
    def card(self) -> dict[str, Any]:
        """The caller as others see it."""
        return {"id": self.id, "name": self.name}


SYSTEM = Caller(id=None, name="system", operator=True)


class Standing(Protocol):
    """Who somebody is in a room, and whether they may act: roles and sanctions."""

    def load(self, room_id: str, *user_ids: str | None) -> Steps[None]:
        """The rows that the other methods read. After ``ROOMS`` in the lock order."""
        ...

    def role(self, tx: Unit, room_id: str, caller: Caller) -> str: ...

    def may(self, role: str, action: str) -> bool: ...

    def require(self, tx: Unit, room_id: str, caller: Caller, action: str) -> str:
        """The caller's role; raises ``Refused``: ``unauthenticated`` for a guest, ``forbidden``."""
        ...

    def require_seller(self, caller: Caller, seller_id: str) -> None:
        """Whether the caller may manage that seller's products; raises ``Refused``: ``unauthenticated`` for a
        guest, ``forbidden``. Reads no rows."""
        ...

    def refuse_muted(self, tx: Unit, room_id: str, caller: Caller) -> None:
        """Raises ``Refused("muted")`` with the reason and the time left."""
        ...

    def badges(self, role: str) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class CheckedText:
    """What the filter makes of a text: ``text`` is what may be shown (masked or as it was)."""

    verdict: Literal["allow", "mask", "deny"]
    text: str
    reasons: tuple[str, ...] = ()


class TextRules(Protocol):
    """Cleaning and judging what people write. Pure and quick: called in the writer."""

    def clean(self, raw: str, max_chars: int) -> str:
        """Raises ``Refused``: ``text_empty``, ``text_too_long``."""
        ...

    def check(self, text: str) -> CheckedText: ...


class Audit(Protocol):
    """The trail of who did what; written in the transaction of the deed."""

    def note(
        self, tx: Unit, room_id: str, actor: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None: ...

    def note_of_seller(
        self, tx: Unit, seller_id: str, actor: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None:
        """The same for what is done to a seller's products beyond any room."""
        ...
