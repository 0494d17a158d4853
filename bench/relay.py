"""What forwarding a packet to a viewer costs, beside aiortc's own way of sending one.

    python -m bench.relay [--quick] [--json]

Both sides send the same packets (720p at 1.5 Mbps with Opus: 225 a second and viewer) over real UDP sockets
with real SRTP to another process that reads them, in turns within one run. Ours is everything from a
publisher's decrypted packet to the system call, through ``RoomRelay``; theirs is ``RtpPacket.serialize`` and
``RTCDtlsTransport._send_rtp``. CPU time of the process is counted, so the kernel's part is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Self

import aioice.ice
import pylibsrtp
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCPeerConnection
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from media.config import MediaConfig
from media.ports import MediaKind, TrackInfo
from media.relay.counters import Counters
from media.relay.feed import Feed, Format
from media.relay.room import RoomRelay
from media.relay.viewer import Viewer
from media.rtc.hooks import Protector
from media.rtc.udp import UdpPort
from media.rtp.packet import Rtp, mid_extension

PACKETS_A_SECOND = 225
_VIDEO_BYTES, _AUDIO_BYTES = 1080, 100
# Seven of nine packets are video.
_PATTERN: tuple[MediaKind, ...] = ("video",) * 4 + ("audio",) + ("video",) * 3 + ("audio",)


def _payload(kind: MediaKind, first: bool) -> bytes:
    size = _VIDEO_BYTES if kind == "video" else _AUDIO_BYTES
    return (b"\x65" if first else b"\x41") + os.urandom(size - 1)


def _packets(count: int) -> list[tuple[MediaKind, Rtp]]:
    numbers: dict[MediaKind, int] = {"video": 0, "audio": 0}
    made = []
    for index, kind in enumerate(islice(cycle(_PATTERN), count)):
        number = numbers[kind] = numbers[kind] + 1
        payload = _payload(kind, index == 0)
        made.append((kind, Rtp(96, number % 6 == 0, number & 0xFFFF, number * 500, 7, payload, {})))
    return made


def _session() -> pylibsrtp.Session:
    profile = pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    key = os.urandom(28)
    policy = pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
    return pylibsrtp.Session(policy)


_READER = """
import socket
reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
reader.bind(("127.0.0.1", 0))
print(reader.getsockname()[1], flush=True)
while True:
    reader.recv(2048)
