"""Traces that somebody leaves: which device, which address, which network; kept as keyed digests alone.

Nothing that is stored says where anybody was. With the node's secret it can be told that two people came from
the same place, and without it not even that.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

KEPT_MS: Final = 90 * 86_400_000
"""A trace that nobody has left again for so long is forgotten."""
SEEN_AGAIN_MS: Final = 3_600_000
"""A trace is written down again when it is older than this: not with every connection."""
SHARED_BY: Final = 8
"""An address or a device that more people than this have come by says nothing of any of them."""


class Trace(StrEnum):
    """What is compared. The narrower it is, the more it says."""

    DEVICE = "device"
    ADDRESS = "address"
    """An IPv4 address, or the /64 of an IPv6 one: what one household or phone has."""
    NETWORK = "network"
    """The /24 or the /48 around it: a street, a campus, an office."""


_BITS = {Trace.ADDRESS: (32, 64), Trace.NETWORK: (24, 48)}


@dataclass(frozen=True, slots=True)
class Mark:
    """One trace's digest."""

    kind: Trace
    digest: str


class Tracer:
    """Makes digests with a key of the node's. Pure."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def marks(self, address: Address | None, device: str | None) -> tuple[Mark, ...]:
        """What a connection leaves; what isn't known leaves nothing."""
        found = [] if device is None else [self.device(device)]
        if address is not None and not address.is_loopback:
            found += [self.place(address, Trace.ADDRESS), self.place(address, Trace.NETWORK)]
        return tuple(found)

    def device(self, device: str) -> Mark:
        return Mark(Trace.DEVICE, self._digest(f"device|{device}"))

    def place(self, address: Address, width: Trace) -> Mark:
        """The address, or the network around it."""
        four, six = _BITS[width]
        bits = four if isinstance(address, IPv4Address) else six
        network = ip_network(f"{address}/{bits}", strict=False)
        return Mark(width, self._digest(f"{width.value}|{network}"))

    def _digest(self, text: str) -> str:
        whole = hmac.digest(self._key, text.encode(), sha256)
        return urlsafe_b64encode(whole[:15]).decode()


@dataclass(frozen=True, slots=True)
class Likeness:
    """Somebody else who left the same trace. ``shared`` is by how many people it was left in all."""

    user_id: str
    kind: Trace
    shared: int


def hint(found: Collection[Likeness]) -> Likeness | None:
    """The strongest sign that somebody is one of these others, or None if nothing says so.

    A device says more than an address; a network says nothing by itself; and what many share says nothing.
    """
    telling = [one for one in found if one.kind is not Trace.NETWORK and one.shared <= SHARED_BY]
    return min(telling, key=lambda one: (one.kind is not Trace.DEVICE, one.shared, one.user_id), default=None)
