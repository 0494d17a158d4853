"""ICE, DTLS and SRTP without sockets: two ends in memory, with loss where it matters."""

from __future__ import annotations

import os

import pylibsrtp
import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from media.rtc import hooks, ice
from media.rtc.dtls import MTU_BYTES, Dtls, DtlsIdentity, Fingerprint
from media.rtc.srtp import Srtp
from media.rtp import packet, rtcp

IDENTITY, OTHER = DtlsIdentity(), DtlsIdentity()


def ends(seen_by_server: Fingerprint = OTHER.fingerprint) -> tuple[Dtls, Dtls]:
    server = Dtls(IDENTITY, server=True, fingerprints=[seen_by_server])
    return server, Dtls(OTHER, server=False, fingerprints=[IDENTITY.fingerprint])


def converse(server: Dtls, client: Dtls) -> None:
    to_server = client.start()
    while to_server:
        assert all(len(datagram) <= MTU_BYTES for datagram in to_server)
        to_client = [answer for datagram in to_server for answer in server.feed(datagram)]
        to_server = [answer for datagram in to_client for answer in client.feed(datagram)]


def test_both_ends_get_the_same_keys() -> None:
    server, client = ends()
    converse(server, client)
    assert server.keys is not None
    assert client.keys is not None
    assert (server.keys.send, server.keys.receive) == (client.keys.receive, client.keys.send)
    assert server.timeout() is None


def test_wrong_certificate_is_refused() -> None:
    server, client = ends(Fingerprint("sha-256", "00:11"))
    converse(server, client)
    assert server.keys is None
    assert server.closed
    assert server.failure is not None


def test_unknown_fingerprint_algorithm_is_no_proof() -> None:
    server, client = ends(Fingerprint("md5", "00:11"))
    converse(server, client)
    assert server.keys is None


def test_lost_flight_is_sent_again() -> None:
    server, client = ends()
    for datagram in client.start():
        server.feed(datagram)  # the answer is lost
    assert server.timeout() is not None
    assert client.timeout() is not None


def test_goodbye_is_noticed() -> None:
    server, client = ends()
    converse(server, client)
    for datagram in server.close():
        client.feed(datagram)
    assert client.closed
    assert client.failure is None
    assert server.close() == []


def test_garbage_does_not_end_a_handshake() -> None:
    server, client = ends()
    server.feed(b"\x16" + os.urandom(200))
    converse(server, client)
    assert server.keys is not None


def secured() -> tuple[Srtp, Srtp]:
    server, client = ends()
    converse(server, client)
    assert server.keys is not None
    assert client.keys is not None
    return Srtp(server.keys), Srtp(client.keys)


def protect(srtp: Srtp, data: bytes) -> bytes:
    hooks.buffer[: len(data)] = data
    return bytes(hooks.view[: srtp.protector.protect(len(data))])


def test_hook_protects_as_the_library_does() -> None:
    """If this fails after an upgrade of pylibsrtp, ``media/rtc/hooks.py`` reaches for what has moved."""
    key = os.urandom(30)
    ours, theirs = (Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND)) for _ in range(2))
    data = packet.build(96, True, 7, 8, 9, b"picture" * 100)
    hooks.buffer[: len(data)] = data
    size = hooks.Protector(ours).protect(len(data))
    assert bytes(hooks.view[:size]) == theirs.protect(data)


def test_large_packets_are_protected_too() -> None:
    server, client = secured()
    data = packet.build(96, True, 7, 8, 9, os.urandom(1400))
    assert client.unprotect(protect(server, data)) == data


def test_stale_packet_is_an_error_not_a_crash() -> None:
    server, _ = secured()
    protect(server, packet.build(96, True, 5000, 8, 9, b"new"))
    with pytest.raises(pylibsrtp.Error):
        protect(server, packet.build(96, True, 10, 8, 9, b"old"))


def test_what_was_changed_on_the_way_is_dropped() -> None:
    server, client = secured()
    good = protect(server, packet.build(96, True, 7, 8, 9, b"picture"))
    assert client.unprotect(good[:-1] + bytes([good[-1] ^ 1])) is None
    assert client.unprotect(b"\x80" * 2000) is None
    report = server.protect_rtcp(rtcp.picture_loss(1, 2))
    assert client.unprotect_rtcp(report[:-1] + bytes([report[-1] ^ 1])) is None
    assert client.unprotect_rtcp(report) == rtcp.picture_loss(1, 2)


# --- ICE

REMOTE = ice.Credentials("remote", "r" * 24)
ADDRESS = ("192.0.2.7", 5000)


def check(
    agent: ice.IceLite, username: str | None = None, key: str | None = None, **more: object
) -> stun.Message:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = username or f"{agent.local.ufrag}:{agent.remote.ufrag}"
    request.attributes["PRIORITY"] = 1
    request.attributes.update({name.replace("_", "-"): value for name, value in more.items()})
    request.add_message_integrity((key or agent.local.password).encode())
    message = ice.parse(bytes(request))
    assert message is not None
    return message


def test_check_is_answered_and_nominates() -> None:
    agent = ice.IceLite(REMOTE)
    request = check(agent, ICE_CONTROLLING=5)
    verdict = agent.check(request, ADDRESS)
    assert verdict is not None
    assert (verdict.valid, verdict.nominated) == (True, False)
    response = stun.parse_message(verdict.response)
    assert response.transaction_id == request.transaction_id
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ADDRESS
    assert response.check_message_integrity(agent.local.password.encode())
    nominating = agent.check(check(agent, ICE_CONTROLLING=5, USE_CANDIDATE=None), ADDRESS)
    assert nominating is not None
    assert nominating.nominated


def test_check_that_is_not_authentic_is_not_answered() -> None:
    agent = ice.IceLite(REMOTE)
    assert agent.check(check(agent, key="x" * 24), ADDRESS) is None
    assert agent.check(check(agent, username=f"{agent.local.ufrag}:other"), ADDRESS) is None
    plain = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    assert agent.check(plain, ADDRESS) is None


def test_controlled_client_is_told_to_control() -> None:
    agent = ice.IceLite(REMOTE)
    verdict = agent.check(check(agent, ICE_CONTROLLED=5), ADDRESS)
    assert verdict is not None
    assert not verdict.valid
    assert stun.parse_message(verdict.response).error_code == 487


def test_old_credentials_end_with_a_restart() -> None:
    agent = ice.IceLite(REMOTE)
    old = check(agent)
    agent.restart(ice.Credentials("later", "l" * 24))
    assert agent.check(old, ADDRESS) is None
    assert agent.check(check(agent), ADDRESS) is not None


def test_probe_measures_the_round_trip() -> None:
    agent = ice.IceLite(REMOTE)
    request = stun.parse_message(agent.probe(1000.0))
    assert request.attributes["USERNAME"] == f"remote:{agent.local.ufrag}"
    assert request.check_message_integrity(REMOTE.password.encode())
    reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
    assert not agent.probe_answered(stun.parse_message(bytes(reply)), 1010.0)
    reply.add_message_integrity(REMOTE.password.encode())
    assert agent.probe_answered(stun.parse_message(bytes(reply)), 1042.0)
    assert agent.rtt_ms == 42.0


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_dropped(data: bytes) -> None:
    ice.parse(data)
    ice.parse(b"\x00\x01" + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + b"t" * 12 + data)
