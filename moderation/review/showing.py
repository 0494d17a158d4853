"""How moderators hear of the queue: each change of an item is an event of the staff's log."""

from __future__ import annotations

from moderation.review.rules import Item
from rooms.unit import Unit


def show(tx: Unit, item: Item) -> None:
    """Tell who may work on it how the item is now. What nobody is to look at yet is told to nobody."""
    if item.state != "gathering":
        tx.brief(item.room_id, "review", {"item": item.wire(tx.now_ms)}, action=item.action)
