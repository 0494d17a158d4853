"""SRTP and SRTCP with the keys of a DTLS handshake (RFC 3711, RFC 5764)."""

from __future__ import annotations

import pylibsrtp
from pylibsrtp import Policy, Session

from media.rtc.dtls import Profile, SrtpKeys
from media.rtc.hooks import Protector

# As wide as the rings that retransmissions come from: an older packet is refused by libsrtp.
WINDOW_PACKETS = 1024


def _session(key: bytes, profile: Profile, ssrc_type: int) -> Session:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile.libsrtp)
    policy.allow_repeat_tx = True  # a packet may be sent again where RTX was not negotiated
    policy.window_size = WINDOW_PACKETS
    return Session(policy)


class Srtp:
    """Both directions of one peer. ``protector`` encrypts RTP in place, for the forwarding path."""

    __slots__ = ("_receive", "_send", "protector")

    def __init__(self, keys: SrtpKeys) -> None:
        self._send = _session(keys.send, keys.profile, Policy.SSRC_ANY_OUTBOUND)
        self._receive = _session(keys.receive, keys.profile, Policy.SSRC_ANY_INBOUND)
        self.protector = Protector(self._send)

    def protect_rtcp(self, data: bytes) -> bytes:
        return bytes(self._send.protect_rtcp(data))

    def unprotect(self, data: bytes) -> bytes | None:
        """The RTP packet; ``None`` if it isn't authentic, or a replay."""
        try:
            return bytes(self._receive.unprotect(data))
        except (pylibsrtp.Error, ValueError):
            return None

    def unprotect_rtcp(self, data: bytes) -> bytes | None:
        """The RTCP compound; ``None`` if it isn't authentic, or a replay."""
        try:
            return bytes(self._receive.unprotect_rtcp(data))
        except (pylibsrtp.Error, ValueError):
            return None
