"""One remote peer: ICE, DTLS and SRTP put together on the node's UDP port."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from aioice import stun

from media.rtc.dtls import Dtls, DtlsIdentity, Fingerprint
from media.rtc.ice import Credentials, IceLite
from media.rtc.srtp import Srtp
from media.rtc.udp import Address, Path, UdpPort
from media.rtp.packet import is_rtcp

_log = logging.getLogger(__name__)
_MAX_PATHS = 8
_HEARD_S = 2.0
_QUIET_S = 3.0


class PeerEvents(Protocol):
    """Told by a peer, from the event loop; must return at once."""

    def connected(self) -> None:
        """The handshake is done: packets may be sent."""

    def rtp(self, data: bytes) -> None:
        """A decrypted RTP packet."""

    def rtcp(self, data: bytes) -> None:
        """A decrypted RTCP compound."""

    def closed(self, reason: str) -> None:
        """The peer is gone. Called once, whoever closed it."""


class RtcPeer:
    """The transport of one session. It holds no task: datagrams and timers of the loop drive it.

    ``check`` is to be called about once a second: it notices a peer that is silent (RFC 7675) or never came.
    """

    def __init__(
        self,
        port: UdpPort,
        identity: DtlsIdentity,
        events: PeerEvents,
        *,
        remote: Credentials,
        fingerprints: tuple[Fingerprint, ...],
        server: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = port
        self._events = events
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._dtls = Dtls(identity, server=server, fingerprints=fingerprints)
        self._dtls_timer: asyncio.TimerHandle | None = None
        self._paths: dict[Path, float] = {}
        self._old_ufrag: str | None = None
        self._created = self.last_heard = clock()
        self.ice = IceLite(remote)
        self.path: Path | None = None
        self.srtp: Srtp | None = None
        self.is_closed = False
        self.moved: Callable[[Address], None] = lambda address: None
        """Told when the client has chosen another path, after ``connected``."""
        port.register(self.ice.local.ufrag, self)

    @property
    def is_heard(self) -> bool:
        return not self.is_closed and self._clock() - self.last_heard < _HEARD_S

    # --- from the port

    def stun(self, message: stun.Message, path: Path) -> None:
        if self.is_closed:
            return
        if message.message_class != stun.Class.REQUEST:
            self.ice.probe_answered(message, self._clock() * 1000)
            return
        verdict = self.ice.check(message, path.plain)
        if verdict is None or (verdict.valid and not self._port.learn(path, self)):
            return
        self._port.send(verdict.response, path.address)
        if verdict.valid:
            self._validated(path, nominated=verdict.nominated)
            self._heard(path)

    def datagram(self, data: bytes, path: Path) -> None:
        if self.is_closed:
            return
        first = data[0] if data else 0
        if 20 <= first <= 63:
            self._send_flight(self._dtls.feed(data))
            self._dtls_moved()
        elif 128 <= first <= 191 and self.srtp is not None:
            self._secured(data, path, self.srtp)

    # --- for the session

    def send_rtcp(self, data: bytes) -> None:
        """Sends a compound; does nothing while not connected."""
        if self.srtp is not None and self.path is not None:
            self._port.send(self.srtp.protect_rtcp(data), self.path.address)

    def probe(self) -> None:
        """Measures the round trip; the result will be in ``ice.rtt_ms``."""
        if self.path is not None and self.srtp is not None:
            self._port.send(self.ice.probe(self._clock() * 1000), self.path.address)

    def restart_ice(self, remote: Credentials) -> None:
        """New credentials; packets flow on the old path until a check comes with the new ones."""
        if self._old_ufrag is not None:
            self._port.unregister(self._old_ufrag)
        self._old_ufrag = self.ice.local.ufrag
        self.ice.restart(remote)
        self._port.register(self.ice.local.ufrag, self)

    def age_s(self, now: float) -> float:
        """Seconds since the peer was made."""
        return now - self._created

    def check(self, connect_timeout_s: float, consent_timeout_s: float) -> None:
        """Closes the peer if it is too late."""
        now = self._clock()
        if self.srtp is None and now - self._created > connect_timeout_s:
            self.close("it did not connect in time")
        elif now - self.last_heard > consent_timeout_s:
            self.close("it has fallen silent")

    def close(self, reason: str) -> None:
        """Says goodbye and releases everything; idempotent."""
        if self.is_closed:
            return
        self.is_closed = True
        self._send_flight(self._dtls.close())
        if self._dtls_timer is not None:
            self._dtls_timer.cancel()
        self._port.unregister(self.ice.local.ufrag)
        if self._old_ufrag is not None:
            self._port.unregister(self._old_ufrag)
        for path in self._paths:
            self._port.forget(path, self)
        self._events.closed(reason)

    # --- inside

    def _validated(self, path: Path, *, nominated: bool) -> None:
        if path not in self._paths:
            if len(self._paths) >= _MAX_PATHS:
                oldest = next(known for known in self._paths if known != self.path)
                del self._paths[oldest]
                self._port.forget(oldest, self)
            self._paths[path] = self._clock()
        first = self.path is None
        if first or (nominated and path != self.path):
            self._move(path)
        if first:
            self._send_flight(self._dtls.start())
            self._dtls_moved()

    def _move(self, path: Path) -> None:
        self.path = path
        self.moved(path.address)

    def _heard(self, path: Path) -> None:
        """Something authentic came over a path, and the client is where it is heard.

        A path on which nothing comes for some seconds, while something comes on another, is not the client's
        any more, or never was: somebody may have caught a check and sent it again.
        """
        self.last_heard = now = self._clock()
        self._paths[path] = now
        if path != self.path and self.path is not None and now - self._paths.get(self.path, 0.0) > _QUIET_S:
            self._move(path)

    def _send_flight(self, datagrams: list[bytes]) -> None:
        if self.path is not None:
            for datagram in datagrams:
                self._port.send(datagram, self.path.address)

    def _dtls_moved(self) -> None:
        if self._dtls_timer is not None:
            self._dtls_timer.cancel()
            self._dtls_timer = None
        if self._dtls.closed:
            self.close(self._dtls.failure or "it said goodbye")
            return
        if self._dtls.keys is not None and self.srtp is None:
            self.srtp = Srtp(self._dtls.keys)
            self._events.connected()
        timeout = self._dtls.timeout()
        if timeout is not None:
            self._dtls_timer = self._loop.call_later(timeout, self._retransmit)

    def _retransmit(self) -> None:
        self._send_flight(self._dtls.retransmit())
        self._dtls_moved()

    def _secured(self, data: bytes, path: Path, srtp: Srtp) -> None:
        if is_rtcp(data):
            compound = srtp.unprotect_rtcp(data)
            if compound is not None:
                self._heard(path)
                self._events.rtcp(compound)
        else:
            packet = srtp.unprotect(data)
            if packet is not None:
                self.last_heard = self._clock()
                self._events.rtp(packet)
