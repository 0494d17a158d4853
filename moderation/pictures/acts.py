"""Acting on a picture: telling the moderators, blurring the stream, breaking it off; and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from moderation.clearing import HOST, Clearing, OnAir, Queue, full_name
from moderation.pictures.store import PICTURE_STATES, PictureState, keep_newest, stills_table
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import SYSTEM, Audit, Caller, Standing
from rooms.rows import Steps, new_id
from rooms.unit import Unit

Measure = Literal["alert", "blur", "interrupt"]
STILLS_KEPT = 30
"""Of a room."""


@dataclass(frozen=True, slots=True)
class PictureRules:
    """``quiet_ms``: for how long hits lead to nothing after a moderator has cleared a picture;
    ``refuse_ms``: for how long nobody may publish a stream that was broken off."""

    quiet_ms: int = 600_000
    refuse_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Spotted:
    """A hit. ``stream`` is its name in the media layer; ``findings`` are classes and scores, the surest
    first; ``told`` are the users who are told why: the host, and the guest whose picture it is. ``since_ms``:
    since when it may have been there, 0 if that isn't known."""

    room_id: str
    stream: str
    slot: str | None
    measure: Measure
    at_ms: int
    findings: tuple[tuple[str, float], ...]
    told: tuple[str, ...]
    still: bytes = b""
    blurred: bytes = b""
    since_ms: int = 0

    @property
    def began_ms(self) -> int:
        return self.since_ms or self.at_ms

    @property
    def name(self) -> str:
        return self.slot or HOST

    @property
    def classes(self) -> list[dict[str, Any]]:
        return [{"name": name, "score": score} for name, score in self.findings]


