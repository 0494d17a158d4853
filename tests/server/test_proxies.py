"""The real client: forwarded headers count exactly as far as trusted proxies wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from aiohttp import ClientSession, web
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from server.proxies import Client, client_of, parse_address, proxy_middleware, real_client

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def seen(peer: str | None, *headers: tuple[str, str], trusted: Sequence[object] = TRUSTED) -> tuple[str, str]:
    client = real_client(peer, "http", CIMultiDict(headers), TRUSTED if trusted else [])
    return str(client), client.scheme


def test_without_proxies_the_peer_is_the_client() -> None:
    assert seen("1.2.3.4") == ("1.2.3.4", "http")
    assert seen("10.0.0.1") == ("10.0.0.1", "http")


def test_an_untrusted_peer_says_what_it_likes_in_vain() -> None:
    lies = [
        ("X-Forwarded-For", "8.8.8.8"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=8.8.8.8;proto=https"),
    ]
    assert seen("1.2.3.4", *lies) == ("1.2.3.4", "http")
    assert seen("10.0.0.1", *lies, trusted=[]) == ("10.0.0.1", "http")


def test_the_rightmost_untrusted_address_is_the_client() -> None:
    assert seen("10.0.0.1", ("X-Forwarded-For", "8.8.8.8, 1.2.3.4, 10.0.0.2")) == ("1.2.3.4", "http")
    assert seen("10.0.0.1", ("X-Forwarded-For", "8.8.8.8"), ("X-Forwarded-For", "1.2.3.4")) == (
        "1.2.3.4",
        "http",
    )


def test_a_chain_of_trusted_machines_ends_at_the_first() -> None:
    assert seen("10.0.0.1", ("X-Forwarded-For", "10.9.9.9, 10.0.0.2")) == ("10.9.9.9", "http")


@pytest.mark.parametrize("junk", ["unknown", "", "1.2.3", "<script>", "1.2.3.4.5", "_hidden", "٣.1.1.1"])
def test_what_is_no_address_ends_the_walk_at_the_last_known(junk: str) -> None:
    assert seen("10.0.0.1", ("X-Forwarded-For", f"8.8.8.8, {junk}, 10.0.0.2")) == ("10.0.0.2", "http")
    assert seen("10.0.0.1", ("X-Forwarded-For", junk)) == ("10.0.0.1", "http")


def test_the_scheme_is_what_the_proxy_says() -> None:
    assert seen("10.0.0.1", ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")) == (
        "1.2.3.4",
        "https",
    )
    assert seen("10.0.0.1", ("X-Forwarded-Proto", "HTTPS")) == ("10.0.0.1", "https")
    assert seen("10.0.0.1", ("X-Forwarded-Proto", "gopher")) == ("10.0.0.1", "http")
    assert seen("10.0.0.1", ("X-Forwarded-Proto", "https, http")) == ("10.0.0.1", "http")
    assert seen("10.0.0.1", ("X-Forwarded-Proto", "http"), ("Forwarded", "for=1.2.3.4;proto=https")) == (
        "1.2.3.4",
        "https",
    )


def test_schemes_of_several_hops_belong_to_their_hops() -> None:
    both = [("X-Forwarded-For", "8.8.8.8, 1.2.3.4, 10.0.0.2"), ("X-Forwarded-Proto", "http, https, http")]
    assert seen("10.0.0.1", *both) == ("1.2.3.4", "https")


def test_the_standard_header() -> None:
    line = 'for=8.8.8.8, For="[2001:db8::1]:4711";Proto=https;by=x, for=10.0.0.2;proto=http'
    assert seen("10.0.0.1", ("Forwarded", line)) == ("2001:db8::1", "https")
    assert seen("10.0.0.1", ("Forwarded", 'for="_a,\\"b";proto=https')) == ("10.0.0.1", "https")


@pytest.mark.parametrize("line", ["for", 'for="x', "for=1.2.3.4 5", ";;", "for=8.8.8.8, for"])
def test_a_malformed_standard_header_counts_for_nothing(line: str) -> None:
    assert seen("10.0.0.1", ("Forwarded", line)) == ("10.0.0.1", "http")


def test_a_clients_own_standard_header_doesnt_beat_the_proxys() -> None:
    headers = [("Forwarded", "for=8.8.8.8"), ("X-Forwarded-For", "1.2.3.4")]
    assert seen("10.0.0.1", *headers) == ("1.2.3.4", "http")


def test_addresses_are_read_as_proxies_write_them() -> None:
    assert parse_address("1.2.3.4:80") == ip_address("1.2.3.4")
    assert parse_address("[2001:db8::1]:80") == ip_address("2001:db8::1")
    assert parse_address(" 2001:db8::1 ") == ip_address("2001:db8::1")
    assert parse_address("::ffff:1.2.3.4") == ip_address("1.2.3.4")
    assert seen("::ffff:10.0.0.1", ("X-Forwarded-For", "1.2.3.4")) == ("1.2.3.4", "http")


def test_a_peer_without_an_address_is_unknown_and_untrusted() -> None:
    assert seen(None, ("X-Forwarded-For", "1.2.3.4")) == ("unknown", "http")
    assert seen("", ("X-Forwarded-For", "1.2.3.4")) == ("unknown", "http")


def test_an_endless_list_is_cut() -> None:
    assert seen("10.0.0.1", ("X-Forwarded-For", "8.8.8.8" + ", 10.0.0.2" * 500)) == ("10.0.0.2", "http")


@given(
    st.lists(st.text(max_size=30), max_size=4),
    st.lists(st.text(max_size=30), max_size=4),
    st.text(max_size=20),
)
def test_no_header_breaks_it_and_only_trusted_peers_are_believed(
    forwarded_for: list[str], forwarded: list[str], proto: str
) -> None:
    headers = [("X-Forwarded-For", line) for line in forwarded_for]
    headers += [("Forwarded", line) for line in forwarded] + [("X-Forwarded-Proto", proto)]
    assert seen("10.0.0.1", *headers)[1] in ("http", "https")
    assert seen("1.2.3.4", *headers) == ("1.2.3.4", "http")


@given(
    st.ip_addresses(v=4).filter(lambda address: address not in TRUSTED[0]),
    st.text("0123456789., ", max_size=40),
)
def test_what_the_proxy_appended_wins_over_all_before_it(client: object, before: str) -> None:
    assert seen("10.0.0.1", ("X-Forwarded-For", f"{before}, {client}"))[0] == str(client)


@pytest.mark.parametrize(("network", "address"), [("127.0.0.0/8", "1.2.3.4"), ("10.0.0.0/8", "127.0.0.1")])
async def test_the_middleware_tells_handlers(network: str, address: str) -> None:
    found: list[Client] = []

    async def handler(request: web.Request) -> web.Response:
        found.append(client_of(request))
        return web.Response()

    app = web.Application(middlewares=[proxy_middleware([ip_network(network)])])
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with ClientSession() as session, session.get(url, headers={"X-Forwarded-For": "1.2.3.4"}):
            pass
    finally:
        await runner.cleanup()
    assert [str(client) for client in found] == [address]
