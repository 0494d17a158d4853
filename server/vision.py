"""The checks of pictures at a node: what looks, at which streams and uploads, and what is done about hits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from media.hls.posters import Posters
from media.names import split_stream
from media.ports import PartTap, RtpSink
from media.vision.checkers import LOOKS_AT_NOTHING
from media.vision.eye import Eye, EyeRules, Judge, Sighting
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics
from media.vision.process import Away, NoPicture, Plan, Seen, Worker
from media.vision.rules import Finding, Steadiness, findings
from media.vision.vp8 import Vp8Sink
from moderation.clearing import HOST
from moderation.pictures.acts import Measure, PictureActs, Spotted
from moderation.pictures.store import read_state
from moderation.rulebook.rules import RoomRules
from rooms.errors import Refused
from rooms.guests.store import read_holder
from rooms.history import read_room
from rooms.ports import Caller
from server.bus.ears import Ears
from server.bus.port import Bus, RoomNews
from server.checker_hook import CheckerHook, Receiver
from server.config.vision import HOOK, Vision
from server.late_stocks import PLATFORM
from server.outbound import Outbound
from server.store.group import Work
from server.store.store import Store
from server.vision_hook import HookJudge

log = structlog.get_logger(__name__)

UPLOAD_WAITS_S = 3.0
"""For a worker that is being started."""


class Ends(Protocol):
    """Ends a stream at this node, as its publisher's goodbye would; returns at once."""

    def __call__(self, stream: str) -> None: ...


@dataclass(frozen=True, slots=True)
class VisionGround:
    """What the checks need of their node."""

    store: Store
    bus: Bus
    acts: PictureActs
    rules: Callable[[str], RoomRules]
    """A room's: quick, without I/O."""
    outbound: Outbound
    registry: CollectorRegistry
    clock_ms: Callable[[], int]


class WorkerJudge:
    """A ``Judge``: the checker in the worker says it."""

    def __init__(self, worker: Worker, thresholds: dict[str, float]) -> None:
        self._worker, self._thresholds = worker, thresholds

    async def judge(self, frame: Frame, *, stills: bool = False) -> Seen:
        return await self._worker.ask(frame, self._thresholds, stills=stills)


