"""Frames to many: in order, to whom they are meant for, and never for long at a stretch."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.auth import GUEST
from server.live.connection import Connection, Write
from server.socket.fanout import BETWEEN_LOOKS, FanOut
from server.socket.packets import Packet, encode_message


class Clock:
    """A clock that a write takes a millisecond of."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Sink:
    """An outlet that remembers."""

    is_open = True
    round_trip_ms = 0
    write: Write | None = None

    def __init__(self, clock: Clock, *, takes: bool = True) -> None:
        self.got: list[Packet] = []
        self._clock = clock
        self._takes = takes

    def send(self, packet: Packet, *, droppable: bool = False) -> bool:
        self._clock.now += 0.001
        if self._takes or not droppable:
            self.got.append(packet)
        return self._takes

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None: ...


def connection(clock: Clock, **options: Any) -> tuple[Connection, Sink]:
    sink = Sink(clock, **options)
    return Connection("c", GUEST, sink, "192.0.2.1"), sink


def seated(fan: FanOut, clock: Clock, count: int) -> tuple[list[Connection], list[Sink]]:
    pairs = [connection(clock) for _ in range(count)]
    for member, _ in pairs:
        fan.seat(member)
    return [member for member, _ in pairs], [sink for _, sink in pairs]


async def test_a_slice_is_no_longer_than_said_and_nothing_overtakes() -> None:
    clock = Clock()
    fan = FanOut(clock, slice_s=0.02)
    members, sinks = seated(fan, clock, 100)
    first, second = encode_message("events", 1), encode_message("events", 2)
    fan.send("room", members, first)
    assert clock.now <= 0.02 + 0.001 * BETWEEN_LOOKS
    assert fan.is_busy("room")
    fan.send("room", members, second)
    while fan.is_busy("room"):
        before = clock.now
        await asyncio.sleep(0)
        assert clock.now - before <= 0.02 + 0.001 * BETWEEN_LOOKS
    assert all(sink.got == [first, second] for sink in sinks)
    assert round(fan.written_s, 6) == 0.2
    await fan.close()


async def test_rooms_take_turns() -> None:
    clock = Clock()
    fan = FanOut(clock, slice_s=0.02)
    crowd, sinks = seated(fan, clock, 500)
    few, seen = seated(fan, clock, 40)
    fan.send("large", crowd, encode_message("events", 1))
    fan.send("small", few, encode_message("events", 1))
    for _ in range(6):
        await asyncio.sleep(0)
    assert not fan.is_busy("small")
    assert all(sink.got for sink in seen)
    assert not sinks[-1].got
    await fan.drained()
    assert all(len(sink.got) == 1 for sink in sinks)


async def test_who_does_not_keep_up_is_named() -> None:
    clock = Clock()
    fan = FanOut(clock)
    slow, sink = connection(clock, takes=False)
    fan.seat(slow)
    named: list[Connection] = []
    fan.send("room", [slow], encode_message("events", 1), droppable=True, left_out=named.append)
    assert named == [slow]
    assert sink.got == []


async def test_what_waits_is_dropped_at_the_end() -> None:
    clock = Clock()
    fan = FanOut(clock, slice_s=0.001)
    members, sinks = seated(fan, clock, 100)
    fan.send("room", members, encode_message("events", 1))
    await fan.close()
    await fan.drained()
    assert not sinks[-1].got
    await fan.close()


Move = st.tuples(st.sampled_from(["frame", "enter", "leave", "turn"]), st.integers(0, 49))


@settings(deadline=None)
@given(st.lists(Move, max_size=80))
def test_everybody_gets_every_frame_between_entering_and_leaving(moves: list[tuple[str, int]]) -> None:
    """As the wire protocol promises it: the frame after the last before entering, and no hole from there."""

    async def play() -> None:
        clock = Clock()
        fan = FanOut(clock, slice_s=0.008)
        everybody = [connection(clock) for _ in range(50)]
        inside: dict[int, list[Packet]] = {}  # who, and what they are owed since they entered
        starts: dict[int, int] = {}
        for kind, who in [("enter", n) for n in range(0, 50, 2)] + moves:
            member, sink = everybody[who]
            if kind == "frame":
                packet = encode_message("events", who)
                fan.send("room", [everybody[n][0] for n in inside], packet)
                for owed in inside.values():
                    owed.append(packet)
            elif kind == "turn":
                await asyncio.sleep(0)
            else:
                fan.unseat(member)
                inside.pop(who, None)
                if kind == "enter":
                    fan.seat(member)
                    inside[who], starts[who] = [], len(sink.got)
        await fan.drained()
        for who, owed in inside.items():
            assert everybody[who][1].got[starts[who] :] == owed
        await fan.close()

    asyncio.run(play())


async def test_who_keeps_up_is_written_to_directly_and_who_falls_behind_no_more() -> None:
    clock = Clock()
    fan = FanOut(clock)
    members, sinks = seated(fan, clock, 2)
    written: list[bytes] = []
    sinks[0].write = written.append
    first, second = encode_message("events", 1), encode_message("events", 2)
    fan.send("room", members, first)
    sinks[0].write = None
    fan.send("room", members, second)
    assert written == [first.frame]
    assert (sinks[0].got, sinks[1].got) == ([second], [first, second])
