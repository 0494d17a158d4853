"""Pictures that were taken before anybody looked at them: what is done when something is found late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rooms.heads import ROOMS, USERS
from rooms.ports import SYSTEM, Audit, Caller
from rooms.rows import Steps
from rooms.unit import Unit


class Shelf(Protocol):
    """Where uploaded pictures are kept. Their room must be locked."""

    def settle(self, tx: Unit, name: str, checker: str, *, withheld: bool) -> bool:
        """A checker has looked; False if one had already, and then nothing changes."""
        ...

    def release(self, tx: Unit, name: str) -> None:
        """Show it again."""
        ...


class UploadQueue(Protocol):
    """Where moderators find what they have to look at."""

    def raise_upload(self, tx: Unit, room_id: str, name: str, giver_id: str, facts: dict[str, Any]) -> object:
        """A hit in a stored picture. The room must be locked."""
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """A stored picture and what ``checker`` found in it: classes and scores, the surest first. ``told`` are
    the users who hear that it is withheld: the room's host, and who uploaded it."""

    room_id: str
    name: str
    giver_id: str
    checker: str
    found: tuple[tuple[str, float], ...]
    told: tuple[str, ...]


class UploadActs:
    """``looked`` is the system's; ``fine`` is for who decides in the queue."""

    def __init__(self, audit: Audit, queue: UploadQueue, shelf: Shelf) -> None:
        self._audit, self._queue, self._shelf = audit, queue, shelf

    def rows(self, one: Looked) -> Steps[None]:
        """What ``looked`` needs beside the room: to be asked for before it."""
        yield USERS.rows(*one.told)

    def looked(self, tx: Unit, one: Looked) -> Steps[Any]:
        """Note that it was looked at. One with something in it is withheld at once, the host is told, and
        moderators find it in their queue. Safe to repeat: ``{"settled": False}`` if it was done already."""
        yield ROOMS.rows(one.room_id)
        if not self._shelf.settle(tx, one.name, one.checker, withheld=bool(one.found)):
            return {"settled": False}
        if one.found and tx.get(ROOMS, one.room_id) is not None:
            self._withheld(tx, one)
        return {"settled": True}

    def _withheld(self, tx: Unit, one: Looked) -> None:
        facts: dict[str, Any] = {
            "upload": picture_path(one.name),
            "measure": "withhold",
            "classes": [{"name": name, "score": score} for name, score in one.found],
            "score": one.found[0][1],
            "picture": seen_path(one.room_id, one.name),
        }
        self._queue.raise_upload(tx, one.room_id, one.name, one.giver_id, facts)
        for user_id in dict.fromkeys(one.told):
            tx.tell(user_id, "picture_withheld", facts, room_id=one.room_id)
        detail = {name: facts[name] for name in ("classes", "score")} | {"checker": one.checker}
        self._audit.note(tx, one.room_id, SYSTEM, "picture.withhold", facts["upload"], detail)

    def fine(self, tx: Unit, room_id: str, name: str, caller: Caller) -> None:
        """A moderator has looked, and it may be shown. The room must be locked."""
        self._shelf.release(tx, name)
        self._audit.note(tx, room_id, caller, "picture.restore", picture_path(name), {})


def picture_path(name: str) -> str:
    """Where everybody gets the picture."""
    return f"/pictures/{name}"


def seen_path(room_id: str, name: str) -> str:
    """Where those who look after the room get it, withheld or not."""
    return f"/api/v1/rooms/{room_id}/pictures/{name}"
