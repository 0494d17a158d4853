"""The coupons' commands: made, dropped into the room, closed, claimed."""

from __future__ import annotations

from typing import Any

from rooms.commands import CouponRef, CreateCoupon, DropCoupon
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import About, Audit, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.shop.coupons import rules
from rooms.shop.coupons.store import CLAIMS, COUPONS, ClaimRow, CouponRow, count_coupons
from rooms.shop.shelf import OFFERS
from rooms.shop.store import PRODUCTS
from rooms.unit import Unit
from rooms.wording import worded

TITLE_MAX_CHARS = 60
DROP_TIMER = "coupon.close"


class Coupons:
    """The commands ``coupon.create``, ``.drop``, ``.close``, ``.claim``, and the end of a drop."""

    def __init__(
        self, standing: Standing, texts: TextRules, audit: Audit, *, coupons_max: int = 1000
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._coupons_max = coupons_max

    def create(self, tx: Unit, cmd: CreateCoupon, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found`` (the product), ``over`` (nobody could use it),
        ``too_many``, ``text_…``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield OFFERS.rows((cmd.room, cmd.product or ""))
        self._require(tx, cmd.room, caller)
        if cmd.product and tx.get(OFFERS, cmd.room, cmd.product) is None:
            raise Refused("not_found", "There is no such product on this room's shelf.")
        coupon = _made(
            cmd,
            worded(self._texts, cmd.title, TITLE_MAX_CHARS, About("title", cmd.room, caller.id)),
            tx.now_ms,
        )
        if tx.now_ms >= rules.closes_at_ms(coupon):
            raise Refused("over", "Nobody could claim it any more.")
        fresh = sum(row.room_id == cmd.room for row in tx.fresh(COUPONS))
        if count_coupons(tx.conn, cmd.room) + fresh >= self._coupons_max:
            raise Refused("too_many", details={"limit": self._coupons_max})
        tx.put(COUPONS, coupon)
        self._audit.note(tx, cmd.room, caller, "coupon.create", coupon.id, coupon.card())
        return {"coupon": coupon.card()}

    def drop(self, tx: Unit, cmd: DropCoupon, caller: Caller) -> Steps[Any]:
        """Put it into the room, to be claimed within so many seconds; one that is there stays so much longer.

        Refuses with ``forbidden``, ``not_found``, ``not_started``, ``over``, ``sold_out``.
        """
        yield COUPONS.rows(cmd.coupon)
        coupon = tx.get(COUPONS, cmd.coupon)
        product_id = (coupon.product_id if coupon else None) or ""
        yield PRODUCTS.rows(product_id)  # which can't be deleted while it is dropped
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        self._require(tx, cmd.room, caller)
        coupon = rules.drop(_coupon(tx, cmd.room, cmd.coupon), cmd.seconds, tx.now_ms)
        if product_id and tx.get(PRODUCTS, product_id) is None:
            raise Refused("not_found", "The coupon's product was deleted.")
        tx.put(COUPONS, coupon)
        tx.wake(DROP_TIMER, coupon.id, cmd.room, coupon.drop_until_ms or tx.now_ms)
        tx.coupons_left(cmd.room, coupon.id, coupon.left)
        tx.append(cmd.room, "coupon.dropped", {"coupon": coupon.card()})
        self._audit.note(tx, cmd.room, caller, "coupon.drop", coupon.id, {"seconds": cmd.seconds})
        return {"coupon": coupon.card()}

    def close(self, tx: Unit, cmd: CouponRef, caller: Caller) -> Steps[Any]:
        """End its claiming, until it is dropped again. Refuses with ``forbidden``, ``not_found``."""
        yield COUPONS.rows(cmd.coupon)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        self._require(tx, cmd.room, caller)
        coupon = _coupon(tx, cmd.room, cmd.coupon)
        if coupon.phase != "closed":
            coupon = _close(tx, coupon, "host")
            self._audit.note(tx, cmd.room, caller, "coupon.close", coupon.id, {})
        return {"coupon": coupon.card()}

    def claim(self, tx: Unit, cmd: CouponRef, caller: Caller) -> Steps[Any]:
        """One for the caller. Who is first is decided under the coupon's lock, in order of arrival at a node,
        in order of commits between nodes.

        Refuses with ``not_found``, ``forbidden``, ``not_started``, ``over``, ``already_claimed``,
        ``sold_out``.
        """
        yield COUPONS.rows(cmd.coupon)
        found = tx.get(COUPONS, cmd.coupon)
        places = [(cmd.coupon, n, caller.id) for n in range(1, found.per_person + 1)] if found else []
        yield CLAIMS.rows(*places)
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "buy")
        mine = [tx.get(CLAIMS, *place) for place in places]
        coupon, claim = rules.claim(_coupon(tx, cmd.room, cmd.coupon), caller.id or "", mine, tx.now_ms)
        tx.put(COUPONS, coupon)
        tx.put(CLAIMS, claim)
        tell(tx, claim, coupon)
        if coupon.phase == "open":
            tx.coupons_left(cmd.room, coupon.id, coupon.left)
        if coupon.claimed == coupon.quota and coupon.phase == "open":
            _close(tx, coupon, "sold_out")
        return {"coupon": claim.wire(coupon)}

    def drop_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a drop: close it, unless it was closed or prolonged meanwhile."""
        yield TIMERS.rows(timer.id)
        yield COUPONS.rows(timer.ref)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        coupon = tx.get(COUPONS, timer.ref)
        if coupon and coupon.phase == "open" and (coupon.drop_until_ms or 0) <= tx.now_ms:
            _close(tx, coupon, "over")
        return {}

    def _require(self, tx: Unit, room_id: str, caller: Caller) -> None:
        tx.room(room_id)
        self._standing.require(tx, room_id, caller, "manage_products")


def tell(tx: Unit, claim: ClaimRow, coupon: CouponRow) -> None:
    """Tell its holder what has become of it. The holder's head must be locked."""
    data = {"coupon": claim.wire(coupon), "status": claim.status}
    tx.tell(claim.user_id, "coupon", data, room_id=claim.room_id)


def _coupon(tx: Unit, room_id: str, coupon_id: str) -> CouponRow:
    coupon = tx.get(COUPONS, coupon_id)
    if coupon is None or coupon.room_id != room_id:
        raise Refused("not_found", "There is no such coupon in this room.")
    return coupon


def _close(tx: Unit, coupon: CouponRow, reason: str) -> CouponRow:
    """What wasn't shown needn't be taken away."""
    if coupon.phase == "open":
        tx.append(coupon.room_id, "coupon.closed", {"id": coupon.id, "reason": reason})
    return tx.put(COUPONS, rules.close(coupon))


def _made(cmd: CreateCoupon, title: str, now_ms: int) -> CouponRow:
    return CouponRow(
        id=new_id(),
        room_id=cmd.room,
        title=title,
        kind=cmd.kind,
        value=cmd.value,
        minimum_minor=cmd.minimum_minor,
        product_id=cmd.product,
        currency=cmd.currency,
        quota=cmd.quota,
        per_person=cmd.per_person,
        claimed=0,
        stackable=int(cmd.stackable),
        claim_from_ms=cmd.claim_from_ms,
        claim_until_ms=cmd.claim_until_ms,
        valid_until_ms=cmd.valid_until_ms,
        valid_ms=None if cmd.valid_s is None else cmd.valid_s * 1000,
        phase="new",
        drop_until_ms=None,
        created_at_ms=now_ms,
    )
