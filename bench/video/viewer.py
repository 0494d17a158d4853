"""A viewer that is real on the wire and light in CPU: ICE, DTLS, SRTP, receiver reports, NACKs; no decoder.

Hundreds of them fit into one process. What it needs of DTLS, SRTP and RTCP are Danmart's own parts, used from
the other end; the controlling side of ICE is here, since a server has none.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field

from aioice import stun

from media.rtc import ice, sdp
from media.rtc.dtls import Dtls, DtlsIdentity, Fingerprint
from media.rtc.ice import Credentials
from media.rtc.srtp import Srtp
from media.rtp import packet as rtp_packet
from media.rtp import rtcp
from media.rtp.codecs import starts_keyframe
from media.rtp.nack import MissingPackets
from media.rtp.packet import Rtp
from media.rtp.reception import Reception
from media.rtp.sequence import Unwrapper

VIDEO, RTX, AUDIO = 96, 97, 111
_READS_AT_ONCE = 64
_CHECK_S = 0.05
_RETRY_MS = 60.0
_BUFFER_BYTES = 1 << 20


@dataclass(slots=True)
class Remote:
    """The other side, as its SDP tells it."""

    credentials: Credentials
    fingerprint: Fingerprint
    address: tuple[str, int]
    is_dtls_client: bool


@dataclass(slots=True)
class _Track:
    reception: Reception
    unwrapper: Unwrapper = field(default_factory=Unwrapper)
    missing: MissingPackets = field(default_factory=MissingPackets)
    seen: set[int] = field(default_factory=set)


class Viewer:
    """One viewer. ``local_host`` is where its socket is bound."""

    def __init__(self, identity: DtlsIdentity, local_host: str) -> None:
        self.identity = identity
        self.local = Credentials.generate()
        self.packets = self.octets = self.recovered = 0
        self.began = time.perf_counter()
        self.first_frame_s: float | None = None
        self.connected = asyncio.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind((local_host, 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._remote: Remote | None = None
        self._dtls: Dtls | None = None
        self._srtp: Srtp | None = None
        self._ssrc = secrets.randbits(32)
        self._tracks: dict[int, _Track] = {}
        self._media_ssrc: dict[int, int] = {}
        self._keyframe_begun = False
        self._last_check = 0.0
        self._seconds = 0.0
        self._controlling = True
        self._expected_before = self._got_before = 0

    def connect(self, remote: Remote) -> None:
        """Begins; ``connected`` is set when keys are there. ``tick`` is to be called ten times a second."""
        self._remote = remote
        self._dtls = Dtls(self.identity, server=remote.is_dtls_client, fingerprints=(remote.fingerprint,))
        self._check()

    def close(self) -> None:
        """Leaves without a word."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def count_from_here(self) -> None:
        """Loss is counted from now on."""
        self._expected_before = sum(track.reception.expected for track in self._tracks.values())
        self._got_before = sum(len(track.seen) for track in self._tracks.values())

    @property
    def expected(self) -> int:
        """Packets sent since ``count_from_here``, by their sequence numbers."""
        return sum(track.reception.expected for track in self._tracks.values()) - self._expected_before

    @property
    def missed(self) -> int:
        """Those of them that never came."""
        got = sum(len(track.seen) for track in self._tracks.values()) - self._got_before
        return max(0, self.expected - got)

    def tick(self, now: float) -> None:
        """ICE checks until they are answered and now and then later; NACKs; a report a second."""
        if self._remote is None:
            return
        if self._srtp is None:
            self._check()
            self._handshake_again()
            return
        for ssrc, track in self._tracks.items():
            lost = track.missing.due(now * 1000, _RETRY_MS)
            if lost:
                self._send(self._srtp.protect_rtcp(rtcp.nack(self._ssrc, ssrc, sorted(lost))))
        if now - self._seconds >= 1:
            self._seconds = now
            self._report(now * 1000)
        if now - self._last_check >= 4:
            self._check()

    # --- ICE and DTLS

    def _check(self) -> None:
        assert self._remote is not None
        self._last_check = time.monotonic()
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self._remote.credentials.ufrag}:{self.local.ufrag}"
        request.attributes["PRIORITY"] = 110 << 24 | 65535 << 8 | 255
        request.attributes["ICE-CONTROLLING"] = 1 << 63
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._remote.credentials.password.encode())
        self._send(bytes(request))

    def _handshake_again(self) -> None:
        if self._dtls is not None and self._dtls.timeout() == 0:
            for flight in self._dtls.retransmit():
                self._send(flight)

    def _stun(self, data: bytes) -> None:
        message = ice.parse(data)
        if message is None or self._remote is None or self._dtls is None:
            return
        if message.message_class == stun.Class.REQUEST:
            reply = stun.Message(message.message_method, stun.Class.RESPONSE, message.transaction_id)
            reply.attributes["XOR-MAPPED-ADDRESS"] = self._remote.address
            reply.add_message_integrity(self.local.password.encode())
            self._send(bytes(reply))
        elif message.message_class == stun.Class.RESPONSE and not self._started:
            self._started = True
            for flight in self._dtls.start():
                self._send(flight)

    _started = False

    def _secure(self, data: bytes) -> None:
        assert self._dtls is not None
        for flight in self._dtls.feed(data):
            self._send(flight)
        if self._dtls.failure:
            raise RuntimeError(self._dtls.failure)
        if self._dtls.keys is not None and self._srtp is None:
            self._srtp = Srtp(self._dtls.keys)
            self.connected.set()

    def _send(self, data: bytes) -> None:
        assert self._remote is not None
        with suppress(BlockingIOError):
            self._socket.sendto(data, self._remote.address)

    # --- media

    def _readable(self) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                data = self._socket.recv(2048)
            except OSError:
                return
            first = data[0]
            if 128 <= first <= 191:
                self._media(data)
            elif first < 4:
                self._stun(data)
            elif 20 <= first <= 63:
                self._secure(data)

    def _media(self, data: bytes) -> None:
        if self._srtp is None:
            return
        if rtp_packet.is_rtcp(data):
            self._control(data)
            return
        plain = self._srtp.unprotect(data)
        if plain is None:
            return
        self.packets += 1
        self.octets += len(data)
        rtp = rtp_packet.parse(plain)
        if rtp.payload_type == self.rtx:
            original = rtp_packet.unwrap_rtx(rtp, self.video, self._media_ssrc.get(self.video, 0))
            if original is None:
                return
            rtp = original
            self.recovered += 1
        self._take(rtp)

    video, rtx, audio = VIDEO, RTX, AUDIO

    def _take(self, rtp: Rtp) -> None:
        track = self._tracks.get(rtp.ssrc)
        if track is None:
            track = self._tracks[rtp.ssrc] = _Track(Reception(rtp.ssrc, 90_000))
            self._media_ssrc[rtp.payload_type] = rtp.ssrc
        sequence = track.unwrapper.unwrap(rtp.sequence)
        track.reception.add(sequence, rtp.timestamp, len(rtp.payload), time.monotonic() * 1000)
        track.seen.add(sequence)
        track.missing.add(sequence)
        if self.first_frame_s is None and rtp.payload_type == self.video:
            self._keyframe_begun = self._keyframe_begun or starts_keyframe("H264", rtp.payload)
            if self._keyframe_begun and rtp.marker and not len(track.missing):
                self.first_frame_s = time.perf_counter() - self.began

    def _control(self, data: bytes) -> None:
        assert self._srtp is not None
        compound = self._srtp.unprotect_rtcp(data)
        for packet in rtcp.parse(compound or b""):
            if isinstance(packet, rtcp.SenderReport) and packet.ssrc in self._tracks:
                self._tracks[packet.ssrc].reception.sender_report(packet.ntp, time.monotonic() * 1000)

    def _report(self, now_ms: float) -> None:
        assert self._srtp is not None
        blocks = [
            track.reception.report(track.reception.take_loss(), now_ms) for track in self._tracks.values()
        ]
        report = rtcp.receiver_report(self._ssrc, blocks) + rtcp.source_description(self._ssrc, "bench")
        self._send(self._srtp.protect_rtcp(report))

    # --- SDP

    def offer(self) -> str:
        """For WHEP: one video and one audio track to receive."""
        return "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", *self._head("actpass"), ""])

    def answer(self, video: int, rtx: int, audio: int) -> str:
        """To a server that makes the offer, with its payload types."""
        self.video, self.rtx, self.audio = video, rtx, audio
        return "\r\n".join(
            ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", *self._head("active", order="av"), ""]
        )

    def _head(self, setup: str, order: str = "va") -> list[str]:
        mids = {"v": "0", "a": "1"} if order == "va" else {"a": "a", "v": "v"}
        lines = [f"a=group:BUNDLE {' '.join(mids[kind] for kind in order)}"]
        for kind in order:
            codecs = self._video_lines() if kind == "v" else self._audio_lines()
            lines += [*codecs, f"a=mid:{mids[kind]}", "a=recvonly", "a=rtcp-mux", *self._transport(setup)]
        return lines

    def _video_lines(self) -> list[str]:
        v, r = self.video, self.rtx
        fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
        return [
            f"m=video 9 UDP/TLS/RTP/SAVPF {v} {r}",
            "c=IN IP4 0.0.0.0",
            f"a=rtpmap:{v} H264/90000",
            f"a=fmtp:{v} {fmtp}",
            *(f"a=rtcp-fb:{v} {what}" for what in ("nack", "nack pli")),
            f"a=rtpmap:{r} rtx/90000",
            f"a=fmtp:{r} apt={v}",
        ]

    def _audio_lines(self) -> list[str]:
        return [
            f"m=audio 9 UDP/TLS/RTP/SAVPF {self.audio}",
            "c=IN IP4 0.0.0.0",
            f"a=rtpmap:{self.audio} opus/48000/2",
        ]

    def _transport(self, setup: str) -> list[str]:
        mark, (host, port) = self.identity.fingerprint, self.address
        return [
            f"a=ice-ufrag:{self.local.ufrag}",
            f"a=ice-pwd:{self.local.password}",
            f"a=fingerprint:{mark.algorithm} {mark.value}",
            f"a=setup:{setup}",
            f"a=candidate:1 1 udp 2130706431 {host} {port} typ host",
            "a=end-of-candidates",
        ]


def read_remote(text: str, host: str) -> Remote:
    """The server's side out of an SDP, with its candidate at ``host``. Raises ``ValueError``."""
    found: dict[str, str] = {}
    address: tuple[str, int] | None = None
    for line in text.splitlines():
        name, _, value = line.removeprefix("a=").partition(":")
        if name == "candidate":
            parts = value.split()
            if parts[2].lower() == "udp" and parts[4] == host:
                address = (host, int(parts[5]))
        elif name in ("ice-ufrag", "ice-pwd", "fingerprint", "setup"):
            found.setdefault(name, value.strip())
    if address is None or len(found) < 4:
        raise ValueError(f"the answer has no candidate at {host}, or is not whole")
    algorithm, mark = found["fingerprint"].split()
    credentials = Credentials(found["ice-ufrag"], found["ice-pwd"])
    return Remote(credentials, Fingerprint(algorithm, mark), address, found["setup"] == "active")


__all__ = ["Remote", "Viewer", "read_remote", "sdp"]
