"""RTMP's parts, one by one: what is read is what was written, and nothing breaks them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtmp import amf, chunks, flv, packets
from media.rtmp.chunks import ChunkReader, Message
from media.rtmp.clock import ArrivalClock
from media.rtmp.gathering import FirstTags
from media.rtmp.server import read_name
from media.rtmp.session import Publish, Session, Tag
from tests.media.world import running_world, until

scalars = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=40)
values = st.recursive(
    scalars,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3),
    max_leaves=9,
)
messages = st.builds(
    Message,
    st.sampled_from([chunks.AUDIO, chunks.VIDEO, chunks.COMMAND]),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 9),
    st.binary(max_size=700),
)


def named(value: Any) -> bool:
    """AMF 0 ends an object by a member without a name."""
    if isinstance(value, dict):
        return "" not in value and all(map(named, value.values()))
    return all(map(named, value)) if isinstance(value, list) else True


@settings(max_examples=40)
@given(st.lists(values, max_size=5))
def test_amf_reads_what_it_writes(items: list[Any]) -> None:
    if all(map(named, items)):
        assert amf.decode(amf.encode(*items)) == items


@settings(max_examples=40)
@given(st.binary(max_size=400))
def test_amf_takes_anything_or_says_why_not(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        amf.decode(data)


def test_amf_is_bounded_in_depth_and_number() -> None:
    with pytest.raises(ValueError, match="deep"):
        amf.decode(b"\x0a\x00\x00\x00\x01" * 50)
    with pytest.raises(ValueError, match="much"):
        amf.decode(b"\x05" * (amf.MAX_VALUES + 1))


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from([3, 4, 6]), messages), max_size=6),
    st.sampled_from([1, 100, 128, 4096]),
    st.data(),
)
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    sent: list[tuple[int, Message]], chunk_size: int, data: st.DataObject
) -> None:
    wire = chunks.write(2, Message(chunks.SET_CHUNK_SIZE, 0, 0, chunk_size.to_bytes(4, "big")))
    wire += b"".join(chunks.write(stream, message, chunk_size) for stream, message in sent)
    reader, got = ChunkReader(), []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        got += reader.feed(wire[:cut])
        wire = wire[cut:]
    assert got == [message for _, message in sent]


def test_short_headers_go_on_from_the_one_before() -> None:
    first = bytes([4]) + (1000).to_bytes(3, "big") + b"\0\0\2" + b"\x08" + b"\1\0\0\0" + b"ab"
    second = bytes([0x84]) + (20).to_bytes(3, "big") + b"cd"
    third = bytes([0xC4]) + b"ef"
    other_size = bytes([0x44]) + (5).to_bytes(3, "big") + b"\0\0\1" + b"\x08" + b"g"
    got = ChunkReader().feed(first + second + third + other_size)
    assert [(one.timestamp, one.payload) for one in got] == [
        (1000, b"ab"),
        (1020, b"cd"),
        (1040, b"ef"),
        (1045, b"g"),
    ]


@pytest.mark.parametrize(
    "wire",
    [
        bytes([0xC4]) + b"x",  # goes on from nothing
        bytes([4]) + b"\0\0\0" + (chunks.MAX_OTHER_BYTES + 1).to_bytes(3, "big") + b"\x08" + b"\0" * 4,
        bytes([4]) + b"\0\0\0" + (chunks.MAX_VIDEO_BYTES + 1).to_bytes(3, "big") + b"\x09" + b"\0" * 4,
        chunks.write(2, Message(chunks.SET_CHUNK_SIZE, 0, 0, b"\0\0\0\0")),
        b"".join(chunks.write(number, Message(8, 0, 1, b"x")) for number in range(3, 3 + 17)),
    ],
)
def test_what_has_no_place_ends_the_connection(wire: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        ChunkReader().feed(wire)


def test_unfinished_messages_are_bounded_together() -> None:
    reader = ChunkReader()
    reader.feed(chunks.write(2, Message(chunks.SET_CHUNK_SIZE, 0, 0, (1 << 20).to_bytes(4, "big"))))

    def claim(stream: int) -> bytes:
        size = chunks.MAX_VIDEO_BYTES.to_bytes(3, "big")
        return bytes([stream]) + b"\0\0\0" + size + b"\x09" + b"\0" * 4 + bytes(1 << 20)

    for stream in range(3, 7):
        reader.feed(claim(stream))
    with pytest.raises(ValueError, match="whole"):
        reader.feed(claim(7))


def greeted() -> Session:
    session = Session()
    session.feed(b"\x03" + bytes(1536) + bytes(1536))
    assert len(session.take()) == 1 + 2 * 1536
    return session


def command(*parts: Any) -> bytes:
    return chunks.write(3, Message(chunks.COMMAND, 0, 0, amf.encode(*parts)))


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_a_session_takes_anything_or_says_why_not(parts: list[bytes]) -> None:
    for session in (Session(), greeted()):
        with contextlib.suppress(ValueError):
            for part in parts:
                if part:
                    session.feed(part)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["connect", "createStream", "publish", "deleteStream"]), values), max_size=5
    )
)
def test_commands_in_any_order_never_publish_without_connecting(orders: list[tuple[str, Any]]) -> None:
    session, connected = greeted(), False
    with contextlib.suppress(ValueError):
        for number, (name, value) in enumerate(orders):
            app = {"app": "live"} if number % 2 else value
            connected = connected or (name == "connect" and app == {"app": "live"})
            events = session.feed(command(name, float(number), app, "room?key=k"))
            assert connected or not any(isinstance(event, Publish) for event in events)


def test_another_application_is_refused_with_the_right_one() -> None:
    session = greeted()
    assert session.feed(command("connect", 1, {"app": "vod"})) == []
    assert b"NetConnection.Connect.Rejected" in session.take()
    with pytest.raises(ValueError, match="no place"):
        session.feed(command("publish", 2, None, "room"))


def test_pings_are_answered_and_bytes_acknowledged() -> None:
    session = greeted()
    session.feed(chunks.write(2, Message(chunks.USER_CONTROL, 0, 0, b"\0\6\1\2\3\4")))
    assert session.take().endswith(b"\0\7\1\2\3\4")
    session.feed(chunks.write(2, Message(chunks.WINDOW_SIZE, 0, 0, (2048).to_bytes(4, "big"))))
    session.feed(chunks.write(4, Message(chunks.AUDIO, 0, 1, bytes(2048))))
    assert Message(chunks.ACKNOWLEDGEMENT, 0, 0, b"") in [
        one._replace(payload=b"") for one in ChunkReader().feed(session.take())
    ]


@settings(max_examples=40)
@given(st.binary(max_size=60))
def test_tags_take_anything_or_say_why_not(body: bytes) -> None:
    for read in (flv.video, flv.sound):
        with contextlib.suppress(ValueError):
            read(body)
    with contextlib.suppress(ValueError):
        flv.units(body, 4)


@settings(max_examples=40)
@given(st.lists(st.binary(min_size=2, max_size=4000), min_size=1, max_size=4))
def test_every_unit_comes_out_of_its_packets_again(bodies: list[bytes]) -> None:
    units = [bytes([0x65]) + body for body in bodies]
    parts = packets.payloads(units, [b"\x67sps", b"\x68pps"])
    assert all(len(part) <= packets.MAX_PAYLOAD for part in parts)
    assert parts[0] == b"\x78\0\4\x67sps\0\4\x68pps"
    found, joined = [], b""
    for part in parts[1:]:
        if part[0] & 0x1F != 28:
            found.append(part)
            continue
        if part[1] & 0x80:
            joined = bytes([part[0] & 0xE0 | part[1] & 0x1F])
        joined += part[2:]
        if part[1] & 0x40:
            found.append(joined)
    assert found == units


def test_parameters_go_before_keyframes_only_and_delimiters_nowhere() -> None:
    assert packets.payloads([b"\x09\xf0", b"\x41abc"], [b"\x67s", b"\x68p"]) == [b"\x41abc"]


@settings(max_examples=40)
@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(0, 5000), max_size=30))
def test_timestamps_go_on_over_the_wrap(first: int, steps: list[int]) -> None:
    clock, at = ArrivalClock(), first
    assert clock.arrived(first, 1000.0) == first
    for step in steps:
        at += step
        assert clock.arrived(at & 0xFFFFFFFF, 1000.0 + at - first) == at


def test_time_goes_on_after_a_jump_and_the_quickest_tag_sets_the_clock() -> None:
    clock = ArrivalClock()
    clock.arrived(5_000_000, 10_000.0)
    assert clock.arrived(0, 10_040.0) == 5_000_040
    assert clock.arrived(33, 10_200.0) == 5_000_073
    assert clock.wall_ms(5_000_073) == pytest.approx(10_073.0, abs=1)
    assert clock.arrived(66, 10_050.0) == 5_000_106
    assert clock.wall_ms(5_000_106) == 10_050.0


def test_tracks_are_those_that_are_configured_and_late_ones_are_left_out() -> None:
    first, picture, sound = FirstTags(), Tag(chunks.VIDEO, 0, b"p"), Tag(chunks.AUDIO, 0, b"s")
    assert first.push(picture, configures=True) == []
    assert first.push(sound, configures=True) == [picture, sound]
    alone = FirstTags()
    alone.metadata({"videocodecid": 7.0})
    assert alone.push(picture, configures=True) == [picture]
    assert alone.push(sound, configures=True) == []
    late = FirstTags()
    assert late.push(picture, configures=True) == []
    after = Tag(chunks.VIDEO, 1000, b"q")
    assert late.push(after, configures=False) == [picture, after]


def test_names_say_room_key_and_takeover() -> None:
    wish = read_name("tea?key=dm_live_x&takeover=1")
    assert (wish.stream, wish.key, wish.takeover) == ("tea", "dm_live_x", True)
    assert read_name("tea").key is None
    with pytest.raises(ValueError, match="fields"):
        read_name("tea?" + "&".join("a=b" for _ in range(20)))


async def test_peers_that_say_nothing_or_nonsense_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.rtmp.server._PUBLISH_WITHIN_S", 0.3)
    async with running_world(rtmp_port=0, rtmp_host="127.0.0.1", rtmp_publishers_max=2) as world:
        rtmp = world.service._rtmp
        assert rtmp is not None
        silent = [await asyncio.open_connection("127.0.0.1", rtmp.port) for _ in range(2)]
        await until(lambda: len(rtmp) == 2, "both are there")
        full = await asyncio.open_connection("127.0.0.1", rtmp.port)
        await hears_nothing_more(full)
        for peer in silent:
            await hears_nothing_more(peer)
        odd = await asyncio.open_connection("127.0.0.1", rtmp.port)
        odd[1].write(b"GET / HTTP/1.1\r\n\r\n")
        await hears_nothing_more(odd)
        await until(lambda: len(rtmp) == 0, "nobody is left")


async def hears_nothing_more(peer: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    reader, writer = peer
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
