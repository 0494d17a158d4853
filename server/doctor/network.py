"""Checks of where the node listens and whether viewers get there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

from server.config import Settings, is_loopback
from server.doctor.finding import Finding, error, ok, warn
from server.outbound import is_public

# An address for documentation (RFC 5737): choosing a route to it sends nothing.
_SOMEWHERE = ("192.0.2.1", 9)


def check_ports(settings: Settings) -> Iterator[Finding]:
    """Each port is free and may be taken."""
    listen = settings.listen
    wanted = [("HTTP", listen.host, listen.port, socket.SOCK_STREAM)]
    media_host = str(listen.udp_host or listen.host)
    wanted.append(("media", media_host, listen.udp_port, socket.SOCK_DGRAM))
    if settings.media.rtmp.port is not None:
        wanted.append(("RTMP", listen.host, settings.media.rtmp.port, socket.SOCK_STREAM))
    if listen.internal_port is not None:
        internal_host = listen.internal_host or listen.host
        wanted.append(("internal", internal_host, listen.internal_port, socket.SOCK_STREAM))
    for name, host, port, kind in wanted:
        yield _try_port(name, host, port, kind)


def _try_port(name: str, host: str, port: int, kind: socket.SocketKind) -> Finding:
    protocol = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    place = f"{protocol} port {port} on {host} ({name})"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as trial:
            if kind == socket.SOCK_STREAM:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except socket.gaierror:
        return error(f"{host} is no address of this machine", "set listen.host to 127.0.0.1 or 0.0.0.0")
    except PermissionError:
        return error(f"{place}: ports below 1024 are for root", "take a higher one and put a proxy in front")
    except OSError as problem:
        return error(
            f"{place} can't be taken: {problem.strerror}",
            "stop what listens there (perhaps Danmart is running already), or take another port",
        )
    return ok(f"{place} is free" if port else f"{host} has a free {protocol} port ({name})")


def check_exposure(settings: Settings) -> Iterator[Finding]:
    """TLS, proxies and the demo, for a node that others can reach."""
    listen = settings.listen
    for network in listen.trusted_proxies:
        if network.prefixlen == 0:
            yield error(
                f"listen.trusted_proxies has {network}: everybody may claim to be anybody",
                "list the addresses of your proxies only",
            )
    if settings.demo_public:
        yield warn("everybody who can reach this node gets into the demo", "turn demo_public off afterwards")
    if listen.public_url and listen.public_url.startswith("http://"):
        host = listen.public_url.removeprefix("http://").rsplit(":", 1)[0]
        if not is_loopback(host.strip("[]")):
            yield warn(
                f"{listen.public_url} is not https, and browsers give a camera to https pages only",
                "put a proxy with a certificate in front (compose.yaml has Caddy) and set listen.public_url",
            )
    if listen.is_public and not listen.trusted_proxies:
        yield warn(
            f"the node listens on {listen.host} without TLS and trusts no proxy",
            "put a proxy with a certificate in front and list its address in listen.trusted_proxies",
        )
    if settings.media.rtmp.port is not None and listen.is_public:
        yield warn(
            "RTMP isn't encrypted: who listens on the way reads stream keys",
            "prefer WHIP; else put TLS in front (rtmps), or let only your own network reach the port",
        )
    if not listen.is_public:
        yield ok("the node listens on this machine only")


def check_announced_addresses(settings: Settings) -> Iterator[Finding]:
    """The addresses to which viewers are told to send their media."""
    reachable = settings.listen.is_public
    for address in settings.media.announced_addresses:
        if address.is_unspecified or address.is_multicast or address.is_link_local:
            yield error(f"nobody can send media to {address}", "set media.announced_addresses to real ones")
        elif address.is_loopback and reachable:
            yield error(
                f"media is announced at {address}, where each viewer finds only itself",
                "set media.announced_addresses to this machine's public address",
            )
        elif reachable and not is_public(address):
            yield warn(
                f"media is announced at {address}: viewers outside this network will have HLS only",
                "set media.announced_addresses to the public address, if there are such viewers",
            )
        else:
            yield ok(f"media is announced at {address}")
    if settings.media.announced_addresses or not reachable:
        return
    own = own_address()
    if own is None or not is_public(ip_address(own)):
        yield warn(
            f"viewers on the internet can't send media to this machine's own address, {own or 'not known'}",
            "set media.announced_addresses to the address that they see, and publish the UDP port",
        )
    else:
        yield ok(f"media will be announced at {own}")


def own_address() -> str | None:
    """The address from which this machine would speak to the internet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(_SOMEWHERE)
        except OSError:
            return None
        return str(trial.getsockname()[0])
