"""Taking a comment off all screens until somebody has decided, and putting it back.

Hiding is a deletion whose words are kept aside, so that whatever forgets deleted words forgets these too:
logs, snapshots, memory, recordings. Who puts it back gives everybody the comment once more, in its place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from moderation.deletions import correct_others, forget_checkpoints
from rooms.corrections import Corrections
from rooms.heads import EVENTS
from rooms.log import LogEvent, Visibility, unquote
from rooms.ports import Answered
from rooms.unit import Unit


def strike(tx: Unit, room_id: str, event: LogEvent, answered: Answered) -> None:
    """Take a comment's words out of the room's log, and of all that keeps them. The room and the entry must
    have been asked for."""
    by = Corrections(deleted=frozenset((event.id,)))
    corrected = tx.put(EVENTS, by.of(event))
    tx.append(room_id, "comment.deleted", {"id": event.id})
    tx.at_flush(lambda conn: correct_others(conn, (corrected,), by, answered))
    tx.at_flush(lambda conn: forget_checkpoints(conn, room_id, event.offset))


def kept_aside(event: LogEvent) -> dict[str, Any]:
    """What ``put_back`` needs of a comment, for an item's body."""
    return {"body": event.body.decode(), "reply_to": event.reply_to}


def put_back(tx: Unit, room_id: str, event_id: str, kept: dict[str, Any]) -> None:
    """Give a hidden comment its words again. It, and what it replies to, must have been asked for."""
    event = tx.get(EVENTS, event_id)
    if event is None or event.visibility != Visibility.DELETED:
        return
    body, reply_to = str(kept["body"]).encode(), kept["reply_to"]
    quoted = tx.get(EVENTS, reply_to) if reply_to else None
    if reply_to and (quoted is None or quoted.visibility == Visibility.DELETED):
        body, reply_to = unquote(body), None
    tx.put(EVENTS, replace(event, body=body, visibility=Visibility.ALL.value, reply_to=reply_to))
    # It carries the words too: as if it quoted them, they are found when the comment is deleted after all.
    data = {"id": event_id, "comment": orjson.Fragment(body)}
    tx.append(room_id, "comment.restored", data, reply_to=event_id)
