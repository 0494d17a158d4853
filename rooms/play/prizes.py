"""Prizes of lotteries and quizzes: held before anybody can win them, then awarded or given back, one by one.

What is promised is there. Coins lie in the escrow account of what promises them, units of a product
are reserved as for an unpaid order, and a coupon's quota is claimed ahead. So for each prize
``awarded + given back = held``, and nobody wins what has been sold meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rooms.errors import Refused
from rooms.ports import Caller
from rooms.rows import Steps, new_id
from rooms.shop.coupons import rules as coupon_rules
from rooms.shop.coupons.service import tell as tell_coupon
from rooms.shop.coupons.store import CLAIMS, COUPONS, ClaimRow, CouponRow
from rooms.shop.orders import announce
from rooms.shop.rules import give_back as unreserve
from rooms.shop.rules import sell, step, take
from rooms.shop.sale_store import SALES
from rooms.shop.sales import end_if_sold_out, say_what_is_left
from rooms.shop.shelf import OFFERS
from rooms.shop.store import ORDERS, SKUS, OrderRow, SkuRow
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.rules import Account, wallet
from rooms.wallet.store import MovementRow

PRIZES_MAX = 10
WINNERS_MAX = 1000
PLACES = 5
"""So many claims of one coupon can one person win, beyond those that anybody may take."""

PrizeKind = Literal["product", "coupon", "coins"]


@dataclass(frozen=True, slots=True)
class Prize:
    """``count`` winners get ``amount`` each: pieces of the SKU ``ref``, one coupon ``ref`` (``amount`` is 1),
    or coins (``ref`` None). ``title`` is the product's or the coupon's, filled in when it is held."""

    kind: PrizeKind
    ref: str | None
    amount: int
    count: int
    title: str = ""

    def wire(self) -> dict[str, Any]:
        """As the log has it; :func:`prize_of` is the inverse."""
        return {
            "kind": self.kind,
            "ref": self.ref,
            "amount": self.amount,
            "count": self.count,
            "title": self.title,
        }


def prize_of(wire: dict[str, Any]) -> Prize:
    return Prize(wire["kind"], wire["ref"], wire["amount"], wire["count"], wire.get("title", ""))


def units(prizes: Iterable[Prize]) -> Iterator[int]:
    """For each single prize, in order, the index of its kind in ``prizes``: what place *n* wins is the
    *n*-th of these."""
    for index, prize in enumerate(prizes):
        yield from [index] * prize.count


@dataclass(frozen=True, slots=True)
class Holder:
    """What promises prizes: a lottery or a quiz by its id, in a room, paid for by ``host_id``."""

    id: str
    room_id: str
    host_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody was given: ``wire`` is for the winner; ``movement`` is set where coins moved."""

    wire: dict[str, Any]
    movement: MovementRow | None = None


def escrow(holder: Holder) -> Account:
    return Account("escrow", holder.id)


def load(tx: Unit, holder: Holder, prizes: Sequence[Prize], users: Sequence[str] = ()) -> Steps[None]:
    """The rows that the other functions need, from ``Rank.WALLETS`` to ``Rank.STOCK``: yield from it after
    the play's own rows, and then ``USERS`` (the host's, and those of ``users``) and ``ROOMS``. ``users`` are
    who may be given a prize."""
    skus = [prize.ref for prize in prizes if prize.kind == "product"]
    yield ledger.accounts(*map(wallet, {holder.host_id, *users}), escrow(holder))
    yield COUPONS.rows(*(prize.ref for prize in prizes if prize.kind == "coupon"))
    coupons = [tx.get(COUPONS, prize.ref) for prize in prizes if prize.kind == "coupon"]
    yield CLAIMS.rows(*((c.id, n, user) for c in coupons if c for user in users for n in _places(c)))
    yield SALES.rows(*skus)
    yield SKUS.rows(*skus)


