"""The same picture over IPv6, and both families on one port."""

from __future__ import annotations

import socket

import aioice.ice
import pytest

from media.config import MediaConfig
from media.rtc.udp import UdpPort, any_address
from tests.media.world import running_world, until


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_ipv6(), reason="this kernel has no IPv6")


@pytest.fixture(params=["127.0.0.1", "::1"])
def own_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only address that clients have."""
    address: str = request.param
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [address])
    return address


async def test_one_port_serves_both_families(own_address: str) -> None:
    async with running_world(udp_host="::", include_loopback=True) as world:
        publisher = await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(3)
        for client in (publisher, viewer):
            assert " ::1 " in client.peer.remoteDescription.sdp
            assert " 127.0.0.1 " in client.peer.remoteDescription.sdp
        [seen] = world.service._streams["demo"].relay.viewers
        assert seen.peer is not None
        assert seen.peer.path is not None
        assert seen.peer.path.plain[0] == own_address
        assert await publisher.delete() == 200
        await until(lambda: not world.service._streams["demo"].is_live, "the end")


async def test_ipv6_alone_announces_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["::1"])
    async with running_world(udp_host="::1", include_loopback=True) as world:
        await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(1)
        assert "127.0.0.1 " not in viewer.peer.remoteDescription.sdp.partition("a=candidate")[2]


async def test_announced_addresses_may_be_of_both_families() -> None:
    port = UdpPort(
        MediaConfig("n", udp_host=any_address(), announced_addresses=("2001:db8::7", "203.0.113.7"))
    )
    port.open()
    try:
        assert port.addresses == ("2001:db8::7", "203.0.113.7")
    finally:
        port.close()
