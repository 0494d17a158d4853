from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtc import sdp
from media.rtc.dtls import Fingerprint
from media.rtc.ice import Credentials
from media.whip import choose, incoming
from rooms.errors import Refused

# What Chromium 156 offers for a camera and a microphone, shortened.
CHROMIUM = """v=0
o=- 5 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 5a0d8f9c-1b1e-4b0a-9a5e-1f2d3c4b5a69.local 51472 typ host generation 0
a=ice-ufrag:Ab+/
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=ice-options:trickle
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:0
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:0 PCMU/8000
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114
c=IN IP4 0.0.0.0
a=ice-ufrag:Ab+/
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:1
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=rtcp-fb:103 nack
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:107 H264/90000
a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:108 rtx/90000
a=fmtp:108 apt=107
a=rtpmap:109 H264/90000
a=rtcp-fb:109 goog-remb
a=rtcp-fb:109 transport-cc
a=rtcp-fb:109 nack
a=rtcp-fb:109 nack pli
a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:114 rtx/90000
a=fmtp:114 apt=109
"""
LOCAL = sdp.Local(Credentials("u" * 8, "p" * 24), Fingerprint("sha-256", "CC"), ("192.0.2.1",), 4000, "name")


def test_constrained_baseline_h264_is_chosen_before_all_others() -> None:
    offer = sdp.parse_offer(CHROMIUM)
    chosen = choose(offer)
    [video] = chosen[1].codecs
    assert (video.payload_type, video.rtx) == (109, 114)
    assert chosen[0].codecs[0].payload_type == 111
    formats = incoming(offer, chosen)
    assert sorted(formats) == [109, 111, 114]
    assert formats[114].repeats == 109
    assert (formats[109].transport_id, formats[109].send_time_id) == (3, None)
    assert formats[114].transport_id == 3


def test_answer_says_what_was_chosen_and_nothing_else() -> None:
    offer = sdp.parse_offer(CHROMIUM)
    answer = sdp.write_answer(offer, choose(offer), LOCAL).split("\r\n")
    assert "a=group:BUNDLE 0 1" in answer
    assert "a=ice-lite" in answer
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111" in answer
    assert "m=video 9 UDP/TLS/RTP/SAVPF 109 114" in answer
    assert f"a=extmap:3 {sdp.TRANSPORT_CC_URI}" in answer
    assert "a=rtcp-fb:109 transport-cc" in answer
    assert "a=rtcp-fb:109 goog-remb" not in answer
    assert answer.count("a=setup:passive") == 2
    assert answer.count("a=rtcp-rsize") == 1
    assert sum(line.startswith("a=candidate:") for line in answer) == 1
    assert not any("red/" in line or "VP8" in line for line in answer)


def test_client_without_transport_wide_feedback_gets_estimates() -> None:
    offer = sdp.parse_offer(CHROMIUM.replace("a=rtcp-fb:109 transport-cc", "a=x"))
    chosen = choose(offer)
    answer = sdp.write_answer(offer, chosen, LOCAL).split("\r\n")
    assert "a=rtcp-fb:109 goog-remb" in answer
    assert "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time" in answer
    assert incoming(offer, chosen)[109].send_time_id == 2


def test_section_that_is_only_bundled_is_taken() -> None:
    """Browsers with ``bundlePolicy: "max-bundle"`` write port 0 in all sections but the first."""
    offer = sdp.parse_offer(
        CHROMIUM.replace("m=video 9", "m=video 0").replace("a=mid:1", "a=mid:1\na=bundle-only")
    )
    assert set(choose(offer)) == {0, 1}
    given_up = sdp.parse_offer(CHROMIUM.replace("m=video 9", "m=video 0"))
    assert set(choose(given_up)) == {0}


def test_vp8_is_taken_when_there_is_no_h264() -> None:
    without = "\n".join(line for line in CHROMIUM.splitlines() if "H264" not in line)
    [video] = choose(sdp.parse_offer(without))[1].codecs
    assert (video.name, video.payload_type, video.rtx) == ("VP8", 96, 97)


def test_sections_that_are_not_taken_are_rejected_in_their_place() -> None:
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\n"
    offer = sdp.parse_offer(CHROMIUM + data)
    answer = sdp.write_answer(offer, choose(sdp.parse_offer(CHROMIUM)), LOCAL)
    assert [line.split()[:2] for line in answer.split("\r\n") if line.startswith("m=")] == [
        ["m=audio", "9"],
        ["m=video", "9"],
        ["m=application", "0"],
    ]


def test_answer_to_a_passive_client_is_active() -> None:
    offer = sdp.parse_offer(CHROMIUM.replace("actpass", "passive"))
    assert "a=setup:active" in sdp.write_answer(offer, choose(offer), LOCAL)


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("v=0", "hello"),
        ("a=ice-ufrag:Ab+/", "a=x"),
        ("a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=ice-pwd:short"),
        ("a=fingerprint:sha-256 AA:BB", "a=x"),
        ("a=rtcp-mux", "a=x"),
        ("a=group:BUNDLE 0 1", "a=x"),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("a=mid:1", "a=mid:1\x00"),
        ("m=audio 9", "m=audio nine"),
    ],
)
def test_unusable_offers_are_refused(change: str, to: str) -> None:
    with pytest.raises(Refused) as refused:
        sdp.parse_offer(CHROMIUM.replace(change, to))
    assert refused.value.code == "bad_sdp"


@contextmanager
def suppress_refusals(*codes: str) -> Iterator[None]:
    """Lets refusals with these codes pass; anything else that is raised fails the test."""
    try:
        yield
    except Refused as refused:
        if refused.code not in codes:
            raise


@given(st.lists(st.sampled_from(CHROMIUM.splitlines()), max_size=70), st.text(max_size=20))
def test_any_text_is_read_or_refused(lines: list[str], noise: str) -> None:
    text = "\n".join(["v=0", *lines[: len(lines) // 2], noise, *lines[len(lines) // 2 :]])
    with suppress_refusals("bad_sdp", "no_common_codec", "not_acceptable"):
        offer = sdp.parse_offer(text)
        sdp.write_answer(offer, choose(offer), LOCAL)


@given(st.text())
def test_any_fragment_is_read_or_refused(text: str) -> None:
    with suppress_refusals("bad_sdp_fragment"):
        sdp.parse_fragment(text)
