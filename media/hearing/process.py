"""The node's side of the worker that listens."""

from __future__ import annotations

from dataclasses import dataclass

from media.checks.keeper import Keeper, Life
from media.hearing.answers import Said
from media.hearing.metrics import HearingMetrics
from media.hearing.windows import Window


class NoSound(Exception):  # noqa: N818  it is an answer, not a fault
    """What was to be listened to can't be decoded."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A window as it was heard: as a WAV (16 kHz, mono, 16 bits), and what was said in it. ``quiet``: nothing
    can be heard, so nobody was asked. ``cpu_s``: what it cost here."""

    said: Said
    wav: bytes = b""
    quiet: bool = False
    cpu_s: float = 0.0


class Listener(Keeper):
    """Keeps a worker alive; many may ask it, they take turns. ``job_s`` is what one window may take of the
    processor, in seconds."""

    def __init__(self, checker: str, memory_bytes: int, job_s: float, metrics: HearingMetrics) -> None:
        super().__init__(Life("hearing", "media.hearing.worker", checker, memory_bytes, job_s), metrics)

    async def listen(self, window: Window) -> Heard:
        """What the checker hears in it. Raises ``Away`` and ``NoSound``. Safe to cancel."""
        answer, wav = await self.exchange({"kind": "window"}, window.packed())
        if "undecodable" in answer:
            raise NoSound(answer["undecodable"])
        said = Said(answer["scores"], answer["text"], answer["language"])
        return Heard(said, wav, answer["quiet"], answer["cpu_s"])

    async def keep(self, wav: bytes) -> bytes:
        """The same sound as Opus in Ogg. Raises ``Away`` and ``NoSound``. Safe to cancel."""
        answer, ogg = await self.exchange({"kind": "keep"}, wav)
        if "undecodable" in answer:
            raise NoSound(answer["undecodable"])
        return ogg
