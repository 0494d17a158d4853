"""What clients send that they shouldn't, and what they don't send that they should, on real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from ipaddress import ip_network

import pytest
import uvloop

from server.socket.admission import LAG_MAX_S
from server.socket.client import HARD_BYTES, SOFT_BYTES
from server.socket.frames import Close, Opcode
from server.socket.hub import Times
from server.socket.packets import encode_message
from tests.server.socket.house import House, open_house
from tests.server.socket.raw import Raw, dialled, masked, request, session

HURRY = Times(ping_interval_s=0.4, ping_timeout_s=0.2, connect_timeout_s=0.2, turn_s=0.02)


async def turns(count: int = 5) -> None:
    """Lets the loop go round, in which the server runs too: what was sent has been read then."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_frames_cut_in_two_at_every_byte() -> None:
    """Also where the length or the mask is, and with what follows in the same read."""
    async with open_house() as house, session(house.port) as raw:
        await raw.connect()
        name = "a name that takes a length of two bytes".ljust(130, ".")
        frame = masked(Opcode.TEXT, f'42/live,7["{name}"]'.encode())
        both = frame + masked(Opcode.TEXT, b'42/live,8["next"]')
        for cut in range(1, len(both)):
            raw.writer.write(both[:cut])
            await raw.writer.drain()
            await turns()
            raw.writer.write(both[cut:])
            assert (await raw.reply(7))["name"] == name
            assert (await raw.reply(8))["name"] == "next"


async def test_handshake_cut_in_two_at_every_byte_with_the_first_frame_behind_it() -> None:
    async with open_house() as house:
        whole = request() + masked(Opcode.TEXT, b"40/live,")
        for cut in range(1, len(whole), 3):
            async with dialled(house.port) as raw:
                raw.writer.write(whole[:cut])
                await raw.writer.drain()
                await turns()
                raw.writer.write(whole[cut:])
                assert (await raw.answer())[0] == 101
                assert (await raw.text()).startswith("0{")
                assert (await raw.text()).startswith("40/live,{")


async def test_binary_where_text_is_due_does_nothing_and_is_counted() -> None:
    async with open_house() as house, session(house.port) as raw:
        raw.writer.write(masked(Opcode.BINARY, b"40/live,"))
        await raw.connect()
        raw.writer.write(masked(Opcode.BINARY, b'42/live,1["time"]'))
        raw.writer.write(masked(Opcode.BINARY, b"42/live,", final=False))
        raw.writer.write(masked(Opcode.CONTINUATION, b'2["time"]'))
        raw.command(3, "time")
        assert (await raw.reply(3))["ok"]
        assert house.count("danmart_malformed_packets_total") == 3
        assert len(house.host.outlets) == 1


async def flood(raw: Raw, pieces: list[bytes]) -> None:
    try:
        for piece in pieces:
            raw.writer.write(piece)
            await raw.writer.drain()
    except ConnectionError:
        pass  # hung up on, as it should be


