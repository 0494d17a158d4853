"""What may become of a coupon, pure: no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rooms.errors import Refused
from rooms.shop.coupons.store import ClaimRow, CouponRow
from rooms.shop.store import OrderRow

NOT_YET = "This coupon can't be claimed yet."
_CLAIM_ID = re.compile(r"([A-Za-z0-9-]{1,36})\.([1-9][0-9]?)")


def refuse_unless_open(coupon: CouponRow, now_ms: int) -> None:
    """Whether the coupon can be claimed now; raises ``Refused``: ``not_started``, ``sold_out``, ``over``.

    The window ``claim_from_ms`` … ``claim_until_ms`` bounds everything, as does the end of its validity.
    Within it, a coupon that was dropped can be claimed while the drop is open, and no more when that is over;
    one that wasn't dropped can be claimed if it has a window at all.
    """
    if coupon.claim_from_ms is not None and now_ms < coupon.claim_from_ms:
        raise Refused(
            "not_started",
            NOT_YET,
            retry_after_ms=coupon.claim_from_ms - now_ms,
            details={"starts_at_ms": coupon.claim_from_ms},
        )
    if coupon.claimed >= coupon.quota:
        raise Refused("sold_out", "All of these coupons have been claimed.")
    if coupon.phase == "closed" or now_ms >= closes_at_ms(coupon):
        raise Refused("over")
    if coupon.phase == "new" and coupon.claim_from_ms is None and coupon.claim_until_ms is None:
        raise Refused("not_started", NOT_YET)


def closes_at_ms(coupon: CouponRow) -> float:
    """When claiming ends by itself, as far as is known now."""
    ends = (coupon.claim_until_ms, coupon.drop_until_ms, coupon.valid_until_ms)
    return min((end for end in ends if end is not None), default=float("inf"))


def valid_until_ms(coupon: CouponRow, now_ms: int) -> int:
    """Until when one that is claimed now is good."""
    return now_ms + (coupon.valid_ms or 0) if coupon.valid_until_ms is None else coupon.valid_until_ms


def claim(
    coupon: CouponRow, user_id: str, mine: Sequence[ClaimRow | None], now_ms: int
) -> tuple[CouponRow, ClaimRow]:
    """One more of the coupon for a user; ``mine`` are the places for what they have claimed already.

    Raises ``Refused``: ``already_claimed``, and what ``refuse_unless_open`` does.
    """
    taken = sum(row is not None for row in mine)
    if taken >= coupon.per_person:
        raise Refused("already_claimed", details={"limit": coupon.per_person})
    refuse_unless_open(coupon, now_ms)
    row = ClaimRow(
        coupon_id=coupon.id,
        n=taken + 1,
        user_id=user_id,
        room_id=coupon.room_id,
        order_id=None,
        claimed_at_ms=now_ms,
        valid_until_ms=valid_until_ms(coupon, now_ms),
    )
    return replace(coupon, claimed=coupon.claimed + 1), row


def drop(coupon: CouponRow, seconds: int, now_ms: int) -> CouponRow:
    """Open the coupon for so long, or for so long from now on if it is open, and never beyond its window.

    Raises what ``refuse_unless_open`` does.
    """
    fresh = replace(coupon, phase="open", drop_until_ms=None)
    refuse_unless_open(fresh, now_ms)
    return replace(fresh, drop_until_ms=round(min(now_ms + seconds * 1000, closes_at_ms(fresh))))


def close(coupon: CouponRow) -> CouponRow:
    """No more claiming, until it is dropped again."""
    return replace(coupon, phase="closed", drop_until_ms=None)


def claim_key(claim_id: str, user_id: str) -> tuple[str, int, str]:
    """The row behind what its holder calls it; raises ``Refused("not_found")`` for what can't be an id."""
    match = _CLAIM_ID.fullmatch(claim_id)
    if match is None:
        raise Refused("not_found", "You have no such coupon.")
    return match[1], int(match[2]), user_id


def refuse_unless_usable(row: ClaimRow | None, room_id: str, now_ms: int) -> ClaimRow:
    """The claim, if an order in this room can have it; raises ``Refused``: ``not_found``, ``coupon_used``,
    ``coupon_expired``."""
    if row is None or row.room_id != room_id:
        raise Refused("not_found", "You have no such coupon in this room.")
    if row.order_id is not None:
        raise Refused("coupon_used", details={"coupon": row.id, "order": row.order_id})
    if now_ms >= row.valid_until_ms:
        raise Refused("coupon_expired", details={"coupon": row.id})
    return row


def give_back(row: ClaimRow, order: OrderRow, now_ms: int) -> ClaimRow:
    """The claim after its order came to nothing. What a hold reserved is free again, also if its time is over
    by now; what a paid order used comes back with a refund only while it is still good. Another order's claim
    stays as it is."""
    if row.order_id != order.id or (order.paid_at_ms is not None and now_ms >= row.valid_until_ms):
        return row
    return replace(row, order_id=None)
