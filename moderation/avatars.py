"""Taking somebody's picture down: everywhere, for good, and for a while without another one."""

from __future__ import annotations

from typing import Any, Protocol

from moderation.permissions import Action
from moderation.pictures.uploads import Looked
from moderation.standing import RoomStanding
from rooms.commands import Keyed, RawText, UserId
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import SYSTEM, Audit, Caller, TextRules
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

    def load_file(self, user_id: str, digest: str) -> Steps[None]:
        """What ``settle`` and ``take_down_one`` read. As ``load``."""
        ...

    def settle(self, tx: Unit, digest: str, checker: str) -> bool:
        """A checker has looked; False if one had, or the picture is gone, and then nothing changes."""
        ...

    def take_down_one(self, tx: Unit, digest: str) -> int | None:
        """Let this very picture be seen no more. Until when its owner may give none; None if it wasn't the
        one that they show, and then they may."""
        ...


class AvatarActs:
    """What moderators do about pictures, which takes what deleting a comment takes; and ``looked``, which is
    the system's."""

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

    def rows(self, one: Looked) -> Steps[None]:
        """What ``looked`` needs beside the trail: to be asked for before it."""
        yield USERS.rows(one.giver_id)

    def looked(self, tx: Unit, one: Looked) -> Steps[Any]:
        """Note that a checker has looked at somebody's picture late. One with something in it is taken down,
        and no other of theirs: each is looked at by itself. If it is the one that they show, they are told,
        and give none for a while. ``room_id`` is the trail. Safe to repeat: ``{"settled": False}`` if it was
        done already."""
        yield ROOMS.rows(one.room_id)
        yield from self._albums.load_file(one.giver_id, one.name)
        if not self._albums.settle(tx, one.name, one.checker):
            return {"settled": False}
        if one.found:
            self._taken_down(tx, one)
        return {"settled": True}

    def _taken_down(self, tx: Unit, one: Looked) -> None:
        until_ms = self._albums.take_down_one(tx, one.name)
        if until_ms is not None:
            tx.tell(one.giver_id, "avatar_removed", {"reason": "", "until_ms": until_ms})
        user = tx.get(USERS, one.giver_id)
        detail = {
            "user": {"id": one.giver_id, "name": user.name if user is not None else ""},
            "reason": "",
            "avatars": [one.name],
            "classes": [{"name": name, "score": score} for name, score in one.found],
            "checker": one.checker,
        }
        self._audit.note(tx, one.room_id, SYSTEM, "moderate.avatar", one.giver_id, detail)