@pytest.mark.parametrize("how", ["one frame", "fragments", "only announced"])
async def test_ten_megabytes_are_not_taken_in(how: str) -> None:
    size, part = 10_000_000, 50_000
    first = masked(Opcode.TEXT, b"4" * part, final=False)
    pieces = {
        "one frame": [masked(Opcode.TEXT, b"4" * size)],
        "fragments": [first] + [masked(Opcode.CONTINUATION, b"x" * part, final=False)] * (size // part),
        "only announced": [b"\x81\xff" + size.to_bytes(8, "big") + bytes(4)],
    }[how]
    async with open_house() as house, session(house.port) as raw, session(house.port) as other:
        await raw.connect()
        await other.connect()
        sending = asyncio.create_task(flood(raw, pieces))
        assert await raw.closed() == Close.TOO_BIG
        other.command(1, "time")
        assert (await other.reply(1))["ok"]
        assert house.closed("broken") == 1
        raw.writer.transport.abort()
        await sending
        await house.host.until(1)


async def test_who_answers_no_ping_is_gone_and_who_answers_stays() -> None:
    async with open_house(times=HURRY) as house, session(house.port) as raw, session(house.port) as other:
        await raw.connect()
        await other.connect()
        assert await raw.frame() == (Opcode.TEXT, b"2")
        for _ in range(3):
            assert await other.frame() == (Opcode.TEXT, b"2")
            other.send("3")
        assert await raw.ended() == b""
        assert house.closed("silent") == 1
        await house.host.until(1)


async def test_who_never_says_what_for_is_closed() -> None:
    async with open_house(times=HURRY) as house, session(house.port) as raw:
        assert await raw.closed() == Close.POLICY
        assert house.closed("unconnected") == 1


async def stuff(house: House) -> int:
    """Sends a client that doesn't read what it is never left without, until it is let go; gives the bytes."""
    (outlet,) = await house.host.until(1)
    comments, pins = encode_message("events", "c" * 2000), encode_message("events", "p" * 2000)
    sent = 0
    while outlet.send(comments, droppable=True):
        sent += len(comments.frame)
        await asyncio.sleep(0)
    assert outlet.is_open
    kept = 0
    while outlet.send(pins):
        kept += len(pins.frame)
        await asyncio.sleep(0)
    assert not outlet.is_open
    assert kept <= HARD_BYTES - SOFT_BYTES + 4000
    return sent + kept


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_client_that_never_reads_on_either_loop(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """asyncio's transports and uvloop's count what waits in ways of their own."""

    async def play() -> None:
        async with open_house() as house, dialled(house.port, limit=1024) as raw:
            raw.writer.write(request() + masked(Opcode.TEXT, b"40/live,"))
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            sent = await stuff(house)
            assert house.closed("slow") == 1
            await house.host.until(0)
            # What the kernel took in for it is in the way of a goodbye; then it is cut off, without waiting
            # for a client that isn't there.
            raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
            rest = await raw.ended()
            assert len(rest) <= sent + 2000
            assert b'"slow"' in rest

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(play())


@pytest.mark.may_block  # on purpose
async def test_a_loop_that_lags_turns_newcomers_away_and_serves_those_inside() -> None:
    async with (
        open_house(lag_max_s=LAG_MAX_S) as house,
        session(house.port) as raw,
        session(house.port) as polite,
    ):
        await raw.connect()
        await polite.connect()
        raw.command(1, "time")
        async with dialled(house.port) as newcomer, dialled(house.port) as poller:
            newcomer.writer.write(request())
            poller.writer.write(request("/socket.io/?EIO=4&transport=polling", upgrade="", connection=""))
            time.sleep(0.6)  # noqa: ASYNC251  nothing looks at the clock meanwhile
            for refused in (newcomer, poller):
                status, headers, body = await refused.answer()
                assert (status, headers["retry-after"]) == (503, "5")
                assert b'"busy"' in body
        assert (await raw.reply(1))["ok"]
        assert house.count("danmart_handshakes_refused_total", code="busy") == 2
        # As soon as it keeps up again, everybody may come.
        async with asyncio.timeout(5):
            while house.hub.admission.lag_s > 0.2:  # noqa: ASYNC110  it is the clock that is waited for
                await asyncio.sleep(0.02)
        async with session(house.port):
            pass


@pytest.mark.parametrize(
    ("trusted", "expected"), [("127.0.0.0/8", [101, 101, 429]), ("10.0.0.0/8", [101, 101, 429])]
)
async def test_whose_connections_are_counted_behind_a_proxy(trusted: str, expected: list[int]) -> None:
    """The client's if the proxy may be believed, and else the proxy's, whatever it says."""
    is_trusted = trusted.startswith("127")
    async with open_house(per_address=2, trusted=[ip_network(trusted)]) as house:
        sessions = []
        for number in range(3):
            claimed = "203.0.113.1" if is_trusted else f"203.0.113.{number}"
            reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
            sessions.append(raw := Raw(reader, writer))
            writer.write(request(x_forwarded_for=f"198.51.100.{number}, {claimed}"))
            assert (await raw.answer())[0] == expected[number]
        async with dialled(house.port) as other:
            other.writer.write(request(x_forwarded_for="203.0.113.99"))
            assert (await other.answer())[0] == (101 if is_trusted else 429)
        for raw in sessions:
            raw.writer.transport.abort()


async def test_a_thousand_connects_from_one_address() -> None:
    at_once, many = 50, 1000
    async with open_house(per_address=at_once) as house:
        answered, everybody = 0, asyncio.Event()

        async def knock() -> int:
            nonlocal answered
            async with dialled(house.port) as raw:
                raw.writer.write(request())
                status, headers, _ = await raw.answer()
                assert status == 101 or int(headers["retry-after"]) > 0
                answered += 1
                if answered == many:
                    everybody.set()
                if status == 101:
                    await everybody.wait()
                return status

        async with asyncio.timeout(30):
            statuses = await asyncio.gather(*(knock() for _ in range(many)))
        # While the loop is busy with them, some are told so instead; nobody too many gets in.
        assert statuses.count(101) <= at_once
        assert set(statuses) <= {101, 429, 503}
        assert len(statuses) == many
        await turns()
        async with session(house.port) as raw:  # and all who left have left
            await raw.connect()
