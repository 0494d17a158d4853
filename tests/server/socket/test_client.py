"""What a client may cost that doesn't read, or doesn't answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from server.socket.admission import Admission
from server.socket.client import HARD_BYTES, SOFT_BYTES, ClientSocket
from server.socket.hub import Hub
from server.socket.packets import PING, encode_message
from tests.server.socket.raw import masked


class Gateway:
    """Lets everybody in, and answers everything at length."""

    async def connect(self, *_: Any) -> None: ...
    async def disconnect(self, *_: Any) -> None: ...

    lengthy = ()

    async def command(self, sid: str, name: str, args: tuple[Any, ...], length: int, *_: Any) -> Any:
        return "x" * 2 * HARD_BYTES


class Wire(asyncio.Transport):
    """A transport whose other side reads nothing, once it is ``stuck``."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.sent: list[bytes] = []
        self.held = 0
        self.stuck = False
        self.aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.held

    def write(self, data: Any) -> None:
        self.sent.append(data)
        if self.stuck:
            self.held += len(data)
            self.protocol.pause_writing()

    def drain(self) -> None:
        self.stuck, self.held = False, 0
        self.protocol.resume_writing()

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A client in the namespace."""
    admission = Admission(10, time.monotonic)
    hub = Hub(Gateway(), admission, CollectorRegistry())
    wire = Wire()
    wire.protocol = ClientSocket(hub, "192.0.2.1", admission.enter(None))
    wire.protocol.connection_made(wire)
    wire.protocol.data_received(masked(1, b"40/live,"))
    await until_idle()
    assert wire.sent[-1][2:].startswith(b"40/live,")
    yield wire
    wire.protocol.connection_lost(None)
    await hub.close()


async def until_idle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_never_reads_loses_comments_and_then_the_connection(wire: Wire) -> None:
    comment, gift = encode_message("events", "c" * 1000), encode_message("events", "g" * 1000)
    wire.stuck = True
    while wire.protocol.send(comment, droppable=True):
        assert wire.held <= SOFT_BYTES
    assert wire.protocol.is_open
    while wire.protocol.send(gift):
        assert wire.held <= HARD_BYTES
    assert not wire.protocol.is_open
    assert b'"slow"' in b"".join(wire.sent[-3:])
    assert wire.held <= HARD_BYTES + 1000


async def test_a_long_answer_is_not_held_against_who_asked_for_it(wire: Wire) -> None:
    wire.stuck = True
    wire.protocol.data_received(masked(1, b'42/live,1["enter",{}]') + masked(1, b'42/live,2["enter",{}]'))
    await until_idle()
    answers = [data for data in wire.sent if b"43/live," in data[:20]]
    assert len(answers) == 1  # the second waits until the first has been read
    assert wire.protocol.send(encode_message("events", 1))
    wire.drain()
    await until_idle()
    assert len([data for data in wire.sent if b"43/live," in data[:20]]) == 2


async def test_who_answers_no_ping_is_dropped(wire: Wire) -> None:
    wire.protocol.ping()
    assert wire.sent[-1] == PING
    wire.protocol.data_received(masked(1, b"3"))
    wire.protocol.check_answered()
    assert not wire.aborted
    wire.protocol.ping()
    wire.protocol.check_answered()
    assert wire.aborted
    assert not wire.protocol.is_open


async def test_its_round_trip_is_measured_by_pings(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("server.socket.client.time", SimpleNamespace(monotonic=lambda: now[0]))
    assert wire.protocol.round_trip_ms == 0
    wire.protocol.data_received(masked(1, b"3"))  # of no ping
    assert wire.protocol.round_trip_ms == 0
    wire.protocol.ping()
    now[0] += 0.25
    wire.protocol.data_received(masked(1, b"3"))
    assert wire.protocol.round_trip_ms == 250
