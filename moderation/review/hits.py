"""What a check of streams has found, in the queue: raised, decided, and settled by who clears it.

A stream has at most one item that waits; what is found in it meanwhile takes the place of what was. An
uploaded picture that is withheld has an item of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import orjson

from moderation.audit import AuditTrail
from moderation.permissions import Action, Role
from moderation.review.ports import Pictures, Uploads
from moderation.review.rules import Item, decided, let_go, new_item
from moderation.review.showing import show
from moderation.review.store import ITEMS, read_queue
from rooms.errors import Refused
from rooms.ports import Caller
from rooms.rows import Steps, new_id
from rooms.unit import Unit


class Hits:
    """``pictures`` and ``uploads`` are given later: they raise hits here. Decided, a hit was right
    (``uphold``) or a mistake (``dismiss``), which clears the picture, or has it shown again."""

    pictures: Pictures
    uploads: Uploads

    def __init__(self, audit: AuditTrail, kind: Literal["picture", "sound"] = "picture") -> None:
        self._audit, self._kind = audit, kind

    def raise_hit(
        self, tx: Unit, room_id: str, stream: str, publisher_id: str, facts: dict[str, Any]
    ) -> Item:
        """Let moderators see to what was found in a stream; ``facts`` is what they are shown. The room must
        be locked."""
        facts = {**facts, "stream": stream, "_publisher": publisher_id}
        if facts.get("measure") in ("blur", "interrupt"):
            facts["_blurred_since_ms"] = facts.get("_since_ms")
        body = orjson.dumps(facts)
        item = self._waiting(tx, room_id, stream)
        if item is None:
            item = new_item(new_id(), room_id, self._kind, tx.now_ms, about=stream)
        elif (since_ms := _blurred_since(item)) is not None:
            body = orjson.dumps({**orjson.loads(body), "_blurred_since_ms": since_ms})
        item = replace(item, offset=tx.room(room_id).head, body=body)
        tx.put(ITEMS, item)
        show(tx, item)
        return item

    def raise_upload(self, tx: Unit, room_id: str, name: str, giver_id: str, facts: dict[str, Any]) -> Item:
        """Let moderators look at what was found in an uploaded picture. The room must be locked."""
        body = orjson.dumps({**facts, "_publisher": giver_id, "_name": name})
        about = name.partition(".")[0]
        item = new_item(new_id(), room_id, "picture", tx.now_ms, about=about, body=body)
        tx.put(ITEMS, item)
        show(tx, item)
        return item

    def cleared(self, tx: Unit, room_id: str, stream: str, caller: Caller) -> int | None:
        """Somebody has looked at that picture by themselves, and it was fine; gives since when it was blurred
        because of what waited, if it was. The room must be locked."""
        item = self._waiting(tx, room_id, stream)
        if item is None:
            return None
        free = let_go(item, item.claim_id)
        done = decided(free, "dismiss", "", caller.id or "", caller.name, tx.now_ms)
        self._note(tx, done, caller)
        tx.put(ITEMS, done)
        show(tx, done)
        return _blurred_since(item)

    def _waiting(self, tx: Unit, room_id: str, stream: str) -> Item | None:
        found = read_queue(tx.conn, room_id, [Action.REVIEW], kind=self._kind)
        for item in tx.take_in(ITEMS, found):
            if (item.room_id, item.kind, item.about, item.state) == (room_id, self._kind, stream, "open"):
                return item
        return None

    # decisions

    def rows(self, tx: Unit, item: Item, caller: Caller) -> Steps[None]:
        if "_name" not in item.facts:
            yield from self.pictures.rows(item.room_id, item.about)

    def refuse(self, tx: Unit, item: Item, caller: Caller, decider: Role, owner: Role) -> None:
        """Anybody who reviews may say what they see, but not of their own picture."""
        if caller.id == item.facts["_publisher"] and decider is not Role.OPERATOR:
            raise Refused("forbidden", "It is your own picture: somebody else has to look at it.")

    def carry_out(self, tx: Unit, item: Item, caller: Caller) -> Steps[Item]:
        yield from ()
        name = item.facts.get("_name")
        if item.decision == "dismiss" and name is not None:
            self.uploads.fine(tx, item.room_id, name, caller)
        elif item.decision == "dismiss":
            self.pictures.fine(tx, item.room_id, item.about, caller, _blurred_since(item))
        self._note(tx, item, caller)
        return item

    def _note(self, tx: Unit, item: Item, caller: Caller) -> None:
        detail = {"item": item.id, "kind": item.kind, "waited_ms": item.waited_ms, "stream": item.about}
        action = "review.refuse" if item.decision == "uphold" else "review.release"
        self._audit.note(tx, item.room_id, caller, action, item.id, detail)


def _blurred_since(item: Item) -> int | None:
    """Since when there may have been what the item's first blur was for; None: nothing was blurred."""
    since_ms: int | None = item.facts.get("_blurred_since_ms")
    return since_ms