class PictureChecks:
    """Implements ``media.vision.eye.Book``. Without a checker nothing is started, and everything is fine."""

    def __init__(
        self, settings: Vision, ground: VisionGround, posters: Callable[[], Posters], ends: Ends
    ) -> None:
        self._settings, self._ground = settings, ground
        self._posters, self._ends = posters, ends
        self.metrics = self._metrics = VisionMetrics(ground.registry)
        self.checker = settings.checker
        checker = LOOKS_AT_NOTHING if settings.checker == HOOK else settings.checker
        self.worker = Worker(Plan(checker, settings.memory_max_bytes, settings.timeout_s), self._metrics)
        self._thresholds = settings.thresholds
        self._judge = self._make_judge()
        rules = EyeRules(
            settings.every_s,
            self._thresholds,
            Steadiness(settings.hits, settings.of, settings.calm),
            settings.cpu_max,
        )
        self._eye = Eye(self._judge, self, rules, self._metrics, self._wanted)
        self._blurred: set[str] = set()
        self._ears = Ears(ground.bus, self._on_news)
        self._side: set[asyncio.Task[None]] = set()
        self._closed = False

    def _make_judge(self) -> Judge:
        settings, ground = self._settings, self._ground
        if settings.checker == HOOK and settings.hook_url is not None and settings.hook_secret is not None:
            receiver = Receiver(
                settings.hook_url, settings.hook_secret.get_secret_value(), settings.hook_timeout_s
            )
            return HookJudge(self.worker, CheckerHook(ground.outbound, receiver, ground.clock_ms))
        return WorkerJudge(self.worker, self._thresholds)

    # what the media layer asks for

    def taps(self, stream: str) -> Sequence[PartTap]:
        if self._settings.is_on and not self._closed:
            self._aside(self._carry_on(stream))
        return (self._eye.tap(stream),) if self._settings.is_on else ()

    def sinks(self, stream: str) -> Sequence[RtpSink]:
        return (Vp8Sink(self._eye, stream),) if self._settings.is_on else ()

    async def start(self) -> None:
        """Returns at once; the checker is there when it has been loaded."""
        if self._settings.is_on:
            await self.worker.start()
            await self._eye.start()

    async def close(self) -> None:
        """Streams that end afterwards aren't over for good: the node is. Idempotent."""
        self._closed = True
        await self._eye.close()
        await self.worker.close()
        await asyncio.gather(*self._side, return_exceptions=True)
        await self._ears.listen(())

    def _wanted(self, stream: str) -> bool:
        return self._ground.rules(split_stream(stream)[0]).picture != "off"

    # uploads

    async def check_upload(self, room_id: str, picture: bytes, caller: Caller) -> str | None:
        """A room's picture, by the room's rule; one that is shown everywhere (``PLATFORM``), in any case.

        Gives the checker that has looked at it, None if nobody has. Raises ``Refused``:
        ``picture_refused``; ``temporarily_unavailable`` while there is nobody to look, unless the settings
        say that pictures are accepted then."""
        if not self._settings.is_on or not self.wants(room_id):
            return None
        try:
            if not await self.worker.until_ready(UPLOAD_WAITS_S):
                raise Away("the checker isn't running")
            seen = await self._judge.judge(Frame("image", picture))
        except NoPicture as error:
            raise Refused("bad_picture") from error
        except Away as error:
            if self._settings.uploads == "accept":
                self._metrics.uploads.labels("unchecked").inc()
                return None
            message = "Pictures can't be checked at the moment: try again."
            raise Refused("temporarily_unavailable", message) from error
        hits = findings(seen.scores, self._thresholds)
        self._metrics.uploads.labels("refused" if hits else "accepted").inc()
        if hits:
            acts = self._ground.acts
            await self._ground.store.write(
                Work("picture.refuse", lambda tx: acts.refuse(tx, room_id, caller, hits))
            )
            raise Refused("picture_refused", details={"classes": [hit.name for hit in hits]})
        return self.checker

    def wants(self, room_id: str) -> bool:
        """Whether the room's pictures are looked at: its rule isn't ``off``. Those of ``PLATFORM`` always
        are."""
        return room_id == PLATFORM or self._wanted(room_id)

    @property
    def is_ready(self) -> bool:
        """Whether a checker takes pictures now."""
        return self.worker.is_ready

    async def look_at(self, picture: bytes) -> tuple[Finding, ...]:
        """What there is in a stored picture. Raises ``Away``, ``NoPicture``. Safe to cancel."""
        return findings((await self._judge.judge(Frame("image", picture))).scores, self._thresholds)

    # what the eye tells

    async def is_on(self, stream: str) -> bool:
        on = await self._ground.store.read(lambda conn: _is_blurred(conn, stream))
        if on:
            await self._blur(stream, on=True)
        return on

    async def turned(self, sighting: Sighting) -> None:
        """Raises ``Refused`` if it couldn't be written down."""
        room_id, slot = split_stream(sighting.stream)
        if sighting.turn == "end":
            acts, name = self._ground.acts, slot or HOST
            await self._write("picture.calm", lambda tx: acts.calm(tx, room_id, sighting.stream, name))
            await self._blur(sighting.stream, on=False)
            return
        measure = self._ground.rules(room_id).picture
        if measure != "off":
            await self._act(sighting, room_id, slot, measure)

    async def _act(self, sighting: Sighting, room_id: str, slot: str | None, measure: Measure) -> None:
        told = await self._ground.store.read(lambda conn: _publishers(conn, room_id, slot))
        spotted = Spotted(
            room_id,
            sighting.stream,
            slot,
            measure,
            sighting.at_ms,
            tuple((hit.name, hit.score) for hit in sighting.findings),
            told,
            sighting.still,
            sighting.blurred,
            sighting.since_ms,
        )
        answer = await self._write("picture.hit", lambda tx: self._ground.acts.act(tx, spotted))
        if not answer["acted"]:
            return
        self._metrics.hits.labels(measure).inc()
        log.warning("picture_hit", stream=sighting.stream, measure=measure, classes=spotted.classes)
        if measure != "alert":
            await self._blur(sighting.stream, on=True)
        if measure == "interrupt":
            self._ends(sighting.stream)

    def ended(self, stream: str) -> None:
        if self._closed:
            return
        if stream in self._blurred:
            self._blurred.discard(stream)
            self._aside(self._over(stream))

    async def _over(self, stream: str) -> None:
        room_id, slot = split_stream(stream)
        acts, name = self._ground.acts, slot or HOST
        await self._write("picture.over", lambda tx: acts.over(tx, room_id, stream, name))
        await self._listen()

    # blurred posters

    async def _carry_on(self, stream: str) -> None:
        """A stream that is blurred and goes on here, or goes on again, has no clear poster before the first
        look at it."""
        if await self._ground.store.read(lambda conn: _is_blurred(conn, stream)):
            await self._blur(stream, on=True)

    async def _blur(self, stream: str, *, on: bool) -> None:
        """Blur its posters here, and hear when a moderator says that it needn't be."""
        (self._blurred.add if on else self._blurred.discard)(stream)
        self._posters().blur(stream, on=on)
        await self._listen()

    async def _listen(self) -> None:
        await self._ears.listen(split_stream(one)[0] for one in self._blurred)

    def _on_news(self, news: RoomNews) -> None:
        for event in news.events:
            if event.kind == "stream.blurred":
                name = event.data["stream"]
                stream = news.room_id if name == HOST else f"{news.room_id}:{name}"
                self._posters().blur(stream, on=event.data["on"])

    # inside

    async def _write(self, name: str, steps: Callable[[Any], Any]) -> dict[str, Any]:
        answer = await self._ground.store.write(Work(name, steps))
        if not answer.ok:
            raise Refused("temporarily_unavailable", f"{name}: {answer.code}")
        wire: dict[str, Any] = orjson.loads(answer.body)
        return wire

    def _aside(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._quietly(work))
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    async def _quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except Refused as error:
            # The blur stays in SQL, and is looked at again when the stream goes on.
            log.warning("picture_not_written", why=str(error))


def _is_blurred(conn: Connection, stream: str) -> bool:
    state = read_state(conn, stream)
    return state is not None and bool(state.blurred)


def _publishers(conn: Connection, room_id: str, slot: str | None) -> tuple[str, ...]:
    """The host, and the guest whose slot it is."""
    room = read_room(conn, room_id)
    if room is None:
        raise Refused("room_not_found")
    guest = read_holder(conn, room_id, slot) if slot is not None else None
    return (room.host_id, guest.user_id) if guest is not None else (room.host_id,)
