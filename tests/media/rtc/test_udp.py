from __future__ import annotations

import asyncio
import errno
import socket

import pytest
from aioice import stun

from media.config import MediaConfig
from media.rtc.udp import Path, UdpPort
from tests.media.world import until


class Remembering:
    """A peer that keeps what it is handed."""

    def __init__(self) -> None:
        self.checks: list[Path] = []
        self.data: list[bytes] = []
        self.is_heard = True

    def stun(self, message: stun.Message, path: Path) -> None:
        self.checks.append(path)

    def datagram(self, data: bytes, path: Path) -> None:
        self.data.append(data)


def check(ufrag: str) -> bytes:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ufrag}:them"
    return bytes(request)


def client(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


async def test_peers_are_told_apart_by_user_name_then_by_address() -> None:
    port = UdpPort(MediaConfig("n", udp_host="127.0.0.1"))
    port.open()
    one, other = Remembering(), Remembering()
    port.register("one", one)
    port.register("other", other)
    target = ("127.0.0.1", port.port)
    with client() as first, client() as second:
        first.sendto(check("one"), target)
        second.sendto(check("other"), target)
        await until(lambda: bool(one.checks and other.checks), "both checks")
        first.sendto(b"\x80before", target)
        await until(lambda: port.stray == 1, "a datagram of nobody dropped")
        port.learn(one.checks[0], one)
        port.learn(other.checks[0], other)
        first.sendto(b"\x80media", target)
        second.sendto(b"\x16dtls", target)
        await until(lambda: bool(one.data and other.data), "both datagrams")
        assert (one.data, other.data) == ([b"\x80media"], [b"\x16dtls"])
        port.forget(one.checks[0], other)
        first.sendto(b"\x80again", target)
        await until(lambda: len(one.data) == 2, "still its own")
        port.forget(one.checks[0], one)
        assert not port.learn(other.checks[0], one)  # the other is there, and keeps its address
        other.is_heard = False
        assert port.learn(other.checks[0], one)
        port.unregister("one")
        first.sendto(check("one"), target)
        await until(lambda: port.stray == 2, "a check for nobody dropped")
        assert port.send(b"answer", second.getsockname())
        assert await asyncio.get_running_loop().sock_recv(second, 100) == b"answer"
    port.close()
    port.close()
    assert not port.send(b"late", target)


async def test_both_families_share_one_port() -> None:
    port = UdpPort(MediaConfig("n", udp_host="::"))
    try:
        port.open()
    except OSError:
        pytest.skip("this machine has no IPv6")
    peer = Remembering()
    port.register("one", peer)
    with client() as sock:
        sock.sendto(check("one"), ("127.0.0.1", port.port))
        await until(lambda: len(peer.checks) == 1, "the check")
        assert peer.checks[0].plain == ("127.0.0.1", sock.getsockname()[1])
        assert port.send(b"x", peer.checks[0].address)
    port.close()


async def test_taken_port_says_what_to_do() -> None:
    first = UdpPort(MediaConfig("n", udp_host="127.0.0.1"))
    first.open()
    second = UdpPort(MediaConfig("n", udp_host="127.0.0.1", udp_port=first.port))
    with pytest.raises(OSError, match="choose another") as raised:
        second.open()
    assert raised.value.errno == errno.EADDRINUSE
    first.close()


@pytest.mark.parametrize(
    ("config", "addresses"),
    [
        (MediaConfig("n", udp_host="127.0.0.1"), ("127.0.0.1",)),
        (MediaConfig("n", udp_host="127.0.0.1", include_loopback=True), ("127.0.0.1",)),
        (MediaConfig("n", announced_addresses=("203.0.113.5",)), ("203.0.113.5",)),
        (
            MediaConfig("n", announced_addresses=("203.0.113.5",), include_loopback=True),
            ("203.0.113.5", "127.0.0.1"),
        ),
    ],
)
async def test_announced_addresses(config: MediaConfig, addresses: tuple[str, ...]) -> None:
    port = UdpPort(config)
    port.open()
    assert port.addresses == addresses
    port.close()


async def test_addresses_of_the_machine_are_announced_by_default() -> None:
    port = UdpPort(MediaConfig("n"))
    port.open()
    assert port.addresses
    assert not any(address.startswith("169.254.") for address in port.addresses)
    port.close()
