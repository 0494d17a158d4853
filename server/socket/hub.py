"""What all connections of our driver share: who serves them, the clock of their pings, their tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from server.live.connection import Outlet
from server.socket.admission import Admission
from server.socket.aside import StepAside, stay
from server.socket.wheel import Wheel

log = structlog.get_logger(__name__)

DRAIN_S = 3.0
SLICE_S = 0.002


@dataclass(frozen=True, slots=True)
class Times:
    """When clients are asked whether they are there, and how long they have for what, in seconds."""

    ping_interval_s: float = 20
    ping_timeout_s: float = 15
    connect_timeout_s: float = 10
    turn_s: float = 0.1
    """How exactly."""

    def turns(self, seconds: float) -> int:
        return round(seconds / self.turn_s)


class Handler(Protocol):
    """Who carries out what clients ask for, whichever driver they come by."""

    async def connect(self, sid: str, auth: Any, outlet: Outlet, address: str) -> None:
        """Let a client in. Raises ``Refused``. An outlet that closed meanwhile is let in by nobody."""
        ...

    async def disconnect(self, sid: str) -> None:
        """The client is gone; one that was never let in may be named too."""
        ...

    @property
    def lengthy(self) -> Collection[str]:
        """Events that may ``step_aside`` while they are carried out."""
        ...

    async def command(
        self, sid: str, name: str, args: tuple[Any, ...], length: int, step_aside: StepAside = stay
    ) -> Any:
        """The acknowledgement of an event of so many characters; None: it is being sent away, and gets none.
        Raises nothing but ``CancelledError``. ``step_aside`` is called when it begins to wait for somebody
        else, and the connection's next event needn't."""
        ...


class Member(Protocol):
    """A connection as the ticker sees it."""

    def ping(self) -> None: ...
    def check_answered(self) -> None: ...
    def check_connected(self) -> None: ...
    def go_away(self) -> None:
        """The node ends: close."""
        ...


class Hub:
    """``start`` begins to tick, ``close`` ends every connection. Owned by the node's event loop."""

    def __init__(
        self, handler: Handler, admission: Admission, registry: CollectorRegistry, times: Times | None = None
    ) -> None:
        self.handler = handler
        self.admission = admission
        self.times = times = times or Times()
        self.wheel: Wheel[Member] = Wheel(
            ping_turns=times.turns(times.ping_interval_s),
            answer_turns=times.turns(times.ping_timeout_s),
            connect_turns=times.turns(times.connect_timeout_s),
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.Task[None] | None = None
        self.closing = False
        closed = Counter(
            "danmart_sockets_closed_total", "WebSockets closed by us", ["reason"], registry=registry
        )
        self.slow = closed.labels("slow")
        self.silent = closed.labels("silent")
        self.unconnected = closed.labels("unconnected")
        self.broken = closed.labels("broken")
        self.flooding = closed.labels("flooding")
        self.malformed = Counter(
            "danmart_malformed_packets_total", "What clients sent and nobody could read", registry=registry
        )
        self.refused = Counter(
            "danmart_handshakes_refused_total", "Connections not taken", ["code"], registry=registry
        )

    async def start(self) -> None:
        self._ticker = asyncio.create_task(self._tick(), name="pings")

    async def close(self) -> None:
        """Close every connection and wait a bounded time for what they have under way. Idempotent."""
        self.closing = True
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        await self._each(list(self.wheel), methodcaller("go_away"))
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=DRAIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something for a connection that nobody waits for. Its errors are logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("connection_failed", exc_info=error)

    async def _tick(self) -> None:
        turn_s = self.times.turn_s
        # A loop that stood still must not be followed by turns in a rush: clients' answers are read first.
        while True:
            self.admission.looked(next_in_s=turn_s)
            await asyncio.sleep(turn_s)
            turn = self.wheel.turn()
            await self._each(turn.to_have_answered, methodcaller("check_answered"))
            await self._each(turn.to_have_connected, methodcaller("check_connected"))
            await self._each(turn.to_ping, methodcaller("ping"))

    async def _each(self, members: Iterable[Member], act: Callable[[Member], None]) -> None:
        """In slices: thousands may have come, or fallen silent, in the same moment."""
        started = time.monotonic()
        for member in members:
            act(member)
            if time.monotonic() - started > SLICE_S:
                await asyncio.sleep(0)
                started = time.monotonic()
