"""The external checkout: the shop's own page takes the money, and the shop reports by signed callback.

The buyer is sent to the shop's address with ``?order=`` and the order as a compact JWS (RFC 7515), HS256 with
the shared secret. The shop answers for what follows: it calls back with ``payment.succeeded``,
``payment.failed`` or ``payment.refunded``, and takes refunds at an address of its own. docs/protocol.md has
the claims and the bodies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jwt
import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from yarl import URL

from rooms.shop.payments import Charge, Redirect, Report, Word
from rooms.shop.store import PaymentRow
from server.answers import from_validation
from server.outbound import Outbound, OutboundResponse
from server.signing import shared_key, sign, verify

ORDER_TYPE = "danmart-order+jwt"
_ANSWER_MAX_BYTES = 65_536
_LINES_MAX = 20
"""Lines of an order in its address; an order has an item, a sale and a few coupons."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop's addresses, and the secret that both sides sign with (``whsec_…`` or at least 32 bytes).

    ``status_url`` is asked what became of a payment; without one, only callbacks tell.
    """

    checkout_url: str
    refund_url: str
    secret: str
    status_url: str | None = None


class Callback(BaseModel):
    """The body of the shop's callback."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    type: Literal["payment.succeeded", "payment.failed", "payment.refunded", "payment.refund_failed"]
    payment: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    amount_minor: Annotated[int, Field(ge=0)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    reference: Annotated[str, StringConstraints(max_length=255)] | None = None
    refund: Annotated[str, StringConstraints(max_length=255)] | None = None
    reason: Annotated[str, StringConstraints(max_length=200)] | None = None


_WORDS: dict[str, Literal["succeeded", "failed", "refunded", "refund_failed"]] = {
    "payment.succeeded": "succeeded",
    "payment.failed": "failed",
    "payment.refunded": "refunded",
    "payment.refund_failed": "refund_failed",
}


class ExternalCheckout:
    """Implements ``CheckoutProvider``."""

    name = "external"

    def __init__(
        self,
        shop: Shop,
        outbound: Outbound,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._shop = shop
        self._key = shared_key(shop.secret)
        self._outbound = outbound
        self._clock_ms = clock_ms

    async def charge(self, charge: Charge) -> Redirect:
        """Asks nobody: the order's own signature is what the shop goes by. The same charge gives the same
        address, as nothing in it comes from the clock."""
        token = jwt.encode(order_claims(charge), self._key, "HS256", headers={"typ": ORDER_TYPE})
        url = URL(self._shop.checkout_url).update_query(order=token)
        return Redirect(str(url), charge.expires_at_ms)

    async def look_up(self, payment: PaymentRow) -> Word | None:
        if payment.redirect_url is None:
            return None  # nobody was sent to the shop
        if self._shop.status_url is None:
            return "open"
        response = await self._send(self._shop.status_url, "payment.status", payment)
        if response.status == 404:
            return "open"  # the buyer hasn't reached the shop yet, and may still
        if response.status != 200:
            raise ConnectionError(f"the shop answers {response.status} when asked for a payment")
        return _status_of(response.body)

    async def withdraw(self, payment: PaymentRow) -> Word:
        """The order says itself until when it is good, so its page needs no closing. A shop that reports
        money afterwards is believed all the same."""
        word = await self.look_up(payment)
        return word if word == "succeeded" else "failed"

    async def refund(self, payment: PaymentRow) -> None:  # the shop names refunds when it reports them
        response = await self._send(self._shop.refund_url, "payment.refund", payment)
        if not 200 <= response.status < 300:
            raise ConnectionError(f"the shop answers {response.status} to a refund")

    def receive(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Report | None:
        verify(self._key, headers, body, now_ms)
        try:
            callback = Callback.model_validate_json(body)
        except ValidationError as error:
            raise from_validation(error) from error
        word = _WORDS[callback.type]
        return Report(
            callback.payment,
            word,
            callback.amount_minor,
            callback.currency,
            callback.refund if word in ("refunded", "refund_failed") else callback.reference,
            callback.reason,
        )

    async def _send(self, url: str, kind: str, payment: PaymentRow) -> OutboundResponse:
        """A signed request to the shop; the message's id says what is asked for and stays the same when it is
        asked again. Raises ``OSError``."""
        body = orjson.dumps(
            {
                "type": kind,
                "payment": payment.id,
                "order": payment.order_id,
                "amount_minor": payment.amount_minor,
                "currency": payment.currency,
                "reference": payment.reference,
            }
        )
        message_id = f"{kind}:{payment.id}"
        headers = {
            "content-type": "application/json",
            "idempotency-key": message_id,
            **sign([self._key], message_id, self._clock_ms() // 1000, body),
        }
        return await self._outbound.request(
            "POST", url, headers=headers, body=body, max_bytes=_ANSWER_MAX_BYTES
        )


def order_claims(charge: Charge) -> dict[str, Any]:
    """The order as the shop gets it. ``exp`` in seconds (RFC 7519), rounded down, all else in ms."""
    return {
        "iss": "danmart",
        "jti": charge.payment_id,
        "iat": charge.created_at_ms // 1000,
        "exp": charge.expires_at_ms // 1000,
        "payment": charge.payment_id,
        "order": charge.order_id,
        "room": charge.room_id,
        "title": charge.title,
        "qty": charge.qty,
        "amount_minor": charge.amount_minor,
        "currency": charge.currency,
        "lines": list(charge.lines)[:_LINES_MAX],
        "buyer": {"id": charge.buyer_id, "name": charge.buyer_name},
        "expires_at_ms": charge.expires_at_ms,
        "return_url": charge.return_url,
    }


def _status_of(body: bytes) -> Word:
    try:
        status = orjson.loads(body)["status"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConnectionError("the shop's answer about a payment can't be read") from error
    if status not in ("open", "succeeded", "failed"):
        raise ConnectionError(f"the shop says {status!r} of a payment, which is no status")
    word: Word = status
    return word
