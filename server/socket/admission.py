"""Who may still come in: so many connections an address, and nobody while the loop can't keep up."""

from __future__ import annotations

from collections.abc import Callable

from rooms.errors import Refused
from server.limits import RETRY_AFTER_MS, site_of, too_many_connections
from server.proxies import Address

LAG_MAX_S = 0.25
"""Unless somebody sets it otherwise."""


class Admission:
    """Counts connections by address; a site of IPv6 (/64) counts as one. ``clock`` gives seconds, and never
    goes back; beyond a lag of ``lag_max_s`` nobody comes in."""

    def __init__(
        self, per_address_max: int, clock: Callable[[], float], *, lag_max_s: float = LAG_MAX_S
    ) -> None:
        self._per_address_max = per_address_max
        self._lag_max_s = lag_max_s
        self._clock = clock
        self._connections: dict[str, int] = {}
        self._lag_s = 0.0
        self._next_look: float | None = None

    def looked(self, *, next_in_s: float) -> None:
        """The loop got round to look at the clock, and is to do so again in so many seconds."""
        now = self._clock()
        self._lag_s = 0.0 if self._next_look is None else max(0.0, now - self._next_look)
        self._next_look = now + next_in_s

    @property
    def lag_s(self) -> float:
        """How far the loop is behind."""
        overdue = 0.0 if self._next_look is None else self._clock() - self._next_look
        return max(self._lag_s, overdue)

    def check(self, address: Address | None) -> None:
        """Raises ``Refused``: ``busy`` while the loop lags, ``too_many_connections``."""
        if self.lag_s > self._lag_max_s:
            raise Refused(
                "busy", "This server is overloaded: come back later.", retry_after_ms=RETRY_AFTER_MS
            )
        if self._connections.get(site_of(address), 0) >= self._per_address_max:
            raise too_many_connections("address", self._per_address_max)

    def enter(self, address: Address | None) -> str:
        """Count a connection; gives the site that ``leave`` is to be told when it ends."""
        site = site_of(address)
        self._connections[site] = self._connections.get(site, 0) + 1
        return site

    def leave(self, site: str) -> None:
        left = self._connections[site] - 1
        if left:
            self._connections[site] = left
        else:
            del self._connections[site]
