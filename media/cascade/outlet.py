"""One stream on its way to one other node: what waits for it, and what it is spared when it is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from media.cascade import wire
from media.ports import TrackInfo
from media.relay.counters import Counters
from media.relay.track import Packet

# Some three seconds of a room; a joining node's first pictures (768 packets at most) have to fit.
MAX_WAITING = 1024
MAX_WAITING_BYTES = 4 * 1024 * 1024
# A message is written in one piece: small enough for other rooms to have their turn.
MESSAGE_BYTES = 64 * 1024


class Outlet:
    """Gathers a relay's packets into messages. No I/O: ``wake`` is called when there is something to take.

    What waits is bounded. When it is full, everything waiting is dropped, sound too, and pictures go on with
    the next keyframe, which is asked for: a slow node costs the origin nothing.
    """

    def __init__(
        self, counters: Counters, wake: Callable[[], None], want_keyframe: Callable[[], None]
    ) -> None:
        self.held = True  # a picture begins with a keyframe
        self._counters = counters
        self._wake = wake
        self._want_keyframe = want_keyframe
        self._waiting: deque[Packet | bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, tracks: Sequence[TrackInfo]) -> None:
        """Another publisher's packets follow."""
        self.held = True
        self.say(wire.tracks(tracks))

    def say(self, message: bytes) -> None:
        """A message between the packets, in their order."""
        self._put(message, len(message))

    def packet(self, packet: Packet) -> None:
        """Takes a packet of the relay."""
        if self.held and packet.kind == "video":
            if not packet.keyframe:
                self._counters.relay_dropped += 1
                return
            self.held = False
        self._put(packet, len(packet.payload))

    def pictures(self, packets: Sequence[Packet]) -> None:
        """The pictures since the last keyframe, to begin with."""
        for packet in packets:
            self.packet(packet)

    def again(self, packet: Packet) -> None:
        """One that was missed."""
        self._put(packet, len(packet.payload))

    def _put(self, item: Packet | bytes, size: int) -> None:
        if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self._overloaded()
            if type(item) is not bytes:
                self._counters.relay_dropped += 1
                return
        self._waiting.append(item)
        self._bytes += size
        self._wake()

    def _overloaded(self) -> None:
        """What was said between packets is kept: there are few of these, and one is not like another."""
        said = [one for one in self._waiting if type(one) is bytes][-16:]
        self._counters.relay_dropped += len(self._waiting) - len(said)
        self._waiting = deque(said)
        self._bytes = sum(map(len, said))
        self.held = True
        self._want_keyframe()

    def take(self) -> bytes | None:
        """The next message; ``None``: nothing waits."""
        waiting = self._waiting
        if not waiting:
            return None
        some: list[Packet] = []
        size = 0
        while waiting and size < MESSAGE_BYTES:
            first = waiting[0]
            if isinstance(first, bytes):
                if some:
                    break
                waiting.popleft()
                self._bytes -= len(first)
                return first
            waiting.popleft()
            some.append(first)
            size += len(first.payload)
        self._bytes -= size
        self._counters.relay_packets_out += len(some)
        self._counters.relay_bytes_out += size
        return wire.packets(some)


def first_pictures(gop: Sequence[Packet]) -> list[Packet]:
    """A relay's cached pictures in order, if they begin with a keyframe."""
    ordered = sorted(gop, key=lambda packet: packet.sequence)
    return ordered if ordered and ordered[0].keyframe else []


def wanted_again(numbers: Sequence[int], find: Callable[[int], Packet | None]) -> list[Packet]:
    """Those of the missing packets that are still there."""
    return [packet for number in numbers if (packet := find(number)) is not None]
