"""The one UDP port of a node: who a datagram belongs to, and how one goes out."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from typing import Any, NamedTuple, Protocol

import ifaddr
from aioice import stun

from media.config import MediaConfig
from media.rtc import ice

_log = logging.getLogger(__name__)
_READS_AT_ONCE = 32
_SOCKET_BUFFER_BYTES = 4 << 20
_DATAGRAM_BYTES = 2048

Address = tuple[Any, ...]
Bound = ipaddress.IPv4Address | ipaddress.IPv6Address


def any_address() -> str:
    """What to bind for all addresses of this machine: ``::``, or ``0.0.0.0`` where the kernel has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            trial.bind(("::", 0))
    except OSError:
        return "0.0.0.0"  # noqa: S104
    return "::"


class Path(NamedTuple):
    """A way to a peer: the socket's own form of its address."""

    address: Address

    @property
    def plain(self) -> tuple[str, int]:
        """IP address and port, with an IPv4 address in its own form."""
        host = self.address[0]
        return (host.removeprefix("::ffff:")), self.address[1]


class Peer(Protocol):
    """What the port hands datagrams to. Calls must not raise."""

    @property
    def is_heard(self) -> bool:
        """Whether something authentic of it came lately."""
        ...

    def stun(self, message: stun.Message, path: Path) -> None: ...

    def datagram(self, data: bytes, path: Path) -> None: ...


class UdpPort:
    """Sends and receives for all peers; not in use before ``open``.

    A datagram is its sender's whose address is known from an authenticated check; a check finds its peer by
    the ICE user name fragment (RFC 8445, 7.3). Everything else is dropped.
    """

    def __init__(self, config: MediaConfig) -> None:
        self._config = config
        self._by_ufrag: dict[str, Peer] = {}
        self._by_address: dict[Address, Peer] = {}
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0
        self.addresses: tuple[str, ...] = ()
        self.blocked = 0
        self.stray = 0
        self.faults = 0
        self._said_at = -1.0

    def open(self) -> None:
        """Binds the port. Raises ``OSError`` with what to do about it."""
        family = socket.AF_INET6 if ":" in self._config.udp_host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind((self._config.udp_host, self._config.udp_port))
        except OSError as error:
            sock.close()
            where = f"UDP port {self._config.udp_port} on {self._config.udp_host}"
            raise OSError(error.errno, f"{where} can't be used: choose another ({error.strerror})") from error
        self._socket, self.port = sock, sock.getsockname()[1]
        self.addresses = _announced(self._config)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        if self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def register(self, ufrag: str, peer: Peer) -> None:
        self._by_ufrag[ufrag] = peer

    def unregister(self, ufrag: str) -> None:
        self._by_ufrag.pop(ufrag, None)

    def learn(self, path: Path, peer: Peer) -> bool:
        """Datagrams from ``path`` are ``peer``'s from now on.

        False, and nothing is changed, if they are another's who was heard just now: a check that was caught
        and sent again must not take its address from a session.
        """
        owner = self._by_address.get(path.address)
        if owner is not None and owner is not peer and owner.is_heard:
            return False
        self._by_address[path.address] = peer
        return True

    def forget(self, path: Path, peer: Peer) -> None:
        if self._by_address.get(path.address) is peer:
            del self._by_address[path.address]

    def send(self, data: bytes | memoryview, address: Address) -> bool:
        """Sends now or not at all; false when the kernel has no room, or the peer can't be reached."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(data, address)
        except OSError:  # BlockingIOError among them: late video is worth nothing, so nothing is queued
            self.blocked += 1
            return False
        return True

    def _readable(self) -> None:
        for _ in range(_READS_AT_ONCE):
            if self._socket is None:
                return
            try:
                data, address = self._socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier send
                continue
            try:
                self._dispatch(data, address)
            except Exception:
                self._fault()

    def _fault(self) -> None:
        """A datagram met a bug of ours, which is said once a second: there may be thousands of its kind."""
        self.faults += 1
        now = time.monotonic()
        if now - self._said_at >= 1:
            self._said_at = now
            _log.exception("a datagram could not be handled", extra={"so_far": self.faults})

    def _dispatch(self, data: bytes, address: Address) -> None:
        peer = self._by_address.get(address)
        if not ice.is_stun(data):
            if peer is None:
                self.stray += 1
            else:
                peer.datagram(data, Path(address))
            return
        message = ice.parse(data)
        if message is None:
            return
        if message.message_class == stun.Class.REQUEST:
            peer = self._by_ufrag.get(ice.local_ufrag(message) or "")
        if peer is None:
            self.stray += 1
        else:
            peer.stun(message, Path(address))


def _announced(config: MediaConfig) -> tuple[str, ...]:
    """The addresses that clients are told, best first."""
    bound = ipaddress.ip_address(config.udp_host)
    if config.announced_addresses:
        found = list(config.announced_addresses)
    elif bound.is_unspecified:
        found = _interface_addresses(bound.version == 6)
    else:
        found = [str(bound)]
    if config.include_loopback or not found:
        found += _loopback(bound)
    return tuple(dict.fromkeys(found))


def _loopback(bound: Bound) -> list[str]:
    """This machine's own addresses that reach a socket bound to ``bound``."""
    if bound.version == 4:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"] if bound.is_unspecified else ["::1"]


def _interface_addresses(with_ipv6: bool) -> list[str]:
    found = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            address = ipaddress.ip_address(entry.ip if isinstance(entry.ip, str) else entry.ip[0])
            if address.is_loopback or address.is_link_local or (address.version == 6 and not with_ipv6):
                continue
            found.append(str(address))
    return sorted(found, key=lambda text: ":" in text)
