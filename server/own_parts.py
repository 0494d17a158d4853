"""What people ask of their own part in quizzes and polls. Those who ask in the same moment, as everybody does
when a question closes, are answered together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.play.polls import service as polls
from rooms.play.polls.commands import CheckPoll
from rooms.play.quizzes import checking as quizzes
from rooms.play.quizzes.commands import CheckQuiz
from rooms.ports import Caller
from server.gathering import Gathering
from server.store.store import Store

_Asked = tuple[str, str, str]
"""A room, a play in it, and who asks."""
Check = Callable[[Connection, str, str, Sequence[str]], list[dict[str, Any]] | Refused]


class OwnParts:
    """Answers ``quiz.check`` and ``poll.check``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._quizzes: Gathering[_Asked, dict[str, Any]] = Gathering(
            lambda asked: self._read(quizzes.check, asked)
        )
        self._polls: Gathering[_Asked, dict[str, Any]] = Gathering(
            lambda asked: self._read(polls.check, asked)
        )

    async def quiz(self, cmd: CheckQuiz, caller: Caller) -> dict[str, Any]:
        """The caller's answers, points and place. Raises ``Refused``: ``not_found``,
        ``temporarily_unavailable``, ``busy``."""
        return await self._quizzes.ask((cmd.room, cmd.quiz, caller.id or ""))

    async def poll(self, cmd: CheckPoll, caller: Caller) -> dict[str, Any]:
        """The caller's vote, and the counts as far as they are shown. Raises the same."""
        return await self._polls.ask((cmd.room, cmd.poll, caller.id or ""))

    async def _read(self, check: Check, asked: Sequence[_Asked]) -> list[dict[str, Any] | Refused]:
        return await self._store.read(lambda conn: _read_all(conn, check, asked))


def _read_all(conn: Connection, check: Check, asked: Sequence[_Asked]) -> list[dict[str, Any] | Refused]:
    users: dict[tuple[str, str], dict[str, None]] = {}
    for room_id, play_id, user_id in asked:
        users.setdefault((room_id, play_id), {})[user_id] = None
    found: dict[_Asked, dict[str, Any] | Refused] = {}
    for (room_id, play_id), ids in users.items():
        answers = check(conn, room_id, play_id, list(ids))
        for n, user_id in enumerate(ids):
            found[room_id, play_id, user_id] = answers if isinstance(answers, Refused) else answers[n]
    return [found[each] for each in asked]
