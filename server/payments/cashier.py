"""The walk of ``order.pay``: write the attempt down, ask the provider, write its word down."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, select

from rooms.commands import PayOrder, TopUp
from rooms.errors import Refused
from rooms.heads import TimerRow
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.owed import Owed, count_owed
from rooms.shop.payments import (
    CHECK_AFTER_MS,
    CheckoutProvider,
    PaymentProvider,
    Payments,
    Redirect,
    Report,
    Word,
    as_charge,
)
from rooms.shop.rules import Outcome
from rooms.shop.store import PaymentRow, payments_table
from rooms.unit import Unit
from rooms.wallet.purse import COINS
from server.payments.metrics import PaymentMetrics
from server.store.group import Answer, Work, refused
from server.store.keys import CommandKey
from server.store.store import Store

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 8.0
"""For a provider's answer; less than ``CHECK_AFTER_MS``, so that nobody is asked twice at the same time."""
LOOK_EVERY_MS = 60_000
REFUND_AGAIN_MIN_MS, REFUND_AGAIN_MAX_MS = 5_000, 3_600_000

BeginTopUp = Callable[[Unit, TopUp, Caller, str], Steps[Any]]

_NAMESPACE = uuid.UUID("5f1c1d0a-7f0e-5d53-9f6a-0a4f6f2f4b11")
_NOT_WRITTEN = frozenset({"busy", "temporarily_unavailable", "internal"})


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Cashier:
    """Takes orders to their payment. A lost answer is asked for again with the same key, safely.

    ``providers`` are those that are on, the first being what is used when the buyer names none;
    ``return_base`` gives the address of the pages, to which other pages send buyers back.
    """

    def __init__(
        self,
        store: Store,
        payments: Payments,
        owed: Owed,
        providers: Mapping[str, PaymentProvider],
        *,
        clock_ms: Callable[[], int] = wall_ms,
        return_base: Callable[[], str] = lambda: "",
        registry: CollectorRegistry | None = None,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._store = store
        self._payments = payments
        self._owed = owed
        self._providers = providers
        self._clock_ms = clock_ms
        self._return_base = return_base
        self._metrics = PaymentMetrics(registry or CollectorRegistry())
        self._answer_within_s = answer_within_s

    def methods(self) -> list[dict[str, str]]:
        """The ways to pay here, the usual one first: ``{method, kind}``; ``kind`` is ``charge`` (answered at
        once) or ``checkout`` (on another page)."""
        return [
            {"method": name, "kind": "checkout" if isinstance(provider, CheckoutProvider) else "charge"}
            for name, provider in self._providers.items()
        ]

    # the buyer's way

    async def pay(
        self,
        cmd: PayOrder,
        caller: Caller,
        key: CommandKey,
        request: bytes,
        *,
        asking: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The command ``order.pay``; the answer is given when the order is paid, refused, or has a page on
        which to pay it. ``asking`` is called when the attempt is written down and only the provider is waited
        for: until then, nothing else of the same buyer's should begin that was sent later."""
        method = cmd.method or next(iter(self._providers), "")
        provider = self._providers.get(method)
        if provider is None:
            return refused(_no_such_method(method, list(self._providers)))
        # The attempt's id follows from the key alone: a repeat finds the attempt and not a second one, and
        # the key with another order is a conflict before any money moves.
        payment_id = str(uuid.uuid5(_NAMESPACE, f"{key.user_id}\n{key.key}"))
        if isinstance(provider, CheckoutProvider):
            opened = await self._store.read(lambda conn: _open_page(conn, cmd.order, method))
            payment_id = opened or payment_id
        begun = await self._store.write(
            Work("payment.begin", lambda tx: self._payments.begin(tx, cmd, caller, payment_id, method))
        )
        if not begun.ok:
            return begun
        attempt = orjson.loads(begun.body)
        payment = PaymentRow(**attempt["payment"])
        try:
            word = await self._charge(provider, payment, attempt["order"], cmd.card, asking)
        except OSError as error:
            log.warning("payment_open", payment=payment_id, provider=method, error=repr(error))
            self._metrics.attempt(method, "unanswered")
            return refused(Refused("payment_pending", retry_after_ms=3000))
        return await self._answer(payment, word, key, request)

    async def top_up(
        self,
        cmd: TopUp,
        caller: Caller,
        key: CommandKey,
        request: bytes,
        begin: BeginTopUp,
        *,
        asking: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The command ``wallet.topup``: write down what is to be paid, then have it paid like any order."""
        method = cmd.method or next((name for name in self._providers if name != COINS), "")
        # As the attempt's id, the order's follows from the key: a repeat finds the same one.
        order_id = str(uuid.uuid5(_NAMESPACE, f"{key.command}\n{key.user_id}\n{key.key}"))
        begun = await self._store.write(Work("topup.begin", lambda tx: begin(tx, cmd, caller, order_id)))
        if not begun.ok:
            return begun
        pay = PayOrder(room=cmd.room, order=order_id, method=method, card=cmd.card, key=cmd.key)
        return await self.pay(pay, caller, key, request, asking=asking)

    async def _charge(
        self,
        provider: PaymentProvider,
        payment: PaymentRow,
        order: dict[str, Any],
        card: str,
        asking: Callable[[], None],
    ) -> Outcome | Redirect:
        """The provider's word on an attempt that is open. Raises ``OSError``."""
        if payment.redirect_url is not None:
            return Redirect(payment.redirect_url, payment.expires_at_ms or 0, payment.reference)
        if payment.status != "started" or payment.amount_minor == 0:
            return "succeeded"  # of what isn't open any more, nothing else is told here
        back = f"{self._return_base()}/r/{quote(order['room'])}?order={quote(order['id'])}"
        asking()
        async with asyncio.timeout(self._answer_within_s):
            return await provider.charge(as_charge(payment, order, card, back))

    async def _answer(
        self, payment: PaymentRow, word: Outcome | Redirect, key: CommandKey, request: bytes
    ) -> Answer:
        steps = self._payments
        if isinstance(word, Redirect):
            to = word
            work = Work(
                "order.pay",
                lambda tx: steps.redirected(tx, payment.id, payment.order_id, to),
                key=key,
                request=request,
            )
        else:
            outcome = word
            work = Work(
                "order.pay",
                lambda tx: steps.settle(tx, payment.id, payment.order_id, outcome),
                key=key,
                request=request,
            )
        answer = await self._store.write(work)
        self._count(payment, answer, redirected=isinstance(word, Redirect))
        return answer

    # the provider's way

    async def receive(self, method: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """A report over HTTP; gives what to answer. Saying it again changes nothing.

        Raises ``Refused``: ``not_found`` (no such provider, or no such payment of its), ``bad_signature``,
        ``bad_request``, ``payment_mismatch``, ``temporarily_unavailable`` (then it must be sent again).
        """
        provider = self._providers.get(method)
        if not isinstance(provider, CheckoutProvider):
            raise Refused("not_found")
        try:
            report = provider.receive(headers, body, self._clock_ms())
            if report is None:
                self._metrics.report(method, "ignored")
                return {"ignored": True}
            status = await self._take(method, report)
        except Refused as error:
            log.warning("payment_report_refused", provider=method, code=error.code, why=error.message)
            self._metrics.report(method, "refused")
            raise
        self._metrics.report(method, "accepted")
        return {"payment": report.payment_id, "status": status}

    async def _take(self, method: str, report: Report) -> str:
        payment = await self._read(report.payment_id)
        if payment is None or payment.provider != method:
            raise Refused("not_found", "There is no such payment.")
        said = (report.amount_minor, report.currency)
        if said not in ((payment.amount_minor, payment.currency), (None, None)):
            log.error("payment_mismatch", payment=payment.id, asked=payment.amount_minor, said=said)
            raise Refused("payment_mismatch")
        try:
            if report.word == "refunded":
                await self._refunded(payment, report.reference)
            elif report.word == "refund_failed":
                await self._refund_failed(payment, report)
            else:
                await self._settle(payment, report.word, report.reference)
        except ConnectionError as error:
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from error
        after = await self._read(payment.id)
        return after.status if after else payment.status

    async def reported(self, payment_id: str, outcome: Outcome) -> None:
        """The same from a provider inside this process. Raises ``ConnectionError`` if it can't be written."""
        if (payment := await self._read(payment_id)) is not None:
            await self._settle(payment, outcome)

    # timers

    async def check(self, timer: TimerRow) -> None:
        """The timer of an attempt: ask the provider what became of it, if that isn't known yet, and close its
        page when its time is over."""
        payment = await self._read(timer.ref)
        if payment is not None and payment.status == "started":
            word = await self._look(payment)
            if word == "open":
                await self._again(timer, next_look_ms(payment, self._clock_ms()))
                return
            await self._settle(payment, word)
        await self._done(timer)

    async def _look(self, payment: PaymentRow) -> Word:
        if payment.amount_minor == 0:
            return "succeeded"
        now_ms, ends_ms = self._clock_ms(), payment.expires_at_ms
        if ends_ms is not None and now_ms < min(ends_ms, payment.created_at_ms + LOOK_EVERY_MS):
            return "open"  # the buyer has hardly seen the page, and the provider reports by itself
        provider = self._provider(payment)
        async with asyncio.timeout(self._answer_within_s):
            word = await provider.look_up(payment) or "failed"
            if word == "open" and ends_ms is not None and now_ms >= ends_ms:
                return await provider.withdraw(payment) if isinstance(provider, CheckoutProvider) else word
        return word

    async def pay_back(self, timer: TimerRow) -> None:
        """The timer of money that is due back. While the provider can't take that on it comes again, after a
        time that grows as the refund ages."""
        payment = await self._read(timer.ref)
        if payment is not None and payment.status == "refund_due":
            reference = None
            try:
                if payment.amount_minor:
                    async with asyncio.timeout(self._answer_within_s):
                        reference = await self._provider(payment).refund(payment)
            except OSError as error:
                log.warning("refund_failed", payment=payment.id, error=repr(error))
                self._metrics.attempt(payment.provider, "refund_failed")
                await self._again(timer, refund_again_ms(payment, self._clock_ms()))
                return
            await self._refunded(payment, reference)
        await self._done(timer)

    def _provider(self, payment: PaymentRow) -> PaymentProvider:
        provider = self._providers.get(payment.provider)
        if provider is None:
            raise ConnectionError(f"the provider {payment.provider} of an open payment is not on")
        return provider

    # what is owed

    async def count_owed(self) -> bool:
        """Count for the metrics what is owed to buyers; never more to do at once. Raises ``Refused``."""
        for status, (number, _) in (await self._store.read(count_owed)).items():
            self._metrics.owed.labels(status).set(number)
        return False

    async def retry_refund(self, payment_id: str, caller: Caller) -> Answer:
        """Have a refund that failed be asked for again; see ``Owed.retry``."""
        order_id = await self._order_of(payment_id)
        return await self._store.write(
            Work("payment.refund_retry", lambda tx: self._owed.retry(tx, payment_id, order_id, caller))
        )

    async def settle_refund(self, payment_id: str, caller: Caller, note: str) -> Answer:
        """Note that the buyer got the money in another way; see ``Owed.settle``."""
        order_id = await self._order_of(payment_id)
        return await self._store.write(
            Work(
                "payment.refund_settled",
                lambda tx: self._owed.settle(tx, payment_id, order_id, caller, note),
            )
        )

    async def _order_of(self, payment_id: str) -> str:
        payment = await self._read(payment_id)
        return payment.order_id if payment is not None else ""

    # writing

    async def _settle(self, payment: PaymentRow, outcome: Outcome, reference: str | None = None) -> None:
        steps = self._payments
        answer = await self._write(
            Work(
                "payment.settle",
                lambda tx: steps.settle(tx, payment.id, payment.order_id, outcome, reference),
            )
        )
        self._count(payment, answer)

    async def _refunded(self, payment: PaymentRow, reference: str | None) -> None:
        steps = self._payments
        await self._write(
            Work("payment.refunded", lambda tx: steps.refunded(tx, payment.id, payment.order_id, reference))
        )
        if payment.status in ("succeeded", "refund_due"):
            self._metrics.attempt(payment.provider, "refunded")

    async def _refund_failed(self, payment: PaymentRow, report: Report) -> None:
        log.error("refund_came_back", payment=payment.id, provider=payment.provider, reason=report.reason)
        owed = self._owed
        await self._write(
            Work(
                "payment.refund_failed",
                lambda tx: owed.failed(tx, payment.id, payment.order_id, report.reference, report.reason),
            )
        )
        if payment.status in ("refund_due", "refunded"):
            self._metrics.attempt(payment.provider, "refund_came_back")

    async def _again(self, timer: TimerRow, due_at_ms: int) -> None:
        await self._write(Work("timer.again", lambda tx: self._payments.again(tx, timer, due_at_ms)))

    async def _done(self, timer: TimerRow) -> None:
        await self._write(Work("timer.done", lambda tx: self._payments.done(tx, timer)))

    async def _write(self, work: Work) -> Answer:
        """Raises ``ConnectionError`` if it could not be written: then the timer must come again."""
        answer = await self._store.write(work)
        if answer.code in _NOT_WRITTEN:
            raise ConnectionError(f"{work.name}: {answer.code}")
        return answer

    async def _read(self, payment_id: str) -> PaymentRow | None:
        query = select(payments_table).where(payments_table.c.id == payment_id)
        return await self._store.read(
            lambda conn: PaymentRow(*found) if (found := conn.execute(query).one_or_none()) else None
        )

    def _count(self, before: PaymentRow, answer: Answer, *, redirected: bool = False) -> None:
        """Count what an answer tells of an attempt, if that is new."""
        told = {None: "succeeded", "payment_declined": "failed", "order_not_held": "refund_due"}
        outcome = "redirected" if redirected else told.get(answer.code)
        new = before.redirect_url is None if redirected else before.status != outcome
        if outcome is not None and new and before.status in ("started", "failed"):
            self._metrics.attempt(before.provider, outcome)


def next_look_ms(payment: PaymentRow, now_ms: int) -> int:
    """When to ask again about an attempt that is open.

    Of one on another page once a minute and at its end, and then, if the money is still on its way, at
    doubling distances; of any other soon.
    """
    if payment.expires_at_ms is None:
        return now_ms + CHECK_AFTER_MS
    if now_ms < payment.expires_at_ms:
        return min(now_ms + LOOK_EVERY_MS, payment.expires_at_ms)
    return now_ms + max(LOOK_EVERY_MS, now_ms - payment.expires_at_ms)


def refund_again_ms(payment: PaymentRow, now_ms: int) -> int:
    """When to try a refund again: at doubling distances, from seconds up to an hour."""
    age_ms = now_ms - (payment.settled_at_ms or now_ms)
    return now_ms + max(REFUND_AGAIN_MIN_MS, min(age_ms, REFUND_AGAIN_MAX_MS))


def _open_page(conn: Connection, order_id: str, method: str) -> str | None:
    """The latest attempt of an order that has a page with this provider already and is open."""
    attempts = payments_table.c
    query = (
        select(attempts.id)
        .where(
            attempts.order_id == order_id,
            attempts.provider == method,
            attempts.status == "started",
            attempts.redirect_url.is_not(None),
        )
        .order_by(attempts.created_at_ms.desc())
        .limit(1)
    )
    found: str | None = conn.scalar(query)
    return found


def _no_such_method(method: str, on: list[str]) -> Refused:
    can = f"This place takes: {', '.join(on)}." if on else "Nothing can be paid here: no provider is on."
    return Refused("bad_request", can, details=[{"path": "method", "message": f"{method!r} is not on"}])
