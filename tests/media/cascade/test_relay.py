"""Packets from node to node over real sockets: once each, in order, and never at the origin's cost."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import aiohttp
import pytest

from media.cascade import wire
from media.cascade.outlet import MAX_WAITING, MAX_WAITING_BYTES
from media.cascade.pull import CREDENTIAL
from media.rtp.sequence import distance16, distance32
from tests.media.cascade.world import Place, Screen, Town, place
from tests.media.world import until


def is_continuous(screen: Screen) -> bool:
    pairs = list(pairwise(screen.pictures))
    return all(distance16(b.sequence, a.sequence) == 1 for a, b in pairs) and all(
        distance32(b.timestamp, a.timestamp) > 0 for a, b in pairs
    )


async def test_a_viewer_elsewhere_begins_with_the_pictures_since_the_last_keyframe() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        camera = a.publish()
        camera.picture(keyframe=True)
        for _ in range(9):
            camera.picture()
        screens = await asyncio.gather(*(b.watch() for _ in range(20)))
        await asyncio.gather(*(screen.see(10) for screen in screens))
        assert screens[0].pictures[0].payload[0] == 0x65
        assert camera.keyframes_wanted == 0
        assert b.counters.relay_connects == 1
        camera.picture()
        camera.sound()
        await asyncio.gather(*(screen.see(11) for screen in screens))
        assert all(is_continuous(screen) for screen in screens)
        assert (a.stage.said, b.stage.said) == (["live:alice"], [])


async def test_the_same_viewers_go_on_when_the_publisher_comes_to_their_node_and_leaves_it() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b, place(town, "c") as c:
        first = a.publish()
        first.picture(keyframe=True)
        screens = [await one.watch() for one in (a, b, c)]
        await asyncio.gather(*(screen.see(1) for screen in screens))
        await _move(a, b, screens)
        await _move(b, c, screens)
        await _move(c, a, screens)
        assert all(is_continuous(screen) for screen in screens)


async def _move(old: Place, new: Place, screens: list[Screen]) -> None:
    camera = new.publish(name=new.name)
    camera.answers_keyframes = True
    camera.picture(keyframe=True)
    await old.media.stop_publishing("demo")  # as the fence of its lease does
    wanted = [len(screen.pictures) + 3 for screen in screens]
    async with asyncio.timeout(10):
        while any(len(s.pictures) < count for s, count in zip(screens, wanted, strict=True)):
            camera.picture()
            await asyncio.sleep(0.01)
    assert all(screen.watched.relay.feeder is not None for screen in screens)


async def test_a_publisher_here_is_never_pushed_aside_by_a_pull_that_comes_late() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        a.publish().picture(keyframe=True)
        # A viewer asks here, and before the other node has answered, the publisher comes here.
        asking = asyncio.create_task(b.media._find("demo"))
        await until(lambda: b.counters.relay_connects == 1, "it is asked")
        camera = b.publish(name="bob")
        camera.picture(keyframe=True)
        watched = await asking
        assert watched is None or not watched.is_live or watched.relay.feeder is b.media._streams["demo"]
        screen = await b.watch()
        camera.picture()
        await screen.see(2)
        assert b.media._streams["demo"].relay.feeder is b.media._streams["demo"]
        assert b.media.cascade is not None
        edges = b.media.cascade.edges
        await until(lambda: not edges, "the pull is given up")


async def test_a_lost_connection_is_made_again_and_goes_on_with_a_keyframe() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        camera = a.publish()
        camera.answers_keyframes = True
        camera.picture(keyframe=True)
        screen = await b.watch()
        await screen.see(1)
        assert a.media.cascade is not None
        await a.media.cascade.serving.close()
        await until(
            lambda: b.counters.relay_connects == 2 and camera.keyframes_wanted > 0, "a new connection"
        )
        await screen.see(2)
        assert screen.pictures[-1].payload[0] == 0x65
        assert is_continuous(screen)


async def test_what_is_missed_here_is_asked_for_there_once() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        camera = a.publish()
        camera.picture(keyframe=True)
        screens = [await b.watch() for _ in range(3)]
        await asyncio.gather(*(screen.see(1) for screen in screens))
        camera.picture()
        camera.picture(skip=1)  # which the origin will have in a moment
        await asyncio.gather(*(screen.see(3) for screen in screens))
        readers = a.media._streams["demo"].relay.readers
        held, relay = dict(readers), a.media._streams["demo"].relay
        readers.clear()  # it comes to the origin, but its way here is lost
        camera.again(3)
        readers.update(held)
        assert relay.tracks["video"].gop[-1] is not None
        missing = (screens[0].pictures[1].sequence + 1) & 0xFFFF
        for screen in screens:
            screen.feeds["video"].nacked([missing])
        await asyncio.gather(*(screen.see(4) for screen in screens))
        assert screens[0].pictures[-1].payload == b"\x41late"
        assert b.counters.relay_missed == 1


async def test_keyframes_are_asked_for_once_for_all() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        camera = a.publish()
        camera.picture(keyframe=True)
        screens = [await b.watch() for _ in range(3)]
        for screen in screens:
            screen.watched.relay.want_keyframe()
        await until(lambda: camera.keyframes_wanted > 0, "a request")
        camera.picture(keyframe=True)
        await screens[0].see(2)
        assert camera.keyframes_wanted == 1


async def test_nobody_without_the_secret_is_answered() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b", secret="other") as b:
        a.publish().picture(keyframe=True)
        assert await b.media._find("demo") is None
        async with aiohttp.ClientSession() as http:
            for credential in ("", "s:a:pull:another", "s:a:pass:demo", "s:b:pull:demo"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await http.ws_connect(f"{a.url}/internal/pull/demo", headers={CREDENTIAL: credential})
                assert refused.value.status == 401
            async with http.delete(
                f"{a.url}/internal/whip/demo/a/x", headers={CREDENTIAL: "s:a:pull:demo"}
            ) as no:
                assert no.status == 401


async def test_a_node_that_reads_slowly_loses_pictures_and_costs_nothing() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        camera = a.publish()
        camera.picture(keyframe=True)
        screen = await b.watch()
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(
                f"{a.url}/internal/pull/demo", headers={CREDENTIAL: "s:a:pull:demo"}, max_msg_size=2**22
            ) as slow,
        ):
            slow._response.connection.transport.pause_reading()  # type: ignore[union-attr]
            relay = a.media._streams["demo"].relay
            await until(lambda: len(relay.readers) == 2, "both pull")
            outlet = list(relay.readers)[1]
            sent = 0
            while a.counters.relay_dropped == 0:
                camera.picture(keyframe=sent % 50 == 0, size=1100)
                sent += 1
                assert len(outlet) <= MAX_WAITING  # type: ignore[arg-type]
                assert outlet._bytes <= MAX_WAITING_BYTES  # type: ignore[attr-defined]
                if sent % 50 == 0:
                    await asyncio.sleep(0)
                assert sent < 50_000
            assert camera.keyframes_wanted > 0
            await screen.see(sent)  # the other node lost nothing
            assert is_continuous(screen)
            slow._response.connection.transport.resume_reading()  # type: ignore[union-attr]
            camera.picture(size=1100)
            camera.picture(keyframe=True, size=7)
            numbers = await _read_until_the_last(slow)
            gaps = [(a, b) for a, b in pairwise(numbers) if b[0] != a[0] + 1]
            assert len(gaps) == 1
            assert gaps[0][1][1], "after a gap pictures go on with a keyframe"


async def _read_until_the_last(slow: aiohttp.ClientWebSocketResponse) -> list[tuple[int, bool]]:
    """Numbers, and whether a keyframe begins there, up to the one that is seven bytes long."""
    numbers = []
    async for message in slow:
        if message.data[0] == wire.Say.PACKETS:
            for packet in wire.read_packets(message.data):
                numbers.append((packet.sequence, packet.keyframe))
                if len(packet.payload) == 7:
                    return numbers
    raise AssertionError("the connection ended")


async def test_a_stream_that_is_over_is_let_go_with_its_viewers() -> None:
    town = Town()
    async with place(town, "a", linger_s=0.1) as a, place(town, "b", linger_s=0.1) as b:
        camera = a.publish()
        camera.picture(keyframe=True)
        screen = await b.watch()
        await screen.see(1)
        camera.said_goodbye = True
        camera.close("goodbye")
        town.owners.clear()
        town.over.add("demo")
        await until(lambda: not b.media._relays, "the relay is gone")
        assert b.media.cascade is not None
        assert not b.media.cascade.edges
        assert await b.media._find("demo") is None


async def test_what_is_pulled_goes_on_while_the_database_is_away() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        camera = a.publish()
        camera.picture(keyframe=True)
        screen = await b.watch()
        town.is_away = True
        await asyncio.sleep(0.5)  # a look at the leases fails meanwhile
        camera.picture()
        await screen.see(2)


async def test_the_clock_is_the_publishers_whatever_the_nodes_clocks_say() -> None:
    town = Town()
    async with place(town, "a") as a, place(town, "b") as b:
        skewed = a.media.cascade
        assert skewed is not None
        wall = skewed.serving._wall_ms
        skewed.serving._wall_ms = lambda: wall() + 5000  # five seconds ahead
        camera = a.publish()
        camera.picture(keyframe=True)
        relay = a.media._streams["demo"].relay
        relay.tracks["video"]._clock = (wall() + 5000, relay.tracks["video"].timestamp)
        screen = await b.watch()
        track = screen.watched.relay.tracks["video"]
        await until(lambda: track.timestamp_at(wall()) is not None, "the clock")
        at = track.timestamp_at(wall())
        assert at is not None
        # The picture was taken just now, not five seconds ago or ahead.
        assert 0 <= distance32(at, track.timestamp) / 90 < 4000
