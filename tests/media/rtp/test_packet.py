from __future__ import annotations

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import packet

payload_types = st.integers(0, 127)
u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@given(payload_types, st.booleans(), u16, u32, u32, st.binary(max_size=1400))
def test_what_is_built_is_read_back(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> None:
    data = packet.build(payload_type, marker, sequence, timestamp, ssrc, payload)
    assert packet.parse(data) == (payload_type, marker, sequence, timestamp, ssrc, payload, {})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parsed = packet.parse(data)
    except ValueError:
        return
    assert len(parsed.payload) <= len(data) - packet.HEADER_BYTES


@given(st.text("abcdefgh0123", min_size=1, max_size=16), st.integers(1, 14), st.integers(0, 20))
def test_packets_of_aiortc_are_read(mid: str, number: int, padding: int) -> None:
    uri = "urn:ietf:params:rtp-hdrext:sdes:mid"
    extensions = HeaderExtensionsMap()
    extensions.configure(RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(number, uri)]))
    theirs = RtpPacket(96, 1, 7, 8, 9, b"picture")
    theirs.csrc, theirs.extensions.mid, theirs.padding_size = [1, 2], mid, padding
    parsed = packet.parse(theirs.serialize(extensions))
    assert parsed == (96, True, 7, 8, 9, b"picture", {number: mid.encode()})


@given(st.text("abcdefgh0123", min_size=1, max_size=16), st.integers(1, 14))
def test_mid_extension_is_what_a_receiver_reads(mid: str, number: int) -> None:
    block = packet.mid_extension(number, mid)
    data = packet.build(96, False, 1, 2, 3, block + b"payload")
    parsed = packet.parse(bytes([data[0] | 0x10]) + data[1:])
    assert parsed.extensions == {number: mid.encode()}
    assert parsed.payload == b"payload"


@pytest.mark.parametrize(("number", "mid"), [(0, "a"), (15, "a"), (1, ""), (1, "a" * 17)])
def test_mid_that_does_not_fit_is_left_out(number: int, mid: str) -> None:
    assert packet.mid_extension(number, mid) == b""


@given(u16, st.binary(max_size=100))
def test_retransmission_is_unwrapped(sequence: int, payload: bytes) -> None:
    original = packet.Rtp(96, True, sequence, 5, 1, payload, {})
    rtx = packet.Rtp(97, True, 3, 5, 2, sequence.to_bytes(2, "big") + payload, {})
    assert packet.unwrap_rtx(rtx, 96, 1) == original


def test_probe_is_no_packet() -> None:
    assert packet.unwrap_rtx(packet.Rtp(97, False, 3, 5, 2, b"", {}), 96, 1) is None