"""


@contextmanager
def _reader() -> Iterator[tuple[str, int]]:
    """The address of a socket that another process reads."""
    with subprocess.Popen([sys.executable, "-c", _READER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield "127.0.0.1", int(process.stdout.readline())
        process.kill()


class Ours:
    """A room with ``viewers`` viewers, all of them at ``address``."""

    def __init__(self, viewers: int, address: tuple[str, int]) -> None:
        self.counters = Counters()
        self._viewers = viewers
        self._port = UdpPort(MediaConfig("bench", udp_host="127.0.0.1"))
        self._address = address
        self._relay = RoomRelay(self.counters, lambda: None)
        self._next: dict[MediaKind, int] = {"video": 0, "audio": 0}

    async def __aenter__(self) -> Self:
        self._port.open()
        self._relay.begin([TrackInfo("video", "H264", 90000), TrackInfo("audio", "opus", 48000, 2)])
        for _ in range(self._viewers):
            feeds = {kind: self._feed(kind) for kind in self._next}
            self._relay.joined(Viewer(self._relay, self._port, feeds, "bench"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._port.close()

    def _feed(self, kind: MediaKind) -> Feed:
        name = "H264" if kind == "video" else "opus"
        ssrc = 1 if kind == "video" else 2
        feed = Feed(
            self._relay.tracks[kind], {name: Format(96, 97)}, ssrc, 3, mid_extension(1, "0"), self.counters
        )
        feed.open(self._port, Protector(_session()), self._address)
        return feed

    async def send(self, packets: list[tuple[MediaKind, Rtp]]) -> int:
        """Forwards all packets to all viewers; returns how many went out."""
        before = self.counters.packets_out
        for kind, rtp in packets:
            self._next[kind] += 1
            self._relay.publish(kind, rtp, self._next[kind], time.monotonic() * 1000)
            while self._relay.is_busy:  # noqa: ASYNC110  it goes on in the loop's next round
                await asyncio.sleep(0)
        return self.counters.packets_out - before


class Theirs:
    """aiortc's sending path of a connected peer, called once for each packet and viewer."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._peers = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)]
        self._extensions = HeaderExtensionsMap()
        self._transport: RTCDtlsTransport | None = None
        self._next = 0

    async def __aenter__(self) -> Self:
        one, other = self._peers
        one.addTransceiver("audio", direction="sendonly")
        await one.setLocalDescription(await one.createOffer())
        await other.setRemoteDescription(one.localDescription)
        await other.setLocalDescription(await other.createAnswer())
        await one.setRemoteDescription(other.localDescription)
        transceiver = one.getTransceivers()[0]
        self._transport = transceiver.sender.transport
        connected = asyncio.Event()

        @one.on("connectionstatechange")
        def changed() -> None:
            if one.connectionState == "connected":
                connected.set()

        await connected.wait()
        pair = self._transport.transport._connection._nominated[1]
        pair.remote_candidate._network_host, pair.remote_candidate.port = self._address
        self._extensions.configure(one._RTCPeerConnection__localRtp(transceiver))  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(peer.close() for peer in self._peers))

    async def send(self, packets: list[tuple[MediaKind, Rtp]]) -> int:
        """Sends all packets once; returns how many."""
        assert self._transport is not None
        for _, rtp in packets:
            self._next = (self._next + 1) & 0xFFFF
            packet = RtpPacket(96, int(rtp.marker), self._next, rtp.timestamp, 9, rtp.payload)
            packet.extensions.mid = "0"
            await self._transport._send_rtp(packet.serialize(self._extensions))
        return len(packets)


async def _cost(send: Callable[[list[tuple[MediaKind, Rtp]]], Awaitable[int]], count: int) -> float:
    """Microseconds of CPU a packet sent."""
    packets = _packets(count)
    before = time.process_time()
    sent = await send(packets)
    return (time.process_time() - before) * 1e6 / sent


async def measure(viewers: int, packets: int, rounds: int) -> dict[str, float]:
    """Medians over ``rounds``, the two sides in turns."""
    ours: list[float] = []
    theirs: list[float] = []
    with _reader() as address:
        async with Ours(viewers, address) as relay, Theirs(address) as stock:
            await _cost(relay.send, 20)
            for _ in range(rounds):
                ours.append(await _cost(relay.send, packets))
                theirs.append(await _cost(stock.send, packets * viewers))
    mine, stock_cost = statistics.median(ours), statistics.median(theirs)
    return {
        "viewers": viewers,
        "us_per_packet": round(mine, 2),
        "viewers_per_core": round(1e6 / (mine * PACKETS_A_SECOND)),
        "stock_us_per_packet": round(stock_cost, 2),
        "stock_viewers_per_core": round(1e6 / (stock_cost * PACKETS_A_SECOND)),
        "times_cheaper": round(stock_cost / mine, 2),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench relay", description="What forwarding a packet costs.")
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    viewers, packets, rounds = (50, 100, 3) if options.quick else (100, 200, 9)
    result = asyncio.run(measure(viewers, packets, rounds))
    out = sys.stderr if options.json else sys.stdout
    ours, theirs = result["us_per_packet"], result["stock_us_per_packet"]
    print(f"ours: {ours} µs a packet, {result['viewers_per_core']} viewers a core", file=out)
    print(f"aiortc: {theirs} µs, {result['stock_viewers_per_core']} viewers a core", file=out)
    if options.json:
        print(json.dumps({"bench": "relay", "quick": options.quick, **result}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
