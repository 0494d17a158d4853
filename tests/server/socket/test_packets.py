"""Socket.IO packets: what clients send, and what python-socketio makes of ours."""

from __future__ import annotations

from typing import Any

import pytest
import socketio.packet
from hypothesis import given
from hypothesis import strategies as st

from server.socket.frames import FrameReader
from server.socket.packets import (
    Connect,
    Disconnect,
    Event,
    MalformedError,
    encode_ack,
    encode_connected,
    encode_message,
    encode_refused,
    read_message,
)
from server.wire import WirePacket
from tests.server.socket.raw import masked


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0/live,", Connect("/live", None)),
        ("0/live", Connect("/live", None)),
        ('0/live,{"token":"x"}', Connect("/live", {"token": "x"})),
        ("0/live?a=b,{}", Connect("/live", {})),
        ("0", Connect("/", None)),
        ("1/live,", Disconnect("/live")),
        ('2/live,["time",{}]', Event("/live", "time", ({},), None)),
        ('2/live,17["time"]', Event("/live", "time", (), "17")),
        ('2["time",1,2]', Event("/", "time", (1, 2), None)),
        # Its sender is to get an answer to each of these, so what can be read of them is kept.
        ('52-/live,4["x",{"num":0}]', Event("/live", "x", ({"num": 0},), "4")),
        ("2/live,4[}", Event("/live", "", (), "4")),
        ("2/live,4", Event("/live", "", (), "4")),
        ("2/live,4{}", Event("/live", "", (), "4")),
        ("2/live,4[7]", Event("/live", "", (), "4")),
        ('2/live,4["disconnect"]', Event("/live", "", (), "4")),
        ('2/live,4["connect",{}]', Event("/live", "", (), "4")),
        ('2/live,4["\\ud83d"]', Event("/live", "", (), "4")),
    ],
)  # fmt: skip
def test_what_clients_send(text: str, packet: Any) -> None:
    assert read_message(text) == packet


@pytest.mark.parametrize(
    "text", ["", "x", "7/live,", "3/live,1[]", "4/live,{}", "6/live,1[]", "0/live,{", "²"]
)
def test_what_clients_do_not_send(text: str) -> None:
    with pytest.raises(MalformedError):
        read_message(text)


@given(st.text(alphabet='0123456789/-,live[]{}"\\x²\n', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_message(text)
    except MalformedError:
        return


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
names = st.text(min_size=1, max_size=10).filter(lambda name: name not in ("connect", "disconnect"))


@given(names, st.lists(json, max_size=3), st.none() | st.integers(0, 10**17))
def test_events_as_another_implementation_writes_them(name: str, args: list[Any], ack: int | None) -> None:
    packet = socketio.packet.Packet(2, data=[name, *args], namespace="/live", id=ack, binary=False)
    event = read_message(packet.encode())
    assert event == Event("/live", name, tuple(args), None if ack is None else str(ack))


def as_text(frame: bytes) -> str:
    """The Socket.IO packet in a server's frame."""
    length = frame[1]
    text = frame[2 if length < 126 else 4 if length == 126 else 10 :].decode()
    assert text[0] == "4"
    return text[1:]


@given(json)
def test_ours_as_another_implementation_reads_them(payload: Any) -> None:
    packet = encode_message("events", payload)
    assert packet.frame is packet.frame
    assert packet.engine.encode() == f"4{as_text(packet.frame)}"
    read = socketio.packet.Packet(encoded_packet=as_text(packet.frame))
    assert (read.packet_type, read.namespace, read.data) == (2, "/live", ["events", payload])
    read = socketio.packet.Packet(encoded_packet=as_text(encode_ack("12", payload)))
    assert (read.packet_type, read.id, read.data) == (3, 12, [] if payload is None else [payload])


def test_connected_and_refused() -> None:
    read = WirePacket()
    socketio.packet.Packet.decode(read, as_text(encode_connected("abc")))
    assert (read.packet_type, read.namespace, read.data) == (0, "/live", {"sid": "abc"})
    for namespace in ("/", "/live", "/other"):
        socketio.packet.Packet.decode(read, as_text(encode_refused(namespace, "no", {"code": "x"})))
        assert (read.packet_type, read.namespace or "/") == (4, namespace)
        assert read.data == {"message": "no", "data": {"code": "x"}}


def test_a_frame_read_back() -> None:
    body = encode_message("time", {}).frame[2:]
    assert FrameReader(1000).feed(masked(1, body))[0].body == '42/live,["time",{}]'
