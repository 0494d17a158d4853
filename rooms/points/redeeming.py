"""The commands of points: ``points.redeem``, and ``share``, which earns some."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rooms.commands import GiveGift, RedeemPoints, Share
from rooms.errors import Refused
from rooms.gifts.service import Gifts
from rooms.heads import ROOMS, USERS
from rooms.points.earning import Earnings, issued_to, points_of
from rooms.points.offers import OFFERS, PER_PERSON_MAX, REDEEMED, TERMS, OfferRow, RedeemedRow
from rooms.ports import Caller, Standing
from rooms.rows import Steps
from rooms.shop.coupons import rules as coupon_rules
from rooms.shop.coupons.service import tell as tell_coupon
from rooms.shop.coupons.store import CLAIMS, COUPONS, ClaimRow, CouponRow
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import Account, Entry, wallet

FIRST_PLACE = 50
"""Claims of a coupon that were redeemed are numbered from here on: they take no place from those that
somebody may claim, or wins."""


class Points:
    """Redeeming points, and reporting a share."""

    def __init__(self, standing: Standing, earnings: Earnings, gifts: Gifts) -> None:
        self._standing = standing
        self._gifts = gifts
        self.earnings = earnings

    def redeem(self, tx: Unit, cmd: RedeemPoints, caller: Caller) -> Steps[Any]:
        """One of an offer for its points. The claim of a coupon counts towards its quota, whether or not it
        is being claimed now.

        Refuses with ``not_found``, ``forbidden``, ``sold_out``, ``already_claimed``, ``over`` (the coupon is
        no longer good), ``insufficient_points``; of a gift, with what :meth:`Gifts.give` refuses with.
        """
        user_id = caller.id or ""
        yield TERMS.rows(cmd.offer)
        terms = tx.get(TERMS, cmd.offer)
        if terms is not None and terms.gift_id is not None:
            gift = GiveGift(room=cmd.room, gift=terms.gift_id, count=terms.amount, key=cmd.key)
            return (yield from self._redeem_gift(tx, cmd, gift, caller))
        yield OFFERS.rows(cmd.offer)
        yield REDEEMED.rows((cmd.offer, user_id))
        found = tx.get(OFFERS, cmd.offer)
        coupon_id = (found.coupon_id if found else None) or ""
        accounts = [points_of(user_id), issued_to(user_id)]
        if found is not None and found.kind == "coins":
            accounts += [wallet(user_id), Account("issued", user_id)]
        yield ledger.accounts(*accounts)
        yield COUPONS.rows(coupon_id)
        places = _places(coupon_id, user_id) if coupon_id else []
        yield CLAIMS.rows(*places)
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, user_id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "play")
        offer, mine = self._one(tx, cmd, user_id)
        coupon = _good(tx.get(COUPONS, coupon_id), tx.now_ms) if coupon_id else None
        place = next((place for place in places if tx.get(CLAIMS, *place) is None), None)
        if coupon is not None and place is None:
            raise Refused("already_claimed", details={"limit": PER_PERSON_MAX})
        self._pay(tx, cmd, offer, mine, user_id, offer.amount if offer.kind == "coins" else 0)
        given: dict[str, Any] = {"coins": offer.amount} if coupon is None else {}
        if coupon is not None and place is not None:
            given = {"coupon": _claim(tx, coupon, place).wire(coupon)}
        points = ledger.balance(tx, points_of(user_id))
        return {"offer": replace(offer, stock=offer.stock - 1).wire(mine + 1), "points": points, **given}

    def _redeem_gift(
        self, tx: Unit, cmd: RedeemPoints, gift: GiveGift, caller: Caller
    ) -> Steps[dict[str, Any]]:
        """The room's host is given a gift at once: its price in coins for the points, and the gift for the
        coins. So it counts as any other, and can be refunded like one."""
        user_id = caller.id or ""
        people = (OFFERS.rows(cmd.offer), REDEEMED.rows((cmd.offer, user_id)))
        accounts = (points_of(user_id), issued_to(user_id), Account("issued", user_id))
        yield from self._gifts.load(tx, gift, user_id, people, accounts)
        self._standing.require(tx, cmd.room, caller, "play")
        offer, mine = self._one(tx, cmd, user_id)
        card = self._gifts.wanted(tx, gift, caller)
        self._pay(tx, cmd, offer, mine, user_id, card.price * gift.count)
        event = self._gifts.hand_over(tx, gift, caller)["event"]
        points = ledger.balance(tx, points_of(user_id))
        return {
            "offer": replace(offer, stock=offer.stock - 1).wire(mine + 1),
            "points": points,
            "gift": event,
        }

    def share(self, tx: Unit, cmd: Share, caller: Caller) -> Steps[Any]:
        """Somebody says that they have shared the room's address; it counts once a day. Refuses with
        ``forbidden``."""
        user_id = caller.id or ""
        day = self.earnings.days.of(tx.now_ms)
        doings = {(day, user_id): {"share": 1}}
        yield from self.earnings.load(doings)
        points = yield from self.earnings.add(tx, doings, cmd.room, self._allow(tx, cmd.room, caller))
        return {"points": points}

    def _allow(self, tx: Unit, room_id: str, caller: Caller) -> Steps[None]:
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        tx.room(room_id)
        self._standing.require(tx, room_id, caller, "like")

    def _one(self, tx: Unit, cmd: RedeemPoints, user_id: str) -> tuple[OfferRow, int]:
        """The offer, and how many of it the caller has had."""
        offer = tx.get(OFFERS, cmd.offer)
        if offer is None or offer.withdrawn or offer.room_id not in (None, cmd.room):
            raise Refused("not_found", "There is no such offer in this room.")
        row = tx.get(REDEEMED, offer.id, user_id)
        mine = row.count if row else 0
        if mine >= offer.per_person:
            raise Refused("already_claimed", details={"limit": offer.per_person})
        if offer.stock <= 0:
            raise Refused("sold_out", "All of these have been redeemed.")
        return offer, mine

    def _pay(self, tx: Unit, cmd: RedeemPoints, offer: OfferRow, mine: int, user_id: str, coins: int) -> None:
        """Points back to where they came from, and coins from where those do, in one movement. Named after
        how many somebody has had: none of them can be paid for twice. One less is left."""
        entries = [Entry(points_of(user_id), -offer.points), Entry(issued_to(user_id), offer.points)]
        if coins:
            entries += [Entry(Account("issued", user_id), -coins), Entry(wallet(user_id), coins)]
        ref = f"{offer.id}:{mine + 1}:{user_id}"
        movement = ledger.move(tx, "redeem", ref, entries, room_id=cmd.room, actor_id=user_id)
        tell_wallet(tx, user_id, movement, -offer.points)
        tx.put(OFFERS, replace(offer, stock=offer.stock - 1, taken=offer.taken + 1))
        tx.put(REDEEMED, RedeemedRow(offer.id, user_id, mine + 1))


def _places(coupon_id: str, user_id: str) -> list[tuple[str, int, str]]:
    return [(coupon_id, n, user_id) for n in range(FIRST_PLACE, FIRST_PLACE + PER_PERSON_MAX)]


def _good(coupon: CouponRow | None, now_ms: int) -> CouponRow:
    if coupon is None:
        raise Refused("not_found", "The coupon is gone.")
    if coupon.valid_until_ms is not None and now_ms >= coupon.valid_until_ms:
        raise Refused("over", "This coupon is no longer good.")
    if coupon.claimed >= coupon.quota:
        raise Refused("sold_out", "All of these coupons have been claimed.")
    return coupon


def _claim(tx: Unit, coupon: CouponRow, place: tuple[str, int, str]) -> ClaimRow:
    coupon = replace(coupon, claimed=coupon.claimed + 1)
    if coupon.claimed == coupon.quota and coupon.phase == "open":
        tx.append(coupon.room_id, "coupon.closed", {"id": coupon.id, "reason": "sold_out"})
        coupon = coupon_rules.close(coupon)
    elif coupon.phase == "open":
        tx.coupons_left(coupon.room_id, coupon.id, coupon.left)
    tx.put(COUPONS, coupon)
    until_ms = coupon_rules.valid_until_ms(coupon, tx.now_ms)
    claim = tx.put(CLAIMS, ClaimRow(*place, coupon.room_id, None, tx.now_ms, until_ms))
    tell_coupon(tx, claim, coupon)
    return claim
