"""How much one connection, person or address may ask of a node. No I/O, no clock."""

from __future__ import annotations

import math
from collections import OrderedDict
from ipaddress import IPv6Address

from rooms.errors import Refused
from server.config.sections import Limits
from server.proxies import Address, parse_address

IPV6_SITE_BITS = 64
RETRY_AFTER_MS = 5000

_WHOSE = {
    "connection": "on this connection",
    "user": "of yours",
    "address": "from your address",
}


class Meter:
    """``count`` at once, for each key, and as many again spread evenly over each ``window_ms``.

    One number a key: when its allowance will be whole again (the generic cell rate algorithm). Keeps the
    latest ``keys_max`` keys; one that falls out starts afresh, which only ever allows more.
    """

    def __init__(self, count: int, window_ms: int, *, keys_max: int = 50_000) -> None:
        self.count = count
        self.window_ms = window_ms
        self._each_ms = window_ms / count
        self._keys_max = keys_max
        self._whole_at_ms: OrderedDict[str, float] = OrderedDict()

    def wait_ms(self, key: str, now_ms: int) -> int:
        """How long until the next one is allowed; 0: now."""
        whole_at_ms = self._whole_at_ms.get(key, 0.0)
        early_ms = whole_at_ms + self._each_ms - self.window_ms - now_ms
        # Adding up fractions leaves some. A clock that was set back locks nobody out for long.
        return min(self.window_ms, max(0, math.ceil(early_ms - 0.001)))

    def take(self, key: str, now_ms: int) -> None:
        """Count one."""
        whole_at_ms = min(self._whole_at_ms.get(key, 0.0), now_ms + self.window_ms)
        self._whole_at_ms[key] = max(whole_at_ms, now_ms) + self._each_ms
        self._whole_at_ms.move_to_end(key)
        if len(self._whole_at_ms) > self._keys_max:
            self._whole_at_ms.popitem(last=False)


class CommandLimits:
    """What commands are held to, over Socket.IO and over HTTP, before anything else is done for them."""

    def __init__(self, limits: Limits) -> None:
        window_ms = round(limits.commands_window_s * 1000)
        self._max_bytes = limits.command_max_bytes
        self._connections = Meter(limits.commands_per_connection, window_ms)
        self._users = Meter(limits.commands_per_user, window_ms)
        self._addresses = Meter(limits.commands_per_address, window_ms)

    def check_size(self, length: int) -> None:
        """Raises ``Refused("too_large")``; ``length`` in characters or bytes."""
        if length > self._max_bytes:
            limit = {"max_bytes": self._max_bytes}
            raise Refused("too_large", f"A command has at most {self._max_bytes} bytes.", details=limit)

    def count(self, *, connection: str | None, user: str | None, address: str, now_ms: int) -> None:
        """Count a command, or raise ``Refused("rate_limited")`` and count nothing.

        ``connection`` is None over HTTP, ``user`` for guests; ``address`` is a site as of ``site_of``.
        """
        keys = (
            ("connection", self._connections, connection),
            ("user", self._users, user),
            ("address", self._addresses, address),
        )
        for per, meter, key in keys:
            if key is not None and (wait_ms := meter.wait_ms(key, now_ms)):
                raise Refused(
                    "rate_limited",
                    f"Too many commands {_WHOSE[per]}: wait a moment.",
                    retry_after_ms=wait_ms,
                    details={"per": per, "limit": meter.count, "window_ms": meter.window_ms},
                )
        for _, meter, key in keys:
            if key is not None:
                meter.take(key, now_ms)


def too_many_connections(per: str, limit: int) -> Refused:
    """What somebody is told who has ``limit`` connections open; ``per`` is ``user`` or ``address``."""
    return Refused(
        "too_many_connections",
        f"Too many connections {_WHOSE[per]} are open already.",
        retry_after_ms=RETRY_AFTER_MS,
        details={"per": per, "limit": limit},
    )


def site_of(address: Address | str | None) -> str:
    """What an address is counted by: itself, or of IPv6 its site (/64)."""
    if isinstance(address, str):
        if ":" not in address:
            return address
        address = parse_address(address)
    if isinstance(address, IPv6Address):
        return f"{int(address) >> IPV6_SITE_BITS:x}/64"
    return str(address or "unknown")
