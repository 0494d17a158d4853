"""One packet to many connections, written in slices, so that the loop never stands still for long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable

from server.live.connection import Connection
from server.socket.packets import Packet

SLICE_S = 0.002
"""How long is written in one turn of the loop, for all rooms together: other work comes in between."""
BETWEEN_LOOKS = 16
"""Connections between two looks at the clock: about 0.1 ms."""

LeftOut = Callable[[Connection], None]


class _Job:
    __slots__ = ("at", "connections", "droppable", "last_seat", "left_out", "packet")

    def __init__(
        self,
        connections: list[Connection],
        packet: Packet,
        last_seat: int,
        droppable: bool,
        left_out: LeftOut | None,
    ) -> None:
        self.connections = connections
        self.packet = packet
        self.last_seat = last_seat
        self.droppable = droppable
        self.left_out = left_out
        self.at = 0


class FanOut:
    """Writes what rooms send. Of one room, nothing overtakes what was sent before, on any connection; rooms
    take turns.

    A connection gets what is sent from when it is seated in a room until it is unseated, and nothing that
    was sent before and is still being written. ``send`` returns at once, having written what fits into what
    is left of the turn's slice. Callers keep what waits bounded by not sending to a room that ``is_busy``.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, *, slice_s: float = SLICE_S) -> None:
        self._clock = clock
        self._slice_s = slice_s
        self._seats = 0
        self._lanes: dict[str, deque[_Job]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._spent_s = 0.0  # of this turn's slice
        self.written_s = 0.0
        """How long has been spent on writing, ever."""

    def seat(self, connection: Connection) -> None:
        """From here on the connection gets what is sent to its room."""
        self._seats += 1
        connection.seat = self._seats

    def unseat(self, connection: Connection) -> None:
        """It gets nothing more, also of what is being written."""
        connection.seat = 0

    def is_busy(self, room: str) -> bool:
        """Whether something for the room is still being written."""
        return room in self._lanes

    def send(
        self,
        room: str,
        connections: Iterable[Connection],
        packet: Packet,
        *,
        droppable: bool = False,
        left_out: LeftOut | None = None,
    ) -> None:
        """Write the packet to those of the connections that are seated now.

        ``left_out`` is told whoever wasn't given it, because it doesn't keep up (or is being closed).
        """
        job = _Job(list(connections), packet, self._seats, droppable, left_out)
        if (lane := self._lanes.get(room)) is not None:
            lane.append(job)
        elif self._spent_s >= self._slice_s or not self._write(job):
            self._lanes[room] = deque((job,))
            if self._worker is None:
                self._idle.clear()
                self._worker = asyncio.create_task(self._work(), name="fan-out")

    async def drained(self) -> None:
        """Returns when nothing waits to be written. Cancelling it changes nothing."""
        await self._idle.wait()

    async def close(self) -> None:
        """Drop what waits. Idempotent."""
        self._lanes.clear()
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
        self._stopped()  # a task that is cancelled before its first step doesn't get to say so

    async def _work(self) -> None:
        try:
            while self._lanes:
                await asyncio.sleep(0)
                room = next(iter(self._lanes))
                lane = self._lanes.pop(room)
                if self._write(lane[0]):
                    lane.popleft()
                if lane:
                    self._lanes[room] = lane
        finally:
            self._stopped()

    def _stopped(self) -> None:
        self._worker = None
        self._idle.set()

    def _write(self, job: _Job) -> bool:
        """What is left of the turn's slice, at least a little; True: that was the last."""
        connections, packet, last_seat, droppable = job.connections, job.packet, job.last_seat, job.droppable
        frame = packet.frame
        count = len(connections)
        if not self._spent_s:
            asyncio.get_running_loop().call_soon(self._next_turn)
        left_s = self._slice_s - self._spent_s
        started = self._clock()
        while job.at < count:
            end = min(job.at + BETWEEN_LOOKS, count)
            for connection in connections[job.at : end]:
                if not 0 < connection.seat <= last_seat:
                    continue
                if (write := connection.outlet.write) is not None:
                    write(frame)
                elif not connection.outlet.send(packet, droppable=droppable) and job.left_out is not None:
                    job.left_out(connection)
            job.at = end
            if self._clock() - started >= left_s:
                break
        took_s = self._clock() - started
        self._spent_s += took_s
        self.written_s += took_s
        return job.at >= count

    def _next_turn(self) -> None:
        self._spent_s = 0.0
