"""The queue's rules: what waits, who is on it, who may decide what. Pure: time comes in as an argument.

An item is ``gathering`` (a report that hasn't enough weight yet) or ``open`` until it is ``decided`` or has
``expired``; there is no way back. A claim is a lease on an open item: it runs out by itself, so an item is
never lost with the moderator who took it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from moderation.permissions import Action, Role, outranks
from rooms.errors import Refused

LEASE_MS = 60_000
"""How long a claim holds without a sign of life; a page renews it three times within."""
FULL_WEIGHT = 100
"""What a report weighs of somebody whose reports have been right, or never been judged."""

Kind = Literal["held", "report", "appeal", "picture", "sound"]
State = Literal["gathering", "open", "decided", "expired"]

DECISIONS: Mapping[str, tuple[str, str]] = {
    "held": ("release", "refuse"),
    "report": ("dismiss", "uphold"),
    "appeal": ("grant", "refuse"),
    "picture": ("dismiss", "uphold"),
    "sound": ("dismiss", "uphold"),
}
"""By kind: what lets somebody off, and what doesn't."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that waits, or has waited, for a moderator.

    ``about`` is what it is called by elsewhere: the comment's id for a report, the sanction's for an appeal.
    ``user_*`` is whose it is: who wrote the comment, who appeals. ``action`` is what it takes to work on it.
    ``offset`` is how far the room's log went then, 0 if that says nothing. ``weight`` and ``reports`` are of
    a report's reporters; ``hidden``: its comment is off the screens until somebody has decided. ``at_ms`` is
    since when moderators could have seen it, and ``body`` what only its kind has, JSON.
    """

    id: str
    room_id: str
    kind: str
    state: str
    action: str
    about: str
    user_id: str
    user_name: str
    at_ms: int
    due_at_ms: int | None
    offset: int
    weight: int
    reports: int
    hidden: int
    claim_id: str
    claim_name: str
    claim_until_ms: int
    decision: str
    reason: str
    by_id: str
    by_name: str
    decided_at_ms: int | None
    body: bytes

    @property
    def facts(self) -> dict[str, Any]:
        """What only its kind has, decoded anew at each call."""
        facts: dict[str, Any] = orjson.loads(self.body)
        return facts

    @property
    def waited_ms(self) -> int | None:
        """From when it could be seen to the decision."""
        return None if self.decided_at_ms is None else max(0, self.decided_at_ms - self.at_ms)

    def wire(self, now_ms: int) -> dict[str, Any]:
        """The item as its moderators see it."""
        holder = self.claim_id if is_claimed(self, now_ms) else ""
        decided = self.state in ("decided", "expired")
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "needs": self.action,
            "user": {"id": self.user_id, "name": self.user_name},
            "at_ms": self.at_ms,
            "due_at_ms": self.due_at_ms,
            "claim": {"by": {"id": holder, "name": self.claim_name}, "until_ms": self.claim_until_ms}
            if holder and not decided
            else None,
            "decision": self.decision or None,
            "reason": self.reason,
            "by": {"id": self.by_id or None, "name": self.by_name} if decided else None,
            "waited_ms": self.waited_ms,
            **{name: value for name, value in self.facts.items() if not name.startswith("_")},
            **({"reports": self.reports, "hidden": bool(self.hidden)} if self.kind == "report" else {}),
        }


def new_item(item_id: str, room_id: str, kind: Kind, now_ms: int, **fields: Any) -> Item:
    """An item that nobody has looked at; ``fields`` are those that aren't empty."""
    empty: dict[str, Any] = {
        "state": "open",
        "action": Action.REVIEW.value,
        "about": "",
        "user_id": "",
        "user_name": "",
        "due_at_ms": None,
        "decided_at_ms": None,
        "body": b"{}",
    }
    empty |= dict.fromkeys(("offset", "weight", "reports", "hidden", "claim_until_ms"), 0)
    empty |= dict.fromkeys(("claim_id", "claim_name", "decision", "reason", "by_id", "by_name"), "")
    return Item(id=item_id, room_id=room_id, kind=kind, at_ms=now_ms, **empty | fields)


# claims


def is_claimed(item: Item, now_ms: int) -> bool:
    """Whether somebody has it. A clock that was set back must not keep it for longer than a lease."""
    return bool(item.claim_id) and now_ms < item.claim_until_ms <= now_ms + LEASE_MS


def claimed(item: Item, user_id: str, name: str, now_ms: int) -> Item:
    """Taken, or kept for another lease by who has it. Refuses with ``over``, ``claimed``."""
    refuse_taken(item, user_id, now_ms)
    return replace(item, claim_id=user_id, claim_name=name, claim_until_ms=now_ms + LEASE_MS)


def let_go(item: Item, user_id: str) -> Item:
    """Free again, if it was that person's; else as it was."""
    if item.state != "open" or item.claim_id != user_id:
        return item
    return replace(item, claim_id="", claim_name="", claim_until_ms=0)


