"""What webhooks say of themselves to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class WebhookMetrics:
    """Of the endpoints that this node serves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "danmart_webhook_deliveries_total",
            "Attempts by how they ended: delivered, failed (tried again later), dead (given up)",
            ["outcome"],
            registry=registry,
        )
        self.saved = Counter(
            "danmart_webhook_saves_total",
            "Transactions that wrote down what was delivered",
            registry=registry,
        )
        self.lag = Gauge(
            "danmart_webhook_lag_seconds", "Age of the oldest message that isn't delivered", registry=registry
        )
        self.endpoints = Gauge(
            "danmart_webhook_endpoints",
            "Endpoints by state: active, paused, disabled",
            ["state"],
            registry=registry,
        )
        for outcome in ("delivered", "failed", "dead"):
            self.deliveries.labels(outcome)
