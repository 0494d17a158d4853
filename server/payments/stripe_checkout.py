"""Stripe Checkout, by Stripe's own library: a page of Stripe's, webhooks, and refunds.

A checkout session lives for at least 30 minutes at Stripe, a hold for five. So a session is made to end by
itself well after the hold, and Danmart closes it (``withdraw``) a moment before the hold ends. Whoever pays
in that very moment is served by the rule for late money, like anybody.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import stripe
import structlog

from rooms.errors import Refused
from rooms.shop.payments import Charge, Redirect, Report, Word
from rooms.shop.rules import Outcome
from rooms.shop.store import PaymentRow
from server.payments.stripe_money import from_stripe, to_stripe

log = structlog.get_logger(__name__)

T = TypeVar("T")

SESSION_MIN_MS = 31 * 60_000
SESSION_MAX_MS = 24 * 3_600_000 - 300_000
"""Stripe's own bounds are 30 minutes and 24 hours from the request; these leave time to ask once more."""
REQUEST_WITHIN_S = 3.5
_TRIES_AGAIN = 1  # by the library; both fit into what the cashier waits
_NAME_MAX = 250
_REASON_MAX = 200
_REFUSALS = (
    stripe.InvalidRequestError,
    stripe.CardError,
    stripe.AuthenticationError,
    stripe.PermissionError,
)
"""Answers after which nothing was made, and the same request would get the same answer again."""

# The library would tell Stripe how long the request before took.
stripe.enable_telemetry = False


@dataclass(frozen=True, slots=True)
class Account:
    """The Stripe account: its secret (or restricted) key, the webhook endpoint's secret, where its API is."""

    secret_key: str
    webhook_secret: str
    api_base: str = stripe.DEFAULT_API_BASE


