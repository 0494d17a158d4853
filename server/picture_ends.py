"""Whose pictures are on the air, and how one is taken off it in the transaction that says why."""

from __future__ import annotations

from moderation.clearing import Sort
from rooms.guests.service import Guests
from rooms.guests.store import read_holder
from rooms.lifecycle import Lifecycle
from rooms.unit import Unit


class PicturesOnAir:
    """Implements ``moderation.clearing.OnAir``."""

    def __init__(self, lifecycle: Lifecycle, guests: Guests) -> None:
        self._lifecycle, self._guests = lifecycle, guests

    def break_off(self, tx: Unit, room_id: str, guest_id: str | None, why: Sort = "picture") -> None:
        if guest_id is None:
            self._lifecycle.broken_off(tx, room_id)
        else:
            self._guests.broken_off(tx, room_id, guest_id, why)

    def publisher(self, tx: Unit, room_id: str, slot: str | None) -> str | None:
        if slot is None:
            return tx.room(room_id).host_id
        guest = read_holder(tx.conn, room_id, slot)
        return guest.user_id if guest is not None else None
