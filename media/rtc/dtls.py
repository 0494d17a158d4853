"""DTLS for SRTP keys (RFC 5764), as a state machine: datagrams in, datagrams out, no sockets."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy

MTU_BYTES = 1200
_DTLS_1_2 = 0xFEFD
_RECORD_HEADER_BYTES = 13
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """An SRTP protection profile (RFC 5764, 4.1.2; RFC 7714). Lengths in bytes."""

    name: bytes
    libsrtp: int
    key: int
    salt: int


# AES-GCM first: with the processor's help it costs half of what HMAC-SHA1 does.
_PROFILES = {
    profile.name: profile
    for profile in (
        Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
        Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    )
}


class Fingerprint(NamedTuple):
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key and salt in each direction."""

    profile: Profile
    send: bytes
    receive: bytes


class DtlsIdentity:
    """A node's certificate and the set-up that all its connections share.

    Self-signed, as WebRTC has it: peers compare its fingerprint with the one in the SDP (RFC 8827, 5.5).
    """

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key)
        self.fingerprint = Fingerprint("sha-256", digest(certificate, "sha-256"))
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET)
        self.context.set_max_proto_version(_DTLS_1_2)
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _accept_any)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_cipher_list(_CIPHERS)
        self.context.set_tlsext_use_srtp(b":".join(_PROFILES))


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )


def _accept_any(*_: object) -> bool:
    return True  # the fingerprint from the SDP decides, not a chain


def digest(certificate: x509.Certificate, algorithm: str) -> str:
    """A certificate's fingerprint as SDP writes it (RFC 8122, 5)."""
    return certificate.fingerprint(_HASHES[algorithm]).hex(":").upper()


class Dtls:
    """One connection. Every method returns the datagrams to send; times are left to the caller.

    ``keys`` is set when the handshake is done and the certificate is the right one; ``closed`` once
    the peer has said goodbye or the handshake failed, with the reason in ``failure``.
    """

    def __init__(self, identity: DtlsIdentity, *, server: bool, fingerprints: Iterable[Fingerprint]) -> None:
        self._ssl = SSL.Connection(identity.context)
        self._ssl.set_ciphertext_mtu(MTU_BYTES)
        self._server = server
        self._fingerprints = tuple(fingerprints)
        self.keys: SrtpKeys | None = None
        self.closed = False
        self.failure: str | None = None
        if server:
            self._ssl.set_accept_state()
        else:
            self._ssl.set_connect_state()

    def start(self) -> list[bytes]:
        """The client's first flight; nothing for a server."""
        return [] if self._server else self._advance()

    def feed(self, datagram: bytes) -> list[bytes]:
        """Takes what the peer sent."""
        if self.closed:
            return []
        self._ssl.bio_write(datagram)
        return self._advance()

    def timeout(self) -> float | None:
        """Seconds until ``retransmit`` is due; ``None`` while nothing waits for an answer."""
        return None if self.keys or self.closed else self._ssl.DTLSv1_get_timeout()

    def retransmit(self) -> list[bytes]:
        """Sends the last flight again (RFC 6347, 4.2.4)."""
        if not self.closed:
            try:
                self._ssl.DTLSv1_handle_timeout()
            except SSL.Error:
                self._fail("the DTLS handshake timed out")
        return self._outgoing()

    def close(self) -> list[bytes]:
        """Says goodbye (close_notify)."""
        if not self.closed:
            self.closed = True
            try:
                self._ssl.shutdown()
            except SSL.Error:
                return []
        return self._outgoing()

    def _advance(self) -> list[bytes]:
        try:
            if self.keys is None:
                self._ssl.do_handshake()
                self._finish()
            else:
                self._ssl.recv(MTU_BYTES)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error:
            self._fail("the DTLS handshake failed")
        return self._outgoing()

    def _finish(self) -> None:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        profile = _PROFILES.get(self._ssl.get_selected_srtp_profile())
        if certificate is None or not self._matches(certificate):
            self._fail("the peer's certificate is not the one of its SDP")
        elif profile is None:
            self._fail("no SRTP profile in common")
        else:
            self.keys = self._export(profile)

    def _matches(self, certificate: x509.Certificate) -> bool:
        known = [mark for mark in self._fingerprints if mark.algorithm.lower() in _HASHES]
        return bool(known) and all(
            hmac.compare_digest(mark.value.upper(), digest(certificate, mark.algorithm.lower()))
            for mark in known
        )

    def _export(self, profile: Profile) -> SrtpKeys:
        length = 2 * (profile.key + profile.salt)
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", length)
        keys, salts = material[: 2 * profile.key], material[2 * profile.key :]
        client = keys[: profile.key] + salts[: profile.salt]
        server = keys[profile.key :] + salts[profile.salt :]
        if self._server:
            return SrtpKeys(profile, send=server, receive=client)
        return SrtpKeys(profile, send=client, receive=server)

    def _fail(self, reason: str) -> None:
        self.closed, self.failure = True, reason

    def _outgoing(self) -> list[bytes]:
        try:
            waiting = self._ssl.bio_read(65536)
        except SSL.Error:
            return []
        return list(_datagrams(waiting))


def _datagrams(records: bytes) -> Iterator[bytes]:
    """Packs whole DTLS records into datagrams of at most the MTU: OpenSSL hands them over in one piece."""
    start = at = 0
    while at + _RECORD_HEADER_BYTES <= len(records):
        end = at + _RECORD_HEADER_BYTES + int.from_bytes(records[at + 11 : at + 13], "big")
        if end - start > MTU_BYTES and at > start:
            yield records[start:at]
            start = at
        at = end
    if start < len(records):
        yield records[start:]
