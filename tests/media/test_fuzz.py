"""What nobody should send: it ends nothing, leaves nothing behind, and says little in the log."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from media import whep, whip
from media.relay.publisher import Publisher
from media.relay.viewer import Viewer
from media.rtc import sdp
from media.rtc.dtls import Fingerprint
from media.rtc.ice import Credentials
from media.rtp import rtcp
from media.rtp.packet import is_rtcp
from media.rtp.sequence import distance16
from rooms.errors import Refused
from tests.media.test_http import offer
from tests.media.world import Client, World, running_world, until
from tests.support.rough_line import RoughLine, rough_line

ROUNDS = 800


@dataclass
class Stage:
    """A publisher and a viewer, each behind a line that has recorded what they said since they came."""

    world: World
    viewer: Client
    publisher: Client
    lines: tuple[RoughLine, RoughLine]
    capture: list[bytes]

    @property
    def sides(self) -> tuple[Publisher, Viewer]:
        relay = self.world.service._streams["demo"].relay
        [viewer] = relay.viewers
        publisher = self.world.service._streams["demo"]._publisher
        assert isinstance(publisher, Publisher)
        return publisher, viewer


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with (
        running_world(grace_s=20.0, connect_timeout_s=1.0) as world,
        rough_line(world.service.udp_port) as first,
        rough_line(world.service.udp_port) as second,
    ):
        for line in (first, second):
            line.recorded = []
        publisher = await world.publish(line=first)
        await world.until_said("live:alice")
        viewer = await world.watch(line=second)
        await viewer.see(5)
        capture = [*(first.recorded or []), *(second.recorded or [])]
        assert {data[0] < 4 for data in capture} == {True, False}
        for line in (first, second):
            line.recorded = None
        yield Stage(world, viewer, publisher, (first, second), capture)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Cut, lengthened, bits turned, parts repeated or replaced: one to four of those."""
    work = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(work) + 1)
        match chance.randrange(6):
            case 0:
                del work[at:]
            case 1:
                work += chance.randbytes(chance.randrange(64))
            case 2 if at < len(work):
                work[at] ^= 1 << chance.randrange(8)
            case 3:
                work[at : at + 4] = chance.randbytes(4)
            case 4:
                work[at:at] = work[at : at + 32]
            case _:
                del work[at : at + chance.randrange(8)]
    return bytes(work[:2000])


def kept() -> Counter[str]:
    """How many objects of the media layer there are, by class."""
    gc.collect()
    kinds = (type(one) for one in gc.get_objects() if not isinstance(one, type))
    return Counter(
        f"{kind.__module__}.{kind.__name__}" for kind in kinds if str(kind.__module__).startswith("media.")
    )


async def goes_on(stage: Stage, before: tuple[int, ...], caplog: pytest.LogCaptureFixture) -> None:
    """The picture moves, and nothing is left behind."""
    await stage.viewer.see(10)
    settled(stage, before, caplog)


def settled(stage: Stage, before: tuple[int, ...], caplog: pytest.LogCaptureFixture) -> None:
    assert state(stage) == before
    ours = [record for record in caplog.records if record.name.startswith("media")]
    assert [record for record in ours if record.levelno >= logging.WARNING] == []
    assert len(ours) < 20


def state(stage: Stage) -> tuple[int, ...]:
    """How many of each there are; paths are few, if not always as many."""
    service = stage.world.service
    port = service._node.port
    for side in stage.sides:
        assert side.peer is not None
        assert len(side.peer._paths) <= 8
    assert len(port._by_address) <= 16
    return (len(port._by_ufrag), port.faults, len(service._whip), len(service._whep), len(service._streams))


