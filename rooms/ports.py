"""What the rooms need from outside, as protocols; and who is calling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.log import LogEvent
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
        """The caller's role; raises ``Refused``: ``unauthenticated`` for a guest, ``forbidden``,
        ``banned``."""
        ...

    def require_owed(self, tx: Unit, room_id: str, caller: Caller, action: str) -> str:
        """The same for what somebody has been promised before: a ban doesn't take that away."""
        ...

    def refuse_banned(self, tx: Unit, room_id: str, caller: Caller) -> None:
        """Raises ``Refused("banned")`` with the reason and the time left; never for operators."""
        ...

    def require_seller(self, caller: Caller, seller_id: str) -> None:
        """Whether the caller may manage that seller's products; raises ``Refused``: ``unauthenticated`` for a
        guest, ``forbidden``. Reads no rows."""
        ...

    def refuse_muted(self, tx: Unit, room_id: str, caller: Caller) -> None:
        """Raises ``Refused("muted")`` with the reason and the time left."""
        ...

    def refuse_warned(self, tx: Unit, room_id: str, caller: Caller) -> None:
        """Raises ``Refused("warned")`` with the reason, until the warning has been acknowledged."""
        ...

    def is_shadowed(self, tx: Unit, room_id: str, caller: Caller) -> bool:
        """Whether what the caller says is to be seen by nobody else, which they must not notice."""
        ...

    def is_restricted(self, tx: Unit, room_id: str, caller: Caller) -> bool:
        """Whether all that the caller says has to wait for a moderator."""
        ...

    def badges(self, role: str) -> list[str]: ...


TextKind = Literal["comment", "name", "title", "product", "speech"]
Judgement = Literal["allow", "mask", "hold", "deny"]
"""From the mildest to the strictest: shown, shown with stars, shown when a moderator says so, refused."""
JUDGEMENTS: tuple[Judgement, ...] = ("allow", "mask", "hold", "deny")


@dataclass(frozen=True, slots=True)
class About:
    """What a text is, and whose. ``now_ms`` is 0 where what came before doesn't matter. ``found`` is what was
    found about it elsewhere: it counts like what the filter finds itself. ``shield`` is the level that the
    room's shield raises the filter to; 0: it is down."""

    kind: TextKind = "comment"
    room_id: str | None = None
    user_id: str | None = None
    now_ms: int = 0
    found: tuple[TextReason, ...] = ()
    shield: int = 0


NOTHING = About()


@dataclass(frozen=True, slots=True)
class TextReason:
    """Why a text isn't simply allowed.

    ``check`` is what found it (``words``, ``links``, and so on), ``code`` what it is (a category, such as
    ``insult``), ``rule`` the very entry or rule that hit, for the staff's eyes; ``start`` and ``end`` are its
    span in the text, in code points, or None where it is the text as a whole.
    """

    check: str
    code: str
    verdict: Judgement
    rule: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedText:
    """What the filter makes of a text: ``text`` is what may be shown (masked or as it was). The verdict is
    the strictest of the reasons', of which none is left out."""

    verdict: Judgement
    text: str
    reasons: tuple[TextReason, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The reasons' codes, each once."""
        return tuple(dict.fromkeys(reason.code for reason in self.reasons))


class TextRules(Protocol):
    """Cleaning and judging what people write. Quick, without I/O: called in the writer."""

    def clean(self, raw: str, max_chars: int) -> str:
        """Raises ``Refused``: ``text_empty``, ``text_too_long``."""
        ...

    def check(self, text: str, about: About = NOTHING) -> CheckedText:
        """A comment of which room and sender are given is judged by what was said before, too."""
        ...

    def judge(self, text: str, about: About = NOTHING) -> CheckedText:
        """The same by the text alone, whatever was said before."""
        ...

    def said(self, text: str, about: About) -> Callable[[], None]:
        """A comment was taken (as ``clean`` gave it, before any masking), and counts from now on. Gives what
        takes that back, for when its transaction fails."""
        ...


class Held(Protocol):
    """Where comments wait for a moderator."""

    def hold(
        self, tx: Unit, room_id: str, caller: Caller, data: dict[str, Any], checked: CheckedText
    ) -> dict[str, Any] | Refused:
        """Let a comment wait, in the room whose lock is held; gives what its sender is told of it, or a
        refusal that is to be returned, where too many wait already."""
        ...


class Answered(Protocol):
    """What people were answered when they commented, kept so that a repeat gets the same again."""

    def correct(self, conn: Connection, events: Sequence[LogEvent]) -> None:
        """Let the answers have these comments as they have become, in the transaction that changes them."""
        ...


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
