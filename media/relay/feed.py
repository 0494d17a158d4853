"""One track on its way to one viewer: its numbers, its encryption, and what it is given again."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import pylibsrtp

from media.relay.counters import Counters
from media.relay.following import Following, Verdict
from media.relay.track import Packet, RoomTrack
from media.rtc import hooks
from media.rtc.udp import Address, UdpPort
from media.rtp.rtcp import ReportBlock
from media.rtp.sequence import distance16, distance32

_HEADER = struct.Struct("!BBHII")
_MAX_ERAS = 8
_MAX_RESENDS_A_SECOND = 600
_BURST_STEP_MS = 1


@dataclass(frozen=True, slots=True)
class Format:
    """How one codec was negotiated with a viewer."""

    payload_type: int
    rtx_payload_type: int | None = None


class Feed:
    """Forwards a track's packets to one viewer; silent until ``open`` gives it a way out.

    A viewer's sequence number is the room's plus an offset. The offset changes only when packets were held
    back, so that the viewer sees no hole that could not be filled; earlier offsets are kept to find what a
    NACK means.
    """

    def __init__(
        self,
        track: RoomTrack,
        formats: dict[str, Format],
        ssrc: int,
        rtx_ssrc: int,
        extension: bytes,
        counters: Counters,
    ) -> None:
        self.track = track
        self.ssrc, self.rtx_ssrc = ssrc, rtx_ssrc
        self.packets = self.octets = 0
        self.loss = 0.0
        self.rtt_ms: float | None = None
        self._formats = formats
        self._extension = extension
        self._first = 0x90 if extension else 0x80
        self._start = 12 + len(extension)
        self._counters = counters
        self._port: UdpPort | None = None
        self._protector: hooks.Protector | None = None
        self.address: Address = ()
        self._is_video = track.kind == "video"
        self.held = self._is_video  # a picture begins with a keyframe
        self._offset = 0
        self._floor: int | None = None
        self._highest_out = -1
        self._eras: deque[tuple[int, int]] = deque(maxlen=_MAX_ERAS)
        self._rtx_sequence = 1
        self._shifted: dict[int, int] = {}
        self._resends = 0
        self._backlog: deque[Packet] | None = None
        self._following = Following()
        self.is_hopeless = False
        self._last_report: tuple[int, float] | None = None

    def open(self, port: UdpPort, protector: hooks.Protector, address: Address) -> None:
        self._port, self._protector, self.address = port, protector, address

    def takes(self, codec: str) -> bool:
        return codec in self._formats

    # --- forwarding

    def forward(self, packet: Packet) -> None:
        """Sends a packet of the track now, or drops and counts it; keeps it while catching up."""
        if self._backlog is not None:
            self._backlog.append(packet)
            return
        if self.held:
            if not packet.keyframe:
                self._counters.dropped_held += 1
                return
            self.held = False
            # What is missing just before may be the keyframe's parameter sets, overtaken on the way here.
            self._begin(packet.sequence - self.track.missing_before(packet.sequence))
        elif self._floor is None:
            self._begin(packet.sequence)
        elif packet.sequence < self._floor:
            return  # late, from before the hold
        form = self._formats.get(packet.codec)
        if form is None:
            self._counters.dropped_codec += 1
            self.hold()
            return
        sequence = packet.sequence + self._offset
        if sequence > self._highest_out:
            self._highest_out = sequence
        timestamp = (
            self._shifted.get(packet.timestamp, packet.timestamp) if self._shifted else packet.timestamp
        )
        second = form.payload_type | 0x80 if packet.marker else form.payload_type
        _HEADER.pack_into(hooks.buffer, 0, self._first, second, sequence & 0xFFFF, timestamp, self.ssrc)
        self._send(packet.payload)

    def _send(self, payload: bytes) -> None:
        """Puts the payload behind the header in the buffer, encrypts and sends."""
        start = self._start
        length = start + len(payload)
        if length > hooks.MAX_PACKET_BYTES:
            self._counters.dropped_size += 1
            return
        if self._port is None or self._protector is None:
            return
        hooks.buffer[12:start] = self._extension
        hooks.buffer[start:length] = payload
        try:
            size = self._protector.protect(length)
        except pylibsrtp.Error:  # older than libsrtp's window
            self._counters.nacks_unanswered += 1
            return
        if self._port.send(hooks.view[:size], self.address):
            self.packets += 1
            self.octets += len(payload)
            self._counters.packets_out += 1
            self._counters.bytes_out += size
        else:
            self._counters.dropped_blocked += 1
            self.hold()

    def _begin(self, room_sequence: int) -> None:
        """From this packet on, numbers follow those already sent without a hole."""
        self._floor = room_sequence
        if self._highest_out < 0:
            self._highest_out = (room_sequence & 0x7FFF) - 1
        self._offset = self._highest_out + 1 - room_sequence
        self._eras.append((self._highest_out + 1, self._offset))

    def hold(self) -> None:
        """Sends no more pictures until a keyframe: part of one is worth nothing. Sound goes on."""
        if self._is_video:
            self.held = True

    def begin(self, packets: Sequence[Packet]) -> None:
        """Prepares for a burst of past pictures: their times are drawn together, just before the present.

        The viewer then shows the newest at once, instead of playing the past in real time and staying late.
        ``packets`` begin with a keyframe, though not always with its first packet: that may be overtaken.
        """
        times: list[int] = []
        for packet in packets:
            if not times or packet.timestamp != times[-1]:
                times.append(packet.timestamp)
        step = _BURST_STEP_MS * self.track.clock_rate // 1000
        last = times[-1] if times else 0
        if packets and self.held:
            self.held = False
            self._begin(packets[0].sequence)
        self._shifted = {
            time: (last - (len(times) - 1 - index) * step) & 0xFFFFFFFF for index, time in enumerate(times)
        }

        self._backlog = deque(packets)

    def catch_up(self, most: int) -> int:
        """Sends up to so many of the packets that wait since ``begin``; gives how many still do.

        Bounded by the pictures since a keyframe and what comes while they are sent, much faster.
        """
        backlog, self._backlog = self._backlog, None
        if not backlog:
            return 0
        for _ in range(min(most, len(backlog))):
            self.forward(backlog.popleft())
        if backlog:
            self._backlog = backlog
        return len(backlog)

    # --- feedback

    def nacked(self, numbers: Sequence[int]) -> None:
        """The viewer misses these (16-bit numbers): each is sent again if it is still there."""
        for number in numbers:
            if self._resends >= _MAX_RESENDS_A_SECOND:
                return
            packet = self._find(number)
            form = self._formats.get(packet.codec) if packet is not None else None
            if packet is None or form is None:
                self._counters.nacks_unanswered += 1
                continue
            self._resends += 1
            self._counters.nacks_answered += 1
            self._resend(packet, form, number)

    def _find(self, number: int) -> Packet | None:
        if self._highest_out < 0:
            return None
        sequence = self._highest_out + distance16(number, self._highest_out & 0xFFFF)
        for first, offset in reversed(self._eras):
            if sequence >= first:
                return self.track.find(sequence - offset)
        return None

    def _resend(self, packet: Packet, form: Format, number: int) -> None:
        timestamp = self._shifted.get(packet.timestamp, packet.timestamp)
        mark = 0x80 if packet.marker else 0
        if form.rtx_payload_type is None:
            second = form.payload_type | mark
            _HEADER.pack_into(hooks.buffer, 0, self._first, second, number, timestamp, self.ssrc)
            self._send(packet.payload)
            return
        second = form.rtx_payload_type | mark
        sequence = self._rtx_sequence & 0xFFFF
        self._rtx_sequence += 1
        _HEADER.pack_into(hooks.buffer, 0, self._first, second, sequence, timestamp, self.rtx_ssrc)
        self._send(number.to_bytes(2, "big") + packet.payload)  # RFC 4588, 4

    def reported(self, block: ReportBlock, now_ms: float) -> None:
        """The viewer's receiver report."""
        self.loss = block.fraction / 256
        if self._last_report is not None and block.last_sr == self._last_report[0]:
            self.rtt_ms = max(0.0, now_ms - self._last_report[1] - block.delay / 65.536)
        if self._is_video:
            verdict = self._following.judge(self.loss, self.rtt_ms)
            if verdict is Verdict.HOPELESS and not self.is_hopeless:
                self.is_hopeless = True
                self._counters.viewers_hopeless += 1
            if verdict is not Verdict.FOLLOWS:
                self.hold()

    def report_sent(self, ntp: int, now_ms: float) -> None:
        """A sender report with this NTP time has gone out; also the beat of the limits here."""
        self._last_report = (ntp >> 16 & 0xFFFFFFFF, now_ms)

    def tick(self) -> None:
        """Once a second."""
        self._resends = 0
        if self._shifted:
            newest = max(self._shifted, key=lambda time: distance32(time, self.track.timestamp))
            if distance32(self.track.timestamp, newest) > 2 * self.track.clock_rate:
                self._shifted = {}
