"""The checks of sound at a node: what listens, to which streams, and what is done about hits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from media.checks.findings import findings
from media.checks.keeper import Away
from media.checks.loading import CHECKS_NOTHING
from media.hearing.answers import TEXT_CHARS
from media.hearing.ear import Ear, EarRules, Judge
from media.hearing.metrics import HearingMetrics
from media.hearing.process import Heard, Listener, NoSound
from media.hearing.windows import Sampling, Window
from media.names import split_stream
from media.ports import RtpSink
from moderation.rulebook.rules import RoomRules
from moderation.sounds.acts import Overheard, SoundActs
from moderation.sounds.hits import Hit, Lately, Measure
from rooms.errors import Refused
from rooms.guests.store import read_holder
from rooms.history import read_room
from rooms.ports import About
from server.checker_hook import CheckerHook, Receiver
from server.config.hearing import Hearing
from server.config.vision import HOOK
from server.hearing_hook import HookJudge
from server.outbound import Outbound
from server.store.group import Work
from server.store.store import Store
from server.texts import Texts

log = structlog.get_logger(__name__)

FILTERED_CHARS = 4 * TEXT_CHARS
"""Of a text that may grow a little when it is cleaned."""


@dataclass(frozen=True, slots=True)
class HearingGround:
    """What the checks need of their node."""

    store: Store
    acts: SoundActs
    texts: Texts
    rules: Callable[[str], RoomRules]
    """A room's: quick, without I/O."""
    ready: Callable[[str], Awaitable[None]]
    """The room's word lists are at hand for a while. Raises ``Refused`` (temporary)."""
    outbound: Outbound
    registry: CollectorRegistry
    clock_ms: Callable[[], int]


class ListenerJudge:
    """A ``Judge``: the checker in the worker says it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def judge(self, window: Window) -> Heard:
        return await self._listener.listen(window)


class SoundChecks:
    """Implements ``media.hearing.ear.Book``. Without a checker nothing is started, and everything is fine.
    ``ends`` ends a stream at this node as its publisher's goodbye would, and returns at once."""

    def __init__(self, settings: Hearing, ground: HearingGround, ends: Callable[[str], None]) -> None:
        self._settings, self._ground, self._ends = settings, ground, ends
        self._metrics = HearingMetrics(ground.registry)
        is_hook = settings.checker == HOOK
        self.listener = Listener(
            CHECKS_NOTHING if is_hook else settings.checker,
            settings.memory_max_bytes,
            settings.timeout_s,
            self._metrics,
        )
        sampling = Sampling.of(settings.every_s, settings.window_s, settings.lead_s)
        rules = EarRules(sampling, settings.cpu_max, settings.hook_concurrent if is_hook else 1)
        self._ear = Ear(self._make_judge(), self, rules, self._metrics, self._wanted)
        self._lately = Lately()

    def _make_judge(self) -> Judge:
        settings, ground = self._settings, self._ground
        if settings.checker == HOOK and settings.hook_url is not None and settings.hook_secret is not None:
            receiver = Receiver(
                settings.hook_url, settings.hook_secret.get_secret_value(), settings.hook_timeout_s
            )
            return HookJudge(self.listener, CheckerHook(ground.outbound, receiver, ground.clock_ms))
        return ListenerJudge(self.listener)

    # what the media layer asks for

    def sinks(self, stream: str) -> Sequence[RtpSink]:
        return (self._ear.sink(stream),) if self._settings.is_on else ()

    async def start(self) -> None:
        """Returns at once; the checker is there when it has been loaded."""
        if self._settings.is_on:
            await self.listener.start()
            await self._ear.start()

    async def close(self) -> None:
        """Idempotent."""
        await self._ear.close()
        await self.listener.close()

    def _wanted(self, stream: str) -> bool:
        return self._ground.rules(split_stream(stream)[0]).sound != "off"

    # what the ear tells

    async def heard(self, stream: str, window: Window, heard: Heard, *, live: bool) -> None:
        """Raises ``Refused`` if it couldn't be judged or written down."""
        room_id, _ = split_stream(stream)
        rule = self._ground.rules(room_id).sound
        if rule == "off":
            return
        hit, told = await self._weigh(room_id, heard), self._lately.of(stream)
        if not hit or not told.is_news(hit, window.at_ms):
            return
        told.tell(hit, window.at_ms)
        try:
            # What is over can't be broken off; that it was said is told all the same.
            await self._act(stream, window, heard, hit, hit.measure(rule) if live else "alert")
        except BaseException:
            told.untell(hit)
            raise

    async def _weigh(self, room_id: str, heard: Heard) -> Hit:
        """Labels by their thresholds, and the text as if it were a comment of the room's."""
        ground = self._ground
        labels = findings(heard.said.scores, self._settings.thresholds)
        if not heard.said.text.strip():
            return Hit.of(labels, None, "")
        await ground.ready(room_id)
        text = ground.texts.clean(heard.said.text, FILTERED_CHARS)
        checked = await asyncio.to_thread(ground.texts.judge, text, About("speech", room_id))
        return Hit.of(labels, checked, text)

    async def _act(self, stream: str, window: Window, heard: Heard, hit: Hit, measure: Measure) -> None:
        room_id, slot = split_stream(stream)
        told = await self._ground.store.read(lambda conn: publishers(conn, room_id, slot))
        overheard = Overheard(
            room_id,
            stream,
            slot,
            measure,
            window.at_ms,
            window.duration_ms,
            hit,
            heard.said.language,
            told,
            await self._kept(heard),
        )
        answer = await self._ground.store.write(
            Work("sound.hit", lambda tx: self._ground.acts.act(tx, overheard))
        )
        if not answer.ok:
            raise Refused("temporarily_unavailable", f"sound.hit: {answer.code}")
        if not orjson.loads(answer.body)["acted"]:
            return
        self._metrics.hits.labels(measure).inc()
        codes = sorted({one.code for one in hit.reasons})
        log.warning("sound_hit", stream=stream, measure=measure, classes=overheard.classes, codes=codes)
        if measure == "interrupt":
            self._ends(stream)

    async def _kept(self, heard: Heard) -> bytes:
        """What moderators can listen to; nothing, if it isn't to be or can't be made."""
        if not self._settings.keep:
            return b""
        try:
            return await self.listener.keep(heard.wav)
        except (Away, NoSound) as error:
            log.warning("sound_not_kept", why=str(error))
            return b""


def publishers(conn: Connection, room_id: str, slot: str | None) -> tuple[str, ...]:
    """The host, and the guest whose slot it is. Raises ``Refused``: ``room_not_found``."""
    room = read_room(conn, room_id)
    if room is None:
        raise Refused("room_not_found")
    guest = read_holder(conn, room_id, slot) if slot is not None else None
    return (room.host_id, guest.user_id) if guest is not None else (room.host_id,)
