"""What later entries of a log take back of its comments: deleted, masked, purged. Pure.

Whoever keeps comments goes by this, in memory as in SQL: a correction is in effect as soon as its entry is
known, whatever the comment's own row or bytes still say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from rooms.log import LogEvent, Visibility, masked, requoted, without_text

MASK = "***"
"""What a masked comment says. Always the same: not even the length of what it said is kept."""

KINDS = frozenset({"comment.deleted", "comment.masked", "comment.purged"})


@dataclass(frozen=True, slots=True)
class Purge:
    """All comments of a user with ``first <= offset <= to``."""

    user_id: str
    first: int
    to: int

    def takes(self, user_id: str | None, offset: int) -> bool:
        return user_id == self.user_id and self.first <= offset <= self.to

    def takes_quoted(self, quoted: Mapping[str, Any]) -> bool:
        """Whether it takes the comment that a reply quotes. Old quotes don't say whose they are: those are
        taken for the user's, as a word too few is better than one too many."""
        return self.takes(quoted.get("user", self.user_id), quoted.get("offset", self.to))


@dataclass(frozen=True, slots=True)
class Corrections:
    """What some entries of a log take back."""

    deleted: frozenset[str] = frozenset()
    masks: Mapping[str, str] = field(default_factory=dict)
    purges: tuple[Purge, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.deleted or self.masks or self.purges)

    def of(self, event: LogEvent) -> LogEvent:
        """The entry as it is after them. The same object where they say nothing of it."""
        if event.kind == "comment.restored":
            return self._of_restored(event)
        if event.kind != "comment" or event.visibility == Visibility.DELETED:
            return event
        if event.id in self.deleted:
            return without_text(event, self.deleted)
        for purge in self.purges:
            if purge.takes(event.user_id, event.offset):
                # Which purge it was: who counts comments counts back each once.
                return without_text(event, (event.id,), purged=purge.to)
        if event.id in self.masks:
            event = masked(event, self.masks[event.id])
        if event.reply_to is not None and event.reply_to in self.masks:
            event = requoted(event, self.masks[event.reply_to])
        if event.reply_to is not None and self.purges:
            quoted = orjson.loads(event.body)["data"].get("reply_to")
            if quoted and any(purge.takes_quoted(quoted) for purge in self.purges):
                event = without_text(event, (event.reply_to,))
        return without_text(event, self.deleted)

    def _of_restored(self, event: LogEvent) -> LogEvent:
        """What brought a comment back repeats it: without what was taken back of it since."""
        wire = orjson.loads(event.body)
        comment = wire["data"].get("comment")
        if comment is None:
            return event
        before = orjson.dumps(comment)
        body = self.of_body(before)
        if body is before:
            return event
        wire["data"] = {"id": wire["data"]["id"]}
        if body is not None:
            wire["data"]["comment"] = orjson.loads(body)
        return replace(event, body=orjson.dumps(wire))

    def of_body(self, body: bytes) -> bytes | None:
        """The same for a comment of which only the wire form is known; None: nothing of it is left."""
        if not self.purges and not self._names(body):
            return body
        comment = orjson.loads(body)
        user_id = (comment.get("user") or {}).get("id")
        if comment["id"] in self.deleted or any(p.takes(user_id, comment["offset"]) for p in self.purges):
            return None
        data, changed = comment["data"], False
        if comment["id"] in self.masks:
            data |= {"text": self.masks[comment["id"]], "masked": True}
            changed = True
        if quoted := data.get("reply_to"):
            gone = quoted["id"] in self.deleted or any(p.takes_quoted(quoted) for p in self.purges)
            words = "" if gone else self.masks.get(quoted["id"], quoted["text"])
            changed = changed or words != quoted["text"]
            quoted["text"] = words
        return orjson.dumps(comment) if changed else body

    def _names(self, body: bytes) -> bool:
        """Whether an id of theirs is in the bytes: few comments have one, so few are decoded."""
        return any(each.encode() in body for each in (*self.deleted, *self.masks))


def corrections(events: Iterable[LogEvent]) -> Corrections:
    """What these entries take back of others."""
    deleted, masks, purges = set(), {}, []
    for event in events:
        if event.kind not in KINDS and event.kind != "comment.restored":
            continue
        data = event.data
        if event.kind == "comment.deleted":
            deleted.add(data["id"])
        elif event.kind == "comment.restored":
            deleted.discard(data["id"])
        elif event.kind == "comment.masked":
            masks[data["id"]] = data["text"]
        else:
            purges.append(Purge(data["user"], data["from"], data["to"]))
    return Corrections(frozenset(deleted), masks, tuple(purges))
