"""What a host does to somebody on another node, and how long each thing takes to show."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.peers import sides
from bench.witnesses import Person, Wanted, Witness
from clients.load.crowd import Crowd

WITHIN_S = 15.0
ASK_EVERY_S = 0.005
MUTED_FOR_S, SLOW_MODE_S = 600, 60

Look = Callable[[], Awaitable[bool]]
"""A question to the second node: does it hold?"""

Times = dict[str, dict[str, list[float]]]
"""By act and by what was waited for: milliseconds, one a round."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the host does on the first node, and what shows on the second that it holds."""

    name: str
    do: Callable[[], Awaitable[Any]]
    holds: Look
    told: str | None = None
    shown: Wanted | None = None


@dataclass(slots=True)
class Place:
    """Two nodes by their addresses, the crowd between them, and the host at the first."""

    first: str
    second: str
    http: aiohttp.ClientSession
    crowd: Crowd
    witness: Witness
    host: Person
    times: Times = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    async def carry_out(self, act: Act, whom: Person) -> None:
        """Do it, and note how long each thing took. Raises ``RuntimeError`` if something never comes."""
        sighting = self.witness.expect(act.shown)
        whom.told.clear()
        started_ns = time.time_ns()
        await act.do()
        took = {"answered": time.time_ns()}
        asked_ns = await _until(act.holds, f"{act.name} doesn't hold")
        took |= {"holds": asked_ns, "shows": time.time_ns()}
        if act.told is not None:
            kind = act.told
            await _until(_at_once(lambda: kind in whom.told), f"nobody is told: {kind}")
            took["told"] = whom.told[kind]
        for what, at_ns in took.items():
            self.times[act.name][what].append(round((at_ns - started_ns) / 1e6, 1))
        if sighting is not None:
            await _until(_at_once(lambda: sighting.count >= len(self.crowd.links)), f"{act.name} isn't shown")
            found = sighting.since(started_ns)
            for what, percent in (("shown_p99", 99), ("shown_last", 100)):
                self.times[act.name][what].append(found.percentile_ms(percent) or 0.0)

    async def put_list(self, words: Sequence[str]) -> None:
        """The room's word list, by the first node."""
        url = f"{self.first}/api/v1/rooms/{sides.ROOM}/moderation/lists/bench"
        headers = {"Authorization": f"Bearer {self.host.user.token}", "Content-Type": "text/plain"}
        async with self.http.put(url, data="\n".join(words).encode(), headers=headers) as answer:
            answer.raise_for_status()


def _at_once(holds: Callable[[], bool]) -> Look:
    async def look() -> bool:
        return holds()

    return look


async def _until(holds: Look, what: str) -> int:
    """When the first question was asked that had yes for an answer (Unix ns)."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        asked_ns = time.time_ns()
        if await holds():
            return asked_ns
        await asyncio.sleep(ASK_EVERY_S)
    raise RuntimeError(what)


class Round:
    """Every act once, on somebody who has just come to the second node."""

    def __init__(self, place: Place, whom: Person) -> None:
        self._place = place
        self._whom = whom
        self._numbers = itertools.count(time.time_ns())  # nobody says the same twice

    async def run(self, words: list[str]) -> None:
        """``words`` are those of the room's list, and get one more. Raises ``RuntimeError``."""
        await self._sanctions()
        await self._corrections()
        await self._modes()
        words.append(word := f"zorblax{len(words)}zorblax")
        refused = self._answered("text_refused", text=word)
        await self._place.carry_out(
            Act("word_added", lambda: self._place.put_list(words), refused), self._whom
        )

    async def _sanctions(self) -> None:
        whom = {"user": self._whom.user.id}
        given = {**whom, "seconds": MUTED_FOR_S, "reason": "bench"}
        await self._act("mute", "moderate.mute", given, self._answered("muted"), told="muted")
        await self._act("unmute", "moderate.unmute", whom, self._answered(""), told="unmuted")
        await self._act("ban", "moderate.ban", given, self._answered("banned"), told="banned")
        await self._act("unban", "moderate.unban", whom, self._answered(""), told="unbanned")

    async def _corrections(self) -> None:
        await self._whom.must("enter")  # the ban has put them out
        said, user = await self._say(), self._whom.user.id
        shown = _about("comment.deleted", "id", said)
        await self._act("delete", "moderate.delete", {"event": said}, self._gone(said), shown=shown)
        said = await self._say()
        shown = _about("comment.purged", "user", user)
        await self._act("purge", "moderate.purge", {"user": user}, self._gone(said), shown=shown)

    async def _modes(self) -> None:
        shield = (("on", True, self._answered("followers_only")), ("off", False, self._answered("")))
        # The first comment is allowed, and starts the clock: a look says sooner that it is on.
        slow = (("on", SLOW_MODE_S, self._is_slow()), ("off", 0, self._answered("")))
        for name, states in (("shield", shield), ("slow_mode_s", slow)):
            for state, value, holds in states:
                act, shown = f"{name.removesuffix('_s')}_{state}", _changed(name, on=bool(value))
                await self._act(act, "room.modes", {name: value}, holds, shown=shown)

    async def _act(
        self,
        name: str,
        command: str,
        payload: dict[str, Any],
        holds: Look,
        *,
        told: str | None = None,
        shown: Wanted | None = None,
    ) -> None:
        act = Act(name, lambda: self._place.host.must(command, **payload), holds, told, shown)
        await self._place.carry_out(act, self._whom)

    def _answered(self, code: str, text: str = "said") -> Look:
        """Whether a comment is answered so; empty: it is carried out."""

        async def look() -> bool:
            return await self._whom.code("comment", text=f"{text} {next(self._numbers)}") == code

        return look

    def _is_slow(self) -> Look:
        """Whether a fresh look at the room says that it is in slow mode."""

        async def look() -> bool:
            settings = (await self._whom.must("enter"))["snapshot"]["settings"]
            return bool(settings["slow_mode_s"])

        return look

    async def _say(self) -> str:
        """A comment that a newcomer is shown by the second node; its id."""
        said: str = (await self._whom.must("comment", text=f"said {next(self._numbers)}"))["event"]["id"]
        gone = self._gone(said)

        async def shown() -> bool:
            return not await gone()

        await _until(shown, "a comment isn't shown")
        return said

    def _gone(self, comment: str) -> Look:
        """Whether a fresh look at the room doesn't have the comment."""

        async def look() -> bool:
            comments = (await self._whom.must("enter"))["snapshot"]["comments"]
            return all(each["id"] != comment for each in comments)

        return look


def _about(kind: str, name: str, value: Any) -> Wanted:
    return lambda item: item["kind"] == kind and item["data"].get(name) == value


def _changed(name: str, *, on: bool) -> Wanted:
    return lambda item: (
        item["kind"] == "room.changed" and name in item["data"] and bool(item["data"][name]) is on
    )
