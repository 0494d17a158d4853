"""What the host points at: products pinned over the video, and the one that is being explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rooms.commands import ProductRef, StopExplaining
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Steps
from rooms.shop.shelf import SHELF, ShelfRow, pin, pins
from rooms.shop.shelves import require_shown, shelf_now
from rooms.unit import Unit


class Spotlight:
    """The commands ``pin``, ``unpin``, ``explain.start`` and ``explain.stop``."""

    def __init__(self, standing: Standing, audit: Audit) -> None:
        self._standing = standing
        self._audit = audit

    def pin(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """Pins it, as the newest also where it was pinned already. Of more than three, the oldest is unpinned
        first, in the log too. Refuses with ``forbidden``, ``not_found``."""
        yield from self._load(cmd.room, cmd.product, caller)
        require_shown(tx, self._standing, cmd.room, cmd.product, caller, "pin")
        pinned, evicted = pin(shelf_now(tx, cmd.room), cmd.product)
        if evicted is not None:
            tx.put(SHELF, evicted)
            tx.append(cmd.room, "product.unpinned", {"id": evicted.product_id, "reason": "too_many"})
        tx.put(SHELF, pinned)
        tx.append(cmd.room, "product.pinned", {"id": cmd.product})
        self._audit.note(tx, cmd.room, caller, "product.pinned", cmd.product, {})
        return {"pins": pins(shelf_now(tx, cmd.room))}

    def unpin(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """Nothing happens to one that isn't pinned. Refuses with ``forbidden``, ``not_found``."""
        yield from self._load(cmd.room, cmd.product, caller)
        row = require_shown(tx, self._standing, cmd.room, cmd.product, caller, "pin")
        if row.pinned is not None:
            tx.put(SHELF, replace(row, pinned=None))
            tx.append(cmd.room, "product.unpinned", {"id": cmd.product})
            self._audit.note(tx, cmd.room, caller, "product.unpinned", cmd.product, {})
        return {"pins": pins(shelf_now(tx, cmd.room))}

    def start(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """A chapter of the stream begins, and the one before it ends. Refuses with ``forbidden``,
        ``not_found``."""
        yield from self._load(cmd.room, cmd.product, caller)
        row = require_shown(tx, self._standing, cmd.room, cmd.product, caller, "pin")
        if not row.explaining:
            stop_explaining(tx, cmd.room)
            tx.put(SHELF, replace(row, explaining=1))
            tx.append(cmd.room, "explaining.started", {"product": cmd.product})
        return {"explaining": cmd.product}

    def stop(self, tx: Unit, cmd: StopExplaining, caller: Caller) -> Steps[Any]:
        """The chapter ends, if there is one. Refuses with ``forbidden``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "pin")
        stop_explaining(tx, cmd.room)
        return {"explaining": None}

    def _load(self, room_id: str, product_id: str, caller: Caller) -> Steps[None]:
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        yield SHELF.rows((room_id, product_id))


def stop_explaining(tx: Unit, room_id: str) -> None:
    """End the room's chapter, if there is one. The room must be locked."""
    explained: list[ShelfRow] = [row for row in shelf_now(tx, room_id) if row.explaining]
    for row in explained:
        tx.put(SHELF, replace(row, explaining=0))
        tx.append(room_id, "explaining.stopped", {"product": row.product_id})
