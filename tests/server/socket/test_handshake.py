"""Which requests stay with our driver."""

from __future__ import annotations

import pytest

from server.socket.handshake import accept_of, read_upgrade
from tests.server.socket.raw import KEY, request


def test_accept_is_the_rfc_s_example() -> None:
    assert accept_of(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"upgrade": "WebSocket", "connection": "keep-alive, upgrade"},
        {"origin": "https://anywhere.example"},
        {"sec_websocket_extensions": "permessage-deflate; client_max_window_bits"},
        {"cookie": "a=ü"},
    ],
)
def test_handshakes_of_clients(headers: dict[str, str]) -> None:
    upgrade = read_upgrade(request(**headers))
    assert upgrade is not None
    assert upgrade.accept == accept_of(KEY)


@pytest.mark.parametrize(
    "target",
    [
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?EIO=3&transport=websocket",
        "/socket.io/?transport=websocket",
        "/socket.io/?EIO=4&transport=websocket&sid=abc",
        "/socket.io/?EIO=4&transport=websocket&sid=",
        "/socket.io/?EIO=4&EIO=4&transport=websocket",
        "/socket.io/more?EIO=4&transport=websocket",
        "/socket.io?EIO=4&transport=websocket",
        "/other/?EIO=4&transport=websocket",
        "http://elsewhere/socket.io/?EIO=4&transport=websocket",
        "/socket.io/?EIO=4&transport=websocket&" + "&".join("abcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_other_addresses_are_not_ours(target: str) -> None:
    assert read_upgrade(request(target)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"upgrade": ""},
        {"upgrade": "h2c"},
        {"connection": "keep-alive"},
        {"sec_websocket_key": ""},
        {"sec_websocket_key": "short"},
        {"sec_websocket_key": "not base64 at all!!!!!!!"},
        {"sec_websocket_version": "8"},
        {"host": ""},
        {"content_length": "4"},
        {"transfer_encoding": "chunked"},
        {"x": "a\0b"},
    ],
)
def test_what_is_not_beyond_doubt_is_not_ours(headers: dict[str, str]) -> None:
    assert read_upgrade(request(**headers)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET ", b"POST "),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"host: 127.0.0.1", b"host: 127.0.0.1\r\nhost: elsewhere"),
        (b"host: 127.0.0.1", b"host : 127.0.0.1"),
        (b"host: 127.0.0.1", b"host: 127.0.0.1\r\n folded: too"),
        (b"host: 127.0.0.1\r\n", b"host: 127.0.0.1\nhost: elsewhere\r\n"),
    ],
)
def test_requests_that_two_parsers_may_read_in_two_ways(old: bytes, new: bytes) -> None:
    assert read_upgrade(request().replace(old, new, 1)) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [("Localhost:8080", "localhost"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]"), ("a.example", "a.example"),
     ("localhost@evil.example", "localhost@evil.example")],
)  # fmt: skip
def test_hosts_name(host: str, name: str) -> None:
    upgrade = read_upgrade(request(host=host))
    assert upgrade is not None
    assert upgrade.host == name
