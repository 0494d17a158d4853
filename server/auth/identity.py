"""Who a caller is, as far as a token can say it."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.permissions import Role


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller. ``id`` is None for a guest; rights inside a room are not in here, they are in SQL.

    ``expires_at_ms`` is when the token stops being accepted (Unix ms, leeway included); None: never.
    ``only_room`` and ``demo_role`` are set by the demo's tokens alone: the one room that the caller may
    enter, and the role that it has there. ``called`` is the name in the token where another one is shown.
    """

    id: str | None
    name: str
    operator: bool = False
    may_host: bool = False
    expires_at_ms: int | None = None
    only_room: str | None = None
    demo_role: Role | None = None
    called: str | None = None

    @property
    def is_guest(self) -> bool:
        return self.id is None

    def may_enter(self, room: str) -> bool:
        """Whether the token reaches ``room`` at all (what may be done there is another question)."""
        return self.only_room is None or self.only_room == room


GUEST = Identity(id=None, name="")