def load_titles(tx: Unit, holder: Holder, prizes: Sequence[Prize]) -> Steps[None]:
    """What :func:`hold` reads after the room's lock: whether the products are on its shelf."""
    skus = [sku for prize in prizes if prize.kind == "product" and (sku := tx.get(SKUS, prize.ref))]
    yield OFFERS.rows(*((holder.room_id, sku.product_id) for sku in skus))


def hold(tx: Unit, holder: Holder, prizes: Sequence[Prize]) -> tuple[list[Prize], MovementRow | None]:
    """Put everything aside, or nothing; gives the prizes with their titles, and the coins' movement.
    After :func:`load`, the room's lock and :func:`load_titles`.

    Refuses with ``not_found`` (no such product on the shelf, no such coupon here), ``over`` (the coupon is no
    longer good), ``sold_out``, ``stock_held``, ``not_enough_stock``, ``insufficient_coins``, ``too_many``.
    """
    skus: dict[str, SkuRow] = {}
    coupons: dict[str, CouponRow] = {}
    held = []
    for prize in prizes:
        if prize.kind == "product":
            sku = skus.get(prize.ref or "") or tx.get(SKUS, prize.ref)
            offer = tx.get(OFFERS, holder.room_id, sku.product_id) if sku else None
            if sku is None or offer is None:
                raise Refused("not_found", "There is no such product on this room's shelf.")
            skus[sku.id] = take(sku, prize.amount * prize.count)
            held.append(replace(prize, title=f"{offer.title} {sku.name}".strip()))
        elif prize.kind == "coupon":
            coupon = coupons.get(prize.ref or "") or tx.get(COUPONS, prize.ref)
            coupon = _reserved(coupon, holder.room_id, prize.count, tx.now_ms)
            coupons[coupon.id] = coupon
            held.append(replace(prize, title=coupon.title))
        else:
            held.append(prize)
    coins = sum(prize.amount * prize.count for prize in prizes if prize.kind == "coins")
    movement = None
    if coins:
        source, about = wallet(holder.host_id), {"room_id": holder.room_id, "actor_id": holder.host_id}
        movement = ledger.pay(tx, "prize_hold", holder.id, source, escrow(holder), coins, **about)
    for sku in skus.values():
        say_what_is_left(tx, tx.put(SKUS, sku))
    for coupon in coupons.values():
        _put_coupon(tx, coupon)
    return held, movement


def award(
    tx: Unit,
    holder: Holder,
    prize: Prize,
    user: Caller,
    *,
    ref: str,
    address: dict[str, Any] | None = None,
) -> Given:
    """Give one of what was held to a user. ``ref`` names this very award: for coins it is the movement's, so
    it can't be done twice; the caller sees to that for the rest. ``address`` is where a product goes to.
    After :func:`load` with this user, the user's head and the room's lock. Tells of a coupon, of an order.

    Refuses with ``too_many`` if the user has won as many of this coupon as can be held.
    """
    user_id = user.id or ""
    if prize.kind == "coins":
        about = {"room_id": holder.room_id, "actor_id": user_id}
        movement = ledger.pay(tx, "prize", ref, escrow(holder), wallet(user_id), prize.amount, **about)
        return Given({"coins": prize.amount}, movement)
    if prize.kind == "coupon":
        claim = _claim(tx, prize, user_id)
        return Given({"coupon": claim.id})
    return Given({"order": _deliver(tx, holder, prize, user, address).wire()})


def give_back(tx: Unit, holder: Holder, prize: Prize, n: int, *, ref: str) -> MovementRow | None:
    """``n`` of what was held go back to where they came from; ``ref`` as for :func:`award`. After
    :func:`load`, and the room's lock."""
    if n == 0:
        return None
    if prize.kind == "coins":
        target = wallet(holder.host_id)
        return ledger.pay(
            tx, "prize_back", ref, escrow(holder), target, prize.amount * n, room_id=holder.room_id
        )
    if prize.kind == "coupon":
        coupon = tx.get(COUPONS, prize.ref)
        if coupon is not None:
            _put_coupon(tx, replace(coupon, claimed=coupon.claimed - n))
    elif (sku := tx.get(SKUS, prize.ref)) is not None:
        say_what_is_left(tx, tx.put(SKUS, unreserve(sku, prize.amount * n)))
    return None


