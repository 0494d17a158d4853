"""Who is really calling when a proxy stands in front, by the headers of trusted proxies only.

Anybody can send ``X-Forwarded-For``. What it says counts only as far as trusted machines wrote it: from the
right, over the addresses of trusted proxies, to the first that isn't one. That address was written by a
trusted proxy that saw it; what stands left of it is hearsay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS_MAX = 32
"""More proxies than anybody has; what stands before them isn't looked at."""

_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+)(?::\d+)?")
_QUOTED_OR_NOT = r'"((?:[^"\\]|\\.)*)"|([^\s;,"]*)'
_PAIR = re.compile(rf"\s*([A-Za-z]+)=(?:{_QUOTED_OR_NOT})\s*([;,]|$)")


class Headers(Protocol):
    """Request headers, of which there may be several of one name."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from. ``address`` is None if it can't be known; ``scheme`` is http or https."""

    address: Address | None
    scheme: str

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        return str(self.address or "unknown")


def real_client(peer: str | None, scheme: str, headers: Headers, trusted: Sequence[Network]) -> Client:
    """The client behind a connection from ``peer`` by ``scheme``. Pure; never fails.

    ``X-Forwarded-For`` counts before ``Forwarded`` (RFC 7239), because proxies that know only the first pass
    the second through as it came.
    """
    address = parse_address(peer or "")
    if address is None or not _is_trusted(address, trusted):
        return Client(address, scheme)
    hops = _x_forwarded(headers) or _forwarded(headers)
    for hop_address, hop_scheme in hops[: -HOPS_MAX - 1 : -1]:
        scheme = hop_scheme or scheme
        hop = parse_address(hop_address)
        if hop is None:  # the proxy didn't know or didn't say: the last known address stands
            break
        address = hop
        if not _is_trusted(hop, trusted):
            break
    return Client(address, scheme)


def parse_address(text: str) -> Address | None:
    """An address as proxies write it: plain, with a port, in brackets; IPv4 in IPv6 is IPv4."""
    text = text.strip()
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((match[1] or match[2]) if match else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _x_forwarded(headers: Headers) -> list[tuple[str, str | None]]:
    """The hops as ``(address, scheme)``, the nearest last. One scheme for all is the nearest proxy's word."""
    addresses = list(_items(headers, "X-Forwarded-For"))
    schemes = [_scheme(item) for item in _items(headers, "X-Forwarded-Proto")]
    if len(schemes) == len(addresses):
        return list(zip(addresses, schemes, strict=True))
    last = schemes[-1] if schemes else None
    if not addresses:
        return [] if headers.getall("Forwarded", ()) else [("", last)]
    return [(address, last) for address in addresses]


def _forwarded(headers: Headers) -> list[tuple[str, str | None]]:
    hops: list[tuple[str, str | None]] = []
    for line in headers.getall("Forwarded", ()):
        found = _elements(line)
        if found is None:
            return []  # malformed: believing a part of it would be guessing
        hops += [(pairs.get("for", ""), _scheme(pairs.get("proto", ""))) for pairs in found]
    return hops


def _elements(line: str) -> list[dict[str, str]] | None:
    elements: list[dict[str, str]] = [{}]
    position = 0
    while position < len(line):
        match = _PAIR.match(line, position)
        if match is None:
            return None
        quoted, plain = match[2], match[3]
        elements[-1][match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        position = match.end()
        if match[4] == ",":
            elements.append({})
    return elements


def _items(headers: Headers, name: str) -> Iterator[str]:
    for line in headers.getall(name, ()):
        yield from (item.strip() for item in line.split(","))


def _scheme(text: str) -> str | None:
    lower = text.strip().lower()
    return lower if lower in ("http", "https") else None


_CLIENT = web.RequestKey("client", Client)


def proxy_middleware(trusted: Sequence[Network]) -> Middleware:
    """Puts the real client of each request where ``client_of`` finds it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[_CLIENT] = real_client(request.remote, request.scheme, request.headers, trusted)
        return await handler(request)

    return middleware


def client_of(request: web.BaseRequest) -> Client:
    """The real client of ``request``; outside the middleware, the peer."""
    known = request.get(_CLIENT)
    return known if known is not None else Client(parse_address(request.remote or ""), request.scheme)
