"""Acting on what is said: telling the moderators, or breaking the stream off; and taking it back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from moderation.clearing import HOST, Clearing, OnAir, Queue, full_name
from moderation.pictures.store import keep_newest
from moderation.sounds.hits import Hit, Measure, words_of
from moderation.sounds.store import SOUND_STATES, SoundState, sounds_table
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import SYSTEM, Audit, Standing
from rooms.rows import Steps, new_id
from rooms.unit import Unit

SOUNDS_KEPT = 30
"""Of a room."""


@dataclass(frozen=True, slots=True)
class SoundRules:
    """``quiet_ms``: for how long hits lead to nothing after a moderator has cleared a stream's sound;
    ``refuse_ms``: for how long nobody may publish a stream that was broken off."""

    quiet_ms: int = 600_000
    refuse_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Overheard:
    """A hit. ``stream`` is its name in the media layer; ``at_ms`` is the wall clock where the window begins;
    ``told`` are the users who are told why: the host, and the guest whose stream it is. ``sound`` is Opus in
    Ogg, empty if it couldn't be made."""

    room_id: str
    stream: str
    slot: str | None
    measure: Measure
    at_ms: int
    duration_ms: int
    hit: Hit
    language: str
    told: tuple[str, ...]
    sound: bytes = b""

    @property
    def name(self) -> str:
        return self.slot or HOST

    @property
    def classes(self) -> list[dict[str, Any]]:
        return [{"name": name, "score": score} for name, score in self.hit.labels]


class SoundActs(Clearing[SoundState]):
    """``act`` is the system's; the rest is as with any hit."""

    sort = "sound"
    states = SOUND_STATES

    def __init__(
        self, standing: Standing, audit: Audit, on_air: OnAir, rules: SoundRules, queue: Queue
    ) -> None:
        super().__init__(standing, audit, on_air, queue, rules.quiet_ms)
        self._rules = rules

    def act(self, tx: Unit, heard: Overheard) -> Steps[Any]:
        """What is to be done about a hit, unless a moderator has cleared that stream's sound a moment ago.
        The answer is ``{"acted": bool}``."""
        yield USERS.rows(*heard.told)
        yield ROOMS.rows(heard.room_id)
        yield SOUND_STATES.rows(heard.stream)
        tx.room(heard.room_id)
        state = tx.get(SOUND_STATES, heard.stream) or _unknown(heard.stream, heard.room_id)
        if tx.now_ms < state.quiet_until_ms:
            return {"acted": False}
        self._tell(tx, heard)
        if heard.measure == "interrupt":
            tx.put(SOUND_STATES, replace(state, refused_until_ms=tx.now_ms + self._rules.refuse_ms))
            guest_id = heard.told[-1] if heard.slot is not None else None
            self._on_air.break_off(tx, heard.room_id, guest_id, "sound")
            notice = {
                "stream": heard.name,
                "measure": heard.measure,
                "classes": heard.classes,
                "codes": sorted({one.code for one in heard.hit.reasons}),
                "at_ms": heard.at_ms,
            }
            for user_id in dict.fromkeys(heard.told):
                tx.tell(user_id, "sound_hit", notice, room_id=heard.room_id)
        return {"acted": True}

    def _tell(self, tx: Unit, heard: Overheard) -> None:
        """Tells the moderators, keeps the sound for them, and writes it into the trail. What was said is in
        the half of the trail that can be erased, with the name of whoever said it."""
        sound_id = new_id()
        started_ms = tx.room(heard.room_id).started_at_ms
        facts: dict[str, Any] = {
            "measure": heard.measure,
            "classes": heard.classes,
            "score": heard.hit.labels[0][1] if heard.hit.labels else 1.0,
            "text": heard.hit.text,
            "language": heard.language,
            "reasons": [asdict(one) for one in heard.hit.reasons],
            "heard_ms": heard.at_ms,
            "into_ms": None if started_ms is None else max(0, heard.at_ms - started_ms),
            "duration_ms": heard.duration_ms,
            "sound": sound_path(heard.room_id, sound_id) if heard.sound else None,
        }
        if heard.sound:
            row = {"id": sound_id, "room_id": heard.room_id, "at_ms": tx.now_ms, "body": heard.sound}
            tx.insert(sounds_table, row)
            tx.at_flush(lambda conn: keep_newest(conn, heard.room_id, SOUNDS_KEPT, sounds_table))
        tx.brief(heard.room_id, "sound_hit", {"id": sound_id, "stream": heard.name, **facts})
        speaker = heard.told[-1] if heard.told else ""
        self._queue.raise_hit(tx, heard.room_id, heard.name, speaker, facts)
        detail = {name: facts[name] for name in ("classes", "score", "text", "heard_ms", "into_ms")}
        detail |= {"user": speaker, "rules": words_of(heard.hit.reasons)}
        self._audit.note(tx, heard.room_id, SYSTEM, f"sound.{heard.measure}", heard.name, detail)

    def _let_be(self, tx: Unit, room_id: str, stream: str, until_ms: int, since_ms: int | None) -> None:
        name = full_name(room_id, stream)
        state = tx.get(SOUND_STATES, name) or _unknown(name, room_id)
        tx.put(SOUND_STATES, replace(state, quiet_until_ms=until_ms, refused_until_ms=0))


def sound_path(room_id: str, sound_id: str) -> str:
    return f"/api/v1/rooms/{room_id}/sounds/{sound_id}.ogg"


def refuse_interrupted(state: SoundState | None, now_ms: int) -> None:
    """Raises ``Refused("sound_refused")`` while nobody may publish a stream that was broken off."""
    if state is not None and now_ms < state.refused_until_ms:
        wait_ms = state.refused_until_ms - now_ms
        message = "This stream was broken off because of what was said: wait a moment, or ask a moderator."
        raise Refused("sound_refused", message, retry_after_ms=wait_ms, temporary=True)


def _unknown(stream: str, room_id: str) -> SoundState:
    return SoundState(stream, room_id, 0, 0)
