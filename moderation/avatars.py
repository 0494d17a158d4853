"""Taking somebody's picture down: everywhere, for good, and for a while without another one."""

from __future__ import annotations

from typing import Any, Protocol

from moderation.permissions import Action
from moderation.standing import RoomStanding
from rooms.commands import Keyed, RawText, UserId
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Audit, Caller, TextRules
from rooms.rows import Steps
from rooms.unit import Unit

REASON_MAX_CHARS = 200


class RemoveAvatar(Keyed):
    """The command ``avatar.remove``."""

    user: UserId
    reason: RawText = ""


class Albums(Protocol):
    """Where people's pictures are kept."""

    def load(self, tx: Unit, user_id: str) -> Steps[None]:
        """What ``take_down`` reads. The user's row must have been asked for."""
        ...

    def take_down(self, tx: Unit, user_id: str) -> tuple[list[str], int]:
        """Let none of somebody's be seen any more, and have none taken until a time: the names of those that
        were taken down, of which there may be none, and the time."""
        ...


class AvatarActs:
    """What moderators do about pictures. It takes what deleting a comment takes."""

    def __init__(self, standing: RoomStanding, texts: TextRules, audit: Audit, albums: Albums) -> None:
        self._standing, self._texts, self._audit = standing, texts, audit
        self._albums = albums

    def remove(self, tx: Unit, cmd: RemoveAvatar, caller: Caller) -> Steps[Any]:
        """All pictures of somebody's, those too that are only seen beside old comments: from here on their
        names show nothing, in any room. Refuses with ``forbidden``, ``outranked``, ``not_found``: there is
        none."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        yield from self._albums.load(tx, cmd.user)
        tx.room(cmd.room)
        actor = self._standing.require(tx, cmd.room, caller, Action.DELETE_COMMENT)
        if cmd.user != caller.id:
            self._standing.refuse_outranked(actor, self._standing.role_of_user(tx, cmd.room, cmd.user))
        user = tx.get(USERS, cmd.user)
        reason = self._texts.clean(cmd.reason, REASON_MAX_CHARS) if cmd.reason.strip() else ""
        gone, until_ms = self._albums.take_down(tx, cmd.user)
        if user is None or not gone:
            raise Refused("not_found", "This user has no picture.")
        tx.append(cmd.room, "avatar.removed", {"user": cmd.user})
        tx.tell(cmd.user, "avatar_removed", {"reason": reason, "until_ms": until_ms})
        card = {"id": cmd.user, "name": user.name}
        tx.brief(cmd.room, "avatar_removed", {"user": card, "reason": reason, "by": caller.card})
        detail = {"user": card, "reason": reason, "avatars": gone}
        self._audit.note(tx, cmd.room, caller, "moderate.avatar", cmd.user, detail)
        return {"until_ms": until_ms}