class StripeCheckout:
    """Implements ``CheckoutProvider``. ``close`` ends its connections."""

    name = "stripe"

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tls = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        self._http: stripe.AIOHTTPClient | None = None
        self._made: stripe.StripeClient | None = None

    async def charge(self, charge: Charge) -> Outcome | Redirect:
        try:
            params = session_params(charge)
            made = await _heard(
                self._client.v1.checkout.sessions.create_async(
                    params,  # type: ignore[arg-type]
                    {"idempotency_key": charge.payment_id},
                )
            )
        except (ValueError, *_REFUSALS) as error:
            log.error("stripe_refused", payment=charge.payment_id, error=str(error))
            return "failed"
        ends_ms = min(charge.expires_at_ms, made.expires_at * 1000)
        return Redirect(made.url or "", ends_ms, made.id)

    async def look_up(self, payment: PaymentRow) -> Word | None:
        if payment.reference is None:
            return None  # nobody was given the page
        session = await self._session(payment.reference)
        return None if session is None else _word_on(session, payment)

    async def withdraw(self, payment: PaymentRow) -> Word:
        if payment.reference is None:
            return "failed"
        try:
            await _heard(self._client.v1.checkout.sessions.expire_async(payment.reference))
        except stripe.InvalidRequestError:
            # Not open any more: paid just now, or its time was over.
            return await self.look_up(payment) or "failed"
        except _REFUSALS as error:
            raise ConnectionError(f"Stripe refuses to close a page: {error}") from error
        return "failed"

    async def refund(self, payment: PaymentRow) -> str | None:
        session = await self._session(payment.reference) if payment.reference else None
        intent = getattr(session, "payment_intent", None)
        if intent is None:
            raise ConnectionError(f"Stripe knows no money of payment {payment.id}")
        try:
            # No key of ours: Stripe gives no more back than it took, and a key that once met an error of
            # Stripe's would get that error again for a day.
            made = await _heard(
                self._client.v1.refunds.create_async(
                    {"payment_intent": intent.id, "metadata": {"payment": payment.id}}
                )
            )
        except stripe.InvalidRequestError as error:
            if error.code == "charge_already_refunded":
                return None
            raise ConnectionError(f"Stripe refuses a refund: {error}") from error
        except _REFUSALS as error:
            raise ConnectionError(f"Stripe refuses a refund: {error}") from error
        if made.status in ("failed", "canceled"):
            raise ConnectionError(f"a refund at Stripe is {made.status}")
        return made.id  # pending, it may be; should it fail in the end, events tell

    def receive(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Report | None:
        """An event, its signature proved by the library (which looks at its own clock)."""
        try:
            event = self._client.construct_event(
                body, headers.get("stripe-signature"), self._account.webhook_secret
            )
        except stripe.SignatureVerificationError as error:
            raise Refused("bad_signature") from error
        except ValueError as error:
            raise Refused("bad_request", "The body is not JSON.") from error
        except (AttributeError, TypeError) as error:
            raise Refused("bad_request", "The body is no event.") from error
        try:
            return report_of(event.type, event.to_dict()["data"]["object"])
        except (AttributeError, KeyError, TypeError) as error:
            raise Refused("bad_request", "The body is no event that can be read.") from error

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close_async()  # type: ignore[no-untyped-call]
        self._http = self._made = None

    async def _session(self, reference: str) -> stripe.checkout.Session | None:
        """The session with its payment, or None if there is none. Raises ``OSError``."""
        try:
            return await _heard(
                self._client.v1.checkout.sessions.retrieve_async(reference, {"expand": ["payment_intent"]})
            )
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise ConnectionError(f"Stripe refuses to show a payment: {error}") from error
        except _REFUSALS as error:
            raise ConnectionError(f"Stripe refuses to show a payment: {error}") from error

    @property
    def _client(self) -> stripe.StripeClient:
        """Made when first needed, as its connections belong to the loop that runs then."""
        if self._made is None:
            self._http = stripe.AIOHTTPClient(
                timeout=aiohttp.ClientTimeout(total=REQUEST_WITHIN_S),
                connector=aiohttp.TCPConnector(ssl=self._tls),
            )
            self._made = stripe.StripeClient(
                self._account.secret_key,
                base_addresses={"api": self._account.api_base},
                max_network_retries=_TRIES_AGAIN,
                http_client=self._http,
            )
        return self._made


async def _heard(call: Awaitable[T]) -> T:
    """The library's answer; that Stripe couldn't be reached, or can't answer now, as ``ConnectionError``."""
    try:
        return await call
    except _REFUSALS:
        raise
    except stripe.StripeError as error:
        raise ConnectionError(f"Stripe can't be asked: {error}") from error


def session_params(charge: Charge) -> dict[str, Any]:
    """What a checkout session is made of; the same for the same charge. One line with the whole amount: what
    is in it was computed here, to the minor unit. Raises ``ValueError`` for an amount Stripe can't take."""
    metadata = {"payment": charge.payment_id, "order": charge.order_id, "room": charge.room_id}
    product: dict[str, Any] = {"name": f"{charge.title} × {charge.qty}"[:_NAME_MAX]}
    if len(charge.lines) > 1:
        product["description"] = "; ".join(str(line["label"]) for line in charge.lines)[:_NAME_MAX]
    price = {
        "currency": charge.currency.lower(),
        "unit_amount": to_stripe(charge.amount_minor, charge.currency),
        "product_data": product,
    }
    return {
        "mode": "payment",
        "client_reference_id": charge.order_id,
        "success_url": f"{charge.return_url}&checkout=done",
        "cancel_url": f"{charge.return_url}&checkout=cancelled",
        "expires_at": session_end_ms(charge) // 1000,
        "line_items": [{"quantity": 1, "price_data": price}],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
    }


def session_end_ms(charge: Charge) -> int:
    """When a session ends by itself, should nobody close it: late enough for Stripe whenever in the hold it
    is asked for, as a repeat must ask for the same."""
    latest = charge.created_at_ms + SESSION_MAX_MS
    return min(max(charge.created_at_ms, charge.expires_at_ms) + SESSION_MIN_MS, latest)


def report_of(kind: str, thing: dict[str, Any]) -> Report | None:
    """What an event of a kind, about a thing, says of one of our payments, if it says anything.

    Raises ``KeyError`` or ``TypeError`` for a thing that isn't what its kind is about.
    """
    payment = (thing.get("metadata") or {}).get("payment")
    if payment is None:
        return None  # of something else that uses the same account
    match kind:
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            if thing["payment_status"] == "unpaid":
                return None  # the money is on its way, and another event tells when it is there
            return _report(payment, "succeeded", thing["amount_total"], thing["currency"], thing["id"])
        case "checkout.session.async_payment_failed" | "checkout.session.expired":
            return _report(payment, "failed", thing["amount_total"], thing["currency"], thing["id"])
        case "charge.refunded" if thing["refunded"]:
            return _report(payment, "refunded", thing["amount"], thing["currency"], None)
        case "refund.failed" | "refund.updated" | "charge.refund.updated":
            return _refund_report(payment, thing)
    return None


def _refund_report(payment: Any, thing: dict[str, Any]) -> Report | None:
    """What an event about a refund says. ``refund.failed`` and ``refund.updated`` tell of all refunds since
    the API's version 2024-10-28; endpoints of an older one get ``charge.refund.updated``."""
    word = {"succeeded": "refunded", "failed": "refund_failed", "canceled": "refund_failed"}.get(
        thing["status"]
    )
    if word is None:
        return None  # pending, or waiting for the buyer's bank account
    reason = thing.get("failure_reason") or thing["status"]
    reason = str(reason)[:_REASON_MAX] if word == "refund_failed" else None
    return _report(payment, word, thing["amount"], thing["currency"], str(thing["id"]), reason)


def _report(
    payment: Any, word: Any, amount: Any, currency: Any, reference: str | None, reason: str | None = None
) -> Report:
    if not (isinstance(payment, str) and isinstance(amount, int) and isinstance(currency, str)):
        raise TypeError("no payment, no amount or no currency")
    code = currency.upper()
    try:
        return Report(payment, word, from_stripe(amount, code), code, reference, reason)
    except ValueError as error:
        raise Refused("payment_mismatch", str(error)) from error


def _word_on(session: stripe.checkout.Session, payment: PaymentRow) -> Word:
    """What a session says of its payment. Raises ``ConnectionError`` if it isn't about the same money."""
    asked = (to_stripe(payment.amount_minor, payment.currency), payment.currency.lower())
    if (session.amount_total, session.currency) != asked:
        log.error("payment_mismatch", payment=payment.id, asked=asked, said=session.amount_total)
        raise ConnectionError(f"Stripe's session of payment {payment.id} is about another amount")
    if session.status == "expired":
        return "failed"
    if session.status != "complete":
        return "open"
    if session.payment_status != "unpaid":
        return "succeeded"
    status = getattr(session.payment_intent, "status", None)
    return "failed" if status in ("requires_payment_method", "canceled") else "open"
