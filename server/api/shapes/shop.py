"""Products, orders, sales and coupons, as docs/protocol.md has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Minor, Person, TimeMs


@with_config(OPEN)
class Sku(TypedDict):
    """A variant as its seller sees it. ``stock`` can be bought, ``held`` is in unpaid orders."""

    id: str
    external_id: str | None
    name: str
    price_minor: Minor
    currency: str
    stock: Count
    held: Count
    version: Annotated[int, Field(description="Grows whenever what is on hand changes.")]


@with_config(OPEN)
class Product(TypedDict):
    """A product as its seller sees it."""

    id: str
    seller: str
    external_id: str | None
    title: str
    category: str
    description: str
    picture: str | None
    pictures: list[str]
    created_at_ms: TimeMs
    skus: list[Sku]


@with_config(OPEN)
class ShownSku(TypedDict):
    """A variant as the room's state has it; ``stock`` on the shelf's page, ``held`` there to the host."""

    id: str
    name: str
    price_minor: Minor
    currency: str
    stock: NotRequired[Count]
    held: NotRequired[Count]


@with_config(OPEN)
class ShownProduct(TypedDict):
    """A product on a room's shelf; ``description`` on the shelf's page only."""

    id: str
    title: str
    picture: str | None
    pictures: list[str]
    category: str
    position: int
    skus: list[ShownSku]
    description: NotRequired[str]


@with_config(OPEN)
class LineError(TypedDict):
    """Why one line of several was refused."""

    code: str
    message: str
    details: NotRequired[Any]


@with_config(OPEN)
class ImportLine(TypedDict):
    """``row`` as spreadsheets count; in JSON the product, and ``sku_row`` its SKU."""

    row: int
    sku_row: NotRequired[int]
    status: Literal["created", "updated", "unchanged", "refused"]
    product: NotRequired[str]
    sku: NotRequired[str]
    error: NotRequired[LineError]


@with_config(OPEN)
class ImportReport(TypedDict):
    dry_run: bool
    created: Count
    updated: Count
    unchanged: Count
    refused: Count
    lines: list[ImportLine]


@with_config(OPEN)
class StockItem(TypedDict):
    """The SKU as it is now, or why its row was refused."""

    sku: str | None
    external_id: str | None
    stock: NotRequired[Count]
    held: NotRequired[Count]
    version: NotRequired[int]
    error: NotRequired[LineError]


@with_config(OPEN)
class StockReport(TypedDict):
    items: list[StockItem]
    refused: Count


@with_config(OPEN)
class PriceLine(TypedDict):
    """A part of a price; the amounts of all add up to the total."""

    kind: str
    label: str
    ref: NotRequired[str | None]
    amount_minor: Minor


@with_config(OPEN)
class Order(TypedDict):
    id: str
    room: str
    product: str
    sku: str
    title: str
    qty: int
    unit_price_minor: Minor
    subtotal_minor: Minor
    discount_minor: Minor
    total_minor: Minor
    lines: list[PriceLine]
    currency: str
    sale: str | None
    status: Literal["held", "paid", "cancelled", "expired", "refunded"]
    created_at_ms: TimeMs
    hold_until_ms: TimeMs
    paid_at_ms: TimeMs | None
    refunded_at_ms: TimeMs | None
    buyer: Person
    coins: NotRequired[Annotated[int, Field(description="Of a top-up: what it buys")]]


@with_config(OPEN)
class OrderStep(TypedDict):
    """``by`` null: it happened by itself."""

    status: str
    at_ms: TimeMs
    by: str | None
    reason: NotRequired[str]


@with_config(OPEN)
class Attempt(TypedDict):
    """One attempt to pay: ``reference`` and ``refund_reference`` are the provider's names, ``problem`` is why
    its refund failed."""

    id: str
    provider: str
    status: Literal["started", "succeeded", "failed", "refund_due", "refunded", "refund_failed"]
    amount_minor: Minor
    currency: str
    created_at_ms: TimeMs
    settled_at_ms: TimeMs | None
    reference: str | None
    refund_reference: str | None
    problem: str | None


@with_config(OPEN)
class Owed(Attempt):
    """What is to be given back to a buyer."""

    order: str
    room: str
    buyer: str


@with_config(OPEN)
class SeenTo(TypedDict):
    payment: Attempt


@with_config(OPEN)
class WholeOrder(Order):
    address: dict[str, Any] | None
    note: str | None
    history: list[OrderStep]
    payments: list[Attempt]


@with_config(OPEN)
class Sale(TypedDict):
    id: str
    room: str
    sku: str
    product: str
    price_minor: Minor
    currency: str
    quantity: Count
    left: Count
    per_buyer: int
    starts_at_ms: TimeMs
    ends_at_ms: TimeMs
    status: Literal["scheduled", "running", "ended"]
    stackable: bool
    ended_at_ms: NotRequired[TimeMs]
    ended_reason: NotRequired[Literal["sold_out", "time", "host", "product_removed"]]


CouponKind = Literal["threshold", "percent", "fixed", "voucher"]


@with_config(OPEN)
class Coupon(TypedDict):
    id: str
    title: str
    kind: CouponKind
    value: int
    minimum_minor: Minor
    product: str | None
    currency: str
    quota: int
    per_person: int
    stackable: bool
    claim_from_ms: TimeMs | None
    claim_until_ms: TimeMs | None
    valid_until_ms: TimeMs | None
    valid_s: int | None
    drop_until_ms: TimeMs | None


@with_config(OPEN)
class MadeCoupon(Coupon):
    """A coupon as its host sees it."""

    phase: Literal["new", "open", "closed"]
    claimed: Count
    reserved: Count
    used: Count


@with_config(OPEN)
class ClaimedCoupon(TypedDict):
    id: str
    coupon: str
    room: str
    title: str
    kind: CouponKind
    value: int
    minimum_minor: Minor
    product: str | None
    currency: str
    stackable: bool
    status: Literal["free", "reserved"]
    order: str | None
    claimed_at_ms: TimeMs
    valid_until_ms: TimeMs


@with_config(OPEN)
class PaymentMethod(TypedDict):
    """``charge`` is answered at once, ``checkout`` is paid on another page."""

    method: str
    kind: Literal["charge", "checkout"]


@with_config(OPEN)
class ReportTaken(TypedDict):
    """What a provider's report came to; ``ignored``: it is of no concern here."""

    payment: NotRequired[str]
    status: NotRequired[str]
    ignored: NotRequired[bool]
