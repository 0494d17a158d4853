"""Janus's streaming plugin as a peer, where the machine has it.

Janus leaves loopback interfaces out of its candidates, so it runs in a network namespace of its own behind a
pair of virtual interfaces; that takes root. Its RTP comes from here over UDP, as from a separate ingest.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiortc.codecs.h264 import H264Encoder as Packetizer

from bench.peers.process import Server, on_cores
from bench.video.crowd import Join
from bench.video.picture import AUDIO_RATE, FPS, VIDEO_RATE, Clip
from bench.video.viewer import Viewer, read_remote
from clients.publish.sound import PACKET_MS
from media.rtp import packet as rtp_packet

HERE, THERE = "10.213.77.1", "10.213.77.2"
_SPACE, _OURS, _THEIRS = "danmart-bench", "dmbench0", "dmbench1"
_API = f"http://{THERE}:8088/janus"
_VIDEO_PORT, _AUDIO_PORT = 5004, 5002
_READY_S = 10.0

_CONFIG = {
    "janus.jcfg": """
general: {{ configs_folder = "{folder}" plugins_folder = "{libs}/plugins"
  transports_folder = "{libs}/transports" events_folder = "{libs}/events" debug_level = 2 event_loops = 2 }}
nat: {{ ice_lite = true ice_ignore_list = "lo" }}
media: {{ ipv6 = false }}
plugins: {{ disable = "{disabled}" }}
transports: {{ disable = "{transports}" }}
""",
    "janus.transport.http.jcfg": """
general: {{ json = "compact" base_path = "/janus" http = true port = 8088 https = false }}
""",
    "janus.plugin.streaming.jcfg": """
bench: {{ type = "rtp" id = 1 audio = true video = true audioport = 5002 audiopt = 111 audiocodec = "opus"
  videoport = 5004 videopt = 96 videocodec = "h264"
  videofmtp = "profile-level-id=42e01f;packetization-mode=1" }}
""",
}


def missing() -> str | None:
    """Why Janus can't be measured here; ``None`` if it can."""
    if shutil.which("janus") is None or _libraries() is None:
        return "janus is not installed"
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "a network namespace takes root and the command ip"
    if subprocess.run(["ip", "netns", "add", f"{_SPACE}-try"], capture_output=True, check=False).returncode:
        return "no network namespace can be made here"
    subprocess.run(["ip", "netns", "delete", f"{_SPACE}-try"], capture_output=True, check=False)
    return None


def _libraries() -> Path | None:
    found = sorted(Path("/usr/lib").glob("*/janus/plugins/libjanus_streaming.so"))
    return found[0].parents[1] if found else None


class Janus(Server):
    """Janus in its namespace, both gone at the end."""

    def __init__(self, folder: Path, core: int) -> None:
        self.name, self.url = "janus", _API
        self._folder, self._core = folder / "janus", core
        self._log = folder / "janus.log"
        self.command = ["ip", "netns", "exec", _SPACE, "janus", "-F", str(self._folder), "-C", ""]

    def __enter__(self) -> Self:
        self._configure()
        _network()
        command = ["ip", "netns", "exec", _SPACE, "janus", "-F", str(self._folder)]
        with on_cores({self._core}), self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends it and takes the namespace away, with its interfaces."""
        super().stop()
        subprocess.run(["ip", "netns", "delete", _SPACE], capture_output=True, check=False)

    def _configure(self) -> None:
        libs = _libraries()
        assert libs is not None
        self._folder.mkdir()
        disabled = _others(libs / "plugins", "streaming")
        transports = _others(libs / "transports", "http")
        for name, text in _CONFIG.items():
            filled = text.format(folder=self._folder, libs=libs, disabled=disabled, transports=transports)
            (self._folder / name).write_text(filled)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{_API}/info", timeout=1) as response:
                    response.read()
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"janus did not start:\n{self._log.read_text(errors='replace')[-2000:]}")


def _others(folder: Path, wanted: str) -> str:
    return ",".join(one.name for one in folder.glob("*.so") if wanted not in one.name)


def _network() -> None:
    subprocess.run(["ip", "netns", "delete", _SPACE], capture_output=True, check=False)
    inside = ["ip", "-n", _SPACE]
    for command in (
        ["ip", "netns", "add", _SPACE],
        ["ip", "link", "add", _OURS, "type", "veth", "peer", "name", _THEIRS, "netns", _SPACE],
        ["ip", "address", "add", f"{HERE}/30", "dev", _OURS],
        ["ip", "link", "set", _OURS, "up"],
        [*inside, "address", "add", f"{THERE}/30", "dev", _THEIRS],
        [*inside, "link", "set", _THEIRS, "up"],
        [*inside, "link", "set", "lo", "up"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


async def send(clip: Clip) -> None:
    """The clip as RTP to Janus, in a loop, until cancelled."""
    packetizer = Packetizer()
    pictures = [packetizer._packetize(packetizer._split_bitstream(data)) for data in clip.pictures]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        await asyncio.gather(
            _track(sock, _VIDEO_PORT, 96, pictures, 1 / FPS, VIDEO_RATE),
            _track(sock, _AUDIO_PORT, 111, [[one] for one in clip.sounds], PACKET_MS / 1000, AUDIO_RATE),
        )


async def _track(
    sock: socket.socket, port: int, payload_type: int, units: list[list[bytes]], period_s: float, rate: int
) -> None:
    start, count, number, ssrc = time.monotonic(), 0, 0, secrets.randbits(32)
    while True:
        await asyncio.sleep(start + count * period_s - time.monotonic())
        payloads = units[count % len(units)]
        timestamp = round(count * period_s * rate) & 0xFFFFFFFF
        for index, payload in enumerate(payloads):
            marker = index == len(payloads) - 1
            packet = rtp_packet.build(payload_type, marker, number & 0xFFFF, timestamp, ssrc, payload)
            sock.sendto(packet, (THERE, port))
            number += 1
        count += 1


def join(http: aiohttp.ClientSession) -> Join:
    """Joins the mountpoint by Janus's HTTP API."""

    async def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        said = {**body, "transaction": secrets.token_hex(6)}
        async with http.post(f"{_API}{path}", json=said) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer

    async def one(viewer: Viewer) -> None:
        session = f"/{(await ask('', {'janus': 'create'}))['data']['id']}"
        attached = await ask(session, {"janus": "attach", "plugin": "janus.plugin.streaming"})
        handle = f"{session}/{attached['data']['id']}"
        await ask(handle, {"janus": "message", "body": {"request": "watch", "id": 1}})
        offer = ""
        while not offer:
            async with http.get(f"{_API}{session}?maxev=1") as response:
                event = await response.json(content_type=None)
            offer = event.get("jsep", {}).get("sdp", "")
        video, audio = (_payload_type(offer, name) for name in ("H264/90000", "opus/48000/2"))
        repeats = re.search(rf"a=fmtp:(\d+) apt={video}\b", offer)
        answer = viewer.answer(video, int(repeats[1]) if repeats else 97, audio)
        jsep = {"type": "answer", "sdp": answer}
        await ask(handle, {"janus": "message", "body": {"request": "start"}, "jsep": jsep})
        viewer.connect(read_remote(offer, THERE))

    return one


def _payload_type(text: str, codec: str) -> int:
    found = re.search(rf"a=rtpmap:(\d+) {codec}", text)
    if found is None:
        raise RuntimeError(f"no {codec} in Janus's offer")
    return int(found[1])
