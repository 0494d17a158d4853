"""The driver against a running node: the protocol by hand, and clients that don't keep to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.socket.frames import Close, Opcode
from tests.server.socket.raw import TARGET, dialled, masked, request, session
from tests.server.world import World, fresh, running_world, token


async def test_handshake_cut_into_single_bytes(world: World) -> None:
    async with dialled(world.node.port) as raw:
        for byte in request():
            raw.writer.write(bytes((byte,)))
            await raw.writer.drain()
        status, headers, _ = await raw.answer()
        assert status == 101
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "sec-websocket-extensions" not in headers


async def test_a_conversation_by_hand_in_single_bytes(world: World) -> None:
    room, _ = await world.room()
    async with session(world.node.port) as raw:
        assert (await raw.connect({"token": token(fresh("viewer"))})).startswith('40/live,{"sid":')
        for byte in masked(Opcode.TEXT, f'42/live,7["enter",{{"room":"{room}"}}]'.encode()):
            raw.writer.write(bytes((byte,)))
            await raw.writer.drain()
        assert (await raw.reply(7))["ok"]
        raw.writer.write(masked(Opcode.PING, b"there?"))
        assert await raw.frame() == (Opcode.PONG, b"there?")
        raw.writer.write(masked(Opcode.CLOSE, (1000).to_bytes(2, "big")))
        assert await raw.closed() == 1000
        assert await raw.ended() == b""


async def test_other_namespaces_are_refused_and_the_session_stays(world: World) -> None:
    async with session(world.node.port) as raw:
        raw.send("40/other,")
        assert (await raw.text()).startswith("44/other,{")
        assert (await raw.connect()).startswith("40/live,")
        raw.send("41/live,")
        assert (await raw.connect()).startswith("40/live,")  # out, and in again


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x05hello", Close.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"\xff"), Close.INVALID_DATA),
        (b"\x81\xff" + (10_000_000).to_bytes(8, "big"), Close.TOO_BIG),
        (masked(Opcode.TEXT, b"x"), Close.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b'42/live,["time",{}]') * 3000, Close.POLICY),
    ],
)
async def test_what_closes_a_connection(world: World, sent: bytes, code: Close) -> None:
    async with session(world.node.port) as raw:
        await raw.connect()
        raw.writer.write(sent)
        assert await raw.closed() == code


async def test_binary_messages_are_passed_over(world: World) -> None:
    async with session(world.node.port) as raw:
        await raw.connect()
        raw.writer.write(masked(Opcode.BINARY, bytes(1000)))
        raw.command(1, "time")
        assert (await raw.reply(1))["ok"]


async def test_commands_are_answered_in_order(world: World) -> None:
    async with session(world.node.port) as raw:
        await raw.connect()
        for number in range(60):
            raw.command(number, "time")
        for number in range(60):
            assert (await raw.reply(number))["ok"]


async def test_a_demo_answers_to_its_own_names_only(tmp_path: Path) -> None:
    async with running_world(tmp_path, "--demo") as world:
        for host, expected in (("evil.example", 403), (f"localhost:{world.node.port}", 101)):
            async with dialled(world.node.port) as raw:
                raw.writer.write(request(host=host))
                assert (await raw.answer())[0] == expected


@pytest.mark.parametrize("target", [TARGET.replace("=4", "=3"), "/healthz", "/nothing"])
async def test_everything_else_goes_to_aiohttp(world: World, target: str) -> None:
    async with dialled(world.node.port) as raw:
        raw.writer.write(request(target, connection="close", upgrade=""))
        assert (await raw.answer())[0] in (200, 400, 404)


async def test_heads_that_are_too_long(world: World) -> None:
    async with dialled(world.node.port) as raw:
        raw.writer.write(b"GET / HTTP/1.1\r\nx: " + b"x" * 20_000)
        assert (await raw.answer())[0] == 431
