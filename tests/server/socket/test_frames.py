"""RFC 6455 as the server reads and writes it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.socket.frames import Close, FrameReader, Message, Opcode, encode, encode_close, unmask
from tests.server.socket.raw import masked

MAX = 1000

bodies = st.binary(max_size=300)
masks = st.binary(min_size=4, max_size=4)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Message]]:
    """What a client may send, and the messages it means: in pieces, with control frames in between."""
    wire, meant = b"", []
    for _ in range(draw(st.integers(0, 6))):
        text = draw(st.booleans())
        body = draw(st.text(max_size=80)).encode() if text else draw(bodies)
        opcode = Opcode.TEXT if text else Opcode.BINARY
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
        pieces = [body[a:b] for a, b in pairwise([0, *cuts, len(body)])]
        for number, piece in enumerate(pieces):
            if draw(st.booleans()):
                kind = draw(st.sampled_from([Opcode.PING, Opcode.PONG]))
                payload = draw(st.binary(max_size=125))
                wire += masked(kind, payload, mask=draw(masks))
                meant.append(Message(kind, payload))
            this = opcode if number == 0 else Opcode.CONTINUATION
            wire += masked(this, piece, final=number == len(pieces) - 1, mask=draw(masks))
        meant.append(Message(opcode, body.decode() if text else body))
    return wire, meant


def read(pieces: list[bytes], max_bytes: int = MAX) -> tuple[list[Message], Close | None]:
    reader = FrameReader(max_bytes)
    messages = [message for piece in pieces for message in reader.feed(piece)]
    return messages, reader.failure


def cut(wire: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(wire)) for place in at), len(wire)]
    return [wire[a:b] for a, b in pairwise(edges)]


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine, not by itself
@given(conversations(), st.lists(st.integers(0, 2000), max_size=20))
def test_any_split_of_bytes_gives_the_same_messages(
    conversation: tuple[bytes, list[Message]], at: list[int]
) -> None:
    wire, meant = conversation
    assert read(cut(wire, at)) == (meant, None)


@given(conversations(), st.binary(max_size=400), st.lists(st.integers(0, 2000), max_size=10))
def test_nonsense_fails_alike_however_it_is_split(
    conversation: tuple[bytes, list[Message]], nonsense: bytes, at: list[int]
) -> None:
    wire = conversation[0] + nonsense
    assert read(cut(wire, at)) == read([wire]) == read([bytes((byte,)) for byte in wire])


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (encode(Opcode.TEXT, b"hello"), Close.PROTOCOL_ERROR),  # not masked
        (b"\xc1" + masked(Opcode.TEXT, b"hello")[1:], Close.PROTOCOL_ERROR),  # compressed, they say
        (masked(3, b""), Close.PROTOCOL_ERROR),
        (masked(11, b""), Close.PROTOCOL_ERROR),
        (masked(Opcode.CONTINUATION, b"the rest"), Close.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"a", final=False) + masked(Opcode.TEXT, b"b"), Close.PROTOCOL_ERROR),
        (masked(Opcode.PING, b"", final=False), Close.PROTOCOL_ERROR),
        (masked(Opcode.PING, bytes(126)), Close.PROTOCOL_ERROR),
        (masked(Opcode.CLOSE, b"\x03"), Close.PROTOCOL_ERROR),
        (masked(Opcode.CLOSE, (1005).to_bytes(2, "big")), Close.PROTOCOL_ERROR),
        (masked(Opcode.CLOSE, (999).to_bytes(2, "big")), Close.PROTOCOL_ERROR),
        (masked(Opcode.CLOSE, (2000).to_bytes(2, "big")), Close.PROTOCOL_ERROR),
        (masked(Opcode.CLOSE, (1000).to_bytes(2, "big") + b"\xff"), Close.INVALID_DATA),
        (b"\x81\xfe\x00\x05\0\0\0\0hello", Close.PROTOCOL_ERROR),  # a length longer than it needs to be
        (b"\x81\xff" + (70).to_bytes(8, "big"), Close.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"\xff"), Close.INVALID_DATA),
        (masked(Opcode.TEXT, "é".encode()[:1], final=False) + masked(0, b"x"), Close.INVALID_DATA),
        (b"\x81\xff\xff" + bytes(7), Close.TOO_BIG),  # 2⁶³ bytes: refused before one of them has come
        (b"\x82\xfe" + (MAX + 1).to_bytes(2, "big"), Close.TOO_BIG),
        (masked(2, bytes(MAX), final=False) + masked(0, b"x"), Close.TOO_BIG),
    ],
)
def test_what_no_client_may_send(wire: bytes, code: Close) -> None:
    good = masked(Opcode.TEXT, b"before")
    messages, failure = read([good + wire + masked(Opcode.TEXT, b"after")])
    assert failure == code
    assert messages == [Message(Opcode.TEXT, "before")]


def test_the_largest_message_in_one_frame_and_in_many() -> None:
    body = bytes(MAX)
    pieces = masked(2, body[:400], final=False) + masked(0, body[400:])
    assert read([masked(2, body) + pieces]) == ([Message(2, body)] * 2, None)


def test_half_a_character_may_end_a_piece() -> None:
    body = "茶".encode()
    wire = masked(1, body[:2], final=False) + masked(0, body[2:])
    assert read([wire]) == ([Message(Opcode.TEXT, "茶")], None)


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
def test_close_codes_that_may_be_sent(code: int) -> None:
    wire = masked(Opcode.CLOSE, code.to_bytes(2, "big") + "再见".encode())
    assert read([wire]) == ([Message(Opcode.CLOSE, "再见".encode(), code)], None)
    assert read([masked(Opcode.CLOSE, b"")]) == ([Message(Opcode.CLOSE, b"", Close.NO_STATUS)], None)


@given(bodies, masks)
def test_unmasking_is_an_xor_byte_by_byte(body: bytes, mask: bytes) -> None:
    assert unmask(body, mask) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
    ],
)
def test_heads_of_frames(length: int, head: bytes) -> None:
    assert encode(Opcode.BINARY, bytes(length)) == head + bytes(length)


def test_close_frames() -> None:
    assert encode_close(1001, "going") == b"\x88\x07\x03\xe9going"
    assert encode_close(Close.NO_STATUS) == b"\x88\x00"
    assert len(encode_close(1008, "x" * 200)) == 2 + 125
