"""What picture and sound cost and how late they are, beside aiortc's ways of sending them and Janus.

    python -m bench.media [--quick] [--json]

A real node on one core, its publisher and N viewers in another process on the other: 720p30 at 1.5 Mbps with
Opus, ICE, DTLS, SRTP, receiver reports and NACKs, all over UDP. CPU time is that of the server's process, the
kernel's part in it; docs/operations.md says what each figure means.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import aioice.ice
import uvloop

from bench.peers.process import Meter, Server, two_cores
from bench.video import janus, picture, talk
from bench.video.crowd import Crowd, Stay, whep
from bench.video.node import ROOM, node, open_room, sign
from bench.video.picture import Clip, LoopSource
from bench.video.publishing import published
from clients.probe.figures import percentile
from clients.probe.run import probe
from clients.publish.drawn import DrawnSource

PACKETS_A_SECOND = 225  # of one viewer: what `viewers_per_core` is reckoned with


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    viewers: int
    joins: int
    seconds: float
    stock_viewers: int
    peer_seconds: float
    glass_viewers: int
    glass_seconds: float
    talk_seconds: float


QUICK = Size(150, 40, 3.5, 12, 2.5, 50, 3.5, 2.5)
FULL = Size(150, 100, 20.0, 40, 8.0, 100, 20.0, 15.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """One side's cost of forwarding."""

    us_per_packet: float
    core_share: float
    stay: Stay

    @property
    def viewers_per_core(self) -> int:
        return round(1e6 / (self.us_per_packet * PACKETS_A_SECOND))


async def cost(server: Server | janus.Janus, crowd: Crowd, seconds: float) -> Cost:
    """Of what the crowd is sent meanwhile."""
    meter = Meter(server)
    with meter:
        stay = await crowd.stay(seconds)
    return Cost(meter.cpu_s * 1e6 / max(1, stay.packets), meter.share, stay)


async def ours(
    http: aiohttp.ClientSession, folder: Path, clip: Clip, size: Size, core: int
) -> dict[str, Any]:
    """The node: joining, forwarding, and how late a picture is meanwhile."""
    with node("danmart", folder, core) as server:
        token = sign(folder / "danmart", "host", "--may-host")
        key = await open_room(http, server.url, token)
        whip = f"{server.url}/whip/{ROOM}"
        async with published(whip, key, LoopSource(clip)):
            found = await _forwarding(http, server, size)
        async with published(whip, key, DrawnSource(640, 360, 25, 900_000)):
            found |= await _glass(http, server, size)
    return found


async def _forwarding(http: aiohttp.ClientSession, server: Server, size: Size) -> dict[str, Any]:
    crowd = Crowd(whep(http, f"{server.url}/whep/{ROOM}"))
    try:
        joining = Meter(server)
        with joining:
            await crowd.enter(size.joins, at_once=2)
            first = await crowd.pictures()
        sent = sum(viewer.packets for viewer in crowd.viewers)
        await crowd.enter(size.viewers - size.joins)
        await crowd.pictures()
        forwarding = await cost(server, crowd, size.seconds)
    finally:
        await crowd.close()
    joined_s = joining.cpu_s - sent * forwarding.us_per_packet / 1e6
    return {
        "us_per_packet": round(forwarding.us_per_packet, 2),
        "viewers_per_core": forwarding.viewers_per_core,
        "viewers": size.viewers,
        "core_share": round(forwarding.core_share, 3),
        "packets_per_viewer": round(forwarding.stay.packets / forwarding.stay.seconds / size.viewers, 1),
        "mbps_per_viewer": round(forwarding.stay.octets * 8e-6 / forwarding.stay.seconds / size.viewers, 2),
        "loss": round(forwarding.stay.loss, 6),
        "resent": forwarding.stay.recovered,
        "first_frame_ms": round(percentile(first, 95) or 0, 1),
        "first_frame_p50_ms": round(statistics.median(first), 1),
        "join_cpu_ms": round(joined_s * 1000 / size.joins, 2),
    }


async def _glass(http: aiohttp.ClientSession, server: Server, size: Size) -> dict[str, Any]:
    crowd = Crowd(whep(http, f"{server.url}/whep/{ROOM}"))
    try:
        await crowd.enter(size.glass_viewers)
        seen = await probe(server.url, ROOM, None, ("whep", "hls"), size.glass_seconds)
    finally:
        await crowd.close()
    found: dict[str, Any] = {"glass_viewers": size.glass_viewers}
    for figures in seen:
        if figures.error is not None:
            raise RuntimeError(f"{figures.protocol}: {figures.error}")
        said = figures.json()
        for name in ("glass_p50_ms", "glass_p95_ms", "first_frame_ms", "stalls", "av_offset_ms"):
            found[f"{figures.protocol}_{name}"] = said[name]
    return found


