"""What the doctor says of TURN servers; against coturn itself where it is installed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aioice import stun
from aioice.turn import create_turn_endpoint

from media.turn import Turn
from server.config import ConfigError, Settings, load
from server.doctor.finding import Level
from server.doctor.turn import check_turn
from tests.support.coturn import TURNSERVER, coturn


def settings(*urls: str, secret: str = "s3cret", public: bool = False) -> Settings:
    turn = {"urls": urls, "secret": secret}
    host = "0.0.0.0" if public else "127.0.0.1"
    return load(overrides={"media": {"turn": turn}, "listen": {"host": host}}, environ={})


class Refusing(asyncio.DatagramProtocol):
    """A server with another secret."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = stun.parse_message(data)
        reply = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
        reply.attributes["ERROR-CODE"] = (401, "Unauthorized")
        self._transport.sendto(bytes(reply), address)


@asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Refusing, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


async def test_nothing_is_said_without_turn() -> None:
    assert await check_turn(load(environ={})) == []


async def test_a_server_with_another_secret_is_an_error() -> None:
    async with refusing() as port:
        [finding] = await check_turn(settings(f"turn:127.0.0.1:{port}?transport=udp"))
    assert (finding.level, "refuses" in finding.what) == (Level.ERROR, True)


async def test_a_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.doctor.turn._ANSWERS_WITHIN_S", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf, socket.socket() as closed:
        deaf.bind(("127.0.0.1", 0))
        closed.bind(("127.0.0.1", 0))
        ports = deaf.getsockname()[1], closed.getsockname()[1]
        found = await check_turn(
            settings(f"turn:127.0.0.1:{ports[0]}", f"turn:127.0.0.1:{ports[1]}?transport=tcp")
        )
    assert [(one.level, "can't be reached" in one.what) for one in found] == [(Level.ERROR, True)] * 2


async def test_a_public_node_wants_turn_over_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    async with refusing() as port:
        found = await check_turn(settings(f"turn:127.0.0.1:{port}", public=True))
    assert (found[-1].level, "transport=tcp" in found[-1].advice) == (Level.WARN, True)


@pytest.mark.parametrize(
    "turn",
    [
        {"urls": ["https://turn.example"], "secret": "x"},
        {"urls": ["turn:turn.example"]},
        {"secret": "x"},
        {"urls": ["turn:turn.example>;x"], "secret": "x"},
        {"urls": ["turn:turn.example"], "secret": "x", "lifetime_s": 1},
    ],
)
def test_settings_are_refused_that_make_no_sense(turn: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        load(overrides={"media": {"turn": turn}}, environ={})


def test_settings_come_from_the_environment_too() -> None:
    found = load(
        environ={
            "DANMART_MEDIA__TURN__URLS": "turn:a.example,turns:[2001:db8::1]:443?transport=tcp",
            "DANMART_MEDIA__TURN__SECRET": "x",
        }
    )
    assert found.media.turn.urls == ("turn:a.example", "turns:[2001:db8::1]:443?transport=tcp")


@pytest.mark.skipif(TURNSERVER is None, reason="coturn is not installed")
async def test_coturn_takes_our_credentials_and_nobody_elses(tmp_path: Path) -> None:
    with coturn(tmp_path, "s3cret") as port:
        url = f"turn:127.0.0.1:{port}"
        async with asyncio.timeout(30):
            while True:  # it is not there at once
                [finding] = await check_turn(settings(f"{url}?transport=tcp"))
                if "reached" not in finding.what:
                    break
                await asyncio.sleep(0.1)
        assert finding.level is Level.OK, finding
        [finding] = await check_turn(settings(url, secret="another"))
        assert finding.level is Level.ERROR
        expired = Turn((url,), "s3cret").credentials(-100_000)
        with pytest.raises(stun.TransactionFailed):
            await create_turn_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", port), *expired)