def refuse_taken(item: Item, user_id: str, now_ms: int) -> None:
    """Refuses with ``over`` what isn't open, and with ``claimed`` what somebody else has."""
    if item.state != "open":
        details = {"state": item.state, "decision": item.decision or None, "by": item.by_name or None}
        raise Refused("over", "This item doesn't wait for a decision any more.", details=details)
    if is_claimed(item, now_ms) and item.claim_id != user_id:
        by = {"id": item.claim_id, "name": item.claim_name}
        left_ms = item.claim_until_ms - now_ms
        raise Refused("claimed", retry_after_ms=left_ms, details={"by": by, "until_ms": item.claim_until_ms})


# decisions


def refuse_partial(
    item: Item, decider_id: str | None, decider: Role, owner: Role, imposer: tuple[str, Role] | None = None
) -> None:
    """Who may not decide: on one's own, nor on who stands as high or higher, nor on the appeal against a
    sanction of one's own, nor against one that somebody above gave. Hosts and operators have nobody else to
    leave it to, and may decide on what they gave themselves.

    ``owner`` is the rank of who the item is about, ``imposer`` who gave the sanction. Refuses with
    ``forbidden``, ``outranked``.
    """
    last_resort = decider in (Role.HOST, Role.OPERATOR)
    if item.user_id == decider_id:
        if not last_resort:
            raise Refused("forbidden", "This is about yourself: somebody else has to decide.")
        return
    if not outranks(decider, owner):
        raise Refused("outranked")
    if imposer is None:
        return
    imposer_id, rank = imposer
    if imposer_id == decider_id and not last_resort:
        raise Refused("forbidden", "You gave this sanction: somebody else has to decide on the appeal.")
    if imposer_id != decider_id and rank.rank > decider.rank:
        raise Refused("outranked", "Somebody above you gave this sanction.")


def decided(item: Item, decision: str, reason: str, by_id: str, by_name: str, now_ms: int) -> Item:
    """Done with, by who has it or takes it with this. Refuses with ``over``, ``claimed``, ``bad_request`` (a
    decision of another kind, or an appeal refused without a reason)."""
    refuse_taken(item, by_id, now_ms)
    if decision not in DECISIONS[item.kind]:
        wanted = ", ".join(DECISIONS[item.kind])
        raise Refused("bad_request", f"What can be decided of this item: {wanted}.")
    if item.kind == "appeal" and decision == "refuse" and not reason:
        raise Refused("bad_request", "Say why the appeal is refused: its writer gets to read it.")
    return replace(
        let_go(item, item.claim_id),
        state="decided",
        decision=decision,
        reason=reason,
        by_id=by_id,
        by_name=by_name,
        decided_at_ms=now_ms,
    )


def expires_at_ms(item: Item, now_ms: int) -> int | None:
    """When it expires unless it is decided; None: never. Whoever has it at that moment is given the rest of
    the lease, once."""
    if item.due_at_ms is None:
        return None
    if not is_claimed(item, now_ms):
        return item.due_at_ms
    return min(max(item.due_at_ms, item.claim_until_ms), item.due_at_ms + LEASE_MS)


def expired(item: Item, now_ms: int) -> Item:
    """The item when its time is over; as it was before that, and when it is decided."""
    due_ms = expires_at_ms(item, now_ms)
    if item.state != "open" or due_ms is None or now_ms < due_ms:
        return item
    gone = replace(let_go(item, item.claim_id), state="expired", decision="expired")
    return replace(gone, decided_at_ms=now_ms)


# reports


def weight_of(upheld: int, dismissed: int) -> int:
    """What a report of somebody weighs, in hundredths, by what became of their earlier ones. Two that were
    dismissed halve it; it never comes to nothing, and ones that were right bring it back."""
    return max(10, FULL_WEIGHT * (upheld + 2) // (upheld + dismissed + 2))


def reported(item: Item, weight: int, to_queue: int, to_hide: int, *, of_staff: bool, now_ms: int) -> Item:
    """The item with one more report. From ``to_queue`` reports of full weight on it is open, from ``to_hide``
    on (0: never) its comment is hidden; never one of the room's staff."""
    more = replace(item, weight=item.weight + weight, reports=item.reports + 1)
    if more.state == "gathering" and more.weight >= to_queue * FULL_WEIGHT:
        more = replace(more, state="open", at_ms=now_ms)
    if to_hide and more.weight >= to_hide * FULL_WEIGHT and not of_staff:
        # What nobody sees any more must not be out of the moderators' sight, whatever the thresholds say.
        more = replace(more, hidden=1, state="open", at_ms=more.at_ms if more.state == "open" else now_ms)
    return more


def percentile(values: Sequence[int], share: float) -> int | None:
    """The smallest value that at least ``share`` of them don't exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * round(share * 100) // 100) - 1))]
