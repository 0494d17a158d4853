"""The one HTTP client for requests made for others: their addresses are checked before anything is sent.

Whoever can make Danmart fetch an address (a key set, a webhook, a picture) must not reach what only this
machine can reach. So a name is resolved once, every address it has must be public, and the connection goes
to those addresses and nowhere else: no redirects, no proxies from the environment, no cookies.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from server.config.sections import Outbound as OutboundSettings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host name; raises ``OSError``."""

URL_MAX_CHARS = 2048
CONCURRENT_MAX = 20
"""Requests under way at once; further ones wait within their own time limit."""

# Beside what ``is_global`` knows: addresses that are public by the letter and not in effect.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's metadata
        "3fff::/20",  # documentation, later than some Pythons know
        "5f00::/16",  # segment routing
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


class OutboundError(OSError):
    """A request made for somebody else was refused or failed; says why in a person's words."""


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """A whole answer. ``headers`` have lower-case names; of repeated ones the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that this machine's resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Makes requests for others, bounded in time and size. Cancelling one closes its connection."""

    def __init__(
        self,
        settings: OutboundSettings,
        *,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
        concurrent_max: int = CONCURRENT_MAX,
    ) -> None:
        self._settings = settings
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()
        self._slots = asyncio.Semaphore(concurrent_max)

    async def get(self, url: str) -> bytes:
        """The body at ``url``. Raises ``OutboundError``, also if the answer isn't 200."""
        response = await self.request("GET", url)
        if 300 <= response.status < 400:
            raise OutboundError(f"{_host_of(url)} answers with a redirect: give the final address")
        if response.status != 200:
            raise OutboundError(f"{_host_of(url)} answers with status {response.status}")
        return response.body

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int | None = None,
        want_body: bool = True,
    ) -> OutboundResponse:
        """Sends one request and reads the whole answer, of at most ``max_bytes`` (default: the configured).
        Without ``want_body`` only its head is read, and the connection closed.

        A redirect is an answer like any other and not followed. Raises ``OutboundError`` if the address is
        not allowed, can't be reached, takes longer than the configured time in all, or answers with more.
        """
        target = parse_url(url)
        limit = (self._settings.max_bytes if max_bytes is None else max_bytes) if want_body else None
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._slots:
                addresses = await self._addresses(target)
                return await self._send(method, target, addresses, headers or {}, body, limit)
        except TimeoutError:
            seconds = self._settings.timeout_s
            raise OutboundError(f"{target.host} takes longer than {seconds:g} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise OutboundError(f"{target.host} can't be asked: {error}") from error

    async def check(self, url: str) -> None:
        """Raises ``OutboundError`` if a request to ``url`` would be refused, as its name resolves now."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._addresses(parse_url(url))
        except TimeoutError:
            raise OutboundError(f"the name {_host_of(url)} can't be resolved in time") from None

    async def _addresses(self, url: URL) -> list[Address]:
        """The addresses of the URL's host, all of them allowed."""
        host, port = url.raw_host or "", url.port or 443
        try:
            found = [_plain(host)] if _looks_numeric(host) else await self._look_up(host, port)
        except ValueError:
            raise OutboundError(f"{host} is not an IP address in the usual form") from None
        forbidden = [address for address in found if not self._may_reach(address)]
        if forbidden:
            raise OutboundError(
                f"{host} leads to {forbidden[0]}, which is not a public address;"
                " if that is meant, put its network into outbound.allow_private"
            )
        if url.scheme != "https" and not all(self._is_allowed_private(address) for address in found):
            raise OutboundError(f"{host} must be asked by https")
        return found

    async def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            names = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise OutboundError(f"the name {host} can't be resolved: {error}") from error
        if not names:
            raise OutboundError(f"the name {host} has no address")
        return [ip_address(name) for name in names]

    def _may_reach(self, address: Address) -> bool:
        return is_public(address) or self._is_allowed_private(address)

    def _is_allowed_private(self, address: Address) -> bool:
        return any(_unwrapped(address) in network for network in self._settings.allow_private)

    async def _send(
        self,
        method: str,
        url: URL,
        addresses: Sequence[Address],
        headers: Mapping[str, str],
        body: bytes | None,
        limit: int | None,
    ) -> OutboundResponse:
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(addresses), use_dns_cache=False, force_close=True, ssl=self._tls
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # what is small on the wire must not be large in memory
                headers={"Accept-Encoding": "identity", "User-Agent": "Danmart"},
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            ) as session,
            session.request(method, url, headers=headers, data=body, allow_redirects=False) as response,
        ):
            return OutboundResponse(
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                b"" if limit is None else await _read(response, limit),
            )


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OutboundError(f"{response.url.host} answers compressed, which it wasn't asked for")
    if (response.content_length or 0) > limit:
        raise OutboundError(f"{response.url.host} answers with more than {limit} bytes")
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise OutboundError(f"{response.url.host} answers with more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class _Pinned(AbstractResolver):
    """Gives the addresses that were checked, whatever name it is asked for."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """There is nothing to release."""


def parse_url(text: str) -> URL:
    """``text`` as an http(s) URL without a user in it. Raises ``OutboundError``."""
    if len(text) > URL_MAX_CHARS:
        raise OutboundError(f"the address is longer than {URL_MAX_CHARS} characters")
    try:
        url = URL(text)
        fine = url.scheme in ("http", "https") and bool(url.raw_host) and url.port is not None
    except (ValueError, TypeError):
        fine = False
    if not fine:
        raise OutboundError("the address is not of the form https://host/path")
    if url.raw_user is not None or url.raw_password is not None:
        raise OutboundError("the address has a user name in it, which is not allowed")
    return url.with_fragment(None)


def is_public(address: Address) -> bool:
    """Whether ``address`` is one on the public internet: not private, loopback, link-local, multicast, shared
    (CGNAT), reserved or a cloud's metadata, also when an IPv6 address only wraps it (RFC 4291, 6052, 3056).
    """
    address = _unwrapped(address)
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _looks_numeric(host: str) -> bool:
    """Whether the system would take ``host`` for an address and ask nobody: 127.1 and 2130706433 too."""
    return ":" in host or host.replace(".", "").isdigit()


def _plain(host: str) -> Address:
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError("a zone makes no sense outside this machine")
    return address


def _host_of(url: str) -> str:
    return parse_url(url).host or ""