async def test_mutated_datagrams_from_anywhere_and_from_the_peers_own_addresses(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    chance, port = random.Random(1), stage.world.service._node.port
    before = state(stage)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for index in range(ROUNDS):
            data = mutated(chance.choice(stage.capture), chance)
            stage.lines[index % 2].inject(data)
            stranger.sendto(data, ("127.0.0.1", port.port))
            if index % 50 == 0:
                await asyncio.sleep(0)
    assert port.stray > 0
    await goes_on(stage, before, caplog)


async def test_a_check_caught_and_sent_again_from_elsewhere_takes_the_picture_away_for_seconds_only(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.rtc.peer._QUIET_S", 1.2)
    viewer = stage.sides[1]
    assert viewer.peer is not None
    own = viewer.peer.path
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{viewer.peer.ice.local.ufrag}:{viewer.peer.ice.remote.ufrag}"
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(viewer.peer.ice.local.password.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.sendto(bytes(request), ("127.0.0.1", stage.world.service.udp_port))
        await until(lambda: viewer.peer is not None and viewer.peer.path != own, "the thief has the picture")
        await until(lambda: viewer.peer is not None and viewer.peer.path == own, "the picture is back", 10)
    await stage.viewer.see(3)


async def test_a_recording_played_again_changes_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    before = state(stage)
    for data in stage.capture[-400:]:
        for line in stage.lines:
            line.inject(data)
    await goes_on(stage, before, caplog)


async def test_mutated_packets_under_the_right_keys(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From somebody who may publish or watch, and whose packets are authentic."""
    chance = random.Random(2)
    publisher, viewer = stage.sides
    heard: list[bytes] = []
    assert publisher.peer is not None

    def listen(real: Callable[[bytes], None], data: bytes) -> None:
        heard.append(data)
        real(data)

    monkeypatch.setattr(publisher, "rtp", partial(listen, publisher.rtp))
    monkeypatch.setattr(publisher, "rtcp", partial(listen, publisher.rtcp))
    await until(lambda: sum(map(is_rtcp, heard)) >= 1 and len(heard) > 50, "packets and reports")
    monkeypatch.undo()
    feeds = viewer.feeds
    said = [
        rtcp.nack(1, feeds["video"].ssrc, range(5)),
        rtcp.picture_loss(1, feeds["video"].ssrc),
        rtcp.receiver_report(1, [rtcp.ReportBlock(feeds["video"].ssrc, 10, 1, 1, 1, 1, 1)]),
        rtcp.bye(feeds["audio"].ssrc),
        *(data for data in heard if is_rtcp(data)),
    ]
    before = state(stage)
    for index in range(ROUNDS):
        viewer.rtcp(mutated(chance.choice(said), chance))
        # Sources of its own are the publisher's right: at most eight are kept, and none may be the picture's.
        data = mutated(chance.choice(heard), chance)
        (publisher.rtcp if is_rtcp(data) else publisher.rtp)(data)
        if index % 50 == 0:
            await asyncio.sleep(0)
    assert len(publisher._sources) <= 8
    # What was made up tore the publisher's own picture. The room gets over that with the next publisher.
    await stage.publisher.vanish()
    await stage.world.publish("alice.second", X_Danmart_Takeover="1")
    stream = stage.world.service._streams["demo"]
    await until(lambda: stream._publisher not in (None, publisher), "the next publisher")
    newcomer = await stage.world.watch()
    await newcomer.see(3)
    assert await newcomer.delete() == 200
    # aiortc's receiver is at a loss for half a minute; what it is sent is whole again.
    came = len(stage.viewer.packets["video"])
    await until(lambda: len(stage.viewer.packets["video"]) > came + 20, "packets")
    sent = [packet for packet in stage.viewer.packets["video"][came:] if packet.payload_type == 101]
    assert [distance16(packet.sequence, sent[0].sequence) for packet in sent] == list(range(len(sent)))
    settled(stage, before, caplog)


async def test_mutated_checks_with_the_right_password_keep_paths_bounded(stage: Stage) -> None:
    chance = random.Random(3)
    peer = stage.sides[1].peer
    assert peer is not None
    port = stage.world.service._node.port
    for _ in range(40):  # a client that comes from another address each time
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wanderer:
            wanderer.bind(("127.0.0.1", 0))
            request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            request.attributes["USERNAME"] = f"{peer.ice.local.ufrag}:{peer.ice.remote.ufrag}"
            request.attributes["PRIORITY"] = chance.randrange(1 << 32)
            request.attributes["ICE-CONTROLLING"] = chance.randrange(1 << 64)
            request.add_message_integrity(peer.ice.local.password.encode())
            wanderer.setblocking(False)
            wanderer.sendto(bytes(request), ("127.0.0.1", port.port))
            wanderer.sendto(mutated(bytes(request), chance), ("127.0.0.1", port.port))
            assert await asyncio.get_running_loop().sock_recv(wanderer, 2000)
    assert len(peer._paths) <= 8
    assert len(port._by_address) <= 8 + 2
    await stage.viewer.see(5)


async def test_sessions_that_never_were_leave_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Handshakes that end in garbage, and sessions that nobody connects to."""
    chance, world = random.Random(4), stage.world
    before, objects = state(stage), kept()
    for _ in range(25):
        assert (await world.post("/whep/demo", offer("recvonly"))).status == 201
    assert len(world.service._whep) == 26
    peers = [session.peer for session in world.service._whep._sessions.values()][1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        for peer in peers:  # a path, and then noise where the handshake should be
            request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            request.attributes["USERNAME"] = f"{peer.ice.local.ufrag}:{peer.ice.remote.ufrag}"
            request.add_message_integrity(peer.ice.local.password.encode())
            client.sendto(bytes(request), ("127.0.0.1", world.service.udp_port))
            for data in stage.capture[:40]:
                client.sendto(mutated(data, chance), ("127.0.0.1", world.service.udp_port))
            await asyncio.sleep(0)
    await until(lambda: len(world.service._whep._sessions) == 1, "they are given up")
    del peers, peer
    await goes_on(stage, before, caplog)
    after = kept()
    for packet in ("media.relay.track.Packet", "media.rtp.packet.Rtp"):
        after.pop(packet, None)  # there is more of the picture
    assert {name: count for name, count in (after - objects).items() if count > 2} == {}


# What a viewer watches, as far as the choice of codecs goes.
_WATCHED: Any = SimpleNamespace(relay=SimpleNamespace(tracks={"video": SimpleNamespace(codec="H264")}))
_REAL = (
    offer("sendrecv")
    + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
)


@given(st.integers(0, 2**32), st.sampled_from(["whip", "whep"]))
def test_mutated_offers_are_answered_or_refused(seed: int, side: str) -> None:
    chance = random.Random(seed)
    lines = _REAL.replace("BUNDLE 0", "BUNDLE 0 1").split("\r\n")
    for _ in range(chance.randint(1, 6)):
        index = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines.insert(index, lines[chance.randrange(len(lines))])
            case 1 if len(lines) > 3:
                del lines[index]
            case 2:
                lines[index] = lines[index][: chance.randrange(len(lines[index]) + 1)]
            case _:
                lines[index] = mutated(lines[index].encode(), chance).decode("latin-1")
    try:
        parsed = sdp.parse_offer("\r\n".join(lines))
        chosen = whip.choose(parsed) if side == "whip" else whep.choose(parsed, _WATCHED)
    except Refused as refused:
        if refused.kind.http >= 500:
            raise
        return
    identity = Fingerprint("sha-256", "00")
    local = sdp.Local(Credentials("abcd", "p" * 22), identity, ["192.0.2.1", "2001:db8::1"], 9, "cname")
    answer = sdp.write_answer(parsed, chosen, local)
    assert answer.count("\r\nm=") == len(parsed.sections)
    assert all(len(line) >= 2 and line[1] == "=" for line in answer.strip().split("\r\n"))
