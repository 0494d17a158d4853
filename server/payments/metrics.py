"""What is counted of payments."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class PaymentMetrics:
    """``outcome`` of attempts: succeeded, failed, redirected, unanswered, refund_due, refunded,
    refund_failed (tried again), refund_came_back (somebody has to see to it); of reports: accepted, ignored,
    refused. ``owed`` is what buyers are to get back, as the database has it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.payments = Counter(
            "danmart_payments_total",
            "Attempts to pay, by what came of them",
            ["provider", "outcome"],
            registry=registry,
        )
        self.reports = Counter(
            "danmart_payment_reports_total",
            "What providers reported by themselves",
            ["provider", "outcome"],
            registry=registry,
        )

        self.owed = Gauge(
            "danmart_refunds_owed",
            "Payments that are to be given back, by status: under way, or failed",
            ["status"],
            registry=registry,
        )

    def attempt(self, provider: str, outcome: str) -> None:
        self.payments.labels(provider, outcome).inc()

    def report(self, provider: str, outcome: str) -> None:
        self.reports.labels(provider, outcome).inc()
