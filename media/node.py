"""A node's WebRTC: its UDP port, its certificate, and the sessions on them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from media.config import MediaConfig
from media.load import LoopLoad
from media.relay.counters import Counters
from media.rtc import sdp
from media.rtc.dtls import DtlsIdentity
from media.rtc.ice import Credentials
from media.rtc.peer import PeerEvents, RtcPeer
from media.rtc.udp import UdpPort
from rooms.errors import Refused


class Session:
    """What a WHIP or WHEP resource stands for. ``etag`` changes with each ICE restart (RFC 9725, 4.3.1)."""

    def __init__(self, room: str, peer: RtcPeer, local: Callable[[RtcPeer], sdp.Local]) -> None:
        self.id = secrets.token_urlsafe(24)
        self.room = room
        self.peer = peer
        self._local = local
        self._generation = 0
        self._tag = secrets.token_urlsafe(6)

    @property
    def etag(self) -> str:
        return f'"{self._tag}-{self._generation}"'

    @property
    def local(self) -> sdp.Local:
        return self._local(self.peer)

    def restart_ice(self, remote: Credentials) -> None:
        self._generation += 1
        self.peer.restart_ice(remote)


class WebRtcNode:
    """Makes peers on one port. Not in use before ``open``."""

    def __init__(self, config: MediaConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self.clock = clock
        self.counters = Counters()
        self.load = LoopLoad()
        self.port = UdpPort(config)
        self._identity = DtlsIdentity()
        self.cname = secrets.token_hex(8)

    def open(self) -> None:
        self.port.open()

    def close(self) -> None:
        self.port.close()

    def connect(self, offer: sdp.Offer, events: PeerEvents) -> RtcPeer:
        """A peer for an offer; it waits for the client's checks.

        Raises ``Refused("temporarily_unavailable")`` when the node is not open, or no longer.
        """
        if not self.port.is_open:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        return RtcPeer(
            self.port,
            self._identity,
            events,
            remote=offer.ice,
            fingerprints=offer.fingerprints,
            server=offer.setup != "passive",
            clock=self.clock,
        )

    @property
    def is_overloaded(self) -> bool:
        """Whether those who are here have all that the node can give."""
        return self.load.busy > self.config.busy_max or self.load.lag_s > self.config.lag_max_s

    def links(self) -> tuple[str, ...]:
        """``Link`` headers for a client that may connect: TURN servers, with credentials of its own."""
        turn = self.config.turn
        own = turn.links(time.time(), secrets.token_hex(4)) if turn is not None else ()
        return (*self.config.link_headers, *own)

    def local(self, peer: RtcPeer) -> sdp.Local:
        """Our side of a peer's transport, for SDP."""
        return sdp.Local(
            peer.ice.local, self._identity.fingerprint, self.port.addresses, self.port.port, self.cname
        )