async def stock(
    http: aiohttp.ClientSession, folder: Path, clip: Path, how: str, viewers: int, size: Size, core: int
) -> Cost:
    """aiortc's ways of sending the same."""
    command = [sys.executable, "-m", "bench.video.stock", str(clip), how]
    with Server(how, command, core, folder) as server:
        crowd = Crowd(whep(http, server.url))
        try:
            await crowd.enter(viewers, at_once=1)
            await asyncio.sleep(1)
            return await cost(server, crowd, size.peer_seconds)
        finally:
            await crowd.close()


async def beside_janus(
    http: aiohttp.ClientSession, folder: Path, clip: Clip, size: Size, core: int
) -> Cost | str:
    """Janus's cost of the same, or why it could not be measured."""
    reason = janus.missing()
    if reason is not None:
        return reason
    with janus.Janus(folder, core) as server:
        sending = asyncio.create_task(janus.send(clip))
        crowd = Crowd(janus.join(http), janus.HERE)
        try:
            await crowd.enter(size.viewers, at_once=32)
            await asyncio.sleep(1)
            return await cost(server, crowd, size.peer_seconds)
        finally:
            await crowd.close()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def measure(size: Size) -> dict[str, Any]:
    """Everything, one after the other."""
    core, load_core = two_cores()
    started = time.monotonic()

    def step(what: str) -> None:
        print(f"{time.monotonic() - started:5.1f} s  {what}", file=sys.stderr, flush=True)

    os.sched_setaffinity(0, {load_core})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, path = picture.encode(), folder / "clip"
        picture.save(clip, path)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            step("the node")
            found = await ours(http, folder, clip, size, core)
            step("aiortc's sender")
            packets = await stock(http, folder, path, "packets", size.stock_viewers, size, core)
            step("aiortc's relay")
            relay = await stock(http, folder, path, "relay", 1, size, core)
            step("Janus")
            other = await beside_janus(http, folder, clip, size, core)
            step("people who talk")
            found |= await talk.gateway(http, folder, clip, size.talk_seconds, core)
    mine = float(found["us_per_packet"])
    found |= {
        "vs_rtcrtpsender": round(mine / packets.us_per_packet, 3),
        "rtcrtpsender_us_per_packet": round(packets.us_per_packet, 1),
        "vs_mediarelay": round(mine / relay.us_per_packet, 5),
        "mediarelay_us_per_packet": round(relay.us_per_packet, 1),
    }
    if isinstance(other, Cost):
        found |= {
            "vs_janus": round(mine / other.us_per_packet, 3),
            "janus_us_per_packet": round(other.us_per_packet, 2),
        }
        found |= {"janus_loss": round(other.stay.loss, 6), "janus_reason": None}
    else:
        found |= {"vs_janus": None, "janus_us_per_packet": None, "janus_loss": None, "janus_reason": other}
    return found


def _table(found: dict[str, Any]) -> str:
    rows = (
        ("a packet to a viewer", f"{found['us_per_packet']} µs: {found['viewers_per_core']} viewers a core"),
        ("RTCRtpSender", f"{found['rtcrtpsender_us_per_packet']} µs, ours {found['vs_rtcrtpsender']} of it"),
        ("MediaRelay", f"{found['mediarelay_us_per_packet']} µs, ours {found['vs_mediarelay']} of it"),
        (
            "Janus",
            found["janus_reason"] or f"{found['janus_us_per_packet']} µs, ours {found['vs_janus']} of it",
        ),
        (f"{found['viewers']} viewers", f"{found['core_share']:.0%} of a core, loss {found['loss']:.4%}"),
        ("joining", f"{found['join_cpu_ms']} ms of CPU, a picture after {found['first_frame_ms']} ms (p95)"),
        ("glass to glass", f"WHEP {found['whep_glass_p95_ms']} ms, HLS {found['hls_glass_p95_ms']} ms (p95)"),
        *((name, text) for name, text in talk.rows(found)),
    )
    return "\n".join(f"{name:24}{text}" for name, text in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs it; 0 when everything could be measured."""
    parser = argparse.ArgumentParser(prog="bench media", description="What picture and sound cost.")
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    found = uvloop.run(measure(QUICK if options.quick else FULL))
    print(_table(found), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({"bench": "media", "quick": options.quick, **found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
