"""A picture from a publisher to viewers, with real encoders, real sockets and real interruptions."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from media.ports import Whence
from media.rtp.sequence import distance16, distance32
from tests.media.world import Client, World, running_world, until


def assert_continuous(client: Client, kind: str, clock_rate: int) -> None:
    """No hole, no repeat and no jump back, over everything that came; time jumps by less than 5 s."""
    packets = client.packets[kind]
    assert len({packet.ssrc for packet in packets if packet.payload_type in (96, 97, 99, 101)}) == 1
    for before, after in pairwise(packets):
        assert distance16(after.sequence, before.sequence) == 1
        assert 0 <= distance32(after.timestamp, before.timestamp) < 5 * clock_rate


async def test_viewer_sees_and_hears_the_publisher(world: World) -> None:
    publisher = await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(10)
    await until(lambda: viewer.samples > 9600, "sound")
    assert (viewer.frames[-1].width, viewer.frames[-1].height) == (160, 120)
    assert await viewer.delete() == 200
    assert await publisher.delete() == 200
    await world.until_said("live:alice", "ended:stopped")


async def test_vp8_is_the_second_choice(world: World) -> None:
    await world.publish(codec="VP8")
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(5)
    stats = world.service.publisher_stats("demo")
    assert stats is not None
    assert stats.video is not None
    assert (stats.video.codec, stats.video.width, stats.video.height) == ("VP8", 160, 120)


async def test_reload_goes_on_without_renegotiation(world: World) -> None:
    first = await world.publish("alice.first")
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(5)
    await first.vanish()
    second = await world.publish("alice.second", X_Danmart_Takeover="1")
    await viewer.see(10)
    assert_continuous(viewer, "video", 90000)
    assert_continuous(viewer, "audio", 48000)
    assert await first.delete() == 404
    assert await second.delete() == 200


async def test_takeover_keeps_the_old_picture_until_the_new_one_comes(world: World) -> None:
    await world.publish("demo")
    await world.until_said("live:demo")
    viewer = await world.watch()
    await viewer.see(5)
    await world.publish("alice")
    await world.until_said("live:demo", "live:alice")
    await viewer.see(10)
    assert_continuous(viewer, "video", 90000)


async def test_viewer_stays_through_an_interruption(world: World) -> None:
    first = await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(5)
    await first.vanish()
    await world.until_said("live:alice", "interrupted:alice")
    assert world.service.viewers("demo") == 1
    await world.publish()
    await world.until_said("live:alice", "interrupted:alice", "live:alice")
    await viewer.see(5)
    assert_continuous(viewer, "video", 90000)


async def test_lost_publisher_ends_the_stream_after_the_grace_period() -> None:
    async with running_world(grace_s=0.3, linger_s=0.3) as world:
        publisher = await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(1)
        await publisher.vanish()
        await world.until_said("live:alice", "interrupted:alice", "ended:lost")
        await until(lambda: viewer.peer.connectionState == "closed", "the viewer's connection closed")


async def test_codec_change_needs_no_renegotiation(world: World) -> None:
    await world.publish("demo", codec="H264")
    await world.until_said("live:demo")
    viewer = await world.watch()
    await viewer.see(3)
    await world.publish("alice", codec="VP8")
    await world.until_said("live:demo", "live:alice")
    await viewer.see(5)


async def test_packets_that_a_viewer_misses_are_sent_again(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    lost: set[int] = set()

    def lose(packet: object) -> bool:
        sequence, payload_type = packet.sequence, packet.payload_type  # type: ignore[attr-defined]
        if payload_type == 101 and sequence % 7 == 0 and sequence not in lost:
            lost.add(sequence)
            return True
        return False

    viewer.lose = lose
    await viewer.see(30)
    counters = world.service._node.counters
    assert lost
    assert counters.nacks_answered >= len(lost) - 1
    again = [
        int.from_bytes(one.payload[:2], "big") for one in viewer.packets["video"] if one.payload_type == 102
    ]
    assert len(lost - set(again)) <= 1


async def test_packets_that_the_node_misses_are_asked_for_again(world: World) -> None:
    publisher = await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(2)
    transport = publisher.peer.getTransceivers()[1].sender.transport
    send, seen = transport._send_rtp, []

    async def lossy(data: bytes) -> None:
        if data[1] & 0x7F == 101:
            seen.append(data)
            if len(seen) % 5 == 0:
                return
        await send(data)

    transport._send_rtp = lossy  # type: ignore[method-assign]
    await viewer.see(30)
    assert world.service._node.counters.nacks_sent > 0
    numbers = sorted({one.sequence for one in viewer.packets["video"] if one.payload_type == 101})[:-3]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


async def test_picture_loss_asks_the_publisher_for_a_keyframe_at_most_once_a_second(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(2)
    counters = world.service._node.counters
    before = counters.keyframe_requests
    receiver = viewer.peer.getTransceivers()[0].receiver
    ssrc = viewer.packets["video"][0].ssrc
    for _ in range(20):
        await receiver._send_rtcp_pli(ssrc)
    track = world.service._streams["demo"].relay.tracks["video"]
    came = track.keyframe_at_ms
    await until(lambda: track.keyframe_at_ms != came, "a keyframe")
    assert 1 <= counters.keyframe_requests - before <= 3


async def test_sender_reports_reach_viewers_on_one_clock(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(2)
    reports = viewer.peer.getReceivers()

    async def reported() -> dict[str, object]:
        found = {}
        for receiver in reports:
            for report in (await receiver.getStats()).values():
                if report.type == "remote-outbound-rtp":
                    found[report.kind] = report
        return found

    found: dict[str, object] = {}
    for _ in range(100):
        found = await reported()
        if len(found) == 2:
            break
        await viewer.see(1)
    assert set(found) == {"video", "audio"}


async def test_stats_tell_what_comes_in(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    await until(
        lambda: (
            (stats := world.service.publisher_stats("demo")) is not None
            and bool(stats.video and stats.video.fps and stats.rtt_ms is not None and stats.video.fps > 5)
        ),
        "rates",
    )
    stats = world.service.publisher_stats("demo")
    assert stats is not None
    assert stats.video is not None
    assert stats.audio is not None
    assert (stats.video.width, stats.video.height, stats.video.codec) == (160, 120, "H264")
    assert stats.audio.codec == "opus"
    assert stats.loss == 0
    assert stats.viewers == 0


async def test_stop_publishing_ends_the_stream(world: World) -> None:
    publisher = await world.publish()
    await world.until_said("live:alice")
    await world.service.stop_publishing("demo")
    await world.until_said("live:alice", "ended:stopped")
    assert await publisher.delete() == 404


async def test_kicked_viewers_are_gone(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    await viewer.see(1)
    await world.service.kick_viewers("demo")
    assert world.service.viewers("demo") == 0
    await until(lambda: viewer.peer.connectionState == "closed", "the viewer's connection closed")


async def test_who_is_put_out_takes_nobody_along(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    put_out, other = await world.watch(bearer="lin"), await world.watch(bearer="wu")
    guest = await world.watch()
    for viewer in (put_out, other, guest):
        await viewer.see(1)
    sessions = {one.user: one for one in world.service.watchers()}
    assert sessions.keys() == {"lin", "wu", None}
    assert {(one.room, one.whence) for one in sessions.values()} == {("demo", Whence("127.0.0.1"))}
    for _ in range(2):
        world.service.stop_session(sessions[None].session)
    assert world.service.viewers("demo") == 2
    await until(lambda: guest.peer.connectionState == "closed", "the guest's connection closed")
    assert world.service.watched_rooms() == {"demo"}
    for user, room in (("lin", "elsewhere"), ("alice", "demo"), ("lin", "demo")):
        world.service.stop_viewer(user, room)
    assert world.service.viewers("demo") == 1
    await until(lambda: put_out.peer.connectionState == "closed", "the viewer's connection closed")
    world.service.stop_viewer("wu", None)
    assert world.service.viewers("demo") == 0
    assert world.service.watched_rooms() == set()


async def test_silent_viewer_is_noticed() -> None:
    async with running_world(consent_timeout_s=2.0) as world:
        await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(1)
        viewer.fall_silent()
        await until(lambda: world.service.viewers("demo") == 0, "the viewer dropped")
        assert world.stage.said == ["live:alice"]


async def test_metrics_tell_what_happens() -> None:
    registry = CollectorRegistry()
    async with running_world(registry=registry) as world:
        await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(3)
        for gauge in ("viewers", "publishers", "rooms_live"):
            assert registry.get_sample_value(f"danmart_media_{gauge}") == 1
        assert (registry.get_sample_value("danmart_media_packets_out_total") or 0) >= 3
    assert registry.get_sample_value("danmart_media_viewers") is None


async def test_close_is_idempotent_and_tells_everybody() -> None:
    async with running_world() as world:
        publisher = await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(1)
        await world.service.close()
        await world.service.close()
        assert world.stage.said == ["live:alice", "ended:lost"]
        peers = [publisher.peer, viewer.peer]
        await until(lambda: all(peer.connectionState == "closed" for peer in peers), "both closed")


async def test_nobody_begins_while_the_others_are_told_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_world() as world:
        publisher = await world.publish()
        await world.until_said("live:alice")
        leave = asyncio.Event()

        async def ended(room: str, reason: str) -> None:
            world.stage.said.append("ending")
            await leave.wait()

        monkeypatch.setattr(world.stage, "ended", ended)
        closing = asyncio.create_task(world.service.close())
        await world.until_said("live:alice", "ending")
        sdp = publisher.peer.localDescription.sdp
        refused = await world.post("/whip/other", sdp, "bob")
        leave.set()
        await closing
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