class PictureActs(Clearing[PictureState]):
    """``act``, ``calm`` and ``refuse`` are the system's; the rest is as with any hit. A picture that is
    ``fine`` is blurred no longer."""

    sort = "picture"
    states = PICTURE_STATES

    def __init__(
        self,
        standing: Standing,
        audit: Audit,
        on_air: OnAir,
        rules: PictureRules,
        queue: Queue,
    ) -> None:
        super().__init__(standing, audit, on_air, queue, rules.quiet_ms)
        self._rules = rules

    def act(self, tx: Unit, spotted: Spotted) -> Steps[Any]:
        """What is to be done about a hit, unless a moderator has cleared that picture a moment ago. The
        answer is ``{"acted": bool}``."""
        yield USERS.rows(*spotted.told)
        yield ROOMS.rows(spotted.room_id)
        yield PICTURE_STATES.rows(spotted.stream)
        tx.room(spotted.room_id)
        state = tx.get(PICTURE_STATES, spotted.stream) or _unknown(spotted.stream, spotted.room_id)
        if tx.now_ms < state.quiet_until_ms:
            return {"acted": False}
        hit = self._note(tx, spotted)
        if spotted.measure != "alert" and not state.blurred:
            # What is broken off is blurred to its end: a recording mustn't show what it was broken off for.
            state = tx.put(PICTURE_STATES, replace(state, blurred=1))
            data = {"stream": spotted.name, "on": True, "since_ms": spotted.began_ms}
            tx.append(spotted.room_id, "stream.blurred", data)
        if spotted.measure == "interrupt":
            tx.put(PICTURE_STATES, replace(state, refused_until_ms=tx.now_ms + self._rules.refuse_ms))
            self._on_air.break_off(
                tx, spotted.room_id, spotted.told[-1] if spotted.slot is not None else None
            )
        if spotted.measure != "alert":
            for user_id in dict.fromkeys(spotted.told):
                tx.tell(user_id, "picture_hit", _for_the_publisher(hit), room_id=spotted.room_id)
        return {"acted": True}

    def _note(self, tx: Unit, spotted: Spotted) -> dict[str, Any]:
        """Tells the moderators, keeps a still for them, and writes it into the trail."""
        hit: dict[str, Any] = {
            "id": new_id(),
            "stream": spotted.name,
            "measure": spotted.measure,
            "classes": spotted.classes,
            "score": spotted.findings[0][1] if spotted.findings else 1.0,
            "at_ms": spotted.at_ms,
        }
        hit["picture"] = still_path(spotted.room_id, hit["id"]) if spotted.still else None
        if spotted.still:
            tx.insert(
                stills_table,
                {
                    "id": hit["id"],
                    "room_id": spotted.room_id,
                    "at_ms": tx.now_ms,
                    "still": spotted.still,
                    "blurred": spotted.blurred,
                },
            )
            tx.at_flush(lambda conn: keep_newest(conn, spotted.room_id, STILLS_KEPT))
        tx.brief(spotted.room_id, "picture_hit", hit)
        shown = {name: hit[name] for name in ("measure", "classes", "score", "picture")}
        shown["_since_ms"] = spotted.began_ms
        self._queue.raise_hit(
            tx, spotted.room_id, spotted.name, spotted.told[-1] if spotted.told else "", shown
        )
        detail = {"classes": hit["classes"], "score": hit["score"], "at_ms": spotted.at_ms}
        self._audit.note(tx, spotted.room_id, SYSTEM, f"picture.{spotted.measure}", spotted.name, detail)
        return hit

    def calm(self, tx: Unit, room_id: str, stream: str, name: str) -> Steps[Any]:
        """The picture has been clean for a while: what was blurred no longer is."""
        yield ROOMS.rows(room_id)
        yield PICTURE_STATES.rows(stream)
        tx.room(room_id)
        state = tx.get(PICTURE_STATES, stream)
        if state is not None and state.blurred:
            self._sharp(tx, state, name)
            self._audit.note(tx, room_id, SYSTEM, "picture.sharp", name, {})
        tx.brief(room_id, "picture_over", {"stream": name, "by": SYSTEM.card})
        return {}

    def over(self, tx: Unit, room_id: str, stream: str, name: str) -> Steps[Any]:
        """The stream has ended, and its blur with it; that nobody may publish it for a while stays."""
        yield ROOMS.rows(room_id)
        yield PICTURE_STATES.rows(stream)
        state = tx.get(PICTURE_STATES, stream)
        if state is None or tx.get(ROOMS, room_id) is None:
            return {}
        if state.blurred:
            state = self._sharp(tx, state, name)
        if tx.now_ms >= max(state.quiet_until_ms, state.refused_until_ms):
            tx.drop(PICTURE_STATES, stream)
        return {}

    def _let_be(self, tx: Unit, room_id: str, stream: str, until_ms: int, since_ms: int | None) -> None:
        """Blurs from ``since_ms`` on were a mistake: recordings aren't blurred there, even if it is over."""
        name = full_name(room_id, stream)
        state = tx.get(PICTURE_STATES, name) or _unknown(name, room_id)
        if state.blurred or since_ms is not None:
            state = self._sharp(tx, state, stream, since_ms)
        tx.put(PICTURE_STATES, replace(state, quiet_until_ms=until_ms, refused_until_ms=0))

    def _sharp(
        self, tx: Unit, state: PictureState, name: str, fine_since_ms: int | None = None
    ) -> PictureState:
        data: dict[str, Any] = {"stream": name, "on": False}
        if fine_since_ms is not None:
            data["fine_since_ms"] = fine_since_ms
        tx.append(state.room_id, "stream.blurred", data)
        return tx.put(PICTURE_STATES, replace(state, blurred=0))

    def refuse(
        self, tx: Unit, room_id: str, caller: Caller, found: Sequence[tuple[str, float]]
    ) -> Steps[Any]:
        """Note that an uploaded picture was refused."""
        yield ROOMS.rows(room_id)
        classes = [{"name": name, "score": score} for name, score in found]
        self._audit.note(tx, room_id, caller, "picture.refuse", room_id, {"classes": classes})
        return {}


def still_path(room_id: str, still_id: str) -> str:
    return f"/api/v1/rooms/{room_id}/stills/{still_id}.jpg"


def refuse_broken_off(state: PictureState | None, now_ms: int) -> None:
    """Raises ``Refused("picture_refused")`` while nobody may publish a stream that was broken off."""
    if state is not None and now_ms < state.refused_until_ms:
        wait_ms = state.refused_until_ms - now_ms
        message = "This stream was broken off because of its picture: wait a moment, or ask a moderator."
        raise Refused("picture_refused", message, retry_after_ms=wait_ms, temporary=True)


def _unknown(stream: str, room_id: str) -> PictureState:
    return PictureState(stream, room_id, 0, 0, 0)


def _for_the_publisher(hit: dict[str, Any]) -> dict[str, Any]:
    return {name: hit[name] for name in ("stream", "measure", "classes", "at_ms")}