def _places(coupon: CouponRow) -> range:
    return range(coupon.per_person + 1, coupon.per_person + PLACES + 1)


def _reserved(coupon: CouponRow | None, room_id: str, count: int, now_ms: int) -> CouponRow:
    if coupon is None or coupon.room_id != room_id:
        raise Refused("not_found", "There is no such coupon in this room.")
    if coupon.valid_until_ms is not None and now_ms >= coupon.valid_until_ms:
        raise Refused("over", "This coupon is no longer good.")
    if coupon.claimed + count > coupon.quota:
        raise Refused("sold_out", details={"left": coupon.quota - coupon.claimed})
    return replace(coupon, claimed=coupon.claimed + count)


def _put_coupon(tx: Unit, coupon: CouponRow) -> None:
    if coupon.claimed == coupon.quota and coupon.phase == "open":
        tx.append(coupon.room_id, "coupon.closed", {"id": coupon.id, "reason": "sold_out"})
        coupon = coupon_rules.close(coupon)
    if coupon.phase == "open":
        tx.coupons_left(coupon.room_id, coupon.id, coupon.quota - coupon.claimed)
    tx.put(COUPONS, coupon)


def _claim(tx: Unit, prize: Prize, user_id: str) -> ClaimRow:
    """A claim that counts towards the quota already, in a place of its own: what somebody wins takes nothing
    from what that person may claim."""
    coupon = tx.get(COUPONS, prize.ref)
    if coupon is None:
        raise LookupError(f"the coupon {prize.ref} of a prize is gone")
    n = next((n for n in _places(coupon) if tx.get(CLAIMS, coupon.id, n, user_id) is None), None)
    if n is None:
        raise Refused("too_many", details={"limit": PLACES})
    until_ms = coupon_rules.valid_until_ms(coupon, tx.now_ms)
    claim = tx.put(CLAIMS, ClaimRow(coupon.id, n, user_id, coupon.room_id, None, tx.now_ms, until_ms))
    tell_coupon(tx, claim, coupon)
    return claim


def _deliver(
    tx: Unit, holder: Holder, prize: Prize, user: Caller, address: dict[str, Any] | None
) -> OrderRow:
    """A paid order that costs nothing, from what was reserved."""
    sku = tx.get(SKUS, prize.ref)
    if sku is None:
        raise LookupError(f"the SKU {prize.ref} of a prize is gone")
    sku = tx.put(SKUS, sell(sku, prize.amount))
    sale = tx.get(SALES, sku.id)
    if sale is not None and sale.status == "running":
        end_if_sold_out(tx, sale, holder.room_id)
    subtotal = sku.price_minor * prize.amount
    order = OrderRow(
        id=new_id(),
        room_id=holder.room_id,
        product_id=sku.product_id,
        sku=sku.id,
        title=prize.title,
        qty=prize.amount,
        unit_price_minor=0,
        total_minor=0,
        currency=sku.currency,
        status="paid",
        buyer_id=user.id or "",
        buyer_name=user.name,
        created_at_ms=tx.now_ms,
        hold_until_ms=tx.now_ms,
        paid_at_ms=tx.now_ms,
        payment_id=None,
        subtotal_minor=subtotal,
        discount_minor=subtotal,
        lines=[
            {"kind": "item", "label": prize.title, "amount_minor": subtotal},
            {"kind": "prize", "label": holder.title, "amount_minor": -subtotal, "ref": holder.id},
        ],
        address=address,
    )
    order = tx.put(ORDERS, step(order, "paid", tx.now_ms, reason="prize"))
    announce(tx, order)
    return order
