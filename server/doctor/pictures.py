"""Checks of what looks at pictures: whether it can be loaded and looks, and who waits for it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

from PIL import Image
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from media.vision.checkers import LOOKS_AT_NOTHING, NUDENET
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics
from media.vision.process import Away, NoPicture, Plan, Worker
from rooms import avatars
from server.config import Settings
from server.config.vision import HOOK
from server.doctor.finding import Finding, error, ok, warn
from server.pictures import count_unchecked, count_withheld
from server.store.engine import open_readers, sqlite_file

LOADS_WITHIN_S = 40.0


async def check_checker(settings: Settings) -> list[Finding]:
    """The checker can be loaded under the bounds that a node sets it, and looks at a picture."""
    vision = settings.vision
    if not vision.is_on:
        return []
    # The hook's worker only makes JPEGs; the hook itself is asked by a node, not by us.
    checker = LOOKS_AT_NOTHING if vision.checker == HOOK else vision.checker
    worker = Worker(
        Plan(checker, vision.memory_max_bytes, vision.timeout_s), VisionMetrics(CollectorRegistry())
    )
    await worker.start()
    try:
        trouble = await _trouble(worker)
    finally:
        await worker.close()
    if trouble is None:
        return [ok(f"{vision.checker} looks at pictures")]
    return [
        error(
            f"{vision.checker} doesn't look at pictures ({trouble}): streams go on unlooked at, and uploads"
            f" are {'taken unseen' if vision.uploads == 'accept' else 'refused'}",
            "install danmart[vision] anew, or raise vision.memory_max_bytes"
            if vision.checker == NUDENET
            else "mend the module that vision.checker names, or raise vision.memory_max_bytes",
        )
    ]


async def _trouble(worker: Worker) -> str | None:
    """Why it doesn't look at a grey picture; None if it does."""
    ready = asyncio.create_task(worker.until_ready(LOADS_WITHIN_S))
    failed = asyncio.create_task(worker.until_failed())
    try:
        await asyncio.wait([ready, failed], return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            return failed.result()
        if not ready.result():
            return f"it isn't loaded after {LOADS_WITHIN_S:.0f} s"
        await worker.ask(Frame("image", _grey()), {})
    except (Away, NoPicture) as problem:
        return str(problem)
    finally:
        for task in (ready, failed):
            task.cancel()
        await asyncio.gather(ready, failed, return_exceptions=True)
    return None


def _grey() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 360), "grey").save(out, "JPEG")
    return out.getvalue()


def check_late(settings: Settings) -> Iterator[Finding]:
    """Whether stored pictures wait to be looked at. Blocks: for a thread."""
    file = sqlite_file(settings.database_url)
    if not settings.vision.is_on or (file is not None and not file.exists()):
        return
    engine = open_readers(settings.database_url, size=1)
    try:
        with engine.connect() as connection:
            unchecked = count_unchecked(connection) + avatars.count_unchecked(connection)
            withheld = count_withheld(connection)
    except SQLAlchemyError:
        return  # the database is away, or hasn't been migrated yet: other checks say so
    finally:
        engine.dispose()
    yield judge_late(unchecked, withheld, settings.vision.late_per_min)


def judge_late(unchecked: int, withheld: int, per_min: int) -> Finding:
    """What to say of pictures that nobody has looked at, and of those that nobody sees."""
    told = f"; {withheld} picture(s) are withheld" if withheld else ""
    if not unchecked:
        return ok(f"all stored pictures have been looked at{told}")
    waiting = f"{unchecked} stored picture(s) haven't been looked at"
    if not per_min:
        return warn(f"{waiting}, and aren't going to be: vision.late_per_min is 0{told}", "set it to 60, say")
    return ok(f"{waiting}; where rooms have theirs checked it takes {-(-unchecked // per_min)} min{told}")
